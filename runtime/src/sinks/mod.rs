//! The only writers of telemetry: a finished call becomes a span, measurements, events and a `tracing` span.

pub(crate) mod events;
pub(crate) mod metrics;
pub(crate) mod span;
pub(crate) mod texts;
pub(crate) mod tracing_bridge;

mod calls;

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;

pub(crate) use calls::CallSink;

use crate::content::ContentPolicy;
use crate::model::record::CallRecord;
use crate::model::site::Kind;
use crate::semconv::version::Names;
use crate::value::panic::catch_user_panic;
use events::EventReceiver;
use span::OpenSpan;

/// Destinations of one call.
pub(crate) struct Sinks<'a> {
    pub(crate) calls: &'a CallSink,
    pub(crate) span: &'a OpenSpan,
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

    /// Writes what a finished call has but content. Each sink by itself: what panics in one is not missing in another.
    pub(crate) fn measure(&self, call: &CallRecord) {
        if let Some(mirror) = self.mirror {
            catch_user_panic(|| tracing_bridge::end(mirror, call));
        }
        if let Some(verdict) = &call.response.rest().verdict {
            catch_user_panic(|| events::record_verdict(verdict, call, self));
        }
        if let Some(instruments) = &self.instruments {
            catch_user_panic(|| metrics::record(call, instruments));
        }
    }

    /// Writes what may have content: events, and the span.
    #[cfg_attr(
        not(feature = "otlp"),
        expect(clippy::needless_pass_by_value, reason = "its span may take it")
    )]
    pub(crate) fn export(&self, call: Box<CallRecord>) {
        if let Some(receiver) = self.events {
            catch_user_panic(|| events::record(&call, receiver, self));
        }
        match self.span {
            OpenSpan::InContext => catch_user_panic(|| span::api::end(&call, self)),
            #[cfg(feature = "otlp")]
            OpenSpan::Direct(span) => catch_user_panic(|| span.end(call)),
        };
    }
}
