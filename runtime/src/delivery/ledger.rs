//! What became of the telemetry: counted where it happens, said once, reported at the end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::receipt::{Failure, Receipt};
use super::report;
use super::{DropReason, Signal, SignalCounts, Term};
use crate::content::Uploads;

/// Running counts of one [`Telemetry`](crate::pipeline::Telemetry).
///
/// Whatever was begun is in exactly one [place](Term) at any time: counts only [come in](Ledger::entered) and
/// [move](Ledger::moved), under a lock per signal, so that whoever reads sees no item twice and misses none.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counts: [Mutex<SignalCounts>; Signal::ALL.len()],
    retries: [AtomicU64; Signal::ALL.len()],
    /// Metrics are cumulative: what matters is whether the newest state arrived.
    metrics_lost: AtomicBool,
    story: Mutex<Story>,
}

/// What went wrong, and whether people know.
#[derive(Debug, Default)]
struct Story {
    /// Of the newest attempt that failed.
    failure: Option<Failure>,
    /// Why items were lost, by [`DropReason`].
    losses: [Option<Failure>; DropReason::ALL.len()],
    stopping: bool,
    /// Which signals do not get through.
    failing: [bool; Signal::ALL.len()],
    /// That something does not get through has been said.
    said: bool,
    /// The reasons of losses that have been said.
    said_dropped: [bool; DropReason::ALL.len()],
}

