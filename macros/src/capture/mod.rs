//! `#[derive(Capture)]`: a struct or enum → an `impl` that writes its recordable parts.
//!
//! The same pipeline as for the attribute, on a smaller scale: `parse` reports syntax errors. `expand` writes the
//! `impl` even after an error, so that uses of the type do not cause follow-up errors.

mod bounds;
mod expand;
mod parse;

use proc_macro2::TokenStream;

use crate::error::Errors;

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let captured = parse::parse(item, &errors).map(|ty| expand::expand(&ty));
    let errors = errors.finish().err().unwrap_or_default();
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote::quote!(#captured #(#errors)*)
}
