//! For tests of code that is annotated with `#[llm_trace]`: what did it emit?
//!
//! [`capture()`] returns a handle that records the spans, metrics and events of the code that runs under it, and no others: tests run in
//! parallel as usual. Put the feature `testing` where it does not reach production:
//!
//! ```toml
//! [dev-dependencies]
//! llm-trace = { version = "0.1", features = ["testing"] }
//! ```
//!
//! ```
//! use llm_trace::{Usage, llm_trace};
//!
//! #[llm_trace(workflow)]
//! fn answer(question: &str) -> String {
//!     ask("gpt-4o-mini", question)
//! }
//!
//! #[llm_trace(chat, provider = "openai", model = model)]
//! fn ask(model: &str, question: &str) -> String {
//!     llm_trace::current().usage(Usage::new(812, 43));
//!     format!("{question} {model} says 42")
//! }
//!
//! let telemetry = llm_trace::testing::capture();
//! telemetry.run(|| answer("What is the answer?"));
//!
//! assert_eq!(telemetry.tree(), "\
//! invoke_workflow answer
//! └─ chat gpt-4o-mini  812 → 43 tokens
//! ");
//! telemetry
//!     .span("chat gpt-4o-mini")
//!     .assert("gen_ai.provider.name", "openai")
//!     .assert("gen_ai.usage.input_tokens", 812)
//!     .assert_absent("error.type");
//! let durations = telemetry.metrics("gen_ai.client.operation.duration");
//! assert_eq!(durations[0].label("gen_ai.request.model").as_deref(), Some("gpt-4o-mini"));
//! ```
//!
//! The first capture of a process installs global OpenTelemetry providers, which stay. Code under test must not install others, so leave
//! [`init()`](crate::Builder::init) to `main`.

mod event;
mod meter;
mod metrics;
mod providers;
mod record;
mod span;
mod tree;

use std::future::Future;
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;

pub use event::Event;
pub use metrics::Point;
pub use span::Span;

use crate::value::current_context;
use record::{Active, Record};

/// Starts a capture. The handle records the code that runs under it from now on.
///
/// ```
/// let telemetry = llm_trace::testing::capture();
/// telemetry.run(|| { /* call what you test */ });
/// assert!(telemetry.spans().is_empty());
/// ```
pub fn capture() -> Capture {
    providers::install();
    Capture { record: Arc::new(Record::new(None)) }
}

/// Begins to capture with ids that count up and a clock that ticks by itself, for code that shows them and for
/// snapshots that contain them.
///
/// Trace and span ids begin with `seed`. [`Span::start`] and [`Span::duration`] are in ticks of a millisecond, one for
/// each span that starts or ends, and measurements in seconds are 0. All this is repeatable for code that does one
/// thing after the other.
///
/// ```
/// use llm_trace::llm_trace;
///
/// #[llm_trace(task)]
/// fn show_the_trace() -> Option<String> {
///     llm_trace::current().trace_id()
/// }
/// let telemetry = llm_trace::testing::capture_with_seed(7);
/// let shown = telemetry.run(show_the_trace);
/// assert_eq!(shown.as_deref(), Some("00000007000000000000000000000001"));
/// ```
///
/// # Panics
///
/// While another capture with the same seed is alive: use a different seed in each test.
#[track_caller]
pub fn capture_with_seed(seed: u32) -> Capture {
    providers::install();
    assert!(
        record::take_seed(seed),
        "another capture with the seed {seed} is alive: every test needs a seed of its own"
    );
    Capture { record: Arc::new(Record::new(Some(seed))) }
}

/// Telemetry emitted by the code that runs under it; made by [`capture()`].
#[derive(Debug)]
pub struct Capture {
    record: Arc<Record>,
}

impl Capture {
    /// Runs code under this capture, as if nothing were around it: its first spans are roots.
    pub fn run<R>(&self, code: impl FnOnce() -> R) -> R {
        let _attached = current_context::attach(self.context());
        code()
    }

    /// Runs a future under this capture, as if nothing were around it: its first spans are roots.
    ///
    /// ```
    /// # use llm_trace::llm_trace;
    /// #[llm_trace(task)]
    /// async fn step() {}
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let telemetry = llm_trace::testing::capture();
    /// telemetry.run_async(step()).await;
    /// telemetry.span("step");
    /// # });
    /// ```
    pub async fn run_async<F: Future>(&self, future: F) -> F::Output {
        future.with_context(self.context()).await
    }

