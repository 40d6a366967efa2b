//! The receipt if the receiver is unreachable, does not answer, or rejects items.

use std::time::{Duration, Instant};

use llm_trace::{DropReason, ExportReport};
use llm_trace_test_support::otlp::{Answer, Receiver, unreachable_endpoint};

use crate::{answer, one_at_a_time};

const SHORT: Duration = Duration::from_millis(300);

/// Sends three spans and the metrics of two calls to `endpoint`.
fn deliver_to(endpoint: &str, timeout: Option<Duration>) -> ExportReport {
    let builder = llm_trace::builder().with_endpoint(endpoint);
    let builder = match timeout {
        Some(timeout) => builder.with_timeout(timeout),
        None => builder,
    };
    let telemetry = builder.init().unwrap();
    answer();
    telemetry.shutdown()
}

#[test]
fn undelivered_items_are_counted_and_explained() {
    let _turn = one_at_a_time();
    let unreachable = unreachable_endpoint();
    let refusing = Receiver::answering(Answer::Status(401));
    let hanging = Receiver::answering(Answer::Hang);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); // takes connections and never speaks
    let silent_tls = format!("https://{}", silent.local_addr().unwrap());
    let cases = [
        (unreachable, "connection refused"),
        (refusing.endpoint(), "HTTP status 401"),
        (hanging.endpoint(), "timeout: no answer within 300 ms"),
        (silent_tls, "timeout: no answer within 300 ms"),
    ];
    for (endpoint, reason) in cases {
        let receipt = deliver_to(&endpoint, Some(SHORT));
        assert_eq!(
            (receipt.spans().ended(), receipt.spans().dropped(), !receipt.has_current_metrics()),
            (3, 3, true),
            "{endpoint}"
        );
        assert!(receipt.failure().is_some_and(|failure| failure.contains(reason)), "{reason}: {receipt}");
        let expected = format!("3 spans and metrics not delivered to {endpoint}: ");
        assert!(receipt.to_string().starts_with(&expected), "{receipt}");
    }
}

#[test]
fn a_receipt_counts_open_spans() {
    use llm_trace::opentelemetry::global;
    use llm_trace::opentelemetry::trace::{Span as _, Tracer as _};
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    answer();
    let mut open = global::tracer("test").start("open");
    let receipt = telemetry.shutdown();
    open.end();
    let spans = receipt.spans();
    assert_eq!((spans.started(), spans.open(), spans.delivered(), spans.dropped()), (4, 1, 3, 0));
    assert_eq!((receipt.spans().ended(), receipt.is_complete()), (3, true), "an open span is not lost yet");
}

#[test]
fn a_receiver_without_tls_is_reported_as_such() {
    let _turn = one_at_a_time();
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::Write as _;
        for mut stream in plain.incoming().filter_map(Result::ok) {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let receipt = deliver_to(&endpoint, Some(SHORT));
    assert!(receipt.failure().is_some_and(|failure| failure.contains("InvalidContentType")), "{receipt}");
}

/// The only test with the default timeout of ten seconds, which is longer than the timeouts of the SDK.
#[test]
fn metrics_that_are_never_answered_are_lost_also_with_the_default_timeout() {
    let _turn = one_at_a_time();
    let receiver = Receiver::answering(Answer::HangOn("/v1/metrics"));
    let receipt = deliver_to(&receiver.endpoint(), None);
    assert_eq!((receipt.spans().delivered(), !receipt.has_current_metrics()), (3, true), "{receipt}");
    assert!(!receipt.is_complete());
    let expected =
        format!("metrics not delivered to {}: timeout: no answer within 10 s", receiver.endpoint());
    assert_eq!(receipt.to_string(), expected);
}

#[test]
fn traces_and_metrics_are_waited_for_side_by_side() {
    let _turn = one_at_a_time();
    let receiver = Receiver::answering(Answer::Hang);
    let started = Instant::now();
    let timeout = Duration::from_secs(5);
    let receipt = deliver_to(&receiver.endpoint(), Some(timeout));
    assert_eq!((receipt.spans().dropped(), !receipt.has_current_metrics()), (3, true));
    assert!(started.elapsed() < 2 * timeout, "{:?}", started.elapsed());
}

#[test]
fn one_export_with_retries_ends_within_its_timeout() {
    let _turn = one_at_a_time();
    // Answers with a retryable error after most of the timeout has passed.
    let slow = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", slow.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in slow.incoming().filter_map(Result::ok) {
            std::thread::spawn(move || {
                use std::io::{Read as _, Write as _};
                let mut stream = stream;
                std::thread::sleep(Duration::from_secs(4));
                let _ = stream.read(&mut vec![0; 65_536]);
                let _ =
                    stream.write_all(b"HTTP/1.1 503 Later\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            });
        }
    });
    let started = Instant::now();
    let receipt = deliver_to(&endpoint, Some(Duration::from_secs(5)));
    assert_eq!(receipt.spans().dropped(), 3);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "a second answer was waited for: {:?}",
        started.elapsed()
    );
}

