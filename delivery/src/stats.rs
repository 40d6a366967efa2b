//! Counts and failures of delivery: counted where they happen, logged once, reported at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;

use super::moves::Moves;
use super::report::{ExportReport, Failure, Uploads};
use super::{DropReason, ItemState, Signal, SignalCounts};
use super::{messages, names};

/// Running counts of the signals of one program, and what went wrong.
///
/// Every item is in exactly one [state](ItemState): items only [enter](DeliveryStats::entered) and [move](DeliveryStats::moved). Both
/// are one atomic addition. Counts are exact when nothing moves; while items move, each is counted in the state that it is in or was in a
/// moment ago.
#[derive(Debug, Default)]
pub struct DeliveryStats {
    moves: [Moves; Signal::ALL.len()],
    retries: [AtomicU64; Signal::ALL.len()],
    /// Metrics are cumulative: what matters is whether the newest state arrived.
    metrics_lost: Mutex<bool>,
    story: Mutex<Story>,
    exporters: [OnceLock<Exporter>; Signal::ALL.len()],
    processors: [OnceLock<Processor>; Signal::ALL.len()],
    /// Durations of exports, if they are measured.
    durations: OnceLock<Histogram<f64>>,
}

/// An exporter in its metrics.
#[derive(Debug)]
pub(crate) struct Exporter {
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) has_spool: bool,
}

/// A processor in its metrics.
#[derive(Debug)]
pub(crate) struct Processor {
    pub(crate) attributes: [KeyValue; 2],
    pub(crate) capacity: u64,
}

/// Failures so far, and which of them were logged.
#[derive(Debug, Default)]
struct Story {
    /// Of the newest attempt that failed.
    failure: Option<Failure>,
    /// Why items were lost, by [`DropReason`].
    losses: [Option<Failure>; DropReason::ALL.len()],
    stopping: bool,
    /// Signals whose exports fail.
    failing: [bool; Signal::ALL.len()],
    /// A failure has been logged.
    said: bool,
    /// Reasons of losses that have been logged.
    said_dropped: [bool; DropReason::ALL.len()],
}

impl Story {
    /// Why items were lost, or wait if none are lost.
    fn why(&self, loss: Option<DropReason>) -> Option<Failure> {
        let of_loss = loss.and_then(|reason| self.losses[reason as usize].as_ref());
        match loss {
            // The reason of the failed attempts is more specific than the timeout.
            None | Some(DropReason::Undelivered) => self.failure.as_ref().or(of_loss),
            Some(_) => of_loss.or(self.failure.as_ref()),
        }
        .cloned()
    }
}

/// The reason for which most spans and events were lost; if none were, most data points.
fn main_loss(counts: &[SignalCounts; Signal::ALL.len()]) -> Option<DropReason> {
    let lost = |reason, is_metrics: bool| -> u64 {
        let of_kind = Signal::ALL.into_iter().filter(|signal| (*signal == Signal::Metrics) == is_metrics);
        of_kind.map(|signal| counts[signal.index()].dropped_for(reason)).sum()
    };
    // By what is superseded nothing is lost.
    let reasons = DropReason::ALL.iter().copied().filter(|reason| *reason != DropReason::Superseded);
    let main = reasons.max_by_key(|reason| (lost(*reason, false), lost(*reason, true)))?;
    (lost(main, false) + lost(main, true) > 0).then_some(main)
}

impl DeliveryStats {
    /// Names what exports a signal, in its [metrics](crate::observe). A [`Sender`](crate::Sender) names itself. The first counts.
    pub fn set_exporter(&self, signal: Signal, attributes: Vec<KeyValue>, has_spool: bool) {
        let _ = self.exporters[signal.index()].set(Exporter { attributes, has_spool });
    }

    /// Sets the component that processes a signal, such as `batching_span_processor`, and the capacity of its queue in items. The first
    /// call counts.
    pub fn set_processor(&self, signal: Signal, component_type: &'static str, capacity: u64) {
        let attributes = component(component_type);
        let _ = self.processors[signal.index()].set(Processor { attributes, capacity });
    }

