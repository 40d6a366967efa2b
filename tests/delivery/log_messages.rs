//! Log messages of delivery: one per outage, one per kind of loss, and no duplicates.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use llm_trace::ExportReport;
use llm_trace_test_support::otlp::{Answer, Receiver};

use crate::{TRACES, quick, until, work};

const PROGRAM: &str = "TEST_SAYING_PROGRAM";

/// The answers to requests for traces, set by the program in this order.
const SCRIPT: [u16; 9] = [503, 503, 200, 400, 400, 200, 503, 200, 400];

/// The program that the test starts.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    assert!(std::env::var_os(PROGRAM).is_some(), "another test starts this");
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let status = Arc::new(AtomicU16::new(200));
    let receiver = {
        let status = Arc::clone(&status);
        Receiver::scripted(move |_, request| match request.path.as_str() {
            TRACES => Answer::Status(status.load(Ordering::SeqCst)),
            _ => Answer::Status(200),
        })
    };
    let telemetry = quick(&receiver.endpoint()).init().unwrap();
    for answer in SCRIPT {
        status.store(answer, Ordering::SeqCst);
        work();
        let _ = telemetry.flush();
        if answer != 503 {
            let _ = until(&telemetry, |receipt: &ExportReport| receipt.spans().queued() == 0);
        }
    }
    let _ = telemetry.shutdown();
}

#[test]
fn each_outage_and_each_kind_of_loss_is_logged_once() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "log_messages::program", "--nocapture"])
        .env(PROGRAM, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let messages: Vec<_> = text.lines().filter_map(|line| line.split_once(" llm_trace_delivery: ")).collect();
    let messages: Vec<_> = messages.iter().map(|(head, what)| (head.contains("ERROR"), *what)).collect();
    let expected = [
        (true, "telemetry could not be delivered to http://", "it waits: HTTP status 503"),
        (false, "telemetry is delivered to http://", " again"),
        (true, "spans for http://", " are dropped (rejected): HTTP status 400"),
        (true, "telemetry could not be delivered to http://", "it waits: HTTP status 503"),
        (false, "telemetry is delivered to http://", " again"),
    ];
    assert_eq!(messages.len(), expected.len(), "{text}");
    for ((is_error, what), (should_be, begin, end)) in messages.into_iter().zip(expected) {
        assert!(is_error == should_be && what.starts_with(begin) && what.contains(end), "{what}: {text}");
    }
}
