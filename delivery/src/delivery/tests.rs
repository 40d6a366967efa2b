//! Requests as an exporter hands them over.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use crate::DropReason;
use crate::delivery::*;

/// No server listens there.
const NOBODY: &str = "http://127.0.0.1:9/v1/traces";

fn spans(count: usize) -> Vec<u8> {
    let scope = ScopeSpans { spans: vec![Span::default(); count], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

fn sum(temporality: AggregationTemporality) -> Vec<u8> {
    let data_points = vec![NumberDataPoint::default(); 2];
    let sum = Sum { data_points, aggregation_temporality: temporality as i32, is_monotonic: true };
    let metric = Metric { data: Some(Data::Sum(sum)), ..Metric::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
    let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec()
}

fn send(client: &Client, request: http::request::Builder, body: Vec<u8>) -> Result<(), String> {
    let sent = client.send_bytes(request.body(Bytes::from(body)).expect("a request"));
    let Poll::Ready(sent) = pin!(sent).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the exporter is held up")
    };
    sent.map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_request_is_taken_at_once_and_its_items_are_counted() {
    let delivery = builder().build().expect("valid");
    assert_eq!(send(&delivery.client(Signal::Traces), Request::post(NOBODY), spans(3)), Ok(()));
    assert_eq!(delivery.report().spans().queued(), 3);
    let report = delivery.shutdown(Duration::from_millis(100));
    assert_eq!((report.spans().ended(), report.spans().dropped_for(DropReason::Undelivered)), (3, 3));
    assert!(report.to_string().starts_with("3 spans not delivered to http://127.0.0.1:9: "), "{report}");
}

#[test]
fn what_comes_after_the_end_is_counted_as_dropped() {
    let delivery = builder().build().expect("valid");
    let client = delivery.client(Signal::Traces);
    let stats = Arc::clone(&delivery.shared.stats);
    assert_eq!(send(&client, Request::post(NOBODY), spans(1)), Ok(()));
    drop(delivery.shutdown(Duration::from_millis(100)));
    assert_eq!(send(&client, Request::post(NOBODY), spans(2)), Ok(()));
    assert_eq!(stats.report().spans().dropped_for(DropReason::AfterShutdown), 2);
}

#[test]
fn what_cannot_be_counted_is_an_error_of_the_export() {
    let delivery = builder().build().expect("valid");
    let traces = delivery.client(Signal::Traces);
    let compressed = Request::post(NOBODY).header(CONTENT_ENCODING, "gzip");
    assert!(send(&traces, compressed, spans(1)).expect_err("compressed").contains("with_compression"));
    let json = send(&traces, Request::post(NOBODY), b"{\"resourceSpans\":[]}".to_vec());
    assert!(json.expect_err("JSON").contains("no export request of traces in protobuf"));
    assert_eq!(delivery.report().spans().ended(), 0);
}

#[test]
fn deltas_are_an_error_unless_they_are_expected() {
    let (delta, cumulative) = (AggregationTemporality::Delta, AggregationTemporality::Cumulative);
    let delivery = builder().build().expect("valid");
    let client = delivery.client(Signal::Metrics);
    assert_eq!(send(&client, Request::post(NOBODY), sum(cumulative)), Ok(()));
    let error = send(&client, Request::post(NOBODY), sum(delta)).expect_err("deltas");
    assert!(error.contains("with_delta_metrics"), "{error}");
    let delivery = builder().with_delta_metrics().build().expect("valid");
    let client = delivery.client(Signal::Metrics);
    for _ in 0..2 {
        assert_eq!(send(&client, Request::post(NOBODY), sum(delta)), Ok(()));
    }
    let report = delivery.shutdown(Duration::from_millis(100));
    assert_eq!(report.metrics().dropped_for(DropReason::Superseded), 0, "each counts: {report:?}");
    assert_eq!(report.metrics().started(), 4);
}

#[test]
fn a_value_that_cannot_work_is_named() {
    let cases = [
        (builder().with_timeout(Duration::ZERO), "with_timeout: `0ns` is not valid: expected a time above 0"),
        (
            builder().with_max_queue_bytes(0),
            "with_max_queue_bytes: `0` is not valid: expected a number above 0",
        ),
    ];
    for (builder, expected) in cases {
        assert_eq!(builder.build().map(drop).map_err(|error| error.to_string()), Err(expected.to_owned()));
    }
}

#[test]
#[cfg(feature = "spool")]
fn what_one_program_could_not_deliver_is_the_next_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = || SpoolSettings::new(folder.path().join("spool"));
    let delivery = builder().with_spool(spool()).build().expect("valid");
    assert_eq!(send(&delivery.client(Signal::Traces), Request::post(NOBODY), spans(3)), Ok(()));
    let report = delivery.shutdown(Duration::from_secs(5));
    assert_eq!((report.spans().spooled(), report.spans().dropped()), (3, 0), "{report}");
    let next = builder().with_spool(spool()).build().expect("valid");
    assert_eq!(next.report().spans().spooled(), 3);
}
