//! Calls as `tracing` spans: layers see them, none exports them a second time, and filters do not drop telemetry.

use std::io::Write;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, StreamExt as _};
use llm_trace::opentelemetry::context::FutureExt as _;
use llm_trace::{Usage, llm_trace};
use llm_trace_test_support::trace::{Trace, count_everywhere};
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, reload};

#[llm_trace(workflow)]
async fn answer() {
    theirs().await;
}

#[tracing::instrument]
async fn theirs() {
    tokio::task::yield_now().await;
    let _ = ask("gpt-4o-mini").await;
}

#[llm_trace(chat, provider = "openai", model = model)]
async fn ask(model: &str) -> Result<(), std::fmt::Error> {
    tokio::task::yield_now().await;
    tracing::info!("thinking");
    compute();
    llm_trace::current().usage(Usage::new(11, 3));
    Err(std::fmt::Error)
}

#[llm_trace(tool)]
fn compute() {
    tracing::info!("computing");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The logged text, without the ids of calls.
    fn text(&self) -> String {
        let text = self.with_ids();
        let mut rest = text.as_str();
        let mut without = String::new();
        while let Some(at) = rest.find(" trace_id=") {
            let after = at + " trace_id= span_id=".len() + 32 + 16;
            assert!(rest[..after].contains(" span_id="), "{text}");
            without.push_str(&rest[..at]);
            rest = &rest[after..];
        }
        without + rest
    }

    fn with_ids(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let log = self.clone();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_target(false);
        layer.with_span_events(FmtSpan::CLOSE).with_writer(move || log.clone())
    }
}

fn export<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    tracing_opentelemetry::layer().with_tracer(llm_trace::opentelemetry::global::tracer("tracing"))
}

/// Runs `answer` under this subscriber.
fn run(subscriber: impl Subscriber + Send + Sync + 'static) -> Trace {
    let trace = Trace::new();
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(answer().with_context(trace.context()));
    });
    trace
}

/// Asserts that each span was exported once, as a child of the span that it ran in.
fn assert_exported_once(trace: &Trace, chain: &[&str]) {
    let names: Vec<_> = trace.spans().iter().map(|span| span.0.name.to_string()).collect();
    let mut expected: Vec<_> = chain.iter().map(ToString::to_string).collect();
    expected.reverse();
    assert_eq!(names, expected, "in the order in which they ended");
    assert_eq!(count_everywhere("llm_call"), 0, "not in a trace of its own either");
    let mut parent = trace.root();
    for name in chain {
        let span = trace.span(name);
        assert_eq!(span.parent(), parent, "{name}");
        parent = span.id();
    }
}

const OURS: &[&str] = &["invoke_workflow answer", "chat gpt-4o-mini", "execute_tool compute"];
const BOTH: &[&str] = &["invoke_workflow answer", "theirs", "chat gpt-4o-mini", "execute_tool compute"];

#[test]
fn a_subscriber_sees_calls_nest_with_spans_and_logs() {
    let log = Log::default();
    let trace = run(tracing_subscriber::registry().with(log.layer()));
    assert_exported_once(&trace, OURS);
    let text = log.text();
    let outer = "llm_call{operation=\"invoke_workflow\" name=\"answer\"}:theirs:llm_call{operation=\"chat\" name=\"ask\" \
                 provider=\"openai\" model=\"gpt-4o-mini\"";
    assert!(text.contains(&format!("INFO {outer}}}: thinking\n")), "{text}");
    assert!(
        text.contains(&format!(
            "INFO {outer}}}:llm_call{{operation=\"execute_tool\" name=\"compute\"}}: computing\n"
        )),
        "{text}"
    );
    // A log line has the ids of the trace.
    let chat = trace.span("chat gpt-4o-mini").0.span_context.clone();
    let ids = format!("trace_id={} span_id={}}}: thinking", chat.trace_id(), chat.span_id());
    assert!(log.with_ids().contains(&ids), "{}", log.with_ids());
    // At its end, a call has more attributes; it closes before its parent.
    let ended = "input_tokens=11 output_tokens=3 cost=3.45e-6 error.type=\"core::fmt::Error\"}: close";
    let closed: Vec<_> = text.lines().filter(|line| line.contains(": close")).collect();
    assert_eq!(closed.len(), 4, "{text}");
    assert!(closed[1].contains(ended), "{text}");
    assert!(
        closed[3].contains("DEBUG llm_call{operation=\"invoke_workflow\" name=\"answer\"}: close"),
        "{text}"
    );
}

