use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{SpanId, TraceState};
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

use crate::pipeline::tail_sampling::*;

const ERRORS: TailSampling = TailSampling { errors: true, slower_than: None };
const SLOW: TailSampling = TailSampling { errors: false, slower_than: Some(Duration::from_secs(1)) };

fn span(trace: u128, id: u64, status: Status, took: Duration) -> SpanData {
    let start = SystemTime::UNIX_EPOCH;
    let (trace, id) = (TraceId::from(trace), SpanId::from(id));
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::default(), false, TraceState::NONE),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed("s"),
        start_time: start,
        end_time: start + took,
        attributes: vec![KeyValue::new("k", "x".repeat(1000))],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn fine(trace: u128, id: u64) -> SpanData {
    span(trace, id, Status::Unset, Duration::from_millis(5))
}

fn failed(trace: u128, id: u64) -> SpanData {
    span(trace, id, Status::error("boom"), Duration::from_millis(5))
}

/// Trace, span, and whether it is sampled.
fn ids(spans: &[SpanData]) -> Vec<(u128, u64, bool)> {
    let of = |span: &SpanData| {
        let context = &span.span_context;
        let trace = u128::from_be_bytes(context.trace_id().to_bytes());
        (trace, u64::from_be_bytes(context.span_id().to_bytes()), context.is_sampled())
    };
    spans.iter().map(of).collect()
}

fn begin(tail: &Tail, trace: u128, count: usize) {
    (0..count).for_each(|_| tail.begin(TraceId::from(trace)));
}

fn is_empty(tail: &Tail) -> bool {
    let waiting = tail.waiting();
    waiting.traces.is_empty() && waiting.by_age.is_empty() && (waiting.spans, waiting.bytes) == (0, 0)
}

#[test]
fn an_error_brings_back_what_waits_of_its_trace_and_what_ends_later() {
    let tail = Tail::new(ERRORS);
    begin(&tail, 1, 4);
    begin(&tail, 2, 2);
    assert_eq!(ids(&tail.end(fine(1, 1))), []);
    assert_eq!(ids(&tail.end(fine(2, 9))), []);
    assert_eq!(ids(&tail.end(failed(1, 2))), [(1, 1, true), (1, 2, true)]);
    assert_eq!(ids(&tail.end(fine(1, 3))), [(1, 3, true)]);
    assert_eq!(ids(&tail.end(fine(1, 4))), [(1, 4, true)]);
    assert_eq!(ids(&tail.end(fine(2, 8))), [(2, 9, false), (2, 8, false)], "the other one stays out");
    assert!(is_empty(&tail));
}

#[test]
fn only_what_takes_longer_than_the_threshold_is_slow() {
    let tail = Tail::new(SLOW);
    for (took, is_kept) in [(Duration::from_secs(1), false), (Duration::from_millis(1001), true)] {
        begin(&tail, 1, 1);
        assert_eq!(ids(&tail.end(span(1, 1, Status::error("x"), took))), [(1, 1, is_kept)], "{took:?}");
    }
}

#[test]
fn a_stream_that_outlives_the_root_is_waited_for() {
    let tail = Tail::new(ERRORS);
    begin(&tail, 1, 2);
    assert_eq!(ids(&tail.end(fine(1, 1))), [], "the root");
    assert_eq!(ids(&tail.end(failed(1, 2))), [(1, 1, true), (1, 2, true)]);
    assert!(is_empty(&tail));
}

#[test]
fn beyond_the_bounds_the_trace_that_has_waited_longest_is_given_up_and_none_is_lost() {
    let by_spans = Tail { max_spans: 3, ..Tail::new(ERRORS) };
    let by_bytes = Tail { max_bytes: 3 * size(&fine(1, 1)), ..Tail::new(ERRORS) };
    for tail in [by_spans, by_bytes] {
        begin(&tail, 1, 3);
        begin(&tail, 2, 3);
        for (trace, id) in [(1, 1), (2, 1), (2, 2)] {
            assert_eq!(ids(&tail.end(fine(trace, id))), []);
        }
        assert_eq!(ids(&tail.end(fine(1, 2))), [(1, 1, false), (1, 2, false)], "all of it, as it is older");
        // A later error in the trace is kept all the same.
        assert_eq!(ids(&tail.end(failed(1, 3))), [(1, 3, true)]);
        assert_eq!(ids(&tail.end(failed(2, 3))), [(2, 1, true), (2, 2, true), (2, 3, true)]);
        assert!(is_empty(&tail));
    }
}

#[test]
fn what_waits_at_the_end_is_left_out() {
    let tail = Tail::new(ERRORS);
    begin(&tail, 1, 2);
    tail.end(fine(1, 1));
    assert_eq!(ids(&tail.close()), [(1, 1, false)]);
    assert!(is_empty(&tail));
}
