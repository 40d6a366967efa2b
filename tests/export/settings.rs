//! The effect of settings on exported telemetry: sampling, limits, views.

use std::time::Duration;

use llm_trace::opentelemetry_sdk::metrics::{Instrument, Stream};
use llm_trace::{ContentCapture, Sampler, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::program::{run, stderr};
use crate::{answer, failing_chat, one_at_a_time, span, text, value};

#[llm_trace(workflow, name = "broken")]
fn broken() {
    crate::retrieve();
    let _ = failing_chat();
    crate::retrieve();
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini", input = question, attributes("long" = question))]
fn chat_about(question: &str) {}

#[test]
fn a_trace_with_an_error_arrives_whole_at_any_sampling_ratio() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let sampler = Sampler::always_off().keeping_errors();
    let telemetry =
        llm_trace::builder().with_endpoint(receiver.endpoint()).with_sampler(sampler).init().unwrap();
    answer();
    broken();
    answer();
    let receipt = telemetry.shutdown();
    let spans = receiver.spans();
    assert_eq!((spans.len(), receipt.spans().delivered()), (4, 4), "{receipt}");
    let root = span(&spans, "invoke_workflow broken");
    for span in &spans {
        assert_eq!(span.trace_id, root.trace_id);
        assert_eq!(span.flags & 1, 1, "the flag reports the span as sampled");
    }
    let calls =
        receiver.metrics().into_iter().find(|metric| metric.name == "gen_ai.client.operation.duration");
    let Some(Data::Histogram(calls)) = calls.unwrap().data else { panic!("not a histogram") };
    assert_eq!(calls.data_points.iter().map(|point| point.count).sum::<u64>(), 7, "metrics count all calls");
}

#[test]
fn a_slow_trace_arrives_at_any_sampling_ratio() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let sampler = Sampler::ratio(0.0).keeping_slower_than(Duration::ZERO);
    let builder = || llm_trace::builder().with_endpoint(receiver.endpoint());
    let telemetry = builder().with_sampler(sampler).init().unwrap();
    answer();
    assert_eq!(telemetry.shutdown().spans().delivered(), 3);
    let patient = Sampler::ratio(0.0).keeping_slower_than(Duration::from_secs(3600));
    let telemetry = builder().with_sampler(patient).init().unwrap();
    answer();
    assert_eq!(telemetry.shutdown().spans().delivered(), 0);
    assert_eq!(receiver.spans().len(), 3);
}

#[test]
fn texts_are_cut_to_the_limit_and_content_is_fitted_into_it() {
    if std::env::var_os("TEST_LIMITS").is_some() {
        let telemetry =
            llm_trace::builder().with_content_capture(ContentCapture::SpanAndEvent).init().unwrap();
        chat_about(&"ä".repeat(5000));
        let _ = telemetry.shutdown();
        return;
    }
    let receiver = Receiver::start();
    let name = "settings::texts_are_cut_to_the_limit_and_content_is_fitted_into_it";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env_clear()
        .envs([
            ("TEST_LIMITS", "1"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()),
            ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "400"),
            ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "10"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let spans = receiver.spans();
    let attributes = &span(&spans, "chat gpt-4o-mini").attributes;
    assert_eq!(text(attributes, "long"), "ä".repeat(400), "characters, not bytes");
    let messages = text(attributes, "gen_ai.input.messages");
    assert!(messages.chars().count() <= 400 && messages.contains('ä'), "{messages}");
    serde_json::from_str::<serde_json::Value>(&messages).expect("whole JSON");
    let events = receiver.logs();
    let event = events.iter().find(|event| event.event_name.contains("details")).unwrap();
    assert_eq!(text(&event.attributes, "long"), "ä".repeat(10));
    assert!(format!("{:?}", value(&event.attributes, "gen_ai.input.messages")).contains("\"ääääääääää\""));
}

#[test]
fn metrics_are_deltas_and_exponential_on_request() {
    let receiver = Receiver::start();
    let output = run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
    ]);
    assert_eq!(stderr(&output), "");
    let metrics = receiver.metrics();
    let duration = metrics.iter().find(|metric| metric.name == "gen_ai.client.operation.duration").unwrap();
    let Some(Data::ExponentialHistogram(histogram)) = &duration.data else { panic!("{:?}", duration.data) };
    assert_eq!(histogram.aggregation_temporality, i32::from(AggregationTemporality::Delta));
}

#[test]
fn a_view_changes_the_instrument_it_takes_and_no_other() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let renamed = |instrument: &Instrument| {
        let stream = || Stream::builder().with_name("app.llm.seconds").build().ok();
        (instrument.name() == "gen_ai.client.operation.duration").then(stream).flatten()
    };
    let telemetry =
        llm_trace::builder().with_endpoint(receiver.endpoint()).with_view(renamed).init().unwrap();
    answer();
    let _ = telemetry.shutdown();
    let metrics = receiver.metrics();
    let names: Vec<_> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert!(names.contains(&"app.llm.seconds") && names.contains(&"gen_ai.usage.cost"), "{names:?}");
    assert!(!names.contains(&"gen_ai.client.operation.duration"), "{names:?}");
}