#[test]
fn a_page_instead_of_an_answer_is_no_delivery() {
    let _turn = one_at_a_time();
    let pages = [
        Answer::Body("text/html; charset=utf-8", b"<html>Sign in</html>"),
        Answer::Body("text/plain", b"OK"),
        Answer::Body("", b"<html>Sign in</html>"),
    ];
    for page in pages {
        let receiver = Receiver::answering(page);
        let receipt = deliver_to(&receiver.endpoint(), Some(SHORT));
        assert_eq!((receipt.spans().delivered(), !receipt.has_current_metrics()), (0, true), "{page:?}");
        assert!(
            receipt.failure().is_some_and(|failure| failure.contains("not an OTLP receiver")),
            "{receipt}"
        );
        assert_eq!(receiver.received().len(), 2, "no retry after a page");
    }
}

#[test]
fn an_answer_in_json_is_a_delivery() {
    let _turn = one_at_a_time();
    // Against the specification, but some backends answer protobuf requests like this after accepting them.
    let receiver = Receiver::answering(Answer::Body("application/json; charset=utf-8", b"{}"));
    assert!(deliver_to(&receiver.endpoint(), Some(SHORT)).is_complete());
}

#[test]
fn rejected_items_are_not_delivered() {
    let _turn = one_at_a_time();
    // Field 1: { 1: two rejected, 2: "too \x1b[31mold" }.
    let rejected: &[u8] = b"\x0a\x10\x08\x02\x12\x0ctoo \x1b[31mold";
    let receiver = Receiver::answering(Answer::Body("application/x-protobuf", rejected));
    let receipt = deliver_to(&receiver.endpoint(), Some(SHORT));
    assert_eq!(
        (receipt.spans().delivered(), receipt.spans().dropped(), !receipt.has_current_metrics()),
        (1, 2, true)
    );
    let failure = receipt.failure().unwrap();
    assert!(failure.starts_with("the receiver rejected 2 of "), "{failure}");
    assert!(failure.contains("too \\u{1b}[31mold"), "{failure}");
}

#[test]
fn an_answer_with_a_warning_and_no_rejection_is_a_delivery() {
    let _turn = one_at_a_time();
    let warning: &[u8] = b"\x0a\x06\x12\x04slow";
    let receiver = Receiver::answering(Answer::Body("application/x-protobuf", warning));
    let receipt = deliver_to(&receiver.endpoint(), Some(SHORT));
    assert_eq!((receipt.is_complete(), receipt.failure()), (true, None));
}

#[test]
fn a_flush_without_an_answer_reports_the_failure() {
    let _turn = one_at_a_time();
    let receiver = Receiver::answering(Answer::Hang);
    let telemetry =
        llm_trace::builder().with_endpoint(receiver.endpoint()).with_timeout(SHORT).init().unwrap();
    answer();
    let receipt = telemetry.flush();
    assert_eq!(
        (receipt.spans().queued(), !receipt.has_current_metrics(), receipt.is_complete()),
        (3, true, false)
    );
    assert_eq!(receipt.spans().dropped(), 0, "they are tried again");
    assert_eq!(receipt.failure(), Some("timeout: no answer within 300 ms"));
    let receipt = telemetry.shutdown();
    assert_eq!((receipt.spans().dropped(), receipt.spans().dropped_for(DropReason::Undelivered)), (3, 3));
}
