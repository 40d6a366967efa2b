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

// A closure, for a `return` in the body to leave the body and not the function.
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

// An async block has no place for a return type. The `return` that never runs tells it to the compiler
// before the body does: a mismatch is then reported on the user's expression, not on the attribute, and
// `?` knows what to convert to. The `match` sets the body's braces apart from it, so that lints about what
// comes first in a block do not see the `if`, nor others superfluous braces.
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

// Notes about "the return type" point at the value of this `return`: it claims to be where the type is.
//
// Input:  -> Reply
// Output: return ::llm_trace::__private::expected::<Reply>();
fn expected(ty: &Type, private: &TokenStream) -> TokenStream {
    let place = ty.span();
    let private = located(private, place);
    quote_spanned!(here().located_at(place)=> return #private::expected::<#ty>();)
}
