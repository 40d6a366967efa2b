//! Invalid input. In: the item as written and what is wrong. Out: the same item and one error per mistake.

use proc_macro2::TokenStream;
use quote::quote;

// Without the item, every use of the function would be a follow-up error that hides the real one, and
// rust-analyzer would know nothing about the function while its attribute is being typed.
//
// Input:  #[llm_trace(chat)] fn ask() { … }
// Output: fn ask() { … } ::core::compile_error! { "`chat` needs `provider`, …" }
pub(crate) fn expand(item: &TokenStream, errors: &[syn::Error]) -> TokenStream {
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote!(#item #(#errors)*)
}
