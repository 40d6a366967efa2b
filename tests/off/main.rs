//! The overhead of a call without telemetry. Runs in a separate process, in which a provider is installed only by a
//! test.
#![cfg(not(feature = "off"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::Pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use futures_util::Stream;
use llm_trace::llm_trace;
use llm_trace::opentelemetry::global;
use llm_trace::opentelemetry::trace::noop::NoopTracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporterBuilder, SdkTracerProvider};

fn unexpected() -> &'static str {
    panic!("an argument that is not recorded")
}

#[llm_trace(chat, provider = "openai", model = unexpected(), request = unexpected(), attributes("app.x" = unexpected()))]
fn plain(x: u64) -> Result<u64, std::num::ParseIntError> {
    llm_trace::current().usage(llm_trace::Usage::new(1, 1)).attempt(2);
    if x == 0 { "".parse() } else { Ok(x) }
}

#[llm_trace(chat, provider = "openai", model = unexpected())]
async fn later(x: u64) -> u64 {
    plain(x).unwrap_or_default()
}

#[llm_trace(chat, provider = "openai", model = unexpected())]
fn future(x: u64) -> impl Future<Output = u64> {
    std::future::ready(x)
}

#[llm_trace(chat, provider = "openai", model = unexpected())]
fn boxed(stream: Pin<Box<dyn Stream<Item = u64>>>) -> Pin<Box<dyn Stream<Item = u64>>> {
    stream
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("not ready"),
    }
}

/// Asserts that each kind of call makes at most this many allocations.
fn calls_allocate(at_most: u64) {
    let of = |call: &dyn Fn()| {
        call(); // one-time initialisation
        measure(call).count_total
    };
    let stream = std::cell::Cell::new(Some(
        Box::pin(futures_util::stream::empty()) as Pin<Box<dyn Stream<Item = u64>>>
    ));
    let counts = [
        of(&|| assert_eq!(plain(7).unwrap(), 7)),
        of(&|| assert!(plain(0).is_err())),
        of(&|| assert_eq!(ready(future(7)), 7)),
        of(&|| stream.set(Some(boxed(stream.take().unwrap())))),
    ];
    assert!(counts.iter().all(|&count| count <= at_most), "{counts:?}");
    assert!(of(&|| assert_eq!(ready(later(7)), 7)) <= 2 * at_most, "two calls");
}

const PART: &str = "TEST_PART";

/// The programs that the tests below start.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    match std::env::var(PART).as_deref() {
        Ok("nothing installed") => {
            calls_allocate(1);
            assert_eq!(llm_trace::current().trace_id(), None);
            let spans = InMemorySpanExporterBuilder::new().build();
            let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
            global::set_tracer_provider(provider);
            observed();
            let names: Vec<_> =
                spans.get_finished_spans().unwrap().into_iter().map(|span| span.name).collect();
            assert_eq!(names, ["observed"], "the first call after it was installed, and nothing besides");
        }
        Ok("installed late") => {
            (0..1000).for_each(|_| unobserved());
            let calls = measure(|| (0..160).for_each(|_| unobserved()));
            assert!(calls.count_total <= 10, "one in sixteen calls asks the tracer: {calls:?}");
            let spans = InMemorySpanExporterBuilder::new().build();
            let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
            global::set_tracer_provider(provider);
            (0..32).for_each(|_| unobserved());
            let count = spans.get_finished_spans().unwrap().len();
            assert!((17..=32).contains(&count), "{count}");
        }
        Ok("disabled") => {
            let _telemetry = llm_trace::builder().init().unwrap();
            calls_allocate(0);
            global::set_tracer_provider(NoopTracerProvider::new());
            calls_allocate(0);
        }
        part => panic!("no such program: {part:?}"),
    }
}

#[llm_trace(task)]
fn unobserved() {}

#[llm_trace(task)]
fn observed() {
    assert!(llm_trace::current().trace_id().is_some());
}

fn run(part: &str, variables: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "program", "--nocapture"])
        .env(PART, part)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_call_without_telemetry_makes_one_allocation_and_uses_a_new_provider_at_once() {
    run("nothing installed", &[]);
}

#[test]
fn a_thread_that_has_made_many_calls_notices_a_new_tracer_provider_within_sixteen() {
    run("installed late", &[]);
}

#[test]
fn where_telemetry_is_disabled_a_call_allocates_nothing() {
    run("disabled", &[("OTEL_SDK_DISABLED", "true")]);
}

#[test]
fn an_incoming_trace_context_is_propagated_without_a_provider() {
    use llm_trace::opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    };
    #[llm_trace(task)]
    fn step() -> Option<String> {
        llm_trace::current().trace_id()
    }
    #[llm_trace(task, parent = parent)]
    fn handler(parent: &llm_trace::opentelemetry::Context) -> Option<String> {
        step()
    }
    let (trace, span) = (TraceId::from_bytes([7; 16]), SpanId::from_bytes([7; 8]));
    let remote = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
    let parent = llm_trace::opentelemetry::Context::new().with_remote_span_context(remote);
    assert_eq!(handler(&parent), Some("07".repeat(16)));
    assert_eq!(step(), None);
}
