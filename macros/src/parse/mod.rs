//! The tokens of the attribute and of the item → [`Args`] and [`FnItem`]. Reports syntax errors; `validate` checks the
//! rules that need two facts at once.

mod args;
mod block;
mod item;
mod values;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Token,
    ext::IdentExt as _,
    parse::{ParseStream, Parser as _},
};

pub(crate) use self::{
    args::{Args, GivenKind, Keyed, parse as args},
    block::{ImplBlock, Method, parse as block},
    item::{Body, FnItem, parse as item},
    values::{Named, Value},
};
use crate::error::Errors;

/// Calls `argument` once per comma-separated argument.
fn each_argument(tokens: TokenStream, errors: &Errors, mut argument: impl FnMut(ParseStream<'_>, bool)) {
    let arguments = |input: ParseStream<'_>| {
        let mut first = true;
        while !input.is_empty() {
            if input.peek(Token![,]) {
                errors.on(skip_one(input), "expected an argument before this `,`");
                continue;
            }
            argument(input, first);
            first = false;
            if at_end(input) {
                skip_one(input);
                continue;
            }
            errors.on(input.fork().parse::<TokenTree>().ok(), "expected `,` before this");
            // The next tokens are either the next argument or the rest of this one.
            if !(input.peek(syn::Ident::peek_any) && input.peek2(Token![=])) {
                skip_to_comma(input);
                skip_one(input);
            }
        }
        Ok(())
    };
    // The loop above consumes every token, so syn has no error to report.
    let _ = arguments.parse2(tokens);
}

pub(crate) fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

fn skip_one(input: ParseStream<'_>) -> Option<TokenTree> {
    input.parse().ok()
}

pub(crate) fn skip_to_comma(input: ParseStream<'_>) -> TokenStream {
    let mut skipped = TokenStream::new();
    while !at_end(input) {
        skipped.extend(skip_one(input));
    }
    skipped
}
