//! A score that is recorded inside of a call.

use opentelemetry::trace::{SpanContext, SpanRef, TraceContextExt};

use crate::call::current;
use crate::runtime;
use crate::sinks::events::Score;
use crate::value::current_context;

impl Score {
    /// Emits and measures the score.
    pub fn record(mut self) {
        let call = current();
        call.note_score();
        if let Some(scored) = self.span.as_ref().filter(|span| span.is_valid()) {
            crate::value::panic::catch_user_panic(|| {
                current_context::with(|context| link(&context.span(), scored));
            });
        } else if self.response_id.is_none() {
            self.response_id = call.only_response_id();
        }
        runtime::with(|runtime| self.send(call.labels(), &runtime.calls, runtime.events.as_ref()));
    }
}

/// From where a score is given to what it is about.
fn link(from: &SpanRef<'_>, to: &SpanContext) {
    if from.is_recording() && from.span_context().span_id() != to.span_id() {
        from.add_link(to.clone(), Vec::new());
    }
}
