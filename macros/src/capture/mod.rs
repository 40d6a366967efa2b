//! `#[derive(Capture)]`: a struct or enum → an `impl` that writes what of it may be recorded.
//!
//! The same pipeline as the attribute's, on a smaller scale: `parse` says what does not read, and `expand` writes the `impl`
//! also after a mistake, so that the uses of the type are no follow-up errors.

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
