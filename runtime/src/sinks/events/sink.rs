//! Where events go. OpenTelemetry has global providers of traces and metrics, but none of logs: this is ours.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry::Context;
use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};

use super::Event;
use super::limits::EventLimits;
use crate::content;
use crate::value::current_context;

static SINK: RwLock<Option<Arc<dyn Sink>>> = RwLock::new(None);
static STATE: AtomicU8 = AtomicU8::new(NOBODY);

const NOBODY: u8 = 0;
/// A receiver was named for all signals, and may take no logs: it is sent the events that the program makes itself, and
/// those that content is wanted on.
#[cfg(feature = "otlp")]
const RECEIVED: u8 = 1;
/// Somebody wants events, and so all of them that the conventions recommend.
const ASKED_FOR: u8 = 2;

/// A logger of any provider.
pub(crate) trait Sink: Send + Sync {
    fn is_enabled(&self, name: &'static str, severity: Severity) -> bool;
    fn emit(&self, event: Event);
}

struct Emitter<L> {
    logger: L,
    limits: EventLimits,
}

impl<L: Logger + Send + Sync> Sink for Emitter<L> {
    fn is_enabled(&self, name: &'static str, severity: Severity) -> bool {
        self.logger.event_enabled(severity, crate::semconv::SCOPE_NAME, Some(name))
    }

    fn emit(&self, mut event: Event) {
        self.limits.apply(&mut event.attributes);
        let mut record = self.logger.create_log_record();
        record.set_event_name(event.name);
        record.set_timestamp(event.at);
        record.set_severity_number(event.severity);
        record.set_severity_text(event.severity.name());
        record.add_attributes(event.attributes);
        if event.span.is_valid() {
            let (trace, span) = (event.span.trace_id(), event.span.span_id());
            record.set_trace_context(trace, span, Some(event.span.trace_flags()));
            self.logger.emit(record);
        } else {
            // The SDK would take the span that happens to be current.
            let _nowhere = current_context::attach(Context::new());
            self.logger.emit(record);
        }
    }
}

/// Sends events to a logger provider of yours, for programs that install their OpenTelemetry providers themselves:
/// OpenTelemetry has no global logger provider that they could be sent to. The program shuts it down itself.
///
/// Whoever installs one asks for events: besides [scores](crate::score) and content
/// ([`ContentCapture::EventOnly`](crate::ContentCapture::EventOnly)) it is sent the errors of calls to services, and in the
/// newest [`SemconvVersion`](crate::SemconvVersion) the details of calls to models. [`Builder::init`](crate::Builder::init) with a
/// receiver of logs replaces it.
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
    set(sink(provider, EventLimits::NONE), ASKED_FOR);
}

fn sink<P>(provider: &P, limits: EventLimits) -> Arc<dyn Sink>
where
    P: LoggerProvider,
    P::Logger: Send + Sync + 'static,
{
    Arc::new(Emitter { logger: provider.logger_with_scope(crate::semconv::scope()), limits })
}

/// Sends all events to a test's capture.
#[cfg(feature = "testing")]
pub(crate) fn capture(sink: Arc<dyn Sink>) {
    set(sink, ASKED_FOR);
}

fn set(sink: Arc<dyn Sink>, state: u8) {
    let mut slot = SINK.write().unwrap_or_else(PoisonError::into_inner);
    let earlier = slot.replace(sink);
    STATE.store(state, Ordering::Relaxed);
    content::set_events_received(true);
    drop(slot);
    // The last reference to a provider shuts it down, which takes time and must not be waited for under the lock.
    drop(earlier);
}

/// The provider of `init()` in its place.
#[cfg(feature = "otlp")]
pub(crate) struct Installed(Arc<dyn Sink>);

/// Puts the provider of `init()` into place.
#[cfg(feature = "otlp")]
pub(crate) fn install<P>(provider: &P, limits: EventLimits, asked_for: bool) -> Installed
where
    P: LoggerProvider,
    P::Logger: Send + Sync + 'static,
{
    let sink = sink(provider, limits);
    set(Arc::clone(&sink), if asked_for { ASKED_FOR } else { RECEIVED });
    Installed(sink)
}

#[cfg(feature = "otlp")]
impl Installed {
    /// Takes it out again, unless another has taken its place.
    pub(crate) fn remove(&self) {
        let mut slot = SINK.write().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, &self.0)) {
            STATE.store(NOBODY, Ordering::Relaxed);
            content::set_events_received(false);
            *slot = None; // ours is not the last reference
        }
    }
}

#[cfg(feature = "otlp")]
impl std::fmt::Debug for Installed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Installed")
    }
}

/// Whether anybody receives events: one atomic load.
pub(crate) fn are_received() -> bool {
    STATE.load(Ordering::Relaxed) != NOBODY
}

/// Whether events are wanted that are not about content.
pub(super) fn are_asked_for() -> bool {
    STATE.load(Ordering::Relaxed) == ASKED_FOR
}

/// Whether the receiver of events takes such an event.
pub(super) fn is_enabled(name: &'static str, severity: Severity) -> bool {
    with_sink(|sink| sink.is_enabled(name, severity)).unwrap_or_default()
}

/// Makes an event and emits it, if it is wanted.
pub(super) fn emit(name: &'static str, severity: Severity, make: impl FnOnce() -> Event) {
    with_sink(|sink| {
        if sink.is_enabled(name, severity) {
            sink.emit(make());
        }
    });
}

fn with_sink<R>(ask: impl FnOnce(&dyn Sink) -> R) -> Option<R> {
    // The SDK's loggers ask for the current context.
    if !are_received() || !current_context::is_available() {
        return None;
    }
    let sink = SINK.read().unwrap_or_else(PoisonError::into_inner).clone()?;
    // Processors are the program's: one that panics must not end a call that succeeded.
    crate::value::panic::catch_user_panic(|| ask(&*sink))
}
