//! The only writers of telemetry: a finished call becomes a span, measurements, events and a `tracing` span.

pub(crate) mod events;
pub(crate) mod metrics;
pub(crate) mod span;
pub(crate) mod texts;
pub(crate) mod tracing_bridge;

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;

use crate::model::record::CallRecord;
use crate::model::site::Kind;
use crate::value::panic::catch_user_panic;

/// Where one call goes.
pub(crate) struct Sinks<'a> {
    /// With the call's span.
    context: &'a Context,
    mirror: Option<&'a tracing::Span>,
    /// `None` if nobody measures.
    instruments: Option<Arc<metrics::Instruments>>,
}

/// What the sinks read of a record that has to be derived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    /// Price and quality signals.
    pub(crate) numbers: bool,
    pub(crate) content: bool,
}

impl<'a> Sinks<'a> {
    pub(crate) fn of(context: &'a Context, mirror: Option<&'a tracing::Span>) -> Self {
        Sinks { context, mirror, instruments: metrics::current() }
    }

    /// Whether anybody measures.
    pub(crate) fn measure(&self) -> bool {
        self.instruments.is_some()
    }

    pub(crate) fn wants(&self, kind: Kind) -> Wants {
        let content = self.context.span().is_recording() || events::want_content(kind);
        Wants { numbers: content || self.measure() || self.mirror.is_some(), content }
    }

    /// Writes a finished call. Each sink by itself: what panics in one is not missing in another.
    pub(crate) fn end(&self, call: &CallRecord) {
        if let Some(instruments) = &self.instruments {
            catch_user_panic(|| metrics::record(call, instruments));
        }
        if let Some(mirror) = self.mirror {
            catch_user_panic(|| tracing_bridge::end(mirror, call));
        }
        catch_user_panic(|| events::record(call, self.context));
        catch_user_panic(|| events::record_verdict(call, self.context));
        catch_user_panic(|| span::end(call, self.context));
    }
}
