//! What became of the telemetry: counted where it happens, reported once at the end.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Running counts of one [`Telemetry`](super::Telemetry).
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) spans_ended: AtomicU64,
    pub(super) spans_delivered: AtomicU64,
    /// Metrics are cumulative: what matters is whether the newest state arrived.
    metrics_attempted: AtomicBool,
    metrics_current: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

#[derive(Clone, Debug)]
struct Failure {
    destination: String,
    reason: String,
}

impl Ledger {
    pub(super) fn metrics(&self, delivered: bool) {
        self.metrics_attempted.store(true, Ordering::Relaxed);
        self.metrics_current.store(delivered, Ordering::Relaxed);
    }

    /// Notes why an export failed. The first failure is logged when it happens; a later one only changes the reason
    /// that the receipt gives, so that an outage is one line and not one per batch.
    pub(super) fn failed(&self, destination: &str, reason: String) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            tracing::warn!(target: "llm_trace", destination, reason, "telemetry could not be delivered");
        }
        *failure = Some(Failure { destination: destination.to_owned(), reason });
    }

    pub(super) fn receipt(&self) -> Receipt {
        let ended = self.spans_ended.load(Ordering::Acquire);
        let delivered = self.spans_delivered.load(Ordering::Acquire);
        Receipt {
            spans: ended,
            spans_delivered: delivered.min(ended),
            metrics_lost: self.metrics_attempted.load(Ordering::Relaxed)
                && !self.metrics_current.load(Ordering::Relaxed),
            failure: self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// What was delivered and what was not, as [`Telemetry::shutdown`](crate::Telemetry::shutdown) returns it.
///
/// Its `Display` is one line: `7 spans delivered`, or what was lost, where it should have gone, and why.
#[derive(Clone, Debug)]
pub struct Receipt {
    spans: u64,
    spans_delivered: u64,
    metrics_lost: bool,
    failure: Option<Failure>,
}

impl Receipt {
    /// Sampled spans that ended.
    pub fn spans(&self) -> u64 {
        self.spans
    }

    /// Spans the receiver confirmed.
    pub fn spans_delivered(&self) -> u64 {
        self.spans_delivered
    }

    /// Spans that ended but were not confirmed: refused, timed out, or dropped from a full queue.
    pub fn spans_lost(&self) -> u64 {
        self.spans - self.spans_delivered
    }

    /// Whether the newest state of the metrics did not arrive.
    pub fn metrics_lost(&self) -> bool {
        self.metrics_lost
    }

    /// Whether everything arrived.
    pub fn is_complete(&self) -> bool {
        self.spans_lost() == 0 && !self.metrics_lost
    }

    /// Why the last failed export failed, if any did.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.reason.as_str())
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spans = |count: u64| format!("{count} {}", if count == 1 { "span" } else { "spans" });
        if self.is_complete() {
            return write!(f, "{} delivered", spans(self.spans_delivered));
        }
        match (self.spans_lost(), self.metrics_lost) {
            (0, _) => f.write_str("metrics")?,
            (lost, false) => f.write_str(&spans(lost))?,
            (lost, true) => write!(f, "{} and metrics", spans(lost))?,
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
        ledger.spans_ended.store(5, Ordering::Relaxed);
        ledger.spans_delivered.store(4, Ordering::Relaxed);
        assert_eq!(ledger.receipt().to_string(), "1 span not delivered");
        ledger.metrics(false);
        ledger.failed("http://c:4318", "connection refused".to_owned());
        let expected = "1 span and metrics not delivered to http://c:4318: connection refused";
        assert_eq!(ledger.receipt().to_string(), expected);
    }

    #[test]
    fn metrics_that_arrive_later_are_not_lost() {
        let ledger = Ledger::default();
        ledger.metrics(false);
        ledger.metrics(true);
        assert!(ledger.receipt().is_complete());
    }
}
