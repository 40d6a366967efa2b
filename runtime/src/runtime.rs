//! The installed policies and sinks of this process as one value.
//!
//! `init()` builds one and installs it in one step. Without `init()` there is one made from the environment. A call keeps the one that
//! it began with.

use std::sync::Arc;
#[cfg(feature = "otlp")]
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwapOption, Guard};
use opentelemetry::logs::LoggerProvider;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry::{Context, Key};

use crate::content::ContentPolicy;
use crate::enrich::quality::{QualitySignals, Topics};
use crate::semconv::version::{Names, SemconvVersion};
use crate::sinks::events::EventReceiver;
use crate::sinks::span::OpenSpan;
use crate::sinks::{CallSink, Sinks, metrics};

/// Telemetry is switched off: a copy of what [`CURRENT`] says, which is read for every call.
#[cfg(feature = "otlp")]
static IS_DISABLED: AtomicBool = AtomicBool::new(false);

/// `None` until first used.
static CURRENT: ArcSwapOption<Runtime> = ArcSwapOption::const_empty();

/// Policies and sinks. What is cheap to copy is copied when a part is replaced.
#[derive(Clone, Debug)]
pub(crate) struct Runtime {
    pub(crate) providers: Providers,
    /// The names of the conventions' version.
    pub(crate) names: &'static Names,
    pub(crate) content: ContentPolicy,
    pub(crate) quality: QualitySignals,
    pub(crate) topics: Option<Arc<Topics>>,
    pub(crate) tags: Arc<TagRules>,
    pub(crate) calls: Arc<CallSink>,
    /// `None` without a receiver of events.
    pub(crate) events: Option<EventReceiver>,
    /// There is a guard, or `init()` is about to make one: there is one at a time.
    #[cfg(feature = "otlp")]
    pub(crate) is_claimed: bool,
}

/// The OpenTelemetry providers that calls are recorded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Providers {
    /// Those that the program installs, which it may do at any time.
    OfProgram,
    /// They are installed. Should the program take them out again, its calls are no longer free.
    #[cfg(feature = "otlp")]
    Installed,
    /// Those of `testing`, which find the capture of a call by the current context.
    #[cfg(feature = "testing")]
    Capturing,
    /// `init()` found telemetry switched off.
    #[cfg(feature = "otlp")]
    Disabled,
}

impl Providers {
    /// Returns whether a call must be current when it is written.
    pub(crate) fn read_current_context(self) -> bool {
        match self {
            #[cfg(feature = "testing")]
            Providers::Capturing => true,
            Providers::OfProgram => false,
            #[cfg(feature = "otlp")]
            Providers::Installed | Providers::Disabled => false,
        }
    }
}

/// Destinations of tags besides spans.
#[derive(Debug, Default)]
pub(crate) struct TagRules {
    /// Names of those that are labels of metrics.
    pub(crate) labels: Vec<Key>,
    /// Names of those that travel to other processes and are taken from them.
    pub(crate) baggage: Vec<Key>,
}

impl TagRules {
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.baggage.is_empty()
    }
}

impl Runtime {
    /// Without `init()`: each variable decides alone.
    fn from_environment() -> Self {
        let names = SemconvVersion::from_environment().names();
        Runtime {
            providers: Providers::OfProgram,
            names,
            content: ContentPolicy::from_environment(),
            quality: QualitySignals::default(),
            topics: None,
            tags: Arc::default(),
            calls: Arc::new(CallSink::new(names, metrics::limit_from_environment())),
            events: None,
            #[cfg(feature = "otlp")]
            is_claimed: false,
        }
    }

    /// The same with another receiver of events.
    pub(crate) fn with_events(self, events: Option<EventReceiver>) -> Self {
        let content = ContentPolicy { are_events_received: events.is_some(), ..self.content };
        Runtime { content, events, ..self }
    }

    /// The sinks of a call whose span is in `context`.
    pub(crate) fn sinks<'a>(
        &'a self,
        context: &'a Context,
        span: &'a OpenSpan,
        mirror: Option<&'a tracing::Span>,
    ) -> Sinks<'a> {
        Sinks {
            calls: &self.calls,
            span,
            instruments: self.calls.instruments(),
            events: self.events.as_ref(),
            mirror,
            context,
            policy: &self.content,
            names: self.names,
        }
    }

    /// Returns whether calls produce events or measurements.
    pub(crate) fn makes_events_or_measures(&self) -> bool {
        self.events.is_some() || self.calls.measures()
    }
}

/// Returns the installed runtime, for a call that begins.
pub(crate) fn current() -> Arc<Runtime> {
    Guard::into_inner(load()).unwrap_or_else(made)
}

/// Calls `ask` with the installed runtime. Costs a few nanoseconds.
pub(crate) fn with<R>(ask: impl FnOnce(&Runtime) -> R) -> R {
    match &*load() {
        Some(current) => ask(current),
        None => ask(&made()),
    }
}

/// Returns the installed runtime if `is` accepts it. Otherwise no reference count changes.
pub(crate) fn current_if(is: impl FnOnce(&Runtime) -> bool) -> Option<Arc<Runtime>> {
    let current = load();
    match &*current {
        Some(runtime) => is(runtime).then(|| Arc::clone(runtime)),
        None => Some(made()).filter(|made| is(made)),
    }
}

