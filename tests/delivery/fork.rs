//! A child process made by `fork` has a copy of the parent's memory, but none of its threads.

use std::time::Duration;

use ::fork::Fork;
use llm_trace::{DropReason, ExportReport};
use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::Receiver;

use crate::{assert_accounted, quick, work};

const PROGRAM: &str = "TEST_FORKING_PROGRAM";

/// The program that the test starts.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    let endpoint = std::env::var_os(PROGRAM).expect("another test starts this");
    let endpoint = endpoint.to_str().unwrap();
    let telemetry = quick(endpoint).init().unwrap();
    // They wait for their batch in both processes.
    (0..3).for_each(|_| work());
    match ::fork::fork().unwrap() {
        Fork::Child => {
            // The parent's telemetry sends nothing in the child, and does not hang.
            (0..2).for_each(|_| work());
            println!("@child {}", counts(&telemetry.shutdown_within(Duration::from_millis(300))));
            // Telemetry initialised in the child works as in any other program.
            let own = quick(endpoint).init().unwrap();
            (0..4).for_each(|_| work());
            println!("@own {}", counts(&own.shutdown()));
        }
        Fork::Parent(child) => {
            ::fork::waitpid(child).unwrap();
            work();
            println!("@parent {}", counts(&telemetry.shutdown()));
        }
    }
    std::process::exit(0);
}

fn counts(receipt: &ExportReport) -> String {
    assert_accounted(receipt);
    let spans = receipt.spans();
    let undelivered = spans.dropped_for(DropReason::Undelivered);
    format!("{} {} {undelivered}", spans.started(), spans.delivered())
}

#[test]
fn after_a_fork_the_parent_continues_and_the_child_starts_new_telemetry() {
    let receiver = Receiver::start();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "fork::program", "--nocapture"])
        .env(PROGRAM, receiver.endpoint())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.split('@').skip(1).filter_map(|line| line.lines().next()).collect();
    // Started, delivered, undelivered: the child does not send the parent's spans a second time.
    assert_eq!(lines, ["child 5 0 5", "own 4 4 0", "parent 4 4 0"], "{text}");
    let dropped = vec![("undelivered", 2)];
    let row = Row { dropped, ..Row::of("fork: the child inherits two spans", 10, &receiver.spans_taken()) };
    row.settle();
    assert_eq!((row.delivered, row.duplicates), (8, 0));
}
