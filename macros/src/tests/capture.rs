//! `#[derive(Capture)]`.

use super::{assert_has, tokens};
use crate::capture::derive;

/// The derived code, formatted.
#[track_caller]
fn derived(item: &str) -> String {
    prettyplease::unparse(&syn::parse2(derive(tokens(item))).unwrap())
}

/// The messages. Checks that the `impl` is there as well, so that uses of the type are not errors.
#[track_caller]
fn mistakes(item: &str) -> Vec<String> {
    let output = derive(tokens(item)).to_string();
    assert!(output.contains(":: Capture for"), "{output}");
    let errors = output.split(":: core :: compile_error ! {").skip(1);
    errors
        .map(|error| syn::parse_str::<syn::LitStr>(error.trim_end().trim_end_matches('}')).unwrap().value())
        .collect()
}

#[test]
fn a_struct_is_written_field_by_field() {
    let expected = r#"
#[automatically_derived]
impl<T> ::llm_trace::Capture for Ticket<T>
where
    T: ::llm_trace::Capture,
{
    fn capture<__S: ::llm_trace::__private::Serializer>(
        &self,
        serializer: __S,
    ) -> ::core::result::Result<__S::Ok, __S::Error> {
        #[allow(unused_imports)]
        use ::llm_trace::__private::{
            ViaCaptureField as _, ViaNoField as _, ViaSerializeField as _,
        };
        match self {
            Self { question: field0, user: field1, .. } => {
                let mut fields = ::llm_trace::__private::Serializer::serialize_struct(
                    serializer,
                    "Ticket",
                    3usize,
                )?;
                ::llm_trace::__private::SerializeStruct::serialize_field(
                    &mut fields,
                    "question",
                    &(&&&::llm_trace::__private::Probe(field0)).field(),
                )?;
                ::llm_trace::__private::SerializeStruct::serialize_field(
                    &mut fields,
                    "who",
                    &::llm_trace::__private::Hashed(
                        (&&&::llm_trace::__private::Probe(field1)).field(),
                    ),
                )?;
                ::llm_trace::__private::SerializeStruct::serialize_field(
                    &mut fields,
                    "address",
                    &::llm_trace::__private::Redacted,
                )?;
                ::llm_trace::__private::SerializeStruct::end(fields)
            }
        }
    }
}
"#;
    let item = r#"struct Ticket<T> {
        question: Vec<T>, #[capture(hash, rename = "who")] user: String, #[capture(redact)] address: String,
        #[capture(skip)] session: Session,
    }"#;
    assert_eq!(derived(item), expected.trim_start());
}

#[test]
fn type_parameters_of_recorded_fields_are_bounded() {
    let bounded = derived(
        "struct All<'a, A, B, C, D: Iterator, E>(&'a [A], Map<B, u8>, #[capture(skip)] C, D::Item, PhantomData<E>) where A: Copy;",
    );
    let bounds =
        "where A: Copy, A: ::llm_trace::Capture, B: ::llm_trace::Capture, D::Item: ::llm_trace::Capture,";
    assert_has(&bounded, bounds);
    assert!(!derived("struct Other<T>(other::T, &'T str);").contains("T: ::llm_trace"));
    assert_has(&derived("struct Own<T>(<T as Trait>::Out);"), "where T: ::llm_trace::Capture,");
}

#[test]
fn the_crate_path_is_used_throughout() {
    let derived = derived("#[capture(crate = crate::telemetry)] enum Event { One(u8) }");
    assert!(!derived.contains("::llm_trace"), "{derived}");
    assert_has(&derived, "impl crate::telemetry::Capture for Event");
}

#[test]
fn every_mistake_is_reported_at_once_with_the_fix() {
    let found = mistakes(
        r#"#[capture(rename = "t")] struct Ticket {
            #[capture(redacted)] a: u8, #[capture(hash, skip)] b: u8, #[capture(skip = true)] c: u8,
            #[capture(rename)] d: u8, #[capture] e: u8, #[capture(skip, rename = "x")] f: u8,
            #[capture(rename = "h")] g: u8, h: u8, #[capture(encrypt)] i: u8,
        }"#,
    );
    let expected = [
        "`rename` does not go on a type, which takes `crate = path`",
        "unknown key `redacted`, did you mean `redact`?",
        "the field is given `hash` already: keep one of `hash` and `skip`",
        "`skip` takes no value: write `#[capture(skip)]`",
        "`rename` takes a value: write `#[capture(rename = \"…\")]`",
        "`capture` on a field takes what to do in parentheses: write one of `redact`, `hash`, `skip`, `rename = \"…\"`",
        "a field that is skipped needs no name: remove `rename`, or `skip`",
        "unknown key `encrypt`; a field takes `redact`, `hash`, `skip`, `rename = \"…\"`",
        "`h` is recorded twice: rename one of the two",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_field_with_a_mistyped_attribute_is_not_captured() {
    // A mistyped `redact` must not record the field.
    let output =
        derive(tokens("struct Ticket { #[capture(redcat)] password: String, text: String }")).to_string();
    assert!(!output.contains("\"password\"") && output.contains("\"text\""), "{output}");
}

#[test]
fn a_union_is_refused() {
    let output = derive(tokens("union Bits { int: u32 }")).to_string();
    assert!(output.contains("a union does not say which of its fields is there"), "{output}");
}
