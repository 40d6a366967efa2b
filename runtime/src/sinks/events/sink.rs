//! Destination of events: a logger of any provider.

use std::fmt;
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};

use super::Event;
use super::limits::EventLimits;
use crate::value::current_context;
use crate::value::panic::catch_user_panic;

/// Receiver of events.
#[derive(Clone)]
pub(crate) struct EventReceiver {
    sink: Arc<dyn EventSink>,
    /// Events were enabled explicitly, so all events that the conventions recommend are sent. Otherwise the receiver was set for all
    /// signals, and may accept no logs: it is sent the events that the program makes itself, and those that content is captured on.
    pub(super) is_asked_for: bool,
}

/// A logger of any provider.
pub(crate) trait EventSink: Send + Sync {
    fn is_enabled(&self, name: &'static str, severity: Severity) -> bool;
    fn emit(&self, event: Event);
}

struct Emitter<L> {
    logger: L,
    limits: EventLimits,
}

impl<L: Logger + Send + Sync> EventSink for Emitter<L> {
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

impl EventReceiver {
    /// For loggers of the program, which have separate limits.
    pub(crate) fn of<P>(provider: &P) -> Self
    where
        P: LoggerProvider,
        P::Logger: Send + Sync + 'static,
    {
        EventReceiver::with_limits(provider, EventLimits::NONE, true)
    }

    pub(crate) fn with_limits<P>(provider: &P, limits: EventLimits, is_asked_for: bool) -> Self
    where
        P: LoggerProvider,
        P::Logger: Send + Sync + 'static,
    {
        let logger = provider.logger_with_scope(crate::semconv::scope());
        EventReceiver { sink: Arc::new(Emitter { logger, limits }), is_asked_for }
    }

    /// The receiver of a test's capture.
    #[cfg(feature = "testing")]
    pub(crate) fn capture(sink: Arc<dyn EventSink>) -> Self {
        EventReceiver { sink, is_asked_for: true }
    }

    /// Returns whether it is the same receiver as another.
    #[cfg(feature = "otlp")]
    pub(crate) fn is(&self, other: &EventReceiver) -> bool {
        Arc::ptr_eq(&self.sink, &other.sink)
    }

    /// Returns whether such an event is accepted.
    pub(super) fn is_enabled(&self, name: &'static str, severity: Severity) -> bool {
        self.ask(|sink| sink.is_enabled(name, severity)).unwrap_or_default()
    }

    /// Makes an event and emits it, if it is taken.
    pub(super) fn emit(&self, name: &'static str, severity: Severity, make: impl FnOnce() -> Event) {
        self.ask(|sink| {
            if sink.is_enabled(name, severity) {
                sink.emit(make());
            }
        });
    }

    fn ask<R>(&self, ask: impl FnOnce(&dyn EventSink) -> R) -> Option<R> {
        // The SDK's loggers read the current context. Processors belong to the program: one that panics must not end a call that succeeded.
        current_context::is_available().then(|| catch_user_panic(|| ask(&*self.sink))).flatten()
    }
}

impl fmt::Debug for EventReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReceiver").field("is_asked_for", &self.is_asked_for).finish_non_exhaustive()
    }
}