    /// The context that puts code under this capture, for tasks and threads that the test itself starts:
    /// `tokio::spawn(work().with_context(telemetry.context()))`.
    ///
    /// Tasks and threads that the code under test starts must propagate its context, as in production; a span that is missing from the
    /// capture would have been missing from its trace.
    pub fn context(&self) -> Context {
        Context::new().with_value(Active(Arc::clone(&self.record)))
    }

    /// The spans that have ended, in the order in which they started.
    pub fn spans(&self) -> Vec<Span> {
        Span::all(&self.record)
    }

    /// The only span of that name.
    ///
    /// # Panics
    ///
    /// If no span of that name has ended, or more than one. The message shows what there is.
    #[track_caller]
    pub fn span(&self, name: &str) -> Span {
        let mut found: Vec<Span> = self.spans().into_iter().filter(|span| span.name() == name).collect();
        match (found.pop(), found.len()) {
            (Some(span), 0) => span,
            (None, _) => panic!("no span `{name}` has ended. {}", self.what_is_here()),
            (Some(_), others) => {
                panic!("{} spans are named `{name}`: use `spans()`. {}", others + 1, self.what_is_here())
            }
        }
    }

    /// Returns the measurements of the metric of that name: one point for each set of labels, in the order of the labels. The application's
    /// instruments count too, if their measurements are made under this capture.
    ///
    /// # Panics
    ///
    /// If nothing was measured by that name. The message lists the existing metrics. To assert that a metric is absent, use
    /// [`metric_names`](Self::metric_names).
    #[track_caller]
    pub fn metrics(&self, name: &str) -> Vec<Point> {
        let points = Point::all(&self.record, name);
        if points.is_empty() {
            let names = self.metric_names();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            panic!("nothing was measured by `{name}`. Metrics that were: {names}.{}", providers::hint());
        }
        points
    }

    /// The names of the metrics by which anything was measured, sorted.
    pub fn metric_names(&self) -> Vec<String> {
        Point::names(&self.record)
    }

    /// The events that were emitted, in that order: errors of calls to services and scores, and the details of calls to models where
    /// [`SemconvVersion`](crate::SemconvVersion) or content capture enable them, as in a program whose events are received. Content capture
    /// is set for the process: `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
    ///
    /// ```
    /// use llm_trace::{llm_trace, score};
    ///
    /// #[llm_trace(workflow)]
    /// fn answer() {
    ///     score("helpfulness").with_value(0.8).with_label("helpful").record();
    /// }
    ///
    /// let telemetry = llm_trace::testing::capture();
    /// telemetry.run(answer);
    /// let score = telemetry.event("gen_ai.evaluation.result");
    /// score.assert("gen_ai.evaluation.name", "helpfulness").assert("gen_ai.evaluation.score.value", 0.8);
    /// assert_eq!(score.span().unwrap().name(), "invoke_workflow answer");
    /// ```
    pub fn events(&self) -> Vec<Event> {
        Event::all(&self.record)
    }

    /// The only event of that name.
    ///
    /// # Panics
    ///
    /// If no event of that name was emitted, or more than one. The message lists those that were.
    #[track_caller]
    pub fn event(&self, name: &str) -> Event {
        let events = self.events();
        let mut found: Vec<&Event> = events.iter().filter(|event| event.name() == name).collect();
        match (found.pop(), found.len()) {
            (Some(event), 0) => event.clone(),
            (None, _) => {
                let mut names: Vec<_> = events.iter().map(Event::name).collect();
                names.dedup();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                panic!("no event `{name}` was emitted. Events that were: {names}.{}", providers::hint())
            }
            (Some(_), others) => panic!("{} events are named `{name}`: use `events()`", others + 1),
        }
    }

    /// The spans as text that is the same on every run: names, tokens and how a call ended, without ids, times and
    /// prices. Calls that go on are there too. Siblings are in the order in which they started, so code that starts them
    /// on several threads at once has no stable tree.
    ///
    /// ```text
    /// invoke_workflow answer  error timeout
    /// ├─ retrieval handbook
    /// └─ chat gpt-4o-mini  812 → 43 tokens
    /// ```
    pub fn tree(&self) -> String {
        tree::render(&self.record)
    }

    fn what_is_here(&self) -> String {
        match self.tree() {
            tree if tree.is_empty() => format!(
                "Nothing has started under this capture: use `run`, `run_async` or `context`.{}",
                providers::hint()
            ),
            tree => format!("What is here:\n{tree}{}", providers::hint()),
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        record::forget(&self.record);
    }
}
