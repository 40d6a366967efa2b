//! The core behaviour in a program that calls `init()`, as received over OTLP.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs, reason = "a test")]

#[cfg_attr(feature = "off", allow(dead_code, reason = "nothing is emitted"))]
mod emitted;
mod suite;

use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use emitted::{Attributes, Emitted, Point, Span};

fn emit() -> Emitted {
    let receiver = Receiver::start();
    let telemetry =
        llm_trace::builder().with_service_name("core").with_endpoint(receiver.endpoint()).init().unwrap();
    suite::run();
    let report = telemetry.shutdown();
    assert!(report.is_complete(), "{report}");
    let mut emitted = Emitted { spans: receiver.spans().into_iter().map(span).collect(), points: Vec::new() };
    for metric in receiver.metrics() {
        if let Some(Data::Histogram(histogram)) = metric.data {
            emitted.points.extend(histogram.data_points.into_iter().map(|point| Point {
                metric: metric.name.clone(),
                labels: attributes(point.attributes),
                count: point.count,
                sum: point.sum.unwrap_or_default(),
            }));
        }
    }
    emitted
}

fn span(span: opentelemetry_proto::tonic::trace::v1::Span) -> Span {
    Span {
        name: span.name,
        id: span.span_id,
        parent: span.parent_span_id,
        trace: span.trace_id,
        attributes: attributes(span.attributes),
        is_error: span.status.is_some_and(|status| status.code() == StatusCode::Error),
    }
}

fn attributes(attributes: Vec<KeyValue>) -> Attributes {
    attributes.into_iter().map(|pair| (pair.key, pair.value.map(text).unwrap_or_default())).collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}
