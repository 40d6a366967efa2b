//! The call site and the arguments → the expression that opens the call.

use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{Expr, spanned::Spanned as _};

use super::here;
use crate::{model::TracedFn, parse::Named};

// Input:  #[llm_trace(chat, model = req.model)] fn ask
// Output: ::llm_trace::__private::begin({ static SITE: … = …; &SITE }, |args| { args.model(&req.model); })
pub(super) fn expand(traced: &TracedFn, private: &TokenStream) -> TokenStream {
    let site = site(traced, private);
    let arguments = arguments(traced, private);
    // An unused parameter would be a warning in the user's crate.
    let args = if arguments.is_empty() { quote_spanned!(here()=> _) } else { quote_spanned!(here()=> args) };
    let begin =
        if traced.future.is_some() { quote_spanned!(here()=> defer) } else { quote_spanned!(here()=> begin) };
    quote_spanned!(here()=> #private::#begin(#site, |#args| { #(#arguments)* }))
}

// Items are not hygienic, whatever their span: the block keeps `SITE` away from the user's names.
//
// Input:  #[llm_trace(chat)] fn ask
// Output: { static SITE: CallSite = CallSite::new(Kind::Chat, "ask", …); &SITE }
fn site(traced: &TracedFn, private: &TokenStream) -> TokenStream {
    let kind = Ident::new(&traced.kind.variant(), here());
    let name = traced.sig.ident.to_string();
    let name = name.trim_start_matches("r#");
    let with_parent = traced.setters.iter().any(|(key, _)| key == "parent");
    let with_parent = with_parent.then(|| quote_spanned!(here()=> .with_parent()));
    quote_spanned! {here()=>
        {
            static SITE: #private::CallSite = #private::CallSite::new(
                #private::Kind::#kind,
                #name,
                ::core::module_path!(),
                ::core::file!(),
                ::core::line!(),
            )#with_parent;
            &SITE
        }
    }
}

// Input:  model = "gpt-5", request = request, input = text, attributes("app.tier" = tier)
// Output: request!(args, &request); args.model(&"gpt-5"); if captures(args, Input) { args.input(&CONTENT); }
//         args.attribute("app.tier", &tier);
fn arguments(traced: &TracedFn, private: &TokenStream) -> Vec<TokenStream> {
    // Before anything is captured.
    let skipped = traced.skipped.iter().map(|piece| {
        let piece = Ident::new(piece, here());
        quote_spanned!(here()=> #private::skip(args, #private::ContentKind::#piece);)
    });
    // Then the request, so that what the user spells out wins.
    let request = traced.request.iter().map(|request| {
        let request = borrowed(request);
        quote_spanned!(here()=> #private::request!(args, #request);)
    });
    let setters = traced.setters.iter().map(|(key, value)| {
        let arguments = parenthesized(value, &borrowed(value));
        quote_spanned!(here().located_at(key.span())=> args.#key #arguments;)
    });
    // Asked first, because an expression that only makes content must cost nothing where nobody wants it.
    let content = traced.content.iter().map(|(key, piece, value)| {
        let piece = Ident::new(piece, here());
        let arguments = parenthesized(value, &captured(value, private, key == "query"));
        let setter = quote_spanned!(here().located_at(key.span())=> args.#key #arguments;);
        let ways = ways(private, key == "query");
        quote_spanned!(here()=> if #private::captures(args, #private::ContentKind::#piece) { #ways #setter })
    });
    let named = traced.named.iter().map(|(setter, piece, Named { name, value })| {
        let (setter, piece) = (Ident::new(setter, here().located_at(name.span())), Ident::new(piece, here()));
        let captured = captured(value, private, false);
        let arguments = parenthesized(value, &quote_spanned!(here()=> #name, #captured));
        let setter = quote_spanned!(here().located_at(name.span())=> args.#setter #arguments;);
        let ways = ways(private, false);
        quote_spanned!(here()=> if #private::captures(args, #private::ContentKind::#piece) { #ways #setter })
    });
    let pairs = traced.pairs.iter().map(|(setter, Named { name, value })| {
        let setter = Ident::new(setter, here().located_at(name.span()));
        let borrowed = borrowed(value);
        let arguments = parenthesized(value, &quote_spanned!(here()=> #name, #borrowed));
        quote_spanned!(here().located_at(name.span())=> args.#setter #arguments;)
    });
    skipped.chain(request).chain(setters).chain(content).chain(named).chain(pairs).collect()
}

// Borrowed, so that a field of a parameter is not moved out of it.
//
// What the compiler says about the value's type underlines everything from the call's first token to its
// last: here and in `parenthesized`, ours claim to be where the user's are.
//
// Input:  request.model        a + b
// Output: &request.model       &(a + b)
fn borrowed(value: &Expr) -> TokenStream {
    let span = here().located_at(value.span());
    match value {
        // Until all else is known a number has no type to blame, and the compiler blames the reference. Only
        // one that is entirely the user's is underlined alone; no lint objects to a borrowed literal.
        Expr::Lit(_) => quote_spanned!(value.span()=> &#value),
        Expr::Array(_)
        | Expr::Call(_)
        | Expr::Field(_)
        | Expr::Index(_)
        | Expr::Macro(_)
        | Expr::MethodCall(_)
        | Expr::Paren(_)
        | Expr::Path(_)
        | Expr::Reference(_)
        | Expr::Tuple(_)
        | Expr::Unary(_) => quote_spanned!(span=> &#value),
        _ => quote_spanned!(span=> &(#value)),
    }
}

// What is recorded of a value its type says: `Capture`, else `Serialize`; of a query also that it is text.
//
// Input:  text
// Output: &(&&&Probe(&text)).content()
fn captured(value: &Expr, private: &TokenStream, is_query: bool) -> TokenStream {
    let span = here().located_at(value.span());
    let borrowed = borrowed(value);
    if is_query {
        quote_spanned!(span=> &(&&&#private::Probe(#borrowed)).query())
    } else {
        quote_spanned!(span=> &(&&&#private::Probe(#borrowed)).content())
    }
}

fn ways(private: &TokenStream, is_query: bool) -> TokenStream {
    let ways = if is_query {
        quote_spanned!(here()=> ViaCaptureQuery as _, ViaNoQuery as _, ViaTextQuery as _)
    } else {
        quote_spanned!(here()=> ViaCaptureContent as _, ViaNoContent as _, ViaSerializeContent as _)
    };
    quote_spanned!(here()=> #[allow(unused_imports)] use #private::{#ways};)
}

fn parenthesized(value: &Expr, arguments: &TokenStream) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, arguments.clone());
    let last = value.to_token_stream().into_iter().last();
    group.set_span(here().located_at(last.map_or_else(|| value.span(), |token| token.span())));
    group
}
