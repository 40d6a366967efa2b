//! Each form of function.

use super::{assert_has, error, expand};

#[test]
fn the_signature_stays_as_written() {
    for signature in [
        "pub(crate) async fn f<'a, T: Trait + 'a, const N: usize>(&'a self, t: &T) -> &'a T where T: Send",
        "fn f(self)",
        "fn f(mut self: Box<Self>) -> u8",
        "fn f(&mut self, (a, b): (u8, u8), [c, ..]: [u8; 2], mut d: u8) -> u8",
        "fn f(a: impl Into<String>, b: &dyn Fn(u8) -> u8) -> Result<(), Box<dyn Error>>",
        "pub async fn r#try()",
    ] {
        let item = format!("impl X {{ {signature} {{ body() }} }}");
        let method = raw_in_impl(&format!("{signature} {{ body() }}"));
        let file: syn::File = syn::parse_str(&item).unwrap();
        let expected = prettyplease::unparse(&file);
        let expected = expected.split("body()").next().unwrap().trim_end().trim_end_matches('{');
        assert_has(&method, expected);
    }
}

fn raw_in_impl(item: &str) -> String {
    let method = super::raw("", item);
    prettyplease::unparse(&syn::parse2(quote::quote!(impl X { #method })).unwrap())
}

#[test]
fn attributes_and_visibility_stay() {
    let expansion = expand("", "/// Doc.\n#[inline] #[must_use] pub(super) fn f() -> u8 { 1 }");
    assert_has(&expansion, "/// Doc.\n#[inline] #[must_use] pub(super) fn f() -> u8 {");
}

#[test]
fn raw_names_are_reported_without_their_prefix() {
    assert_has(&expand("", "fn r#try() {}"), "Kind::Task, \"try\",");
}

#[test]
fn sync_runs_in_a_closure_with_the_return_type() {
    let expansion = expand("", "fn f(&mut self) -> &mut u8 { &mut self.x }");
    assert_has(&expansion, "let out: &mut u8 = ::llm_trace::__private::in_scope(&call, move || -> &mut u8 {");
}

#[test]
fn no_return_type_is_unit() {
    assert_has(&expand("", "fn f() {}"), "let out: () = ");
    assert_has(&expand("", "async fn f() {}"), "return ::llm_trace::__private::expected::<()>();");
}

#[test]
fn impl_trait_inside_a_type_is_inferred() {
    for (written, annotated) in [
        ("Result<impl Iterator<Item = u8>, E>", "Result<_, E>"),
        ("Box<dyn Iterator<Item = impl Debug>>", "Box<dyn Iterator<Item = _>>"),
        ("(u8, &'static [impl Debug], [impl Debug; 2])", "(u8, &'static [_], [_; 2])"),
        ("Box<dyn Fn(u8) -> impl Debug>", "Box<dyn Fn(u8) -> _>"),
    ] {
        let expansion = expand("", &format!("fn f() -> {written} {{ g() }}"));
        assert_has(&expansion, &format!("fn f() -> {written} {{"));
        assert_has(&expansion, &format!("let out: {annotated} ="));
    }
}

#[test]
fn impl_trait_itself_is_not_annotated() {
    let expansion = expand("", "fn f() -> impl Debug { g() }");
    assert_has(&expansion, "let out = ::llm_trace::__private::in_scope(&call, move || { g() });");
    let expansion = expand("", "async fn f() -> impl Debug { g() }");
    assert_has(&expansion, "let out = ::llm_trace::__private::in_call(&call, async move { g() }).await;");
}

#[test]
fn a_function_that_never_returns_has_no_finish() {
    for item in ["fn f() -> ! { g() }", "async fn f() -> ! { g() }"] {
        assert!(!expand("", item).contains("finish"), "{item}");
    }
}

#[test]
fn only_functions_with_a_body_can_be_traced() {
    for (item, token) in [
        ("struct X { f: fn() }", "struct"),
        ("enum X {}", "enum"),
        ("pub unsafe trait X { fn f(); }", "trait"),
        ("mod m { fn f() {} }", "mod"),
        ("const X: fn() = f;", "const"),
        ("static X: u8 = 1;", "static"),
        ("use a::b;", "use"),
        ("type F = fn();", "type"),
        ("extern \"C\" { fn f(); }", "extern"),
    ] {
        let message = error("chat, provider = p", item);
        assert!(message.starts_with(&format!("`#[llm_trace]` cannot trace `{token}`")), "{message}");
    }
    assert!(error("", "fn f(&self) -> u8;").starts_with("`f` has no body to trace"));
}

#[test]
fn const_unsafe_and_extern_functions_are_refused() {
    assert!(error("", "const fn f() {}").contains("`const fn`"));
    assert!(error("", "unsafe fn f() {}").contains("`unsafe fn`"));
    assert!(error("", "extern \"C\" fn f() {}").contains("foreign ABI"));
}

#[test]
fn a_returned_future_begins_its_call_when_first_polled() {
    for (output, hint) in [
        ("impl Future<Output = u8>", "u8"),
        ("impl std::future::Future<Output = Result<u8, E>> + Send + 'static", "Result<u8, E>"),
        ("impl Future<Output = impl Debug>", "_"),
    ] {
        let expansion = expand("", &format!("fn f() -> {output} {{ prepare(); async {{ g() }} }}"));
        assert_has(&expansion, "let call = ::llm_trace::__private::defer(");
        assert_has(
            &expansion,
            &format!(
                "let future = ::llm_trace::__private::future_of::<{hint}, _>(move || {{ prepare(); async {{ g() }} }});
                 ::llm_trace::__private::in_future(call, future, move |call, out| {{
                     let out = out;
                     let out = ::llm_trace::__private::finish!(call, out);
                     out
                 }})"
            ),
        );
    }
}

#[test]
fn a_boxed_future_is_boxed_again() {
    for (output, hint) in [
        ("Pin<Box<dyn Future<Output = u8> + Send + '_>>", "u8"),
        ("::std::pin::Pin<Box<dyn ::core::future::Future<Output = u8>>>", "u8"),
        ("BoxFuture<'static, u8>", "u8"),
        ("LocalBoxFuture<'_, u8>", "u8"),
        ("BoxFuture<'static>", "_"),
    ] {
        let expansion = expand("", &format!("fn f() -> {output} {{ g() }}"));
        assert_has(
            &expansion,
            &format!(
                "let future: {output} = ::llm_trace::__private::future_of::<{hint}, _>(move || -> {output} {{ g() }});
                 ::llm_trace::__private::in_boxed_future(call, future,"
            ),
        );
    }
}

#[test]
fn an_impl_stream_ends_the_call_and_has_the_item_type_of_the_signature() {
    for (output, run) in [
        ("impl Stream<Item = u8> + Send", "stream_of::<u8, _>("),
        ("impl futures::Stream<Item = impl Debug>", "stream_of::<_, _>("),
        ("impl TryStream<Ok = u8, Error = E>", "stream_of::<_, _>("),
        ("Result<impl Stream<Item = u8>, E>", "stream_result_of::<u8, _, _>("),
    ] {
        for (qualifier, body) in [("", "in_scope("), ("async", "in_call(")] {
            let expansion = expand("", &format!("{qualifier} fn f() -> {output} {{ g() }}"));
            let run = format!("::llm_trace::__private::{run}::llm_trace::__private::{body}");
            assert_has(&expansion, &run);
            assert_has(&expansion, "::llm_trace::__private::finish_stream!(call, out)");
        }
    }
    let expansion = expand("", "fn f() -> impl Future<Output = impl Stream<Item = u8>> { g() }");
    assert_has(&expansion, "let out = ::llm_trace::__private::stream_of::<u8, _>(out);");
    assert_has(&expansion, "::llm_trace::__private::finish_stream!(call, out)");
}

#[test]
fn an_iterator_is_a_stream_only_for_kinds_that_generate() {
    let item = "fn f() -> impl Iterator<Item = String> + '_ { g() }";
    assert_has(&expand("chat, provider = p", item), "iterator_of::<String, _>(");
    assert_has(&expand("chat, provider = p", item), "finish_iterator!(call, out)");
    for args in ["tool", "embeddings, provider = p"] {
        assert_has(&expand(args, item), "::llm_trace::__private::finish!(call, out)");
    }
}

#[test]
fn nested_futures_and_streams_are_refused() {
    for output in [
        "Result<BoxFuture<'_, u8>, E>",
        "Result<impl Future<Output = u8>, E>",
        "Option<impl Future<Output = u8>>",
        "Box<dyn Future<Output = u8> + Unpin>",
        "impl IntoFuture<Output = u8>",
    ] {
        let message = error("", &format!("fn f() -> {output} {{ g() }}"));
        assert!(message.contains("utur") && message.contains("cannot be traced"), "{output}: {message}");
        // The caller awaits it after the call has ended.
        expand("", &format!("async fn f() -> {output} {{ g() }}"));
    }
    for output in ["Option<impl Stream<Item = u8>>", "Option<BoxStream<'_, u8>>"] {
        for qualifier in ["", "async"] {
            let message = error("", &format!("{qualifier} fn f() -> {output} {{ g() }}"));
            assert!(message.starts_with("a stream in an `Option` cannot be traced"), "{message}");
        }
    }
    // Types with a similar name, and types that only contain or produce a future.
    for output in ["TcpStream", "Vec<BoxFuture<'static, u8>>", "fn() -> BoxFuture<'static, u8>", "Future"] {
        assert_has(&expand("", &format!("fn f() -> {output} {{ g() }}")), &format!("let out: {output} ="));
    }
}
