//! Bounds on the type parameters of a derived type.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::{Generics, Type};

/// Bounds each type parameter, and each associated type of one, that occurs in the type of a recorded field.
///
/// The fields' types themselves are not bounded: they may contain the derived type, which would make the bound
/// recursive.
pub(super) fn bounds<'a>(
    generics: &Generics,
    types: impl Iterator<Item = &'a Type>,
    bound: &TokenStream,
) -> Vec<TokenStream> {
    let params: Vec<&Ident> = generics.type_params().map(|param| &param.ident).collect();
    let mut found: Vec<(String, TokenStream)> = Vec::new();
    if params.is_empty() {
        return Vec::new();
    }
    for ty in types.filter(|ty| !is_phantom(ty)) {
        collect(ty.to_token_stream(), &params, &mut found);
    }
    found.into_iter().map(|(_, path)| quote_spanned!(super::expand::here()=> #path: #bound)).collect()
}

fn is_phantom(ty: &Type) -> bool {
    let Type::Path(ty) = ty else { return false };
    ty.path.segments.last().is_some_and(|last| last.ident == "PhantomData")
}

// Input:  HashMap<String, Vec<T>>, T::Item
// Output: T, T::Item
fn collect(tokens: TokenStream, params: &[&Ident], found: &mut Vec<(String, TokenStream)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let begin = index;
        index += 1;
        match token {
            TokenTree::Group(group) => collect(group.stream(), params, found),
            TokenTree::Ident(ident) if params.contains(&ident) && !follows_path(&tokens[..begin]) => {
                // Take the segments of an associated type as well.
                while is_colons(&tokens[index..])
                    && matches!(tokens.get(index + 2), Some(TokenTree::Ident(_)))
                {
                    index += 3;
                }
                let path: TokenStream = tokens[begin..index].iter().cloned().collect();
                let text = path.to_string();
                if found.iter().all(|(known, _)| *known != text) {
                    found.push((text, path));
                }
            }
            _ => {}
        }
    }
}

/// `other::T` and `'T` are not type parameters.
fn follows_path(before: &[TokenTree]) -> bool {
    matches!(before.last(), Some(TokenTree::Punct(punct)) if matches!(punct.as_char(), ':' | '\''))
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    let is_colon =
        |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    is_colon(tokens.first()) && is_colon(tokens.get(1))
}
