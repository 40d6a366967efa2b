//! A call whose value arrives bit by bit: it ends when the stream ends, not when the function returns.
//!
//! Usually the call moves from its function into the stream. A stream that is wrapped by hand inside the function
//! (`.traced(…)`) holds the call together with the function: while the function runs, the function's own outcome is
//! what counts; once it has returned a value, the stream's is.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;

use super::{Call, CallRecord, current};
use crate::content;
use crate::enrich::pricing::Price;
use crate::extract::error::ErrorFacts;
use crate::model::record::{Failure, Outcome, Timing};
use crate::model::response::Response;
use crate::semconv::attribute;
use crate::sinks::metrics;
use crate::sinks::metrics::ChunkMeter;

/// Who still holds an open call.
#[derive(Debug, Default)]
pub(super) struct Holders {
    streams: usize,
    function_returned: bool,
}

impl Failure {
    pub(crate) fn new(error: &ErrorFacts<'_>) -> Self {
        let message = error.message.and_then(content::error_message);
        Failure { error_type: Cow::Owned(error.error_type.clone().into_owned()), message }
    }
}

impl Holders {
    /// Whether the call goes on after this holder has let go of it.
    pub(super) fn keep_open(&mut self, by_stream: bool, outcome: &Outcome<'_>) -> bool {
        if by_stream {
            self.streams -= 1;
            !self.function_returned || self.streams > 0
        } else {
            self.function_returned = true;
            // A function that failed, or was dropped, has ended the call: nobody will get the stream.
            matches!(outcome, Outcome::Completed) && self.streams > 0
        }
    }
}

impl Call {
    /// Takes the running call over for a stream, if there is one.
    pub(crate) fn take_over() -> Option<Call> {
        let open = current().open.upgrade()?;
        let mut facts = open.facts();
        if facts.ended {
            return None;
        }
        facts.holders.streams += 1;
        drop(facts);
        Some(Call::of(Arc::clone(&open), true))
    }

    /// Whether the call goes on until the stream it returned ends: if anybody looks, and no stream has taken it over.
    pub(crate) fn goes_on_with_stream(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.open.facts().holders.streams == 0)
    }

    /// Whether the call is one whose output may come in pieces. Elsewhere an iterator is a value like any other, and
    /// when the items of a stream come is the user's own business.
    pub(crate) fn is_generation(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.open.site.kind.is_inference())
    }

    /// Notes that the response is streamed.
    pub(crate) fn mark_streamed(&self) {
        if let Some(held) = self.held.as_ref().filter(|_| self.is_generation()) {
            held.open.facts().request.set_attribute(KeyValue::new(attribute::REQUEST_STREAM, true));
        }
    }

    /// Where the user can find the function, for diagnostics.
    pub(crate) fn place(&self) -> Option<(&'static str, u32)> {
        self.held.as_ref().map(|held| (held.open.site.file, held.open.site.line))
    }

    /// Time since the call began.
    pub(crate) fn elapsed(&self, at: Instant) -> Duration {
        self.held.as_ref().map_or(Duration::ZERO, |held| at.saturating_duration_since(held.open.started))
    }

    /// What chunks of this call are measured with, if anybody measures; `response` is what is known of it so far.
    pub(crate) fn chunk_meter(&self, response: &Response) -> Option<ChunkMeter> {
        let open = &self.held.as_ref()?.open;
        let instruments = metrics::current()?;
        let facts = open.facts();
        let so_far = CallRecord {
            site: &open.site,
            agent: open.scope.agent(),
            labels: open.scope.labels(),
            request: &facts.request,
            response,
            attempts: facts.attempts,
            outcome: &Outcome::Completed,
            mcp_status_code: None,
            price: &Price::None,
            timing: &facts.timing,
            duration: None,
            ids: open.ids(),
            content_share: None,
            content: std::cell::OnceCell::new(),
            topic: None,
            signals: std::cell::OnceCell::new(),
        };
        crate::value::panic::catch_user_panic(|| metrics::ChunkMeter::new(&so_far, instruments))
    }

    /// Ends the call with a value that has an error inside.
    pub(crate) fn fail_with(mut self, response: Response, failure: &Failure) {
        self.end(response, &failure.outcome());
    }

    /// Ends the call with what its stream told.
    pub(crate) fn end_stream(mut self, response: Response, timing: Timing, outcome: &Outcome<'_>) {
        if let Some(held) = &self.held {
            held.open.facts().timing = timing;
        }
        self.end(response, outcome);
    }
}
