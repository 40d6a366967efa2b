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
    // An unused parameter would cause a warning in the user's crate.
    let args = if arguments.is_empty() { quote_spanned!(here()=> _) } else { quote_spanned!(here()=> args) };
    let begin =
        if traced.future.is_some() { quote_spanned!(here()=> defer) } else { quote_spanned!(here()=> begin) };
    quote_spanned!(here()=> #private::#begin(#site, |#args| { #(#arguments)* }))
}

// Items are never hygienic: the block keeps `SITE` apart from the user's names.
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
    // `skip` comes before any content is captured.
    let skipped = traced.skipped.iter().map(|kind| {
        let kind = Ident::new(kind, here());
        quote_spanned!(here()=> #private::skip(args, #private::ContentKind::#kind);)
    });
    // The request comes next, so that explicit arguments override it.
    let request = traced.request.iter().map(|request| {
        let request = borrowed(request);
        quote_spanned!(here()=> #private::request!(args, #request);)
    });
    let setters = traced.setters.iter().map(|(key, value)| {
        let arguments = parenthesized(value, &borrowed(value));
        quote_spanned!(here().located_at(key.span())=> args.#key #arguments;)
    });
    // Checks `captures` first: an expression that only produces content is not evaluated where content is not recorded.
    let content = traced.content.iter().map(|(key, kind, value)| {
        let kind = Ident::new(kind, here());
        let arguments = parenthesized(value, &captured(value, private, key == "query"));
        let setter = quote_spanned!(here().located_at(key.span())=> args.#key #arguments;);
        let imports = probe_traits(private, key == "query");
        quote_spanned!(here()=> if #private::captures(args, #private::ContentKind::#kind) { #imports #setter })
    });
    let named = traced.named.iter().map(|(setter, kind, Named { name, value })| {
        let (setter, kind) = (Ident::new(setter, here().located_at(name.span())), Ident::new(kind, here()));
        let captured = captured(value, private, false);
        let arguments = parenthesized(value, &quote_spanned!(here()=> #name, #captured));
        let setter = quote_spanned!(here().located_at(name.span())=> args.#setter #arguments;);
        let imports = probe_traits(private, false);
        quote_spanned!(here()=> if #private::captures(args, #private::ContentKind::#kind) { #imports #setter })
    });
    let pairs = traced.pairs.iter().map(|(setter, Named { name, value })| {
        let setter = Ident::new(setter, here().located_at(name.span()));
        let borrowed = borrowed(value);
        let arguments = parenthesized(value, &quote_spanned!(here()=> #name, #borrowed));
        quote_spanned!(here().located_at(name.span())=> args.#setter #arguments;)
    });
    skipped.chain(request).chain(setters).chain(content).chain(named).chain(pairs).collect()
}

// Borrows the value, so that a field of a parameter is not moved out of it.
//
// An error about the type of the value underlines the call from its first token to its last. Here and in
// `parenthesized`, the generated tokens therefore carry the location of the user's tokens.
//
// Input:  request.model        a + b
// Output: &request.model       &(a + b)
fn borrowed(value: &Expr) -> TokenStream {
    let span = here().located_at(value.span());
    match value {
        // The type of a number is inferred last, so the compiler reports errors on the reference instead. A reference
        // with only user spans is underlined alone; no lint objects to a borrowed literal.
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

// The type of the value selects the recording: `Capture`, else `Serialize`; for a query also text.
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

fn probe_traits(private: &TokenStream, is_query: bool) -> TokenStream {
    let imports = if is_query {
        quote_spanned!(here()=> ViaCaptureQuery as _, ViaNoQuery as _, ViaTextQuery as _)
    } else {
        quote_spanned!(here()=> ViaCaptureContent as _, ViaNoContent as _, ViaSerializeContent as _)
    };
    quote_spanned!(here()=> #[allow(unused_imports)] use #private::{#imports};)
}

fn parenthesized(value: &Expr, arguments: &TokenStream) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, arguments.clone());
    let last = value.to_token_stream().into_iter().last();
    group.set_span(here().located_at(last.map_or_else(|| value.span(), |token| token.span())));
    group
}
