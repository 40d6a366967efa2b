//! Faults of receivers and threads, each with an account of every span: a started span is delivered, waits, or is
//! dropped for a reason; a span counted as delivered has arrived.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(unix)]
mod fork;
mod lifecycle;
mod limits;
mod log_messages;
mod shape;
mod teardown;
mod untrusted;

use std::collections::{BTreeMap, HashMap};
use std::net::TcpListener;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use llm_trace::{Builder, DropReason, ExportReport, SignalCounts, Telemetry, llm_trace};
use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::{Answer, Received, Receiver, unreachable_endpoint};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::{self, Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;

const TRACES: &str = "/v1/traces";

/// Longer than any test here takes.
const LONG: Duration = Duration::from_secs(30);

/// Providers are global, so these tests run one at a time.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[llm_trace(task, name = "work")]
fn work() {}

/// Telemetry whose delays of seconds are scaled to milliseconds.
fn quick(endpoint: &str) -> Builder {
    llm_trace::builder().with_endpoint(endpoint).with_retry_second(Duration::from_millis(1))
}

fn started(receiver: &Receiver, spans: usize) -> Telemetry {
    let telemetry = quick(&receiver.endpoint()).init().unwrap();
    (0..spans).for_each(|_| work());
    telemetry
}

/// Asserts for every signal that each item is in exactly one state.
fn assert_accounted(receipt: &ExportReport) {
    for counts in [receipt.spans(), receipt.metrics(), receipt.events()] {
        let somewhere =
            counts.open() + counts.unsampled() + counts.queued() + counts.spooled() + counts.delivered();
        assert_eq!(counts.started(), somewhere + counts.dropped(), "{counts:?}");
        let for_reasons = DropReason::ALL.iter().map(|&reason| counts.dropped_for(reason));
        assert_eq!(counts.dropped(), for_reasons.sum::<u64>(), "{counts:?}");
    }
}

/// A row of the fault table of `scripts/faults.sh`.
fn account(fault: &str, receipt: &ExportReport, receiver: &Receiver) -> SignalCounts {
    assert_accounted(receipt);
    let spans = *receipt.spans();
    // Arrived spans are counted by the receiver by distinct id, dropped ones by llm-trace: together they must be all.
    let arrived = Row::of(fault, spans.started(), &receiver.spans_taken());
    assert_eq!(arrived.delivered, spans.delivered(), "{fault}: kept by the receiver, called delivered");
    let dropped =
        DropReason::ALL.iter().map(|&reason| (reason.as_str(), spans.dropped_for(reason))).collect();
    Row { open: spans.open(), dropped, ..arrived }.settle();
    spans
}

/// Waits until `done` is true for the receipt.
fn until(telemetry: &Telemetry, done: impl Fn(&ExportReport) -> bool) -> ExportReport {
    let deadline = Instant::now() + LONG;
    loop {
        let receipt = telemetry.stats();
        assert_accounted(&receipt);
        if done(&receipt) {
            return receipt;
        }
        assert!(Instant::now() < deadline, "{receipt}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The `llm_trace.outcome` of a received span.
fn outcome(span: &Span) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == "llm_trace.outcome")?;
    match found.value.clone()?.value? {
        any_value::Value::StringValue(outcome) => Some(outcome),
        other => panic!("{other:?}"),
    }
}

/// Answers the first `count` requests for traces in one way; accepts the others and all metrics.
fn first(count: usize, answer: Answer) -> impl Fn(usize, &Received) -> Answer + Send + Sync {
    move |before, request| {
        if request.path == TRACES && before < count { answer } else { Answer::Status(200) }
    }
}

#[test]
fn temporarily_refused_requests_arrive_later() {
    let _turn = one_at_a_time();
    let login = Answer::Body("application/json", br#"{"error":"login required"}"#);
    let broken = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n";
    let faults = [
        ("503 six times, then fine", first(6, Answer::Status(503))),
        ("502, then fine", first(1, Answer::Status(502))),
        ("504, then fine", first(1, Answer::Status(504))),
        ("408, then fine", first(1, Answer::Status(408))),
        ("429 with Retry-After 30", first(1, Answer::Busy(429, "30"))),
        ("503 with Retry-After as a date", first(1, Answer::Busy(503, "Mon, 01 Jan 2001 00:00:00 GMT"))),
        ("401, mended", first(3, Answer::Status(401))),
        ("404, mended", first(1, Answer::Status(404))),
        ("a login page, then fine", first(2, Answer::Body("text/html", b"<html>"))),
        ("200 with JSON of a login proxy, then fine", first(2, login)),
        ("200 with broken protobuf, then fine", first(2, Answer::Body("application/x-protobuf", b"<html>"))),
        ("200 with broken chunks, then fine", first(2, Answer::Raw(broken))),
        ("connection reset in the middle of the answer", first(2, Answer::Reset)),
    ];
    for (fault, script) in faults {
        let receiver = Receiver::scripted(script);
        let telemetry = started(&receiver, 5);
        let _ = telemetry.flush();
        let _ = until(&telemetry, ExportReport::is_complete);
        let attempts = receiver.received().iter().filter(|request| request.path == TRACES).count();
        assert!(attempts > 1, "{fault}");
        let spans = account(fault, &telemetry.shutdown(), &receiver);
        assert_eq!((spans.started(), spans.delivered()), (5, 5), "{fault}");
    }
}

#[test]
fn a_short_program_outlasts_a_receiver_that_is_busy_for_a_moment() {
    let _turn = one_at_a_time();
    for (fault, status) in [("503 eight times at the end", 503), ("502 eight times at the end", 502)] {
        let receiver = Receiver::scripted(first(8, Answer::Status(status)));
        // Delays are not scaled here.
        let telemetry =
            llm_trace::builder().with_endpoint(receiver.endpoint()).with_timeout(LONG).init().unwrap();
        (0..4).for_each(|_| work());
        let spans = account(fault, &telemetry.shutdown(), &receiver);
        assert_eq!((spans.started(), spans.delivered()), (4, 4), "{fault}");
    }
    let receiver = Receiver::scripted(first(5, Answer::Busy(503, "31536000")));
    let telemetry = llm_trace::builder()
        .with_endpoint(receiver.endpoint())
        .with_max_retry_after(Duration::from_secs(1))
        .with_timeout(LONG)
        .init()
        .unwrap();
    (0..4).for_each(|_| work());
    let _ = telemetry.flush();
    let fault = "503 five times with Retry-After of a year, 1 s at most";
    let spans = account(fault, &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (4, 4));
}

#[test]
fn one_retry_after_does_not_silence_a_signal_for_good() {
    let _turn = one_at_a_time();
    let receiver = Receiver::scripted(first(1, Answer::Busy(429, "31536000")));
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    (0..4).for_each(|_| work());
    // The first flush may make the attempt that is answered with the pause.
    let _ = telemetry.flush();
    let receipt = telemetry.flush();
    assert_eq!(receipt.spans().delivered(), 4, "a flush tries once all the same");
    let spans = account("429 with Retry-After of a year, then fine", &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (4, 4));
}

#[test]
fn a_request_to_a_hanging_receiver_is_retried() {
    let _turn = one_at_a_time();
    let receiver = Receiver::scripted(first(2, Answer::Hang));
    let telemetry = quick(&receiver.endpoint()).with_timeout(Duration::from_millis(200)).init().unwrap();
    (0..5).for_each(|_| work());
    let receipt = telemetry.flush();
    assert_eq!(receipt.failure(), Some("timeout: no answer within 200 ms"));
    let _ = until(&telemetry, ExportReport::is_complete);
    let spans = account("no answer, then fine", &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (5, 5));
}

#[test]
fn a_collector_that_comes_up_late_gets_everything() {
    let _turn = one_at_a_time();
    // Nothing listens there yet, and the port is reserved.
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let telemetry = quick(&format!("http://{address}")).init().unwrap();
    for _ in 0..3 {
        work();
        let receipt = telemetry.flush();
        assert_eq!(
            (receipt.spans().dropped(), receipt.failure()),
            (0, Some("connection refused")),
            "{receipt}"
        );
    }
    let receiver = Receiver::listening(TcpListener::bind(address).unwrap(), |_, _| Answer::Status(200));
    let _ = until(&telemetry, ExportReport::is_complete);
    let spans = account("collector down, then up", &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (3, 3));
}

#[test]
fn permanently_refused_items_have_a_drop_reason() {
    let _turn = one_at_a_time();
    // Field 1: { 1: two rejected }.
    let partial: &[u8] = b"\x0a\x02\x08\x02";
    let minus_one: &[u8] = b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let protobuf = |body, rejected| Answer::Partial("application/x-protobuf", body, rejected);
    for (fault, answer, reason, lost) in [
        ("400", Answer::Status(400), DropReason::Rejected, 5),
        ("500", Answer::Status(500), DropReason::Rejected, 5),
        ("partial success", protobuf(partial, 2), DropReason::PartialSuccess, 2),
        ("partial success: -1 of 5 rejected", protobuf(minus_one, 5), DropReason::PartialSuccess, 5),
        ("partial success: 9 of 5 rejected", protobuf(b"\x0a\x02\x08\x09", 5), DropReason::PartialSuccess, 5),
        (
            "partial_success in JSON: \"2.0\"",
            Answer::Partial("application/json", br#"{"partial_success":{"rejected_spans":"2.0"}}"#, 2),
            DropReason::PartialSuccess,
            2,
        ),
    ] {
        let receiver = Receiver::scripted(first(1, answer));
        let telemetry = started(&receiver, 5);
        let receipt = telemetry.flush();
        assert_eq!((receipt.spans().dropped(), receipt.spans().dropped_for(reason)), (lost, lost), "{fault}");
        work();
        let spans = account(fault, &telemetry.shutdown(), &receiver);
        assert_eq!((spans.started(), spans.delivered(), spans.dropped()), (6, 6 - lost, lost), "{fault}");
    }
}

#[test]
fn one_request_that_is_never_taken_does_not_hold_up_the_others() {
    #[llm_trace(task, name = "poison")]
    fn poison() {}
    let _turn = one_at_a_time();
    let is_poison = |request: &Received| request.body.windows(6).any(|name| name == b"poison");
    // A flush retries while a receiver is busy, for the timeout of one request plus half a second.
    let faults = [
        ("503 to one request always", 503, Duration::from_millis(500)),
        ("403 to one request always", 403, LONG),
    ];
    for (fault, answer, timeout) in faults {
        let receiver = Receiver::scripted(move |_, request| match request.path.as_str() {
            TRACES if is_poison(request) => Answer::Status(answer),
            _ => Answer::Status(200),
        });
        // Delays are not scaled here: the pauses after a 403 are at least half a minute.
        let telemetry =
            llm_trace::builder().with_endpoint(receiver.endpoint()).with_timeout(timeout).init().unwrap();
        (0..3).for_each(|_| poison());
        let _ = telemetry.flush();
        for _ in 0..5 {
            work();
            let _ = telemetry.flush();
        }
        let receipt = telemetry.stats();
        assert_eq!((receipt.spans().delivered(), receipt.spans().queued()), (5, 3), "{fault}");
        let spans = account(fault, &telemetry.shutdown(), &receiver);
        assert_eq!((spans.delivered(), spans.dropped_for(DropReason::Undelivered)), (5, 3), "{fault}");
    }
}

#[test]
fn an_outage_for_the_whole_run_loses_everything_without_a_spool() {
    let _turn = one_at_a_time();
    let telemetry = quick(&unreachable_endpoint()).init().unwrap();
    (0..5).for_each(|_| work());
    let started_at = Instant::now();
    let receipt = telemetry.shutdown();
    assert_accounted(&receipt);
    assert!(
        started_at.elapsed() < Duration::from_secs(5),
        "it is not waited for: {:?}",
        started_at.elapsed()
    );
    let spans = receipt.spans();
    assert_eq!((spans.started(), spans.dropped_for(DropReason::Undelivered)), (5, 5));
    assert!(receipt.metrics().started() > 0 && !receipt.has_current_metrics());
}

#[test]
fn memory_has_a_bound_and_the_oldest_goes_first() {
    let _turn = one_at_a_time();
    // A flush does not retry this status.
    let receiver = Receiver::scripted(first(usize::MAX, Answer::Status(401)));
    let telemetry = quick(&receiver.endpoint()).with_max_queue_bytes(8 * 1024).init().unwrap();
    for _ in 0..30 {
        (0..4).for_each(|_| work());
        let _ = telemetry.flush();
    }
    let receipt = telemetry.stats();
    let dropped = receipt.spans().dropped_for(DropReason::QueueFull);
    assert!(
        dropped > 0 && dropped.is_multiple_of(4) && receipt.spans().queued() == 120 - dropped,
        "{receipt:?}"
    );
    let spans = account("401, more than memory holds", &telemetry.shutdown(), &receiver);
    assert_eq!(spans.dropped(), 120);
}

#[test]
fn a_burst_beyond_the_queue_is_delivered_or_counted() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = started(&receiver, 0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| work()));
        }
    });
    let receipt = telemetry.shutdown();
    let spans = account("a burst of 40,000 spans", &receipt, &receiver);
    assert_eq!(spans.started(), 40_000);
    assert_eq!(receiver.spans_taken().len() as u64, spans.delivered());
    assert_eq!(spans.dropped(), spans.dropped_for(DropReason::QueueFull), "{spans:?}");
    // The processor loses them, and no exporter hears of them.
    let measured = measured(&receiver);
    let of = |series: &str| measured.get(series).map_or(0, |count| u64::try_from(*count).unwrap());
    assert_eq!(of("otel.sdk.processor.span.processed batching_span_processor/0 queue_full"), spans.dropped());
    assert_eq!(of("otel.sdk.processor.span.processed batching_span_processor/0"), spans.delivered());
    assert_eq!(of("otel.sdk.exporter.span.exported otlp_http_span_exporter/0"), spans.delivered());
}

