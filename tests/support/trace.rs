//! The telemetry of one test, apart from that of concurrent tests.
//!
//! Providers are global, and tests run in parallel. Each test therefore runs under a separate remote parent and sees
//! the spans of that trace only. Metrics are separated by a model name used by one test only.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue, Value, global};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{InMemoryLogExporter, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    IdGenerator, InMemorySpanExporter, InMemorySpanExporterBuilder, RandomIdGenerator, SdkTracerProvider,
    SpanData, SpanExporter,
};

use crate::{golden, semconv};

/// One test's trace.
pub struct Trace {
    id: TraceId,
    parent: SpanId,
}

struct Providers {
    tracers: SdkTracerProvider,
    spans: InMemorySpanExporter,
    metrics: InMemoryMetricExporter,
    meters: SdkMeterProvider,
    events: InMemoryLogExporter,
    /// Kept, because dropping the last reference to a provider shuts it down.
    _loggers: SdkLoggerProvider,
}

fn providers() -> &'static Providers {
    static PROVIDERS: OnceLock<Providers> = OnceLock::new();
    PROVIDERS.get_or_init(|| {
        let spans = InMemorySpanExporterBuilder::new().build();
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone());
        let tracers = if golden::is_on() { tracers.with_simple_exporter(ToGolden) } else { tracers };
        let tracers = tracers.build();
        global::set_tracer_provider(tracers.clone());
        let metrics = InMemoryMetricExporter::default();
        let reader =
            PeriodicReader::builder(metrics.clone()).with_interval(Duration::from_secs(3600)).build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        global::set_meter_provider(meters.clone());
        let events = InMemoryLogExporter::default();
        let loggers = SdkLoggerProvider::builder().with_simple_exporter(events.clone()).build();
        llm_trace::set_logger_provider(&loggers);
        Providers { tracers, spans, metrics, meters, events, _loggers: loggers }
    })
}

impl Default for Trace {
    fn default() -> Self {
        Trace::new()
    }
}

impl Trace {
    /// A new trace.
    pub fn new() -> Self {
        let _ = providers();
        let ids = RandomIdGenerator::default();
        Trace { id: ids.new_trace_id(), parent: ids.new_span_id() }
    }

    /// Takes the spans and measurements of calls from the exporter of `init()`.
    pub fn take_over() {
        llm_trace::set_tracer_provider(&providers().tracers);
        llm_trace::set_meter_provider(&providers().meters);
    }

    /// The parent id of spans without a parent in this process.
    pub fn root(&self) -> SpanId {
        self.parent
    }

    /// The context that puts code into this trace.
    pub fn context(&self) -> Context {
        let state = TraceState::default();
        let parent = SpanContext::new(self.id, self.parent, TraceFlags::SAMPLED, true, state);
        Context::new().with_remote_span_context(parent)
    }

    /// Runs code in this trace.
    pub fn run<R>(&self, code: impl FnOnce() -> R) -> R {
        let _attached = self.context().attach();
        code()
    }

    /// The events of this trace, after a check against the conventions.
    pub fn events(&self) -> Vec<SdkLogRecord> {
        let emitted = providers().events.get_emitted_logs().unwrap().into_iter();
        let of_trace = emitted
            .map(|log| log.record)
            .filter(|record| record.trace_context().is_some_and(|context| context.trace_id == self.id));
        of_trace
            .inspect(|record| {
                if golden::is_on() {
                    golden::log(record.into());
                }
                let attributes: Vec<_> = record.attributes_iter().cloned().collect();
                let name = record.event_name().unwrap_or_default();
                let wrong = semconv::in_force().check_event(name, record.severity_number(), &attributes);
                assert!(wrong.is_empty(), "{wrong:#?}");
            })
            .collect()
    }

    /// The spans of this trace in the order they ended.
    pub fn spans(&self) -> Vec<Ended> {
        self.events();
        self.unchecked().into_iter().inspect(|span| keeps_to_the_conventions(&span.0)).collect()
    }

    /// As `spans`, without the check against the conventions, for tests that violate them on purpose.
    pub fn unchecked(&self) -> Vec<Ended> {
        let spans = providers().spans.get_finished_spans().unwrap();
        spans.into_iter().filter(|span| span.span_context.trace_id() == self.id).map(Ended).collect()
    }

