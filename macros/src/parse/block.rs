//! The annotated `impl` → [`ImplBlock`]. Finds where the methods begin and keeps all other tokens unchanged.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{
    Attribute, Meta, Safety, Signature, Token, Visibility,
    parse::{ParseStream, Parser as _, discouraged::Speculative as _},
};

use super::skip_one;

pub(crate) struct ImplBlock {
    /// Attributes, generics, types and bounds.
    pub(crate) header: TokenStream,
    pub(crate) members: Vec<Member>,
    /// The braces, kept for their span.
    pub(crate) body: Group,
}

pub(crate) struct Member {
    pub(crate) method: Method,
    pub(crate) tokens: TokenStream,
}

/// The effect of the attribute on a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A function that gets the attribute.
    Traced,
    /// A member with an `#[llm_trace]` attribute, a function that cannot be traced, or an item that is not a function.
    Unchanged,
}

/// `None` if the item is not an `impl` with a body.
pub(crate) fn parse(tokens: TokenStream) -> Option<ImplBlock> {
    let block = |input: ParseStream<'_>| {
        let mut header = TokenStream::new();
        for attribute in input.call(Attribute::parse_outer)? {
            attribute.to_tokens(&mut header);
        }
        let is_impl = input.peek(Token![impl]) || (input.peek(Token![unsafe]) && input.peek2(Token![impl]));
        let mut body = None;
        while let Some(token) = skip_one(input) {
            match token {
                TokenTree::Group(group) if input.is_empty() && group.delimiter() == Delimiter::Brace => {
                    body = Some(group);
                }
                token => header.extend([token]),
            }
        }
        Ok(body.filter(|_| is_impl).map(|body| (header, body)))
    };
    let (header, body) = block.parse2(tokens).ok()??;
    let members = |input: ParseStream<'_>| {
        let mut members = Vec::new();
        while !input.is_empty() {
            members.push(member(input));
        }
        Ok(members)
    };
    let members = members.parse2(body.stream()).ok()?;
    Some(ImplBlock { header, members, body })
}

fn member(input: ParseStream<'_>) -> Member {
    let mut tokens = TokenStream::new();
    let mut method = Method::Unchanged;
    let fork = input.fork();
    if let Some((attributes, vis, sig)) = start(&fork) {
        input.advance_to(&fork);
        let own = attributes.iter().any(is_ours);
        if !own && sig.constness.is_none() && sig.abi.is_none() && !matches!(sig.safety, Safety::Unsafe(_)) {
            method = Method::Traced;
        }
        for attribute in attributes.iter().filter(|attribute| !is_skip(attribute)) {
            attribute.to_tokens(&mut tokens);
        }
        vis.to_tokens(&mut tokens);
        sig.to_tokens(&mut tokens);
    }
    // The body, or the rest of an item that is not a function.
    while let Some(token) = skip_one(input) {
        let ends = match &token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        tokens.extend([token]);
        if ends {
            break;
        }
    }
    Member { method, tokens }
}

fn start(input: ParseStream<'_>) -> Option<(Vec<Attribute>, Visibility, Signature)> {
    let attributes = input.call(Attribute::parse_outer).ok()?;
    let vis = input.parse().ok()?;
    let sig = input.parse().ok()?;
    Some((attributes, vis, sig))
}

fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "llm_trace")
}

fn is_skip(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) if is_ours(attribute) => list.tokens.to_string() == "skip",
        _ => false,
    }
}
