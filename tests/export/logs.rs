//! Log records of the application in addition to events of llm-trace.

use llm_trace::llm_trace;
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tracing_subscriber::prelude::*;

use crate::{one_at_a_time, span};

fn body(record: &LogRecord) -> &str {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("no text: {other:?}"),
    }
}

#[llm_trace(workflow, name = "logs")]
fn answer() {
    tracing::info!("inside");
}

#[test]
fn log_lines_of_the_application_have_the_ids_of_the_call_they_are_logged_in() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    let layer = telemetry.logger_provider().map(OpenTelemetryTracingBridge::new);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        answer();
        tracing::warn!("outside");
    });
    let receipt = telemetry.shutdown();
    assert!(receipt.is_complete(), "{receipt}");
    assert_eq!((receipt.events().ended(), receipt.events().delivered()), (2, 2), "{receipt}");

    let (logs, spans) = (receiver.logs(), receiver.spans());
    let call = span(&spans, "invoke_workflow logs");
    let inside = logs.iter().find(|record| body(record) == "inside").unwrap();
    assert_eq!((&inside.trace_id, &inside.span_id), (&call.trace_id, &call.span_id));
    assert_eq!(inside.severity_text, "INFO");
    let outside = logs.iter().find(|record| body(record) == "outside").unwrap();
    assert!(outside.trace_id.is_empty() || outside.trace_id.iter().all(|byte| *byte == 0));
}

#[test]
fn there_is_nowhere_to_send_log_lines_where_only_traces_are_sent() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let endpoint = format!("{}/v1/traces", receiver.endpoint());
    let telemetry = llm_trace::builder().with_traces_endpoint(endpoint).init().unwrap();
    assert!(telemetry.logger_provider().is_none());
}
