//! Telemetry during the teardown of a thread or the process: in destructors of thread-locals and in `atexit`.
//! OpenTelemetry's thread-local context may be destroyed by then; accessing it panics, which aborts the process.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::Pin;
use std::process::{Command, Output};
use std::sync::Mutex;

use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use llm_trace::opentelemetry::Context;
use llm_trace::propagation::{in_current_context, inject_with};
use llm_trace::{Call, Kind, Telemetry, llm_trace};
use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::Receiver;

use crate::{one_at_a_time, outcome, quick, work};

const CASE: &str = "TEST_TEARDOWN";
const ENDPOINT: &str = "TEST_ENDPOINT";
const SURVIVED: &str = "the program goes on";

/// Keeps values until the thread ends.
struct Held(RefCell<Vec<Box<dyn FnOnce()>>>);

impl Drop for Held {
    fn drop(&mut self) {
        for end in self.0.take() {
            end();
        }
    }
}

thread_local! {
    static HELD: Held = const { Held(RefCell::new(Vec::new())) };
}

/// Calls `end` in the destructor of a thread-local.
fn at_the_end_of_the_thread(end: impl FnOnce() + 'static) {
    HELD.with(|held| held.0.borrow_mut().push(Box::new(end)));
}

/// Runs on a new thread whose OpenTelemetry context is dropped before [`HELD`]: thread-locals are dropped in reverse
/// order of initialisation.
fn on_a_thread(case: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(|| {
        HELD.with(|_| {});
        work();
        case();
    });
    thread.join().unwrap();
}

/// Initialises OpenTelemetry's context first, and calls llm-trace only after it is destroyed.
fn late_on_a_thread() {
    let thread = std::thread::spawn(|| {
        HELD.with(|_| {});
        drop(Context::current());
        calls();
    });
    thread.join().unwrap();
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
async fn never() {
    work();
    std::future::pending::<()>().await;
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn tokens() -> Pin<Box<dyn Stream<Item = String>>> {
    stream::repeat("token".to_owned()).boxed_local()
}

fn a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        tokio::spawn(never());
        tokio::task::yield_now().await;
    });
    at_the_end_of_the_thread(move || drop(runtime));
}

fn a_future() {
    let mut future = Box::pin(never());
    assert_eq!(future.as_mut().now_or_never(), None);
    at_the_end_of_the_thread(move || drop(future));
}

fn a_future_that_is_polled() {
    let mut future = Box::pin(never());
    at_the_end_of_the_thread(move || assert_eq!(future.as_mut().now_or_never(), None));
}

fn a_stream() {
    let mut tokens = tokens();
    assert!(tokens.next().now_or_never().is_some());
    at_the_end_of_the_thread(move || drop(tokens));
}

fn a_stream_that_is_read() {
    let mut tokens = tokens();
    at_the_end_of_the_thread(move || assert!(tokens.next().now_or_never().is_some()));
}

fn a_call() {
    let call = Call::builder(Kind::Chat).begin();
    at_the_end_of_the_thread(move || drop(call));
}

fn calls() {
    at_the_end_of_the_thread(|| {
        work();
        assert_eq!(never().now_or_never(), None);
        drop(tokens());
        drop(Call::builder(Kind::Chat).begin());
    });
}

fn everything_else() {
    at_the_end_of_the_thread(|| {
        llm_trace::current().attribute("key", "value");
        llm_trace::score("relevance").with_value(0.5).record();
        inject_with(|_, _| {});
        in_current_context(work)();
        assert!(!llm_trace::propagation::extract_with(|_| None).is_telemetry_suppressed());
    });
}

/// The cases by name: the code that runs before a thread ends.
fn cases() -> HashMap<&'static str, fn()> {
    [
        ("a runtime", a_runtime as fn()),
        ("a future", a_future),
        ("a future that is polled", a_future_that_is_polled),
        ("a stream", a_stream),
        ("a stream that is read", a_stream_that_is_read),
        ("a call", a_call),
        ("calls", calls),
        ("everything else", everything_else),
    ]
    .into()
}

static TELEMETRY: Mutex<Option<Telemetry>> = Mutex::new(None);

