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
fn never_has_nothing_to_finish() {
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
        ("impl X { fn f() {} }", "impl"),
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
fn what_runs_in_the_compiler_or_under_foreign_rules_is_refused() {
    assert!(error("", "const fn f() {}").contains("`const fn`"));
    assert!(error("", "unsafe fn f() {}").contains("`unsafe fn`"));
    assert!(error("", "extern \"C\" fn f() {}").contains("foreign ABI"));
}

#[test]
fn futures_and_streams_are_refused_for_now() {
    for output in [
        "impl Future<Output = u8>",
        "impl std::future::Future<Output = u8> + Send + 'static",
        "Pin<Box<dyn Future<Output = u8> + Send + '_>>",
        "::std::pin::Pin<Box<dyn ::core::future::Future<Output = u8>>>",
        "BoxFuture<'static, u8>",
        "LocalBoxFuture<'_, u8>",
        "Result<BoxFuture<'_, u8>, E>",
    ] {
        assert!(error("", &format!("fn f() -> {output} {{ g() }}")).contains("returns a future"), "{output}");
    }
    for output in
        ["impl Stream<Item = u8>", "BoxStream<'_, u8>", "Result<Pin<Box<dyn Stream<Item = u8>>>, E>"]
    {
        for qualifier in ["", "async"] {
            let item = format!("{qualifier} fn f() -> {output} {{ g() }}");
            assert!(error("", &item).contains("returns a stream"), "{item}");
        }
    }
    // Named like one, or only the means to one.
    for output in ["TcpStream", "Vec<BoxFuture<'static, u8>>", "fn() -> BoxFuture<'static, u8>", "Future"] {
        expand("", &format!("fn f() -> {output} {{ g() }}"));
    }
}
