//! A program with `panic = "abort"`: the loss on a panic, and that `deliver_on_panic` prevents it.
//!
//! `scripts/faults.sh` builds and runs it. It starts itself twice, as a program that only panics, and as one with
//! `deliver_on_panic`.
#![allow(clippy::unwrap_used, reason = "a program for tests")]

use std::process::{Command, ExitStatus};
use std::time::Duration;

use llm_trace::llm_trace;
use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::Receiver;

const ENDPOINT: &str = "TEST_ENDPOINT";
const DELIVERS: &str = "TEST_DELIVERS";

#[llm_trace(task, name = "work")]
fn work() {}

#[llm_trace(workflow, name = "support")]
fn answer() {
    work();
    panic!("deliberate panic");
}

fn main() {
    let strategy = if cfg!(panic = "abort") { "abort" } else { "unwind" };
    assert_eq!(strategy, "abort", "build it with --config 'profile.dev.panic=\"abort\"'");
    if let Some(endpoint) = std::env::var_os(ENDPOINT) {
        let telemetry = llm_trace::builder().with_endpoint(endpoint.to_str().unwrap()).init().unwrap();
        if std::env::var_os(DELIVERS).is_some() {
            telemetry.deliver_on_panic(Duration::from_secs(10));
        }
        (0..3).for_each(|_| work());
        answer();
    }
    // Five spans: three, one more, and the workflow that panics.
    let receiver = Receiver::start();
    assert!(was_aborted(run(&receiver, false)));
    let dropped = vec![("not counted after an abort", 5)];
    Row { dropped, ..Row::of("panic = \"abort\"", 5, &receiver.spans_taken()) }.settle();
    assert!(was_aborted(run(&receiver, true)));
    Row::of("panic = \"abort\", deliver_on_panic", 5, &receiver.spans_taken()).settle();
    assert!(!receiver.metric_requests().is_empty(), "metrics too");
}

fn run(receiver: &Receiver, delivers: bool) -> ExitStatus {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env(ENDPOINT, receiver.endpoint());
    if delivers {
        program.env(DELIVERS, "1");
    }
    program.status().unwrap()
}

#[cfg(unix)]
fn was_aborted(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(6)
}

#[cfg(not(unix))]
fn was_aborted(status: ExitStatus) -> bool {
    !status.success()
}
