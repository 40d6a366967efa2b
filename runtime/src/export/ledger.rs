//! What became of the telemetry: counted where it happens, reported once at the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::delivery::{Signal, SignalCounts, Term};
use super::receipt::{Failure, Receipt};
use super::report;

/// Running counts of one [`Telemetry`](super::Telemetry).
///
/// Whatever was begun is in exactly one [place](Term) at any time: counts only [come in](Ledger::entered) and
/// [move](Ledger::moved), under a lock per signal, so that whoever reads sees no item twice and misses none.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counts: [Mutex<SignalCounts>; Signal::ALL.len()],
    /// Metrics are cumulative: what matters is whether the newest state arrived.
    metrics_attempted: AtomicBool,
    metrics_current: AtomicBool,
    story: Mutex<Story>,
    metrics_closed: Mutex<bool>,
    closing: Condvar,
}

/// What went wrong, and whether people know.
#[derive(Debug, Default)]
struct Story {
    failure: Option<Failure>,
    stopping: bool,
    said: bool,
}

impl Ledger {
    /// Items are begun: they are counted for the first time.
    pub(crate) fn entered(&self, signal: Signal, term: Term, items: u64) {
        self.counts(signal).enter(term, items);
    }

    /// Items go from one place to another.
    pub(crate) fn moved(&self, signal: Signal, items: u64, from: Term, to: Term) {
        self.counts(signal).shift(items, from, to);
    }

    /// An export of metrics begins. Until it has succeeded they count as lost: it may never come back.
    pub(super) fn metrics_attempted(&self) {
        self.metrics_current.store(false, Ordering::Release);
        self.metrics_attempted.store(true, Ordering::Release);
    }

    pub(super) fn metrics_delivered(&self) {
        self.metrics_current.store(true, Ordering::Release);
    }

    /// The last export of metrics is over, whatever it came to.
    pub(super) fn metrics_closed(&self) {
        *self.metrics_closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.closing.notify_all();
    }

    /// Waits for the last export of metrics, and returns whether it is over.
    pub(super) fn wait_for_metrics(&self, until: Instant) -> bool {
        let mut closed = self.metrics_closed.lock().unwrap_or_else(PoisonError::into_inner);
        while !*closed {
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return false;
            }
            closed = self.closing.wait_timeout(closed, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Notes why an export failed. While the program runs the first failure is said when it happens, so that an
    /// outage is one line and not one per batch. While it stops nothing is: the receipt follows, with the totals.
    pub(super) fn failed(&self, destination: &str, reason: String) {
        let failure = Failure { destination: destination.to_owned(), reason };
        let is_first = {
            let mut story = self.story();
            story.failure = Some(failure.clone());
            // Taken here and given back below: nobody may be called under the lock, or twice.
            !story.stopping && !std::mem::replace(&mut story.said, true)
        };
        if is_first {
            let Failure { destination, reason } = &failure;
            let message = format_args!("telemetry could not be delivered to {destination}: {reason}");
            self.story().said = report::to_subscriber(&message);
        }
    }

    /// From here on failures are only told by the receipt.
    pub(super) fn stopping(&self) {
        self.story().stopping = true;
    }

    /// Says what was lost, unless that something was lost has been said before.
    pub(super) fn report(&self, receipt: &Receipt) {
        if receipt.is_complete() || std::mem::replace(&mut self.story().said, true) {
            return;
        }
        if !report::to_subscriber(receipt) {
            report::to_stderr(receipt);
        }
    }

    pub(super) fn receipt(&self) -> Receipt {
        Receipt {
            counts: Signal::ALL.map(|signal| *self.counts(signal)),
            metrics_lost: self.metrics_attempted.load(Ordering::Acquire)
                && !self.metrics_current.load(Ordering::Acquire),
            failure: self.story().failure.clone(),
        }
    }

    fn counts(&self, signal: Signal) -> MutexGuard<'_, SignalCounts> {
        self.counts[signal.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPANS: Signal = Signal::Traces;
    const EVENTS: Signal = Signal::Logs;

    #[test]
    fn a_receipt_says_what_was_lost_where_and_why() {
        let ledger = Ledger::default();
        for _ in 0..5 {
            ledger.entered(SPANS, Term::Queued, 1);
        }
        ledger.moved(SPANS, 4, Term::Queued, Term::Delivered);
        assert_eq!(ledger.receipt().to_string(), "1 span not delivered");
        ledger.metrics_attempted();
        ledger.failed("http://c:4318", "connection refused".to_owned());
        let expected = "1 span and metrics not delivered to http://c:4318: connection refused";
        assert_eq!(ledger.receipt().to_string(), expected);
    }

    #[test]
    fn a_receipt_counts_events_where_there_are_any() {
        let ledger = Ledger::default();
        assert_eq!(ledger.receipt().to_string(), "0 spans delivered");
        ledger.entered(EVENTS, Term::Queued, 1);
        ledger.entered(EVENTS, Term::Queued, 1);
        assert!(!ledger.receipt().is_complete());
        assert_eq!(ledger.receipt().to_string(), "2 events not delivered");
        ledger.entered(SPANS, Term::Queued, 1);
        ledger.metrics_attempted();
        assert_eq!(ledger.receipt().to_string(), "1 span, 2 events and metrics not delivered");
        ledger.moved(SPANS, 1, Term::Queued, Term::Delivered);
        ledger.metrics_delivered();
        ledger.moved(EVENTS, 2, Term::Queued, Term::Delivered);
        assert_eq!(ledger.receipt().to_string(), "1 span and 2 events delivered");
    }

    #[test]
    fn metrics_are_lost_from_the_attempt_until_they_arrive() {
        let ledger = Ledger::default();
        assert!(ledger.receipt().is_complete());
        ledger.metrics_attempted();
        assert!(ledger.receipt().metrics_lost());
        ledger.metrics_delivered();
        assert!(ledger.receipt().is_complete());
        ledger.metrics_attempted();
        assert!(ledger.receipt().metrics_lost(), "a newer state is under way");
    }
}