/// Replaces what is installed by what `change` makes of it.
pub(crate) fn update(change: impl Fn(Runtime) -> Runtime) {
    let _ = try_update(|current| Ok::<_, std::convert::Infallible>(change(current)));
}

/// The same, unless `change` refuses.
pub(crate) fn try_update<E>(change: impl Fn(Runtime) -> Result<Runtime, E>) -> Result<(), E> {
    loop {
        let current = current();
        let changed = Arc::new(change((*current).clone())?);
        let before = CURRENT.compare_and_swap(&Some(Arc::clone(&current)), Some(changed));
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, &current)) {
            #[cfg(feature = "otlp")]
            copy_disabled();
            return Ok(());
        }
    }
}

/// Returns whether an `init()` found telemetry switched off. Costs a nanosecond.
#[cfg(feature = "otlp")]
#[inline]
pub(crate) fn is_disabled() -> bool {
    IS_DISABLED.load(Ordering::Relaxed)
}

#[cfg(feature = "otlp")]
fn copy_disabled() {
    // Updates race: the copy is that of the last one.
    loop {
        let current = CURRENT.load_full();
        let is_disabled = current.as_ref().is_some_and(|runtime| runtime.providers == Providers::Disabled);
        IS_DISABLED.store(is_disabled, Ordering::Relaxed);
        if CURRENT.load().as_ref().map(Arc::as_ptr) == current.as_ref().map(Arc::as_ptr) {
            return;
        }
    }
}

fn load() -> Guard<Option<Arc<Runtime>>> {
    CURRENT.load()
}

/// Makes the default. No lock is held: what it logs may be a subscriber's first call.
#[cold]
fn made() -> Arc<Runtime> {
    let made = Some(Arc::new(Runtime::from_environment()));
    let before = CURRENT.compare_and_swap(&None::<Arc<Runtime>>, made.clone());
    // Another thread may have been faster.
    Guard::into_inner(before).or(made).unwrap_or_else(|| Arc::new(Runtime::from_environment()))
}

/// Sends events to a logger provider of yours, for programs that install their OpenTelemetry providers themselves:
/// OpenTelemetry has no global logger provider that they could be sent to. The program shuts it down itself.
///
/// A logger provider enables events: besides [scores](crate::score) and content
/// ([`ContentCapture::EventOnly`](crate::ContentCapture::EventOnly)) it receives the errors of calls to services, and in the newest
/// [`SemconvVersion`](crate::SemconvVersion) the details of calls to models. [`Builder::init`](crate::Builder::init) with a receiver of
/// logs replaces it. Calls that are open keep the provider that they began with.
///
/// ```
/// use opentelemetry_sdk::logs::SdkLoggerProvider;
///
/// let provider = SdkLoggerProvider::builder().build(); // with a processor and an exporter of yours
/// llm_trace::set_logger_provider(&provider);
/// llm_trace::score("relevance").with_value(0.9).record();
/// # provider.shutdown().unwrap();
/// ```
pub fn set_logger_provider<P>(provider: &P)
where
    P: LoggerProvider,
    P::Logger: Send + Sync + 'static,
{
    let receiver = EventReceiver::of(provider);
    update(|runtime| runtime.with_events(Some(receiver.clone())));
}

/// Sends the spans of calls to a tracer provider of yours, for programs that do not make it the global one. The program shuts it down
/// itself.
///
/// Calls that are open keep the provider that they began with. [`Builder::init`](crate::Builder::init) replaces it.
///
/// ```
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
///
/// # #[llm_trace::llm_trace(workflow)]
/// # fn answer() {}
/// let spans = InMemorySpanExporter::default();
/// let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
/// llm_trace::set_tracer_provider(&provider);
/// answer();
/// assert_eq!(spans.get_finished_spans().unwrap().len(), 1);
/// # provider.shutdown().unwrap();
/// ```
pub fn set_tracer_provider<P>(provider: &P)
where
    P: TracerProvider,
    P::Tracer: Send + Sync + 'static,
    <P::Tracer as Tracer>::Span: Send + Sync + 'static,
{
    update(|runtime| Runtime { calls: Arc::new(runtime.calls.with_tracers(provider)), ..runtime });
}

/// Sends measurements to a meter provider of yours, for programs that do not make it the global one. The program shuts it down itself.
///
/// Calls that are open keep the provider that they began with. [`Builder::init`](crate::Builder::init) replaces it.
///
/// ```
/// use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
///
/// # #[llm_trace::llm_trace(workflow)]
/// # fn answer() {}
/// let metrics = InMemoryMetricExporter::default();
/// let reader = PeriodicReader::builder(metrics.clone()).build();
/// let provider = SdkMeterProvider::builder().with_reader(reader).build();
/// llm_trace::set_meter_provider(&provider);
/// answer();
/// provider.force_flush().unwrap();
/// assert_eq!(metrics.get_finished_metrics().unwrap().len(), 1);
/// # provider.shutdown().unwrap();
/// ```
pub fn set_meter_provider(provider: &impl MeterProvider) {
    update(|runtime| Runtime { calls: Arc::new(runtime.calls.with_meters(provider)), ..runtime });
}