/// The newest value of each series of the metrics of delivery that arrived: the name, its `error.type`, and what else tells them apart.
fn measured(receiver: &Receiver) -> HashMap<String, i64> {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
    let mut measured = HashMap::new();
    for metric in receiver.metrics() {
        if !metric.name.starts_with("otel.sdk.") && !metric.name.starts_with("llm_trace.delivery.") {
            continue;
        }
        match metric.data {
            Some(Data::Sum(sum)) => {
                for point in sum.data_points {
                    let Some(Number::AsInt(value)) = point.value else { panic!("{point:?}") };
                    measured.insert(series(&metric.name, &point.attributes), value);
                }
            }
            Some(Data::Histogram(histogram)) => {
                for point in histogram.data_points {
                    let count = i64::try_from(point.count).unwrap();
                    measured.insert(series(&metric.name, &point.attributes), count);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    measured
}

fn series(metric: &str, attributes: &[KeyValue]) -> String {
    let mut name = vec![metric.to_owned()];
    for key in ["otel.component.name", "llm_trace.signal", "error.type"] {
        let value = attributes.iter().find(|attribute| attribute.key == key);
        let value = value.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
        if let Some(Value::StringValue(text)) = value {
            name.push(text.clone());
        }
    }
    name.join(" ")
}

#[test]
fn delivery_metrics_equal_the_counts_of_the_receipt() {
    let _turn = one_at_a_time();
    let receiver = Receiver::scripted(first(1, Answer::Status(400)));
    let telemetry = started(&receiver, 5);
    let _ = telemetry.flush();
    (0..3).for_each(|_| work());
    let receipt = telemetry.shutdown();
    let spans = account("as metrics", &receipt, &receiver);
    assert_eq!((spans.started(), spans.delivered()), (8, 3));
    let measured = measured(&receiver);
    let is_of_spans = |name: &str| !name.contains("metric") && !name.contains("log");
    let of_spans = measured.iter().map(|(name, value)| (name.as_str(), *value));
    let of_spans: BTreeMap<_, _> = of_spans.filter(|(name, _)| is_of_spans(name)).collect();
    let expected = [
        ("otel.sdk.exporter.operation.duration otlp_http_span_exporter/0", 1),
        ("otel.sdk.exporter.operation.duration otlp_http_span_exporter/0 rejected", 1),
        ("otel.sdk.exporter.span.exported otlp_http_span_exporter/0", 3),
        ("otel.sdk.exporter.span.exported otlp_http_span_exporter/0 rejected", 5),
        ("otel.sdk.exporter.span.inflight otlp_http_span_exporter/0", 0),
        ("otel.sdk.processor.span.processed batching_span_processor/0", 8),
        ("otel.sdk.processor.span.queue.capacity batching_span_processor/0", 8192),
        ("otel.sdk.processor.span.queue.size batching_span_processor/0", 0),
        ("otel.sdk.span.live", 0),
        ("otel.sdk.span.started", 8),
    ];
    assert_eq!(of_spans, BTreeMap::from(expected), "what never happened has no series");
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn chat() {}

#[test]
fn delivery_is_not_measured_where_that_is_switched_off() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry =
        llm_trace::builder().with_endpoint(receiver.endpoint()).with_self_metrics(false).init().unwrap();
    chat();
    drop(telemetry.shutdown());
    assert!(receiver.metrics().iter().any(|metric| metric.name.starts_with("gen_ai.")), "others are there");
    assert_eq!(measured(&receiver), HashMap::new());
}
