//! Invalid input. In: the item as written and the errors. Out: the same item and one compile error per mistake.

use proc_macro2::TokenStream;
use quote::quote;

// Keeps the item: without it, every use of the function would be a follow-up error that hides the first one, and
// rust-analyzer would lose the function while its attribute is being typed.
//
// Input:  #[llm_trace(chat)] fn ask() { … }
// Output: fn ask() { … } ::core::compile_error! { "`chat` needs `provider`, …" }
pub(crate) fn expand(item: &TokenStream, errors: &[syn::Error]) -> TokenStream {
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote!(#item #(#errors)*)
}
