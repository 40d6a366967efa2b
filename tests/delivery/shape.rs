//! Requests that are too large for their receiver.

use llm_trace::DropReason;
use llm_trace::opentelemetry::trace::{Span as _, Tracer as _};
use llm_trace::opentelemetry::{KeyValue, global};
use llm_trace_test_support::otlp::{Answer, Receiver};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use crate::{TRACES, account, one_at_a_time, started, work};

/// A receiver that accepts requests for traces up to this size.
fn strict(bytes: usize) -> Receiver {
    Receiver::scripted(move |_, request| {
        let is_too_large = request.path == TRACES && request.body.len() > bytes;
        Answer::Status(if is_too_large { 413 } else { 200 })
    })
}

fn span(name: String, content: usize) {
    let mut span = global::tracer("test").start(name);
    span.set_attribute(KeyValue::new("content", "x".repeat(content)));
    span.end();
}

#[test]
fn requests_are_split_until_the_receiver_takes_them() {
    let _turn = one_at_a_time();
    let receiver = strict(4_000);
    let telemetry = started(&receiver, 100);
    let spans = account("413 above 4,000 bytes", &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (100, 100));
    assert_eq!(receiver.spans_taken().len(), 100, "none of them twice");
}

#[test]
fn requests_are_never_larger_than_receivers_take_by_default() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = started(&receiver, 0);
    (0..12).for_each(|number| span(format!("large-{number}"), 1_000_000));
    let spans = account("12 MB in one batch", &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (12, 12));
    let sizes: Vec<_> = receiver.received().iter().map(|request| request.body.len()).collect();
    assert!(sizes.iter().all(|bytes| *bytes <= 3_670_016), "{sizes:?}");
    let contents = receiver.spans_taken();
    assert!(contents.iter().all(|span| matches!(
        span.attributes[0].value.as_ref().unwrap().value.as_ref(),
        Some(Value::StringValue(text)) if text.len() == 1_000_000
    )));
}

#[test]
fn a_span_that_is_too_large_loses_content_and_only_then_is_lost() {
    let _turn = one_at_a_time();
    let receiver = strict(20_000);
    let telemetry = started(&receiver, 0);
    work();
    span("long content".to_owned(), 100_000);
    span("n".repeat(100_000), 10);
    work();
    let receipt = telemetry.shutdown();
    let spans = account("413 for a single span", &receipt, &receiver);
    assert_eq!((spans.started(), spans.delivered()), (4, 3));
    assert_eq!((spans.dropped(), spans.dropped_for(DropReason::Oversize)), (1, 1));
    let taken = receiver.spans_taken();
    let shortened = taken.iter().find(|span| span.name == "long content").unwrap();
    let value = |key: &str| {
        let found = shortened.attributes.iter().find(|attribute| attribute.key == key);
        found.unwrap().value.clone().unwrap().value.unwrap()
    };
    let Value::StringValue(content) = value("content") else { panic!("no text") };
    assert!(content.starts_with("xxx") && content.ends_with("…[truncated, 100000 bytes]"), "{content}");
    let Value::IntValue(bytes) = value("llm_trace.oversize.bytes") else { panic!("no number") };
    assert!((100_000..101_000).contains(&bytes), "{bytes}");
}