    /// The only span of this trace.
    pub fn only(&self) -> Ended {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "expected one span, got {:?}", names(&spans));
        spans.remove(0)
    }

    /// The span of that name.
    pub fn span(&self, name: &str) -> Ended {
        let spans = self.spans();
        let names = names(&spans);
        let mut found: Vec<_> = spans.into_iter().filter(|span| span.0.name == name).collect();
        assert_eq!(found.len(), 1, "expected one span `{name}`, got {names:?}");
        found.remove(0)
    }
}

#[derive(Debug)]
struct ToGolden;

impl SpanExporter for ToGolden {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        batch.into_iter().map(Into::into).for_each(golden::span);
        Ok(())
    }
}

/// The number of spans with that name that have ended in any trace.
pub fn count_everywhere(name: &str) -> usize {
    let spans = providers().spans.get_finished_spans().unwrap();
    spans.iter().filter(|span| span.name == name).count()
}

/// Asserts that a span follows the semantic conventions.
fn keeps_to_the_conventions(span: &SpanData) {
    if span.instrumentation_scope.name() == "llm-trace" {
        let wrong = semconv::in_force().check_span(span);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

fn names(spans: &[Ended]) -> Vec<String> {
    spans.iter().map(|span| span.0.name.to_string()).collect()
}

/// A span that ended.
pub struct Ended(pub SpanData);

impl Ended {
    /// The operation by its conventions: the method of an MCP message, else the operation name.
    pub fn operation(&self) -> Option<&str> {
        self.text("mcp.method.name").or_else(|| self.text("gen_ai.operation.name"))
    }

    /// The value of an attribute. Panics if the key occurs twice.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let mut found = self.0.attributes.iter().filter(|attribute| attribute.key.as_str() == key);
        let value = found.next().map(|attribute| &attribute.value);
        assert!(found.next().is_none(), "`{key}` occurs twice on `{}`", self.0.name);
        value
    }

    /// An attribute that is a string.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).map(|value| match value {
            Value::String(text) => text.as_str(),
            other => panic!("`{key}` is not a string: {other:?}"),
        })
    }

    /// An attribute that is an integer.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.get(key).map(|value| match value {
            Value::I64(int) => *int,
            other => panic!("`{key}` is not an integer: {other:?}"),
        })
    }

    /// An attribute that is a double.
    pub fn double(&self, key: &str) -> Option<f64> {
        self.get(key).map(|value| match value {
            Value::F64(double) => *double,
            other => panic!("`{key}` is not a double: {other:?}"),
        })
    }

    /// An attribute that is a list of strings.
    pub fn list(&self, key: &str) -> Option<Vec<String>> {
        self.get(key).map(|value| match value {
            Value::Array(opentelemetry::Array::String(items)) => {
                items.iter().map(ToString::to_string).collect()
            }
            other => panic!("`{key}` is not a list of strings: {other:?}"),
        })
    }

    /// This span's id.
    pub fn id(&self) -> SpanId {
        self.0.span_context.span_id()
    }

    /// The parent's id.
    pub fn parent(&self) -> SpanId {
        self.0.parent_span_id
    }

    /// Whether the status is error.
    pub fn failed(&self) -> bool {
        matches!(self.0.status, Status::Error { .. })
    }

    /// Every attribute key.
    pub fn keys(&self) -> Vec<&str> {
        self.0.attributes.iter().map(|attribute| attribute.key.as_str()).collect()
    }
}

/// The names of all metrics recorded so far.
pub fn metric_names() -> BTreeSet<String> {
    all_points().into_iter().map(|(name, _)| name).collect()
}

/// One data point of a metric.
#[derive(Clone, Debug)]
pub struct Point {
    /// The metric's unit.
    pub unit: String,
    /// The labels.
    pub labels: Vec<KeyValue>,
    /// `histogram`, `counter` or `gauge`.
    pub instrument: &'static str,
    /// Number of measurements, or a counter's value.
    pub count: u64,
    /// Sum of measurements, or a gauge's value.
    pub sum: f64,
    /// Bucket boundaries of a histogram.
    pub bounds: Vec<f64>,
    /// The instrumentation scope's name, version and schema URL.
    pub scope: (String, Option<String>, Option<String>),
}

impl Point {
    /// A label's value as text.
    pub fn label(&self, key: &str) -> Option<String> {
        self.labels.iter().find(|label| label.key.as_str() == key).map(|label| label.value.to_string())
    }
}

/// The points of `metric` whose `gen_ai.request.model` is `model`.
pub fn points(metric: &str, model: &str) -> Vec<Point> {
    points_where(metric, "gen_ai.request.model", model)
}