#[test]
fn a_cancelled_call_is_closed_as_cancelled() {
    #[llm_trace(task)]
    async fn waits() {
        std::future::pending::<()>().await;
    }
    let log = Log::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.layer()), || {
        let mut waits = Box::pin(waits());
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waits.as_mut().poll(&mut task).is_pending());
        assert_eq!(log.text(), "", "still open");
        // No call is entered between polls.
        assert!(tracing::Span::current().is_none());
    });
    assert!(log.text().contains("llm_call{name=\"waits\" outcome=\"cancelled\"}: close"), "{}", log.text());
}

#[test]
fn log_lines_of_streams_and_returned_futures_are_inside_the_call() {
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn words() -> impl Stream<Item = u8> {
        futures_util::stream::iter([1, 2]).inspect(|_| tracing::info!("a chunk"))
    }
    #[llm_trace(task)]
    fn later() -> impl Future<Output = ()> {
        async { tracing::info!("the future runs") }
    }
    let log = Log::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.layer()), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut words = std::pin::pin!(words());
            while words.next().await.is_some() {
                tracing::info!("between two items");
            }
            later().await;
        });
    });
    let text = log.text();
    let chunk = "INFO llm_call{operation=\"chat\" name=\"words\" provider=\"openai\" model=\"m\"}: a chunk\n";
    assert_eq!(text.matches(chunk).count(), 2, "{text}");
    assert_eq!(text.matches(" INFO between two items\n").count(), 2, "{text}");
    assert!(text.contains("INFO llm_call{name=\"later\"}: the future runs\n"), "{text}");
    assert_eq!(text.matches(": close").count(), 2, "each call is closed once: {text}");
}

#[test]
fn with_the_filter_the_exporting_layer_does_not_see_calls_and_others_do() {
    let log = Log::default();
    let export = export().with_filter(filter_fn(llm_trace::tracing_filter));
    let trace = run(tracing_subscriber::registry().with(export).with(log.layer()));
    assert_exported_once(&trace, BOTH);
    assert!(log.text().contains("model=\"gpt-4o-mini\"}: thinking\n"), "{}", log.text());
}

#[test]
fn without_the_filter_nothing_is_exported_twice_either() {
    let log = Log::default();
    let trace = run(tracing_subscriber::registry().with(export()).with(log.layer()));
    assert_exported_once(&trace, BOTH);
    assert!(!log.text().contains("}: thinking"), "{}", log.text());
    assert!(log.text().contains("INFO theirs: thinking"), "{}", log.text());
}

#[test]
fn no_filter_of_a_subscriber_loses_our_telemetry() {
    let log = Log::default();
    let warn = || Targets::new().with_default(LevelFilter::WARN);
    // On the registry, so for every layer: like RUST_LOG=warn.
    let trace = run(tracing_subscriber::registry().with(log.layer()).with(export()).with(warn()));
    assert_exported_once(&trace, OURS);
    // On one layer only, or on the exporting layer only.
    let trace = run(tracing_subscriber::registry().with(log.layer().with_filter(warn())).with(export()));
    assert_exported_once(&trace, BOTH);
    let trace = run(tracing_subscriber::registry().with(export().with_filter(warn())));
    assert_exported_once(&trace, OURS);
    // With every event and span filtered.
    let trace = run(tracing_subscriber::registry().with(LevelFilter::OFF).with(export()));
    assert_exported_once(&trace, OURS);
    assert_eq!(log.text(), "");
}

#[test]
fn a_filter_that_is_reloaded_during_a_call_loses_nothing_and_takes_effect() {
    #[llm_trace(task)]
    fn outer(reload: impl Fn(LevelFilter)) {
        inner("quiet");
        reload(LevelFilter::DEBUG);
        inner("loud");
        reload(LevelFilter::WARN);
        inner("quiet again");
    }
    #[llm_trace(task, name = name)]
    fn inner(name: &str) {}

    let log = Log::default();
    let (filter, handle) = reload::Layer::new(LevelFilter::WARN);
    let trace = Trace::new();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.layer()).with(filter), || {
        trace.run(|| outer(|level| handle.modify(|filter| *filter = level).unwrap()));
    });
    let outer = trace.span("outer").id();
    for name in ["quiet", "loud", "quiet again"] {
        assert_eq!(trace.span(name).parent(), outer);
    }
    assert_eq!(log.text().lines().count(), 1, "{}", log.text());
    assert!(log.text().contains("llm_call{name=\"loud\"}: close"), "{}", log.text());
}
