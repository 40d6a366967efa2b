//! The annotated item → [`FnItem`]. Parses the signature and keeps the tokens of the body unchanged.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{
    Attribute, Signature, Token, Visibility,
    parse::{ParseStream, Parser as _, discouraged::Speculative as _},
};

use super::skip_one;
use crate::error::Errors;

pub(crate) struct FnItem {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

/// The body of a function. Never parsed: half-typed code must reach the compiler and rust-analyzer unchanged.
pub(crate) struct Body {
    /// `#![…]`, which is only allowed at the top of the function.
    pub(crate) inner_attrs: TokenStream,
    /// The rest, in the user's braces: a type error about the end of the body points at them, and temporaries in the
    /// last expression keep the scope of the edition of the user's crate.
    pub(crate) block: Group,
}

/// `None` for an item that cannot be traced, after reporting it.
pub(crate) fn parse(tokens: TokenStream, errors: &Errors) -> Option<FnItem> {
    let item = |input: ParseStream<'_>| {
        let item = function(input, errors);
        while skip_one(input).is_some() {}
        Ok(item)
    };
    item.parse2(tokens).unwrap_or_else(|error| {
        errors.at(error.span(), error);
        None
    })
}

fn function(input: ParseStream<'_>, errors: &Errors) -> Option<FnItem> {
    let report = |error: syn::Error| errors.at(error.span(), format_args!("cannot read this item: {error}"));
    let attrs = input.call(Attribute::parse_outer).map_err(report).ok()?;
    let vis = input.parse().map_err(report).ok()?;
    if !is_function(&input.fork()) {
        not_a_function(input, errors);
        return None;
    }
    let fork = input.fork();
    let sig: Signature = match fork.parse() {
        Ok(sig) => sig,
        Err(error) => {
            errors.at(error.span(), format_args!("cannot read this function's signature: {error}"));
            return None;
        }
    };
    input.advance_to(&fork);
    let Some(block) = skip_one(input).and_then(braces) else {
        errors.on(
            &sig.ident,
            format_args!(
                "`{}` has no body to trace: put the attribute on the method in the `impl`, or on a \
                 default body",
                sig.ident
            ),
        );
        return None;
    };
    Some(FnItem { attrs, vis, sig, body: Body::new(block) })
}

// The braces of a body. A `$body:block` of a `macro_rules!` has invisible delimiters around it.
fn braces(mut token: TokenTree) -> Option<Group> {
    loop {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return Some(group),
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                token = group.stream().into_iter().next()?;
            }
            _ => return None,
        }
    }
}

impl Body {
    fn new(block: Group) -> Self {
        let mut inner_attrs: Vec<_> = block.stream().into_iter().collect();
        let mut count = 0;
        while is_inner_attribute(&inner_attrs[count..]) {
            count += 3;
        }
        if count == 0 {
            return Self { inner_attrs: TokenStream::new(), block };
        }
        let content = inner_attrs.split_off(count);
        let mut rest = Group::new(Delimiter::Brace, content.into_iter().collect());
        rest.set_span(block.span());
        Self { inner_attrs: inner_attrs.into_iter().collect(), block: rest }
    }
}

fn is_inner_attribute(tokens: &[TokenTree]) -> bool {
    let punct =
        |token: &TokenTree, expected| matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected);
    match tokens {
        [hash, bang, TokenTree::Group(group), ..] => {
            punct(hash, '#') && punct(bang, '!') && group.delimiter() == Delimiter::Bracket
        }
        _ => false,
    }
}

// Whether an `fn` is among the keywords before the first parentheses, braces, `;` or `=`.
fn is_function(input: ParseStream<'_>) -> bool {
    loop {
        if input.peek(Token![fn]) {
            return true;
        }
        match skip_one(input) {
            Some(TokenTree::Ident(_) | TokenTree::Literal(_)) => {}
            _ => return false,
        }
    }
}

fn not_a_function(input: ParseStream<'_>, errors: &Errors) {
    let mut token = skip_one(input);
    while matches!(&token, Some(TokenTree::Ident(word)) if word == "unsafe" || word == "auto") {
        token = skip_one(input);
    }
    let Some(TokenTree::Ident(word)) = &token else {
        errors.on(token, "`#[llm_trace]` cannot trace this: annotate a function with a body");
        return;
    };
    let fix = match word.to_string().as_str() {
        "trait" => "annotate the methods in its `impl`s, or those with a default body",
        _ => "annotate a function with a body",
    };
    errors.on(word, format_args!("`#[llm_trace]` cannot trace `{word}`: {fix}"));
}
