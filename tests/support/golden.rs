//! Writes all telemetry of the tests to files, normalised, to compare two revisions of the code.
//!
//! If `LLM_TRACE_GOLDEN` names a directory, each test binary appends one line per span, data point and log record to a
//! file there. `scripts/golden.sh` runs the suite that way and sorts the lines.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// Whether lines are written.
pub fn is_on() -> bool {
    file().is_some()
}

/// Writes a received request.
pub fn request(path: &str, body: &[u8]) {
    if !is_on() {
        return;
    }
    if path.contains("trace")
        && let Ok(request) = ExportTraceServiceRequest::decode(body)
    {
        for resource in request.resource_spans {
            resource_line(resource.resource.map(|resource| resource.attributes).unwrap_or_default());
            resource.scope_spans.into_iter().flat_map(|scope| scope.spans).for_each(span);
        }
    } else if path.contains("metrics")
        && let Ok(request) = ExportMetricsServiceRequest::decode(body)
    {
        metrics(request);
    } else if path.contains("logs")
        && let Ok(request) = ExportLogsServiceRequest::decode(body)
    {
        let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
        scopes.flat_map(|scope| scope.log_records).for_each(log);
    }
}

/// Writes a span.
pub fn span(span: Span) {
    let mut text = format!(
        "span {:?} kind={} root={} status={:?} links={} {}",
        span.name,
        span.kind,
        span.parent_span_id.is_empty(),
        span.status.map(|status| (status.code, status.message)),
        span.links.len(),
        attributes(span.attributes),
    );
    for event in span.events {
        let _ = write!(text, " event {:?} {}", event.name, attributes(event.attributes));
    }
    line(&text);
}

/// Writes every data point, without its numbers, which depend on the time of the export.
pub fn metrics(request: ExportMetricsServiceRequest) {
    for resource in request.resource_metrics {
        resource_line(resource.resource.map(|resource| resource.attributes).unwrap_or_default());
        resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics).for_each(points);
    }
}

/// Writes a log record.
pub fn log(record: LogRecord) {
    let attributes = attributes(record.attributes);
    let body = record.body.map(any).unwrap_or_default();
    line(&format!(
        "log {:?} severity={} body={body} {attributes}",
        record.event_name, record.severity_number
    ));
}

fn points(metric: Metric) {
    let (kind, points): (String, Vec<Vec<KeyValue>>) = match metric.data {
        Some(metric::Data::Histogram(data)) => {
            let bounds = data.data_points.first().map(|point| format!("{:?}", point.explicit_bounds));
            let kind = format!("histogram {} {}", data.aggregation_temporality, bounds.unwrap_or_default());
            (kind, data.data_points.into_iter().map(|point| point.attributes).collect())
        }
        Some(metric::Data::Sum(data)) => {
            let kind = format!("sum {} {}", data.aggregation_temporality, data.is_monotonic);
            (kind, data.data_points.into_iter().map(|point| point.attributes).collect())
        }
        Some(metric::Data::Gauge(data)) => {
            ("gauge".to_owned(), data.data_points.into_iter().map(|point| point.attributes).collect())
        }
        other => (format!("{other:?}"), Vec::new()),
    };
    for labels in points {
        let labels = attributes(labels);
        line(&format!("metric {:?} [{}] {kind} {labels}", metric.name, metric.unit));
    }
}

fn resource_line(resource: Vec<KeyValue>) {
    line(&format!("resource {}", attributes(resource)));
}

fn attributes(attributes: Vec<KeyValue>) -> String {
    let mut texts: Vec<String> = attributes
        .into_iter()
        .map(|attribute| {
            let value = attribute.value.map(any).unwrap_or_default();
            format!("{}={}", attribute.key, if varies(&attribute.key) { "…".to_owned() } else { value })
        })
        .collect();
    texts.sort();
    texts.join(" ")
}

/// Whether a value differs between runs, or with the line of a test in its file.
fn varies(key: &str) -> bool {
    ["time_to", "duration", "code.line", "server.port", "process.", "service.instance", "host."]
        .iter()
        .any(|part| key.contains(part))
}

fn any(value: AnyValue) -> String {
    match value.value {
        Some(Value::ArrayValue(array)) => {
            format!("[{}]", array.values.into_iter().map(any).collect::<Vec<_>>().join(", "))
        }
        Some(Value::KvlistValue(map)) => format!("{{{}}}", attributes(map.values)),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn line(text: &str) {
    let Some(file) = file() else { return };
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    // One write per line, because processes share the file.
    file.write_all(format!("{}\n", text.replace('\n', "\\n")).as_bytes()).unwrap();
}

fn file() -> Option<&'static Mutex<std::fs::File>> {
    static FILE: OnceLock<Option<Mutex<std::fs::File>>> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = PathBuf::from(std::env::var_os("LLM_TRACE_GOLDEN")?);
        let program = std::env::current_exe().unwrap();
        let name = program.file_stem().unwrap().to_string_lossy().into_owned();
        let name = name.rsplit_once('-').map_or(name.as_str(), |(name, _hash)| name);
        let path = folder.join(format!("{name}.txt"));
        Some(Mutex::new(std::fs::File::options().create(true).append(true).open(path).unwrap()))
    })
    .as_ref()
}
