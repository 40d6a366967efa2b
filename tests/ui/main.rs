//! The diagnostics of the attribute, and code around which its expansion compiles without a warning.

#[test]
fn every_mistake_is_reported_on_the_users_tokens() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/fail/*.rs");
    cases.pass("ui/pass/*.rs");
}
