//! [`TracedFn`] → the function with calls of the runtime around its body. Never reads user tokens, and
//! writes nothing but `::llm_trace::__private::…` and locals no user code can see.

mod begin;
mod body;

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::model::{Output, TracedFn};

// Input:  #[llm_trace(chat, …)] async fn ask(…) -> Reply { BODY }
// Output: async fn ask(…) -> Reply {
//             let call = ::llm_trace::__private::begin(SITE, |args| { … });
//             let out: Reply = RUN(BODY);
//             ::llm_trace::__private::finish!(call, &out);
//             out
//         }
pub(crate) fn expand(traced: &TracedFn) -> TokenStream {
    let TracedFn { attrs, vis, sig, body, .. } = traced;
    let inner_attrs = &body.inner_attrs;
    let private = private(traced);
    let begin = begin::expand(traced, &private);
    let run = body::expand(traced, &private);
    let rest = match &traced.output {
        // Nothing to finish: the only way out is a panic, which the call notices when it is dropped.
        Output::Never => run,
        Output::Opaque => finish(traced, &private, &TokenStream::new(), &run),
        Output::Known(ty) => finish(traced, &private, &quote_spanned!(here()=> : #ty), &run),
    };
    let statements = quote_spanned! {here()=>
        #inner_attrs
        let call = #begin;
        #rest
    };
    let mut block = Group::new(Delimiter::Brace, statements);
    block.set_span(body.block.span());
    quote!(#(#attrs)* #vis #sig #block)
}

// Input:  response = adapter
// Output: let out: Reply = RUN(BODY);
//         ::llm_trace::__private::finish!(call, &out, adapter);
//         out
fn finish(
    traced: &TracedFn,
    private: &TokenStream,
    annotation: &TokenStream,
    run: &TokenStream,
) -> TokenStream {
    let adapter = traced.response.as_ref().map(|adapter| quote_spanned!(here()=> , #adapter));
    quote_spanned! {here()=>
        let out #annotation = #run;
        #private::finish!(call, &out #adapter);
        out
    }
}

// Input:  crate = ::other::path
// Output: ::other::path::__private
fn private(traced: &TracedFn) -> TokenStream {
    let root =
        traced.root.as_ref().map_or_else(|| quote_spanned!(here()=> ::llm_trace), ToTokens::to_token_stream);
    quote_spanned!(here()=> #root::__private)
}

// Locals with this span are invisible to user code, and the user's to them.
fn here() -> Span {
    Span::mixed_site()
}
