//! The only writers of telemetry: a finished call becomes a span, measurements, events and a `tracing` span.

pub(crate) mod events;
pub(crate) mod metrics;
pub(crate) mod span;
pub(crate) mod texts;
pub(crate) mod tracing_bridge;

mod api;

use std::fmt;
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::{SpanBuilder, TraceContextExt as _};

pub(crate) use api::ApiSink;

use crate::content::ContentPolicy;
use crate::model::record::CallRecord;
use crate::model::site::Kind;
use crate::semconv::version::Names;
use crate::value::panic::catch_user_panic;
use events::EventReceiver;

/// Destination of spans and measurements of calls.
pub(crate) trait CallSink: fmt::Debug + Send + Sync {
    /// Returns whether spans or measurements may be received.
    fn is_provided(&self) -> bool;

    /// Returns whether measurements are received.
    fn measures(&self) -> bool;

    /// Starts the span of a call. The returned context has it as its active span.
    fn start(&self, span: SpanBuilder, parent: &Context) -> Context;

    /// Returns the instruments, if measurements are received: for measurements besides finished calls.
    fn instruments(&self) -> Option<Arc<metrics::Instruments>>;

    /// Records a finished call: its measurements and its span, which ends.
    fn end(&self, call: &CallRecord, sinks: &Sinks<'_>);
}

/// Destinations of one call.
pub(crate) struct Sinks<'a> {
    pub(crate) calls: &'a dyn CallSink,
    /// Instruments of `calls`; `None` if measurements are not received.
    pub(crate) instruments: Option<Arc<metrics::Instruments>>,
    pub(crate) events: Option<&'a EventReceiver>,
    /// The `tracing` span of the call, if a subscriber looks at it.
    pub(crate) mirror: Option<&'a tracing::Span>,
    /// With the call's span.
    pub(crate) context: &'a Context,
    pub(crate) policy: &'a ContentPolicy,
    pub(crate) names: &'static Names,
}

/// Derived fields of a record that the sinks read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    /// Price and quality signals.
    pub(crate) numbers: bool,
    pub(crate) content: bool,
}

impl Sinks<'_> {
    pub(crate) fn wants(&self, kind: Kind, has_content: bool) -> Wants {
        // Evaluated only where it decides: the span has a lock.
        let is_recorded = || self.context.span().is_recording() || events::want_content(kind, self);
        Wants {
            numbers: self.instruments.is_some() || self.mirror.is_some() || is_recorded(),
            content: has_content && (self.policy.uploads() || is_recorded()),
        }
    }

    /// Writes a finished call. Each sink by itself: what panics in one is not missing in another.
    pub(crate) fn end(&self, call: &CallRecord) {
        if let Some(mirror) = self.mirror {
            catch_user_panic(|| tracing_bridge::end(mirror, call));
        }
        if let Some(receiver) = self.events {
            catch_user_panic(|| events::record(call, receiver, self));
        }
        if let Some(verdict) = &call.response.verdict {
            catch_user_panic(|| events::record_verdict(verdict, call, self));
        }
        self.calls.end(call, self);
    }
}
