//! What became of the telemetry: counted where it happens, reported once at the end.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::report;

/// Running counts of one [`Telemetry`](super::Telemetry).
#[derive(Debug, Default)]
pub(super) struct Ledger {
    spans_ended: AtomicU64,
    spans_delivered: AtomicU64,
    events_emitted: AtomicU64,
    events_delivered: AtomicU64,
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

#[derive(Clone, Debug)]
struct Failure {
    destination: String,
    reason: String,
}

impl Ledger {
    pub(super) fn span_ended(&self) {
        self.spans_ended.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn spans_delivered(&self, count: u64) {
        self.spans_delivered.fetch_add(count, Ordering::AcqRel);
    }

    pub(super) fn event_emitted(&self) {
        self.events_emitted.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn events_delivered(&self, count: u64) {
        self.events_delivered.fetch_add(count, Ordering::AcqRel);
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
        let ended = self.spans_ended.load(Ordering::Acquire);
        let delivered = self.spans_delivered.load(Ordering::Acquire);
        let emitted = self.events_emitted.load(Ordering::Acquire);
        Receipt {
            spans: ended,
            spans_delivered: delivered.min(ended),
            events: emitted,
            events_delivered: self.events_delivered.load(Ordering::Acquire).min(emitted),
            metrics_lost: self.metrics_attempted.load(Ordering::Acquire)
                && !self.metrics_current.load(Ordering::Acquire),
            failure: self.story().failure.clone(),
        }
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was delivered and what was not, as [`Telemetry::shutdown`](crate::Telemetry::shutdown) returns it.
///
/// Its `Display` is one line: `7 spans delivered`, or what was lost, where it should have gone, and why.
#[derive(Clone, Debug)]
pub struct Receipt {
    spans: u64,
    spans_delivered: u64,
    events: u64,
    events_delivered: u64,
    metrics_lost: bool,
    failure: Option<Failure>,
}

impl Receipt {
    /// Sampled spans that ended.
    pub fn spans(&self) -> u64 {
        self.spans
    }

    /// Spans the receiver confirmed, or that were printed to the terminal.
    pub fn spans_delivered(&self) -> u64 {
        self.spans_delivered
    }

    /// Spans that ended but were not confirmed: refused, rejected, timed out, or dropped from a full queue.
    pub fn spans_lost(&self) -> u64 {
        self.spans - self.spans_delivered
    }

    /// Events that were emitted.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events the receiver confirmed.
    pub fn events_delivered(&self) -> u64 {
        self.events_delivered
    }

    /// Events that were emitted but not confirmed, for the same reasons as spans.
    pub fn events_lost(&self) -> u64 {
        self.events - self.events_delivered
    }

    /// Whether the newest state of the metrics did not arrive.
    pub fn metrics_lost(&self) -> bool {
        self.metrics_lost
    }

    /// Whether everything arrived.
    pub fn is_complete(&self) -> bool {
        self.spans_lost() == 0 && self.events_lost() == 0 && !self.metrics_lost
    }

    /// Why the last failed export failed, if any did: a few words for people, without credentials.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.reason.as_str())
    }
}

impl Receipt {
    /// Gives a reason where none is known yet.
    pub(super) fn or_because(mut self, destination: &str, reason: &str) -> Self {
        if !self.is_complete() && self.failure.is_none() {
            self.failure = Some(Failure { destination: destination.to_owned(), reason: reason.to_owned() });
        }
        self
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: u64, what: &str| {
            (count > 0).then(|| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
        };
        if self.is_complete() {
            let spans = counted(self.spans_delivered, "span").unwrap_or_else(|| "0 spans".to_owned());
            return match counted(self.events_delivered, "event") {
                Some(events) => write!(f, "{spans} and {events} delivered"),
                None => write!(f, "{spans} delivered"),
            };
        }
        let metrics = self.metrics_lost.then(|| "metrics".to_owned());
        let lost = [counted(self.spans_lost(), "span"), counted(self.events_lost(), "event"), metrics];
        let lost: Vec<_> = lost.into_iter().flatten().collect();
        match &lost[..] {
            [first, second, third] => write!(f, "{first}, {second} and {third}")?,
            fewer => f.write_str(&fewer.join(" and "))?,
        }
        f.write_str(" not delivered")?;
        if let Some(Failure { destination, reason }) = &self.failure {
            write!(f, " to {destination}: {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_says_what_was_lost_where_and_why() {
        let ledger = Ledger::default();
        for _ in 0..5 {
            ledger.span_ended();
        }
        ledger.spans_delivered(4);
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
        ledger.event_emitted();
        ledger.event_emitted();
        assert!(!ledger.receipt().is_complete());
        assert_eq!(ledger.receipt().to_string(), "2 events not delivered");
        ledger.span_ended();
        ledger.metrics_attempted();
        assert_eq!(ledger.receipt().to_string(), "1 span, 2 events and metrics not delivered");
        ledger.spans_delivered(1);
        ledger.metrics_delivered();
        ledger.events_delivered(2);
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
