//! The same calls through `init()`, which has spans and label sets of its own, and through a program's providers of the SDK.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use llm_trace::{ContentCapture, QualitySignals, Topics};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

const PROVIDERS: &str = "TEST_PROVIDERS";
const BEGIN: &str = "<<telemetry>>";

#[test]
fn calls_through_init_and_through_providers_of_the_program_emit_the_same() {
    for opt_in in ["", "gen_ai_latest_experimental"] {
        let [direct, through_sdk] = ["own", "of the program"].map(|providers| emitted(providers, opt_in));
        let spans = direct.iter().filter(|line| line.starts_with("span")).count();
        let points = direct.iter().filter(|line| line.starts_with("point")).count();
        let events = direct.iter().filter(|line| line.starts_with("event")).count();
        println!("compared {spans} spans, {points} points and {events} events ({opt_in})");
        assert!(spans > 80 && points > 120 && events > 10, "{direct:#?}");
        let only = |a: &[String], b: &[String]| {
            a.iter().filter(|line| !b.contains(line)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(only(&direct, &through_sdk), only(&through_sdk, &direct));
        assert_eq!(direct.len(), through_sdk.len());
    }
}

/// What a process emits whose calls go to such providers: a line for each span, point and event, without ids and times.
fn emitted(providers: &str, opt_in: &str) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "equality::program", "--nocapture"])
        .env(PROVIDERS, providers)
        .env("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let telemetry = text.split(BEGIN).nth(1).unwrap();
    let mut lines: Vec<_> = telemetry.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
#[ignore = "a program that another test starts"]
fn program() {
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder()
        .with_endpoint(receiver.endpoint())
        .with_content_capture(ContentCapture::SpanAndEvent)
        .with_openinference(true)
        .with_quality_signals(QualitySignals::all())
        .with_topics(Topics::PromptName)
        .init()
        .unwrap();
    let (spans, metrics) = (InMemorySpanExporter::default(), InMemoryMetricExporter::default());
    let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let reader = PeriodicReader::builder(metrics.clone()).with_interval(Duration::from_secs(3600)).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let is_own = std::env::var(PROVIDERS).unwrap() == "own";
    if !is_own {
        llm_trace::set_tracer_provider(&tracers);
        llm_trace::set_meter_provider(&meters);
    }
    super::workflow();
    let _ = telemetry.shutdown_within(Duration::from_secs(60));
    meters.force_flush().unwrap();

    let (spans, metrics) = if is_own {
        (receiver.spans(), receiver.metrics())
    } else {
        let resource = ResourceAttributesWithSchema::default();
        let spans = group_spans_by_resource_and_scope(spans.get_finished_spans().unwrap(), &resource);
        let spans = spans.into_iter().flat_map(|spans| spans.scope_spans).flat_map(|scope| scope.spans);
        let metrics =
            ExportMetricsServiceRequest::from(metrics.get_finished_metrics().unwrap().last().unwrap());
        let metrics = metrics.resource_metrics.into_iter().flat_map(|metrics| metrics.scope_metrics);
        (spans.collect(), metrics.flat_map(|scope| scope.metrics).collect())
    };
    println!(
        "{BEGIN}\n{}{}{}{BEGIN}",
        span_lines(&spans),
        point_lines(&metrics),
        event_lines(&receiver.logs())
    );
}

fn span_lines(spans: &[Span]) -> String {
    let names: BTreeMap<_, _> = spans.iter().map(|span| (&span.span_id, &*span.name)).collect();
    let mut lines = String::new();
    for span in spans {
        let parent = names.get(&span.parent_span_id);
        let status = span.status.as_ref().map(|status| (status.code, &*status.message));
        let events: Vec<_> =
            span.events.iter().map(|event| (&*event.name, attributes(&event.attributes))).collect();
        let link_count = span.links.len();
        let dropped = span.dropped_attributes_count;
        let _ = writeln!(
            lines,
            "span {:?} in {parent:?}: kind {} flags {:x} status {status:?} events {events:?} links {link_count} \
             dropped {dropped} state {:?} {:?}",
            span.name,
            span.kind,
            span.flags,
            span.trace_state,
            attributes(&span.attributes),
        );
    }
    lines
}

fn point_lines(metrics: &[Metric]) -> String {
    let mut lines = String::new();
    for metric in metrics.iter().filter(|metric| !metric.name.contains("otel.sdk")) {
        let head = format!("point {} {} {:?}", metric.name, metric.unit, metric.description);
        // How long something took differs, and so may what was left out by tests before.
        let is_timed = metric.unit == "s" || metric.name.starts_with("llm_trace.delivery");
        match metric.data.as_ref().unwrap() {
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let values =
                        (!is_timed).then_some((point.sum, &point.bucket_counts, point.min, point.max));
                    let (bounds, count) = (&point.explicit_bounds, point.count);
                    let kind = histogram.aggregation_temporality;
                    let labels = attributes(&point.attributes);
                    let _ = writeln!(lines, "{head} {kind} {count} {values:?} {bounds:?} {labels:?}");
                }
            }
            Data::Sum(sum) if !is_timed => {
                for point in &sum.data_points {
                    let (value, labels) = (number(point.value), attributes(&point.attributes));
                    let kind = (sum.aggregation_temporality, sum.is_monotonic);
                    let _ = writeln!(lines, "{head} {kind:?} {value} {labels:?}");
                }
            }
            Data::Gauge(gauge) => {
                for point in &gauge.data_points {
                    let (value, labels) = (number(point.value), attributes(&point.attributes));
                    let _ = writeln!(lines, "{head} {value} {labels:?}");
                }
            }
            _ => {}
        }
    }
    lines
}

fn number(value: Option<number_data_point::Value>) -> f64 {
    match value.unwrap() {
        number_data_point::Value::AsDouble(value) => value,
        #[expect(clippy::cast_precision_loss, reason = "tests count small numbers")]
        number_data_point::Value::AsInt(value) => value as f64,
    }
}

fn event_lines(events: &[LogRecord]) -> String {
    let mut lines = String::new();
    for event in events {
        let _ = writeln!(
            lines,
            "event {} {} {:?}",
            event.event_name,
            event.severity_text,
            attributes(&event.attributes)
        );
    }
    lines
}

/// In an order of their own. Each key once, but for its times.
fn attributes(attributes: &[KeyValue]) -> BTreeSet<String> {
    let lines: BTreeSet<_> = attributes
        .iter()
        .map(|attribute| {
            let is_time = attribute.key.contains("time_to_first");
            format!(
                "{}={}",
                attribute.key,
                if is_time { "…".to_owned() } else { text(attribute.value.as_ref()) }
            )
        })
        .collect();
    assert_eq!(lines.len(), attributes.len(), "{attributes:?}");
    lines
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => format!("{text:?}"),
        Some(Value::ArrayValue(array)) => {
            format!("{:?}", array.values.iter().map(|value| text(Some(value))).collect::<Vec<_>>())
        }
        // The SDK keeps them in no order.
        Some(Value::KvlistValue(map)) => format!("{:?}", attributes(&map.values)),
        other => format!("{other:?}"),
    }
}
