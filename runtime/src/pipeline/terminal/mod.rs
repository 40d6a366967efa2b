//! In: finished spans. Out: each trace as a tree on the terminal, once its last span has ended.
//!
//! Output for development without a collector: names, durations, tokens, cost and errors.

#[cfg(test)]
mod tests;
mod traces;
mod tree;

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use llm_trace_delivery::{DeliveryStats, DropReason, ItemState, Signal};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanContext;
use opentelemetry_sdk::trace::SpanData;

use traces::{End, Trace, Traces};

/// Destination of spans, as named in the report.
pub(super) const DESTINATION: &str = "the terminal";

/// Prints traces to a writer.
pub(super) struct TerminalTree {
    out: Mutex<Box<dyn Write + Send>>,
    colour: bool,
    traces: Mutex<Traces>,
    stats: Arc<DeliveryStats>,
}

impl std::fmt::Debug for TerminalTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TerminalTree").field("colour", &self.colour).finish_non_exhaustive()
    }
}

impl TerminalTree {
    /// Prints to stderr, which leaves stdout to the program; in colour only if a person is looking.
    pub(super) fn to_stderr(stats: Arc<DeliveryStats>) -> Self {
        let component = KeyValue::new("otel.component.type", "llm_trace.terminal_exporter");
        stats.set_exporter(Signal::Traces, vec![component], false);
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        TerminalTree::new(Box::new(std::io::stderr()), colour, stats)
    }

    fn new(out: Box<dyn Write + Send>, colour: bool, stats: Arc<DeliveryStats>) -> Self {
        TerminalTree { out: Mutex::new(out), colour, traces: Mutex::default(), stats }
    }

    /// Notes a span that starts.
    pub(super) fn start(&self, span: &SpanContext) {
        self.stats.entered(Signal::Traces, ItemState::Open, 1);
        let given_up = self.traces().start(span);
        if let Some(trace) = given_up {
            self.print(&trace);
        }
    }

    /// Takes a span that has ended, and prints its trace if none is open any more.
    pub(super) fn end(&self, span: SpanData) {
        let is_sampled = span.span_context.is_sampled();
        let to = if is_sampled { ItemState::Queued } else { ItemState::Unsampled };
        self.stats.moved(Signal::Traces, 1, ItemState::Open, to);
        let end = self.traces().end(span);
        match end {
            End::OthersAreOpen => {}
            End::WasTheLast(trace) => self.print(&trace),
            End::OfATraceGivenUp if !is_sampled => {}
            End::OfATraceGivenUp => {
                let reason = format!("more than {} traces were open at a time", traces::MAX_TRACES);
                self.drop_spans(1, DropReason::QueueFull, &reason);
            }
        }
    }

    /// Prints the traces that are still open.
    pub(super) fn stop(&self) {
        let unfinished = std::mem::take(&mut *self.traces());
        for trace in unfinished.into_oldest_first() {
            self.print(&trace);
        }
    }

    fn traces(&self) -> MutexGuard<'_, Traces> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints what has ended of a trace; of one that was given up that may be nothing.
    fn print(&self, trace: &Trace) {
        if trace.ended().is_empty() {
            return;
        }
        let text = tree::render(trace, self.colour);
        let printed = {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
        let spans = trace.totals().spans;
        match printed {
            Ok(()) => self.stats.moved(Signal::Traces, spans, ItemState::Queued, ItemState::Delivered),
            // A closed stderr must not hurt the program.
            Err(error) => self.drop_spans(spans, DropReason::Rejected, &error.to_string()),
        }
    }

    fn drop_spans(&self, spans: u64, reason: DropReason, why: &str) {
        self.stats.dropped(Signal::Traces, spans, ItemState::Queued, reason, DESTINATION, why);
    }
}
