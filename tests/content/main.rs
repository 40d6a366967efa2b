//! Content: the recorded parts, their form, and that nothing else is sent.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::items_after_statements,
    reason = "an annotated function stands next to the call it is made for"
)]

mod bodies;
mod budget;
mod canary;
mod derive;
mod documents;
mod evaluation;
mod events;
mod memories;
mod openinference;
mod quality;
mod redaction;
mod schema;
mod streams;
mod topics;
mod upload;
mod variables;
mod without_init;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use llm_trace::{Builder, ContentCapture, ExportReport};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;

/// A builder that captures content on spans.
fn capturing() -> Builder {
    llm_trace::builder().with_content_capture(ContentCapture::SpanOnly)
}

/// The telemetry exported by `code` under this configuration.
fn exported(builder: Builder, code: impl FnOnce()) -> Receiver {
    let (receiver, receipt) = finished(builder, code);
    assert!(receipt.is_complete(), "{receipt}");
    receiver
}

/// As `exported`, with the receipt. Policy and providers are global: one test at a time.
fn finished(builder: Builder, code: impl FnOnce()) -> (Receiver, ExportReport) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let receiver = Receiver::start();
    let telemetry = builder.with_endpoint(receiver.endpoint()).init().unwrap();
    code();
    (receiver, telemetry.shutdown())
}

/// The receipt after a shutdown with this timeout.
fn finished_within(builder: Builder, timeout: Duration, code: impl FnOnce()) -> ExportReport {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let receiver = Receiver::start();
    let telemetry = builder.with_endpoint(receiver.endpoint()).init().unwrap();
    code();
    telemetry.shutdown_within(timeout)
}

static TURN: Mutex<()> = Mutex::new(());

/// The only span of code that runs with content captured.
fn captured(code: impl FnOnce()) -> Span {
    let mut spans = exported(capturing(), code).spans();
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

fn text(span: &Span, key: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|attribute| attribute.key == key);
    let attribute = found.next()?;
    assert!(found.next().is_none(), "`{key}` occurs twice");
    match attribute.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        other => panic!("`{key}` is not a string: {other:?}"),
    }
}

/// A content attribute, which must be JSON and follow the conventions' schema.
fn content(span: &Span, key: &str) -> Value {
    let json = text(span, key).unwrap_or_else(|| panic!("no `{key}`"));
    let value =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("`{key}` is not JSON: {error}: {json}"));
    schema::check(key, &value);
    value
}

const CONTENT_KEYS: [&str; 11] = [
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
    "gen_ai.memory.query.text",
    "gen_ai.memory.records",
    "gen_ai.prompt.variable.question",
];

/// The content attributes of a span.
fn content_keys(span: &Span) -> Vec<&'static str> {
    CONTENT_KEYS.into_iter().filter(|key| text(span, key).is_some()).collect()
}
