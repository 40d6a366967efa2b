//! An `impl` → the same `impl` with the attribute on each method that has no `#[llm_trace]` attribute.

use proc_macro2::{Group, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

use super::{here, root};
use crate::parse::{ImplBlock, Method};

// Writes attributes instead of expanding the methods, so that attributes below this one, such as `#[async_trait]`, are
// still expanded before those of the methods.
//
// Input:  #[llm_trace(task)] impl Bot { async fn ask(&self) { BODY } #[llm_trace(skip)] fn id(&self) -> u8 { 1 } }
// Output: impl Bot { #[::llm_trace::llm_trace(task)] async fn ask(&self) { BODY } fn id(&self) -> u8 { 1 } }
pub(crate) fn expand(block: &ImplBlock, args: &TokenStream, at: Option<&Path>) -> TokenStream {
    let ImplBlock { header, members, body } = block;
    let root = root(at);
    let members = members.iter().map(|member| {
        let tokens = &member.tokens;
        match member.method {
            Method::Traced => {
                let attribute = quote_spanned!(here()=> #[#root::llm_trace(#args)]);
                quote!(#attribute #tokens)
            }
            Method::Unchanged => tokens.clone(),
        }
    });
    let mut braces = Group::new(body.delimiter(), members.collect());
    braces.set_span(body.span());
    quote!(#header #braces)
}