#[expect(clippy::print_stdout, reason = "it is the program's")]
extern "C" fn shut_down() {
    let telemetry = TELEMETRY.lock().unwrap().take();
    work();
    drop(telemetry);
    println!("{SURVIVED}");
}

/// The program that the tests below start.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    let (case, state) = (std::env::var(CASE).unwrap(), std::env::var("TEST_STATE").unwrap());
    if state == "mirrored" {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        subscriber.with_writer(std::io::sink).init();
    }
    let telemetry = || quick(&std::env::var(ENDPOINT).unwrap()).init().unwrap();
    let telemetry = (state != "off").then(telemetry);
    match &*case {
        "the guard" => {
            on_a_thread(|| at_the_end_of_the_thread(move || drop(telemetry)));
        }
        "atexit" => {
            *TELEMETRY.lock().unwrap() = telemetry;
            shutdown_hooks::add_shutdown_hook(shut_down);
            work();
            // Destroys the thread-locals of this thread first.
            std::process::exit(0);
        }
        "late calls" => {
            late_on_a_thread();
            drop(telemetry);
        }
        case => {
            let case = cases()[case];
            if state == "shut down" {
                drop(telemetry);
                on_a_thread(case);
            } else {
                on_a_thread(case);
                drop(telemetry);
            }
        }
    }
    println!("{SURVIVED}");
    std::process::exit(0);
}

fn run(case: &str, state: &str, receiver: &Receiver) -> Output {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--ignored", "--exact", "teardown::program", "--nocapture"]);
    program.env(CASE, case).env("TEST_STATE", state).env(ENDPOINT, receiver.endpoint()).output().unwrap()
}

fn survives(case: &str, state: &str, receiver: &Receiver) {
    let output = run(case, state, receiver);
    assert!(goes_on(&output), "{case}, {state}: {output:?}");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!err.contains("panicked"), "{case}, {state}: {err}");
}

fn goes_on(output: &Output) -> bool {
    output.status.success() && String::from_utf8_lossy(&output.stdout).contains(SURVIVED)
}

#[test]
fn no_call_aborts_a_process_in_the_destructor_of_a_thread_local() {
    let _turn = one_at_a_time();
    for case in cases().keys() {
        for state in ["off", "on", "mirrored", "shut down"] {
            survives(case, state, &Receiver::start());
        }
        Row::survive(&format!("{case} in the destructor of a thread-local"));
    }
}

#[test]
fn no_call_aborts_a_process_whose_thread_has_not_used_this_crate_before() {
    let _turn = one_at_a_time();
    for state in ["off", "on", "mirrored"] {
        let output = run("late calls", state, &Receiver::start());
        assert!(goes_on(&output), "{state}: {output:?}");
    }
}

#[test]
fn a_call_that_ends_in_the_destructor_of_a_thread_local_is_recorded() {
    let _turn = one_at_a_time();
    for (case, name) in [
        ("a runtime", "chat gpt-4o-mini"),
        ("a future", "chat gpt-4o-mini"),
        ("a stream", "chat gpt-4o-mini"),
        ("a stream that is read", "chat gpt-4o-mini"),
        ("a call", "chat"),
    ] {
        let receiver = Receiver::start();
        survives(case, "on", &receiver);
        let taken = receiver.spans_taken();
        let span = taken.iter().find(|span| span.name == name);
        assert_eq!(span.and_then(outcome).as_deref(), Some("cancelled"), "{case}: {taken:?}");
    }
}

#[test]
fn a_guard_that_is_dropped_with_its_thread_delivers() {
    let _turn = one_at_a_time();
    for state in ["on", "mirrored"] {
        let receiver = Receiver::start();
        survives("the guard", state, &receiver);
        Row::of(&format!("the guard in a thread-local, {state}"), 1, &receiver.spans_taken()).settle();
    }
}

#[test]
fn a_shutdown_in_atexit_delivers() {
    let _turn = one_at_a_time();
    for state in ["on", "mirrored"] {
        let receiver = Receiver::start();
        survives("atexit", state, &receiver);
        // The call in it is not recorded.
        Row::of(&format!("shutdown in atexit, {state}"), 1, &receiver.spans_taken()).settle();
    }
}
