//! [`TracedFn`] → the function with calls of the runtime around its body. Does not parse user tokens. Writes only
//! `::llm_trace::__private::…` and locals that are hidden from user code.

mod begin;
mod block;
mod body;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, Type, spanned::Spanned as _};

pub(crate) use self::block::expand as expand_block;
use crate::model::{Ends, Future, Output, TracedFn};

// Input:  #[llm_trace(chat, …)] async fn ask(…) -> Reply { BODY }
// Output: async fn ask(…) -> Reply {
//             let call = ::llm_trace::__private::begin(SITE, |args| { … });
//             let out: Reply = RUN(BODY);
//             let out = ::llm_trace::__private::finish!(call, out);
//             out
//         }
pub(crate) fn expand(traced: &TracedFn) -> TokenStream {
    let TracedFn { attrs, vis, sig, body, .. } = traced;
    let inner_attrs = &body.inner_attrs;
    let private = private(traced);
    let begin = begin::expand(traced, &private);
    let rest = match &traced.future {
        Some(future) => in_future(traced, future, &private),
        None => in_function(traced, &private),
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

fn in_function(traced: &TracedFn, private: &TokenStream) -> TokenStream {
    let run = hinted(traced, private, body::expand(traced, private));
    let annotation = match &traced.output {
        // Only a panic leaves this function; dropping the call records it.
        Output::Never => return run,
        Output::Opaque => TokenStream::new(),
        Output::Known(ty) => quote_spanned!(here()=> : #ty),
    };
    let finish = finish(traced, private);
    quote_spanned! {here()=>
        let out #annotation = #run;
        #finish
    }
}

// The body runs when the function is called, as without the attribute; the call begins when the future is first polled.
//
// Input:  fn ask(…) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> { BODY }
// Output: let future: Pin<Box<…>> = ::llm_trace::__private::future_of::<Reply, _>(move || -> Pin<Box<…>> { BODY });
//         ::llm_trace::__private::in_boxed_future(call, future, move |call, out| { … })
fn in_future(traced: &TracedFn, future: &Future, private: &TokenStream) -> TokenStream {
    let body = &traced.body.block;
    let Future { ty, output } = future;
    let annotation = ty.as_ref().map(|ty| quote_spanned!(here()=> : #ty));
    let returns = ty.as_ref().map(|ty| quote_spanned!(here()=> -> #ty));
    let wrap = if ty.is_some() {
        quote_spanned!(here()=> in_boxed_future)
    } else {
        quote_spanned!(here()=> in_future)
    };
    let out = hinted(traced, private, quote_spanned!(here()=> out));
    let finish = finish(traced, private);
    let future_of = turbofish(private, "future_of", output, 1);
    quote_spanned! {here()=>
        let future #annotation = #future_of(move || #returns #body);
        #private::#wrap(call, future, move |call, out| {
            let out = #out;
            #finish
        })
    }
}

// The items of a stream are read by their type, which only the signature may name. A mismatch is reported on that type,
// not on the attribute.
//
// Input:  fn ask(…) -> impl Stream<Item = Token>
// Output: ::llm_trace::__private::stream_of::<Token, _>(RUN)
fn hinted(traced: &TracedFn, private: &TokenStream, out: TokenStream) -> TokenStream {
    let (item, wrap, rest) = match &traced.ends {
        Ends::Value => return out,
        Ends::Stream(item, false) => (item, "stream_of", 1),
        Ends::Stream(item, true) => (item, "stream_result_of", 2),
        Ends::Iterator(item, false) => (item, "iterator_of", 1),
        Ends::Iterator(item, true) => (item, "iterator_result_of", 2),
    };
    let wrap = turbofish(private, wrap, item, rest);
    quote_spanned!(here()=> #wrap(#out))
}

// A mismatch is reported on the type as the user wrote it.
//
// Input:  "stream_of", Token
// Output: ::llm_trace::__private::stream_of::<Token, _>
fn turbofish(private: &TokenStream, function: &str, ty: &Type, inferred: usize) -> TokenStream {
    let place = here().located_at(ty.span());
    let function = Ident::new(function, place);
    let private = located(private, place);
    let inferred = (0..inferred).map(|_| quote_spanned!(place=> , _));
    quote_spanned!(place=> #private::#function::<#ty #(#inferred)*>)
}

// Input:  response = adapter
// Output: let out = ::llm_trace::__private::finish!(call, out, adapter);
//         out
fn finish(traced: &TracedFn, private: &TokenStream) -> TokenStream {
    let adapter = traced.response.as_ref().map(|adapter| quote_spanned!(here()=> , #adapter));
    let finish = match &traced.ends {
        Ends::Value => quote_spanned!(here()=> finish),
        Ends::Stream(..) => quote_spanned!(here()=> finish_stream),
        Ends::Iterator(..) => quote_spanned!(here()=> finish_iterator),
    };
    // A `let`, because lints ask for a semicolon after a call that returns `()`.
    quote_spanned! {here()=>
        let out = #private::#finish!(call, out #adapter);
        out
    }
}

// Input:  crate = ::other::path
// Output: ::other::path::__private
fn private(traced: &TracedFn) -> TokenStream {
    let root = root(traced.root.as_ref());
    quote_spanned!(here()=> #root::__private)
}

fn root(at: Option<&Path>) -> TokenStream {
    at.map_or_else(|| quote_spanned!(here()=> ::llm_trace), ToTokens::to_token_stream)
}

// The tokens, with spans located at `place` in the user's code.
fn located(tokens: &TokenStream, place: Span) -> TokenStream {
    let located = tokens.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(place));
        token
    });
    located.collect()
}

// Locals with this span and the user's locals are hidden from each other.
fn here() -> Span {
    Span::mixed_site()
}
