//! The call of a stream from its first item to its end.

use std::time::Instant;

use super::item::{Chunk, Reading};
use crate::call::Call;
use crate::model::record::{Outcome, Timing};
use crate::sinks::metrics::ChunkMeter;

/// A call whose value is being streamed. It ends with [`complete`](Self::complete), or when it is dropped.
pub(super) struct Progress {
    /// `None` once ended.
    open: Option<(Call, Reading)>,
    timing: Timing,
    last_chunk: Instant,
    meter: Option<ChunkMeter>,
}

impl Progress {
    /// The call goes on with a stream or iterator, unless one inside it has the call already.
    pub(super) fn of(call: Call) -> Option<Box<Self>> {
        if call.goes_on_with_stream() {
            return Some(Progress::new(call));
        }
        call.complete();
        None
    }

    pub(super) fn new(call: Call) -> Box<Self> {
        call.mark_streamed();
        let measures = call.reads_text();
        let runtime = call.runtime();
        let reading = match (call.reads_response(), call.captures_output() || measures) {
            (true, true) => Reading::of_chunks(runtime).with_transcript(measures),
            (true, false) => Reading::of_chunks(runtime),
            (false, _) => Reading::of_values(runtime),
        };
        Box::new(Progress {
            open: Some((call, reading)),
            timing: Timing::default(),
            last_chunk: Instant::now(),
            meter: None,
        })
    }

    /// Polls or drops the stream inside its call.
    pub(super) fn run<T>(&mut self, turn: impl FnOnce() -> T) -> T {
        match &self.open {
            Some((call, _)) => call.run(turn),
            None => turn(),
        }
    }

    /// An item has arrived.
    pub(super) fn item(&mut self, read: impl FnOnce(&mut Chunk<'_>)) {
        let Some((call, reading)) = &mut self.open else { return };
        // Before the item is read. Items of other calls are not timed, nor are chunks after the first that nobody measures.
        let is_timed = call.is_generation() && (self.meter.is_some() || !self.timing.is_complete());
        let at = is_timed.then(Instant::now);
        let deltas = reading.item(read);
        let Some(at) = at else { return };
        if deltas.visible && self.timing.first_text.is_none() {
            self.timing.first_text = Some(call.elapsed(at));
        }
        if !deltas.any {
            return;
        }
        if self.timing.first_chunk.is_none() {
            let since_begin = call.elapsed(at);
            self.timing.first_chunk = Some(since_begin);
            self.meter = call.chunk_meter(&reading.so_far());
            self.meter.iter().for_each(|meter| meter.first(since_begin));
        } else if let Some(meter) = &self.meter {
            meter.next(at.saturating_duration_since(self.last_chunk));
        }
        self.last_chunk = at;
    }

    /// The stream has ended by itself.
    pub(super) fn complete(mut self: Box<Self>) {
        self.end(Outcome::Completed);
    }

    fn end(&mut self, otherwise: Outcome) {
        let Some((call, reading)) = self.open.take() else { return };
        let (response, failure) = reading.finish();
        call.end_stream(response, self.timing, failure.map_or(otherwise, Outcome::from));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // A panic elsewhere that drops the stream is its caller going away.
        let outcome = self.open.as_ref().map_or(Outcome::Cancelled, |(call, _)| call.outcome_if_dropped());
        self.end(outcome);
    }
}