    pub(crate) fn exporter(&self, signal: Signal) -> Option<&Exporter> {
        self.exporters[signal.index()].get()
    }

    pub(crate) fn processor(&self, signal: Signal) -> Option<&Processor> {
        self.processors[signal.index()].get()
    }

    pub(crate) fn set_durations(&self, durations: Histogram<f64>) {
        let _ = self.durations.set(durations);
    }

    /// An export is over that took so long, from its first attempt to its last.
    pub(crate) fn exported(&self, signal: Signal, took: Duration, failed: Option<DropReason>) {
        let (Some(durations), Some(exporter)) = (self.durations.get(), self.exporter(signal)) else { return };
        let error_type = failed.map(|reason| KeyValue::new(names::ERROR_TYPE, reason.as_str()));
        let attributes: Vec<_> = exporter.attributes.iter().cloned().chain(error_type).collect();
        // The meter may be foreign code.
        let record = || durations.record(took.as_secs_f64(), &attributes);
        let _ = catch_unwind(AssertUnwindSafe(record));
    }

    /// Items are begun: they are counted for the first time.
    pub fn entered(&self, signal: Signal, term: ItemState, items: u64) {
        if signal == Signal::Metrics {
            // Until they have arrived they count as lost: they may never.
            *self.metrics_lost() = true;
        }
        self.moves[signal.index()].enter(term, items);
    }

    /// Items go from one place to another.
    pub fn moved(&self, signal: Signal, items: u64, from: ItemState, to: ItemState) {
        let moves = &self.moves[signal.index()];
        if signal != Signal::Metrics {
            moves.shift(items, from, to);
            return;
        }
        let mut metrics_lost = self.metrics_lost();
        moves.shift(items, from, to);
        let counts = moves.counts();
        let are_newest = counts.queued() == 0 && counts.spooled() == 0;
        match to {
            ItemState::Delivered => *metrics_lost = !are_newest,
            // By what is stored, or has arrived.
            ItemState::Dropped(DropReason::Superseded) if are_newest => *metrics_lost = false,
            ItemState::Dropped(DropReason::Superseded) => {}
            ItemState::Dropped(_) if items > 0 => *metrics_lost = true,
            _ => {}
        }
    }

    /// Counts lost items. While the program runs, each reason is logged once; during shutdown the report follows.
    pub fn dropped(
        &self,
        signal: Signal,
        items: u64,
        from: ItemState,
        reason: DropReason,
        destination: &str,
        why: &str,
    ) {
        if items == 0 {
            return;
        }
        self.moved(signal, items, from, ItemState::Dropped(reason));
        self.say_dropped(signal, reason, destination, why);
    }

    /// Logs that items were lost which have been counted already.
    pub fn say_dropped(&self, signal: Signal, reason: DropReason, destination: &str, why: &str) {
        let is_first = {
            let mut story = self.story();
            let failure = Failure { destination: destination.to_owned(), reason: why.to_owned() };
            story.losses[reason as usize] = Some(failure);
            // Taken here and returned below: foreign code must not be called under the lock, or twice.
            !story.stopping && !std::mem::replace(&mut story.said_dropped[reason as usize], true)
        };
        if is_first {
            let (what, reason_name) = (signal.items(), reason.as_str());
            let message = format_args!("{what} for {destination} are dropped ({reason_name}): {why}");
            self.story().said_dropped[reason as usize] = messages::to_subscriber(&message);
        }
    }

    /// Records a failed attempt. While the program runs the first failure is logged when it happens, so that an outage is one line and not
    /// one per batch. During shutdown failures are not logged: the report follows, with the totals. A failure that the shutdown cut short
    /// is not recorded as the reason, if another failed before.
    pub fn failed(&self, signal: Signal, destination: &str, reason: &str, is_cut_short: bool) {
        let is_first = {
            let mut story = self.story();
            if !(is_cut_short && story.failing[signal.index()]) {
                story.failure =
                    Some(Failure { destination: destination.to_owned(), reason: reason.to_owned() });
            }
            story.failing[signal.index()] = true;
            !story.stopping && !std::mem::replace(&mut story.said, true)
        };
        if is_first {
            let message =
                format_args!("telemetry could not be delivered to {destination}, it waits: {reason}");
            self.story().said = messages::to_subscriber(&message);
        }
    }

