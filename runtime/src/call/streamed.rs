//! A call whose value arrives bit by bit: it ends when the stream ends, not when the function returns.
//!
//! Usually the call moves from its function into the stream. A stream that is wrapped by hand inside the function (`.traced(…)`) holds the
//! call together with the function: while the function runs, the function's outcome counts; once it has returned a value, the stream's
//! outcome does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;

use super::{Call, Facts, current};
use crate::extract::error::ErrorFacts;
use crate::model::record::{Failure, Outcome, Timing};
use crate::model::response::Response;
use crate::runtime::{self, Runtime};
use crate::semconv::attribute;
use crate::sinks::metrics::ChunkMeter;
use crate::value::panic::catch_user_panic;

/// The holders of an open call: its function and its streams.
#[derive(Debug, Default)]
pub(super) struct Holders {
    streams: usize,
    function_returned: bool,
}

/// With the error's message, if policy lets it pass.
pub(super) fn failure(error: &ErrorFacts<'_>, runtime: &Runtime) -> Failure {
    let message = error.message.and_then(|message| runtime.content.error_message(message));
    Failure::new(&error.error_type, message)
}

impl Holders {
    /// Returns whether the call stays open after this holder has released it.
    pub(super) fn keep_open(&mut self, by_stream: bool, outcome: &Outcome) -> bool {
        if by_stream {
            self.streams -= 1;
            !self.function_returned || self.streams > 0
        } else {
            self.function_returned = true;
            // A function that failed or was dropped has ended the call: its caller does not get the stream.
            matches!(outcome, Outcome::Completed) && self.streams > 0
        }
    }
}

impl Call {
    /// Takes the running call over for a stream, if there is one.
    pub(crate) fn take_over() -> Option<Call> {
        let open = current().open.upgrade()?;
        open.facts().as_mut()?.holders.streams += 1;
        Some(Call::of(Arc::clone(&open), true))
    }

    /// Returns whether the call stays open until the returned stream ends: it is observed, and no stream has taken it over.
    pub(crate) fn goes_on_with_stream(&self) -> bool {
        let is_free = |facts: &Facts| facts.holders.streams == 0;
        self.held.as_ref().is_some_and(|held| held.open.facts().as_ref().is_some_and(is_free))
    }

    /// Returns whether the call generates output that may be streamed. In other calls an iterator is a plain value, and the timing of a
    /// stream's items is not measured.
    pub(crate) fn is_generation(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.open.site.kind.is_inference())
    }

    /// Returns the runtime that was installed when the call began.
    pub(crate) fn runtime(&self) -> Arc<Runtime> {
        self.held.as_ref().map_or_else(runtime::current, |held| Arc::clone(&held.open.runtime))
    }

    /// Notes that the response is streamed.
    pub(crate) fn mark_streamed(&self) {
        if let Some(held) = self.held.as_ref().filter(|_| self.is_generation())
            && let Some(facts) = held.open.facts().as_mut()
        {
            facts.request.set_attribute(KeyValue::new(attribute::REQUEST_STREAM, true));
        }
    }

    /// Returns the source location of the function, for diagnostics.
    pub(crate) fn place(&self) -> Option<(&'static str, u32)> {
        self.held.as_ref().map(|held| (held.open.site.file, held.open.site.line))
    }

    /// Time since the call began.
    pub(crate) fn elapsed(&self, at: Instant) -> Duration {
        self.held.as_ref().map_or(Duration::ZERO, |held| at.saturating_duration_since(held.open.started))
    }

    /// Returns the meter for the chunks of this call, if metrics are recorded; `response` is the response so far.
    pub(crate) fn chunk_meter(&self, response: &Response) -> Option<ChunkMeter> {
        let open = &self.held.as_ref()?.open;
        let instruments = open.runtime.calls.instruments()?;
        let facts = open.facts();
        let (labels, request) = (open.scope.labels(), &facts.as_ref()?.request);
        catch_user_panic(|| ChunkMeter::new(open.site.kind, labels, request, response, instruments))
    }

    /// Ends the call with a value that has an error inside.
    pub(crate) fn fail_with(mut self, response: Response, failure: Failure) {
        self.end(response, failure.into());
    }

    /// Ends the call with the response read from its stream.
    pub(crate) fn end_stream(mut self, response: Response, timing: Timing, outcome: Outcome) {
        if let Some(held) = &self.held
            && let Some(facts) = held.open.facts().as_mut()
        {
            facts.timing = timing;
        }
        self.end(response, outcome);
    }
}