impl Story {
    /// Why items were lost, or wait if none are lost.
    fn why(&self, loss: Option<DropReason>) -> Option<Failure> {
        let of_loss = loss.and_then(|reason| self.losses[reason as usize].as_ref());
        match loss {
            // Why the attempts failed says more than that the time was over.
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
    let reasons = DropReason::ALL.into_iter().filter(|reason| *reason != DropReason::Superseded);
    let main = reasons.max_by_key(|reason| (lost(*reason, false), lost(*reason, true)))?;
    (lost(main, false) + lost(main, true) > 0).then_some(main)
}

impl Ledger {
    /// Items are begun: they are counted for the first time.
    pub(crate) fn entered(&self, signal: Signal, term: Term, items: u64) {
        let mut counts = self.counts(signal);
        counts.enter(term, items);
        if signal == Signal::Metrics {
            // Until they have arrived they count as lost: they may never.
            self.metrics_lost.store(true, Ordering::Release);
        }
    }

    /// Items go from one place to another.
    pub(crate) fn moved(&self, signal: Signal, items: u64, from: Term, to: Term) {
        let mut counts = self.counts(signal);
        counts.shift(items, from, to);
        if signal == Signal::Metrics {
            let are_newest = counts.queued() == 0 && counts.spooled() == 0;
            match to {
                Term::Delivered => self.metrics_lost.store(!are_newest, Ordering::Release),
                // By what is stored, or has arrived.
                Term::Dropped(DropReason::Superseded) if are_newest => {
                    self.metrics_lost.store(false, Ordering::Release);
                }
                Term::Dropped(DropReason::Superseded) => {}
                Term::Dropped(_) if items > 0 => self.metrics_lost.store(true, Ordering::Release),
                _ => {}
            }
        }
    }

    /// Items are lost. While the program runs that is said once for each reason; while it stops the receipt follows.
    pub(crate) fn dropped(
        &self,
        signal: Signal,
        items: u64,
        from: Term,
        reason: DropReason,
        destination: &str,
        why: &str,
    ) {
        if items == 0 {
            return;
        }
        self.moved(signal, items, from, Term::Dropped(reason));
        self.say_dropped(signal, reason, destination, why);
    }

    /// Says that items were lost which have been counted already.
    pub(crate) fn say_dropped(&self, signal: Signal, reason: DropReason, destination: &str, why: &str) {
        let is_first = {
            let mut story = self.story();
            let failure = Failure { destination: destination.to_owned(), reason: why.to_owned() };
            story.losses[reason as usize] = Some(failure);
            // Taken here and given back below: nobody may be called under the lock, or twice.
            !story.stopping && !std::mem::replace(&mut story.said_dropped[reason as usize], true)
        };
        if is_first {
            let (what, reason_name) = (signal.items(), reason.as_str());
            let message = format_args!("{what} for {destination} are dropped ({reason_name}): {why}");
            self.story().said_dropped[reason as usize] = report::to_subscriber(&message);
        }
    }

    /// An attempt failed. While the program runs the first failure is said when it happens, so that an outage is one line
    /// and not one per batch. While it stops nothing is: the receipt follows, with the totals. One that the end cut short
    /// says nothing of the receiver, if another failed before.
    pub(crate) fn failed(&self, signal: Signal, destination: &str, reason: &str, is_cut_short: bool) {
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
            self.story().said = report::to_subscriber(&message);
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
            tracing::info!(target: "llm_trace", "telemetry is delivered to {destination} again");
        }
    }

    /// Something that failed will be tried again.
    pub(crate) fn retried(&self, signal: Signal) {
        self.retries[signal.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// From here on failures are only told by the receipt.
    pub(crate) fn stopping(&self) {
        self.story().stopping = true;
    }

    /// Says what was lost, unless it has been said before.
    pub(crate) fn report(&self, receipt: &Receipt) {
        if receipt.is_complete() {
            return;
        }
        {
            let mut story = self.story();
            let dropped = DropReason::ALL.into_iter().filter(|reason| receipt.dropped_for(*reason) > 0);
            let mut unsaid = dropped.filter(|reason| !story.said_dropped[*reason as usize]);
            // An outage that was said explains what it cost, and what it makes wait.
            let is_said = if story.said {
                unsaid.all(|reason| reason == DropReason::Undelivered)
            } else {
                unsaid.next().is_none() && !receipt.waits()
            };
            if is_said {
                return;
            }
            story.said = true;
        }
        if !report::to_subscriber(receipt) {
            report::to_stderr(receipt);
        }
    }

    pub(crate) fn receipt(&self) -> Receipt {
        let counts = Signal::ALL.map(|signal| self.counts_of(signal));
        let failure = self.story().why(main_loss(&counts));
        let metrics_lost = self.metrics_lost.load(Ordering::Acquire);
        Receipt { counts, metrics_lost, failure, uploads: Uploads::default() }
    }

    pub(crate) fn counts_of(&self, signal: Signal) -> SignalCounts {
        *self.counts(signal)
    }

    pub(crate) fn retries_of(&self, signal: Signal) -> u64 {
        self.retries[signal.index()].load(Ordering::Relaxed)
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

    const LOST: Term = Term::Dropped(DropReason::Undelivered);

    #[test]
    fn a_receipt_says_what_was_lost_where_and_why() {
        let ledger = Ledger::default();
        ledger.entered(SPANS, Term::Queued, 5);
        ledger.moved(SPANS, 4, Term::Queued, Term::Delivered);
        assert_eq!(ledger.receipt().to_string(), "1 span waiting");
        ledger.failed(SPANS, "http://c:4318", "connection refused", false);
        assert_eq!(ledger.receipt().to_string(), "1 span waiting for http://c:4318: connection refused");
        ledger.moved(SPANS, 1, Term::Queued, LOST);
        ledger.entered(Signal::Metrics, Term::Queued, 7);
        let expected = "1 span and metrics not delivered to http://c:4318: connection refused";
        assert_eq!(ledger.receipt().to_string(), expected);
        ledger.entered(EVENTS, Term::Spooled, 2);
        assert_eq!(ledger.receipt().to_string(), format!("2 events stored, {expected}"));
    }

    #[test]
    fn a_receipt_names_the_reason_of_its_losses_and_not_that_of_a_later_retry() {
        let ledger = Ledger::default();
        ledger.entered(SPANS, Term::Queued, 9);
        let (destination, rejected) = ("http://c:4318", "the receiver rejected 2 of the spans");
        ledger.dropped(SPANS, 2, Term::Queued, DropReason::PartialSuccess, destination, rejected);
        ledger.failed(SPANS, destination, "HTTP status 502 Bad Gateway", false);
        assert_eq!(ledger.receipt().failure(), Some(rejected), "it waits, but nothing is lost by it");
        ledger.moved(SPANS, 4, Term::Queued, Term::Delivered);
        let expected = format!("3 spans waiting, 2 spans not delivered to {destination}: {rejected}");
        assert_eq!(ledger.receipt().to_string(), expected);
        let over = "the time to shut down was over";
        ledger.dropped(SPANS, 3, Term::Queued, DropReason::Undelivered, destination, over);
        assert_eq!(ledger.receipt().failure(), Some("HTTP status 502 Bad Gateway"), "most were lost by it");
    }

    #[test]
    fn metrics_that_wait_on_disk_are_neither_lost_nor_delivered() {
        let ledger = Ledger::default();
        ledger.entered(Signal::Metrics, Term::Queued, 7);
        ledger.moved(Signal::Metrics, 7, Term::Queued, Term::Spooled);
        ledger.entered(SPANS, Term::Spooled, 2);
        let receipt = ledger.receipt();
        assert_eq!((receipt.metrics_lost(), receipt.is_complete()), (false, false));
        assert_eq!(receipt.to_string(), "2 spans and metrics stored");
        ledger.moved(Signal::Metrics, 4, Term::Spooled, Term::Dropped(DropReason::Superseded));
        assert!(!ledger.receipt().metrics_lost(), "a newer state is stored");
        ledger.moved(Signal::Metrics, 3, Term::Spooled, Term::Delivered);
        ledger.moved(SPANS, 2, Term::Spooled, Term::Delivered);
        assert!(ledger.receipt().is_complete());
    }

    #[test]
    fn a_receipt_counts_events_where_there_are_any() {
        let ledger = Ledger::default();
        assert_eq!(ledger.receipt().to_string(), "0 spans delivered");
        ledger.entered(EVENTS, Term::Queued, 4);
        assert!(!ledger.receipt().is_complete());
        assert_eq!(ledger.receipt().to_string(), "4 events waiting");
        ledger.moved(EVENTS, 2, Term::Queued, LOST);
        ledger.entered(SPANS, LOST, 1);
        ledger.entered(Signal::Metrics, Term::Queued, 1);
        let receipt = ledger.receipt();
        assert_eq!(receipt.to_string(), "2 events waiting, 1 span, 2 events and metrics not delivered");
        assert_eq!((receipt.spans_lost(), receipt.events_lost(), receipt.events()), (1, 2, 4));
        let ledger = Ledger::default();
        ledger.entered(SPANS, Term::Delivered, 1);
        ledger.entered(EVENTS, Term::Delivered, 2);
        assert_eq!(ledger.receipt().to_string(), "1 span and 2 events delivered");
    }

    #[test]
    fn metrics_are_lost_from_the_attempt_until_the_newest_arrive() {
        let ledger = Ledger::default();
        let metrics = Signal::Metrics;
        assert!(ledger.receipt().is_complete());
        ledger.entered(metrics, Term::Queued, 3);
        assert!(ledger.receipt().metrics_lost());
        ledger.entered(metrics, Term::Queued, 4);
        ledger.moved(metrics, 3, Term::Queued, Term::Delivered);
        assert!(ledger.receipt().metrics_lost(), "a newer state is under way");
        ledger.moved(metrics, 4, Term::Queued, Term::Delivered);
        assert!(ledger.receipt().is_complete());
        ledger.entered(metrics, Term::Queued, 5);
        ledger.moved(metrics, 4, Term::Queued, Term::Delivered);
        ledger.moved(metrics, 1, Term::Queued, LOST);
        assert!(ledger.receipt().metrics_lost(), "one of them never arrives");
    }
}
