//! The body is not parsed and occurs once in the expansion.

use super::{assert_has, expand, raw};

#[test]
fn early_returns_and_question_marks_stay_in_the_body() {
    let body = "let x = g()?; if x { return Ok(1); } Ok(2)";
    for qualifier in ["", "async"] {
        let expansion = expand("", &format!("{qualifier} fn f() -> Result<u8, E> {{ {body} }}"));
        assert_has(&expansion, body);
        assert_eq!(expansion.matches("Ok(2)").count(), 1);
    }
}

#[test]
fn half_typed_bodies_pass_through() {
    for body in ["req.", "let x = ", "match x { Some(", "foo(a,, b) +", "#!", "1 2 3"] {
        // A macro never receives unbalanced delimiters.
        let body = if body.ends_with('(') { format!("{body} ) }}") } else { body.to_owned() };
        for signature in [
            "fn f(req: R) -> u8",
            "async fn f(req: R) -> u8",
            "fn f(req: R) -> impl Future<Output = u8>",
            "fn f(req: R) -> BoxFuture<'_, u8>",
            "async fn f(req: R) -> Result<impl Stream<Item = u8>, E>",
        ] {
            let expansion = raw("chat, provider = p", &format!("{signature} {{ {body} }}")).to_string();
            let body = super::tokens(&format!("{{ {body} }}")).to_string();
            assert_eq!(expansion.matches(&body).count(), 1, "{expansion}");
            assert!(!expansion.contains("compile_error"), "{expansion}");
        }
    }
}

#[test]
fn inner_attributes_move_to_the_top_of_the_function() {
    let expansion = expand("", "async fn f() { #![allow(x)] //! Doc.\n body(); }");
    assert_has(&expansion, "async fn f() { #![allow(x)] //! Doc.\n let call =");
    assert_eq!(expansion.matches("allow(x)").count(), 1);
}

#[test]
fn the_output_type_precedes_an_async_body() {
    assert_has(
        &raw("", "async fn f() -> Result<u8, E> { g().await }").to_string(),
        "async move {
            if false { return ::llm_trace::__private::expected::<Result<u8, E>>(); }
            match () { () => { g().await } }
        }",
    );
}
