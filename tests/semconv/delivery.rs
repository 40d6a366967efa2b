//! The delivery of telemetry, in every state that is measured.

use std::time::Duration;

use futures_util::FutureExt as _;
use llm_trace::opentelemetry::global;
use llm_trace::{Sampler, Telemetry, llm_trace, score};
use llm_trace_delivery::{Backoff, Delivery, Signal, SpoolSettings};
use llm_trace_test_support::otlp::{Answer, Receiver, unreachable_endpoint};
use opentelemetry_http::{Bytes, HttpClient as _, Request};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

/// Keeps the measured delivery alive.
pub(crate) struct Delivering {
    _telemetry: Telemetry,
    _delivery: Delivery,
    _folder: tempfile::TempDir,
}

#[llm_trace(task)]
fn root() {
    score("delivered").with_value(1.0).record();
}

/// Of the SDK by llm-trace, which exports traces and logs; of exporters by clients for all signals, whose receiver is busy once,
/// rejects a request, and takes another. The meter is that of the process.
pub(crate) fn everything() -> Delivering {
    let telemetry = llm_trace::builder()
        .with_traces_endpoint(unreachable_endpoint())
        .with_logs_endpoint(unreachable_endpoint())
        .with_sampler(Sampler::ratio(0.5));
    let telemetry = telemetry.init().unwrap();
    // Some are sampled, and some are not.
    (0..64).for_each(|_| root());
    let _ = telemetry.flush();

    let receiver = Receiver::scripted(|before, _| match before {
        0 => Answer::Status(503),
        1 => Answer::Status(400),
        _ => Answer::Status(200),
    });
    let folder = tempfile::tempdir().unwrap();
    let delivery = llm_trace_delivery::builder()
        .with_backoff(Backoff::with_second(Duration::from_millis(1)))
        .with_spool(SpoolSettings::new(folder.path().join("spool")));
    let delivery = delivery.build().unwrap();
    delivery.observe(&global::meter("llm-trace"));
    for (signal, body) in requests() {
        let client = delivery.client(signal);
        for _ in 0..2 {
            let url = format!("{}/v1/{}", receiver.endpoint(), signal.as_str());
            let request = Request::post(url).body(Bytes::from(body.clone())).unwrap();
            client.send_bytes(request).now_or_never().expect("it does not wait").unwrap();
            let _ = delivery.flush(Duration::from_secs(30));
        }
    }
    Delivering { _telemetry: telemetry, _delivery: delivery, _folder: folder }
}

fn requests() -> [(Signal, Vec<u8>); 3] {
    let scope = ScopeSpans { spans: vec![Span::default()], ..ScopeSpans::default() };
    let spans = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    let point = NumberDataPoint::default();
    let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
    let scope =
        ScopeMetrics { metrics: vec![Metric { data, ..Metric::default() }], ..ScopeMetrics::default() };
    let metrics = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
    let scope = ScopeLogs { log_records: vec![LogRecord::default()], ..ScopeLogs::default() };
    let logs = ResourceLogs { scope_logs: vec![scope], ..ResourceLogs::default() };
    [
        (Signal::Traces, ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec()),
        (Signal::Metrics, ExportMetricsServiceRequest { resource_metrics: vec![metrics] }.encode_to_vec()),
        (Signal::Logs, ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec()),
    ]
}
