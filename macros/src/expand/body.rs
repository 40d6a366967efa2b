//! The body → the expression that runs it inside the call.

use proc_macro2::{Group, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{Type, spanned::Spanned as _};

use super::{here, located};
use crate::model::{Output, TracedFn};

pub(super) fn expand(traced: &TracedFn, private: &TokenStream) -> TokenStream {
    let body = &traced.body.block;
    if traced.sig.asyncness.is_some() {
        in_call(&traced.output, body, private)
    } else {
        in_scope(&traced.output, body, private)
    }
}

// The closure makes a `return` in the body leave the body instead of the function.
//
// Input:  fn parse(…) -> Reply { BODY }
// Output: ::llm_trace::__private::in_scope(&call, move || -> Reply { BODY })
fn in_scope(output: &Output, body: &Group, private: &TokenStream) -> TokenStream {
    let output = match output {
        Output::Known(ty) => quote_spanned!(here()=> -> #ty),
        Output::Never => quote_spanned!(here()=> -> !),
        Output::Opaque => TokenStream::new(),
    };
    quote_spanned!(here()=> #private::in_scope(&call, move || #output #body))
}

// An async block has no return type annotation. The unreachable `return` gives the compiler the type before the body: a
// mismatch is reported on the user's expression instead of the attribute, and `?` infers the error type to convert to.
// The `match` separates the braces of the body from the block, so that lints about the first statement of a block
// ignore the `if`, and the lint about unneeded braces does not fire.
//
// Input:  async fn ask(…) -> Reply { BODY }
// Output: ::llm_trace::__private::in_call(&call, async move {
//             if false { return ::llm_trace::__private::expected::<Reply>(); }
//             match () { () => { BODY } }
//         }).await
fn in_call(output: &Output, body: &Group, private: &TokenStream) -> TokenStream {
    let block = match output {
        Output::Known(ty) => {
            let expected = expected(ty, private);
            quote_spanned! {here()=>
                {
                    if false {
                        #expected
                    }
                    match () {
                        () => #body
                    }
                }
            }
        }
        Output::Opaque | Output::Never => body.to_token_stream(),
    };
    quote_spanned!(here()=> #private::in_call(&call, async move #block).await)
}

// Compiler notes about "the return type" point at the value of this `return`, so its span is that of the type.
//
// Input:  -> Reply
// Output: return ::llm_trace::__private::expected::<Reply>();
fn expected(ty: &Type, private: &TokenStream) -> TokenStream {
    let place = ty.span();
    let private = located(private, place);
    quote_spanned!(here().located_at(place)=> return #private::expected::<#ty>();)
}
