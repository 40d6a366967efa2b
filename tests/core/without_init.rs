//! The core behaviour in a program that installs OpenTelemetry providers and never calls `init()`.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs, reason = "a test")]

#[cfg_attr(feature = "off", allow(dead_code, reason = "nothing is emitted"))]
mod emitted;
mod suite;

use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

use emitted::{Attributes, Emitted, Point, Span};

fn emit() -> Emitted {
    let spans = InMemorySpanExporter::default();
    let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    global::set_tracer_provider(tracers);
    let metrics = InMemoryMetricExporter::default();
    let meters =
        SdkMeterProvider::builder().with_reader(PeriodicReader::builder(metrics.clone()).build()).build();
    global::set_meter_provider(meters.clone());
    suite::run();
    meters.force_flush().unwrap();
    let mut emitted =
        Emitted { spans: spans.get_finished_spans().unwrap().iter().map(span).collect(), points: Vec::new() };
    for resource in metrics.get_finished_metrics().unwrap() {
        for metric in resource.scope_metrics().flat_map(ScopeMetrics::metrics) {
            points(metric.name(), metric.data(), &mut emitted.points);
        }
    }
    emitted
}

fn span(span: &SpanData) -> Span {
    Span {
        name: span.name.to_string(),
        id: span.span_context.span_id().to_bytes().to_vec(),
        parent: span.parent_span_id.to_bytes().to_vec(),
        trace: span.span_context.trace_id().to_bytes().to_vec(),
        attributes: attributes(span.attributes.iter()),
        is_error: matches!(span.status, opentelemetry::trace::Status::Error { .. }),
    }
}

fn points(name: &str, data: &AggregatedMetrics, points: &mut Vec<Point>) {
    match data {
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            points.extend(histogram.data_points().map(|point| Point {
                metric: name.to_owned(),
                labels: attributes(point.attributes()),
                count: point.count(),
                sum: point.sum(),
            }));
        }
        AggregatedMetrics::U64(MetricData::Histogram(histogram)) => {
            points.extend(histogram.data_points().map(|point| Point {
                metric: name.to_owned(),
                labels: attributes(point.attributes()),
                count: point.count(),
                sum: f64::from(u32::try_from(point.sum()).unwrap()),
            }));
        }
        _ => {} // no test asks for other kinds
    }
}

fn attributes<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Attributes {
    attributes.map(|pair| (pair.key.to_string(), pair.value.to_string())).collect()
}