    /// An attempt got through: the next outage is a new one.
    pub(crate) fn reached(&self, signal: Signal, destination: &str) {
        let is_over = {
            let mut story = self.story();
            let was_failing = std::mem::replace(&mut story.failing[signal.index()], false);
            let is_over = was_failing && !story.stopping && story.failing == [false; Signal::ALL.len()];
            is_over && std::mem::replace(&mut story.said, false)
        };
        if is_over {
            tracing::info!(target: "llm_trace_delivery", "telemetry is delivered to {destination} again");
        }
    }

    /// Something that failed will be tried again.
    pub(crate) fn retried(&self, signal: Signal) {
        self.retries[signal.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Marks the start of shutdown: from here on failures are reported, not logged.
    pub fn stopping(&self) {
        self.story().stopping = true;
    }

    /// Logs the losses of a report, unless they were logged before.
    pub fn log(&self, report: &ExportReport) {
        if report.is_complete() {
            return;
        }
        {
            let mut story = self.story();
            let dropped = DropReason::ALL.iter().copied().filter(|reason| report.dropped_for(*reason) > 0);
            let mut unsaid = dropped.filter(|reason| !story.said_dropped[*reason as usize]);
            // A logged outage explains the losses and waiting items that it caused.
            let is_said = if story.said {
                unsaid.all(|reason| reason == DropReason::Undelivered)
            } else {
                unsaid.next().is_none() && !report.waits()
            };
            if is_said {
                return;
            }
            story.said = true;
        }
        if !messages::to_subscriber(report) {
            messages::to_stderr(report);
        }
    }

    /// Returns the counts so far.
    pub fn report(&self) -> ExportReport {
        let counts = Signal::ALL.map(|signal| self.counts_of(signal));
        let failure = self.story().why(main_loss(&counts));
        let metrics_lost = *self.metrics_lost();
        ExportReport { counts, metrics_lost, failure, uploads: Uploads::default() }
    }

    /// Returns the number of items of a signal in each state.
    pub fn counts_of(&self, signal: Signal) -> SignalCounts {
        self.moves[signal.index()].counts()
    }

    pub(crate) fn retries_of(&self, signal: Signal) -> u64 {
        self.retries[signal.index()].load(Ordering::Relaxed)
    }

    fn metrics_lost(&self) -> MutexGuard<'_, bool> {
        self.metrics_lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attributes of the only component of its type.
pub(crate) fn component(component_type: &'static str) -> [KeyValue; 2] {
    [
        KeyValue::new(names::COMPONENT_TYPE, component_type),
        KeyValue::new(names::COMPONENT_NAME, format!("{component_type}/0")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPANS: Signal = Signal::Traces;
    const EVENTS: Signal = Signal::Logs;

    const LOST: ItemState = ItemState::Dropped(DropReason::Undelivered);

    #[test]
    fn a_receipt_says_what_was_lost_where_and_why() {
        let stats = DeliveryStats::default();
        stats.entered(SPANS, ItemState::Queued, 5);
        stats.moved(SPANS, 4, ItemState::Queued, ItemState::Delivered);
        assert_eq!(stats.report().to_string(), "1 span waiting");
        stats.failed(SPANS, "http://c:4318", "connection refused", false);
        assert_eq!(stats.report().to_string(), "1 span waiting for http://c:4318: connection refused");
        stats.moved(SPANS, 1, ItemState::Queued, LOST);
        stats.entered(Signal::Metrics, ItemState::Queued, 7);
        let expected = "1 span and metrics not delivered to http://c:4318: connection refused";
        assert_eq!(stats.report().to_string(), expected);
        stats.entered(EVENTS, ItemState::Spooled, 2);
        assert_eq!(stats.report().to_string(), format!("2 events stored, {expected}"));
    }

    #[test]
    fn a_receipt_names_the_reason_of_its_losses_and_not_that_of_a_later_retry() {
        let stats = DeliveryStats::default();
        stats.entered(SPANS, ItemState::Queued, 9);
        let (destination, rejected) = ("http://c:4318", "the receiver rejected 2 of the spans");
        stats.dropped(SPANS, 2, ItemState::Queued, DropReason::PartialSuccess, destination, rejected);
        stats.failed(SPANS, destination, "HTTP status 502 Bad Gateway", false);
        assert_eq!(stats.report().failure(), Some(rejected), "it waits, but nothing is lost by it");
        stats.moved(SPANS, 4, ItemState::Queued, ItemState::Delivered);
        let expected = format!("3 spans waiting, 2 spans not delivered to {destination}: {rejected}");
        assert_eq!(stats.report().to_string(), expected);
        let over = "the time to shut down was over";
        stats.dropped(SPANS, 3, ItemState::Queued, DropReason::Undelivered, destination, over);
        assert_eq!(stats.report().failure(), Some("HTTP status 502 Bad Gateway"), "most were lost by it");
    }

    #[test]
    fn metrics_that_wait_on_disk_are_neither_lost_nor_delivered() {
        let stats = DeliveryStats::default();
        stats.entered(Signal::Metrics, ItemState::Queued, 7);
        stats.moved(Signal::Metrics, 7, ItemState::Queued, ItemState::Spooled);
        stats.entered(SPANS, ItemState::Spooled, 2);
        let report = stats.report();
        assert_eq!((!report.has_current_metrics(), report.is_complete()), (false, false));
        assert_eq!(report.to_string(), "2 spans and metrics stored");
        stats.moved(Signal::Metrics, 4, ItemState::Spooled, ItemState::Dropped(DropReason::Superseded));
        assert!(stats.report().has_current_metrics(), "a newer state is stored");
        stats.moved(Signal::Metrics, 3, ItemState::Spooled, ItemState::Delivered);
        stats.moved(SPANS, 2, ItemState::Spooled, ItemState::Delivered);
        assert!(stats.report().is_complete());
    }

    #[test]
    fn a_receipt_counts_events_where_there_are_any() {
        let stats = DeliveryStats::default();
        assert_eq!(stats.report().to_string(), "0 spans delivered");
        stats.entered(EVENTS, ItemState::Queued, 4);
        assert!(!stats.report().is_complete());
        assert_eq!(stats.report().to_string(), "4 events waiting");
        stats.moved(EVENTS, 2, ItemState::Queued, LOST);
        stats.entered(SPANS, LOST, 1);
        stats.entered(Signal::Metrics, ItemState::Queued, 1);
        let report = stats.report();
        assert_eq!(report.to_string(), "2 events waiting, 1 span, 2 events and metrics not delivered");
        assert_eq!((report.spans().dropped(), report.events().dropped(), report.events().ended()), (1, 2, 4));
        let stats = DeliveryStats::default();
        stats.entered(SPANS, ItemState::Delivered, 1);
        stats.entered(EVENTS, ItemState::Delivered, 2);
        assert_eq!(stats.report().to_string(), "1 span and 2 events delivered");
    }

    #[test]
    fn metrics_are_lost_from_the_attempt_until_the_newest_arrive() {
        let stats = DeliveryStats::default();
        let metrics = Signal::Metrics;
        assert!(stats.report().is_complete());
        stats.entered(metrics, ItemState::Queued, 3);
        assert!(!stats.report().has_current_metrics());
        stats.entered(metrics, ItemState::Queued, 4);
        stats.moved(metrics, 3, ItemState::Queued, ItemState::Delivered);
        assert!(!stats.report().has_current_metrics(), "a newer state is under way");
        stats.moved(metrics, 4, ItemState::Queued, ItemState::Delivered);
        assert!(stats.report().is_complete());
        stats.entered(metrics, ItemState::Queued, 5);
        stats.moved(metrics, 4, ItemState::Queued, ItemState::Delivered);
        stats.moved(metrics, 1, ItemState::Queued, LOST);
        assert!(!stats.report().has_current_metrics(), "one of them never arrives");
    }
}
