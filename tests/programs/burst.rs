//! Makes 200,000 spans as fast as possible, more than the queue holds: each is delivered or counted as dropped.
//!
//! `scripts/faults.sh` runs it optimised, and shows the row with the measured rate.
#![allow(clippy::unwrap_used, reason = "a program for tests")]

use std::time::Instant;

use llm_trace::{DropReason, llm_trace};
use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::Receiver;

const THREADS: u64 = 4;
const SPANS: u64 = 200_000;

#[llm_trace(task, name = "work")]
fn work() {}

fn main() {
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..SPANS / THREADS).for_each(|_| work()));
        }
    });
    let took = begun.elapsed();
    let receipt = telemetry.shutdown();
    let spans = receipt.spans();
    let rate = u128::from(SPANS) * 1000 / took.as_millis().max(1);
    let fault = format!("200,000 spans at {rate} a second");
    let dropped =
        DropReason::ALL.iter().map(|&reason| (reason.as_str(), spans.dropped_for(reason))).collect();
    let row = Row { dropped, ..Row::of(&fault, spans.started(), &receiver.spans_taken()) };
    row.settle();
    assert_eq!((spans.started(), row.delivered, row.duplicates), (SPANS, spans.delivered(), 0));
    assert_eq!(spans.dropped(), spans.dropped_for(DropReason::QueueFull), "{receipt}");
}