/// The points of `metric` whose label is `value`.
pub fn points_where(metric: &str, label: &str, value: &str) -> Vec<Point> {
    let points = all_points().into_iter().filter(|(name, _)| name == metric).map(|(_, point)| point);
    points.filter(|point| point.label(label).as_deref() == Some(value)).collect()
}

/// Every point recorded so far with its metric's name, after a check against the conventions.
#[expect(clippy::cast_precision_loss, reason = "tests count small numbers")]
pub fn all_points() -> Vec<(String, Point)> {
    let providers = providers();
    providers.meters.force_flush().unwrap();
    let exported = providers.metrics.get_finished_metrics().unwrap();
    // Cumulative: the last export contains all data.
    let Some(last) = exported.last() else { return Vec::new() };
    if golden::is_on() {
        golden::metrics(last.into());
    }
    let mut all = Vec::new();
    // The SDK measures its own processors.
    for scope in last.scope_metrics().filter(|metrics| metrics.scope().name() != "otel.sdk") {
        let name = (
            scope.scope().name().to_owned(),
            scope.scope().version().map(ToOwned::to_owned),
            scope.scope().schema_url().map(ToOwned::to_owned),
        );
        for metric in scope.metrics() {
            check_metric(metric);
            let mut points = Vec::new();
            match metric.data() {
                AggregatedMetrics::F64(data) => collect(data, &mut points, |sum| sum),
                AggregatedMetrics::U64(data) => collect(data, &mut points, |sum| sum as f64),
                AggregatedMetrics::I64(data) => collect(data, &mut points, |sum| sum as f64),
            }
            all.extend(points.into_iter().map(|point| {
                let point = Point { unit: metric.unit().to_owned(), scope: name.clone(), ..point };
                (metric.name().to_owned(), point)
            }));
        }
    }
    all
}

fn check_metric(metric: &Metric) {
    let mut points = Vec::new();
    let instrument = match metric.data() {
        AggregatedMetrics::F64(data) => labels_of(data, &mut points),
        AggregatedMetrics::U64(data) => labels_of(data, &mut points),
        AggregatedMetrics::I64(data) => labels_of(data, &mut points),
    };
    for labels in points {
        let labels = labels.iter().map(|label| label.key.as_str());
        let wrong = semconv::in_force().check_point(metric.name(), metric.unit(), instrument, labels);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

fn labels_of<T: Copy>(data: &MetricData<T>, points: &mut Vec<Vec<KeyValue>>) -> &'static str {
    match data {
        MetricData::Histogram(histogram) => {
            points.extend(histogram.data_points().map(|point| point.attributes().cloned().collect()));
            "histogram"
        }
        MetricData::Sum(sum) => {
            points.extend(sum.data_points().map(|point| point.attributes().cloned().collect()));
            if sum.is_monotonic() { "counter" } else { "updowncounter" }
        }
        MetricData::Gauge(gauge) => {
            points.extend(gauge.data_points().map(|point| point.attributes().cloned().collect()));
            "gauge"
        }
        MetricData::ExponentialHistogram(_) => panic!("a kind of metric that this crate does not emit"),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests count small numbers")]
fn collect<T: Copy>(data: &MetricData<T>, into: &mut Vec<Point>, number: impl Fn(T) -> f64) {
    let empty = Point {
        unit: String::new(),
        labels: Vec::new(),
        instrument: "counter",
        count: 0,
        sum: 0.0,
        bounds: Vec::new(),
        scope: (String::new(), None, None),
    };
    match data {
        MetricData::Histogram(histogram) => into.extend(histogram.data_points().map(|point| Point {
            labels: point.attributes().cloned().collect(),
            instrument: "histogram",
            count: point.count(),
            sum: number(point.sum()),
            bounds: point.bounds().collect(),
            ..empty.clone()
        })),
        MetricData::Sum(sum) => into.extend(sum.data_points().map(|point| Point {
            labels: point.attributes().cloned().collect(),
            instrument: if sum.is_monotonic() { "counter" } else { "up-down counter" },
            count: number(point.value()) as u64,
            sum: number(point.value()),
            ..empty.clone()
        })),
        MetricData::Gauge(gauge) => into.extend(gauge.data_points().map(|point| Point {
            labels: point.attributes().cloned().collect(),
            instrument: "gauge",
            count: 1,
            sum: number(point.value()),
            ..empty.clone()
        })),
        MetricData::ExponentialHistogram(_) => {}
    }
}
