//! What became of the telemetry, as users see it.

use std::fmt;

use super::delivery::{Signal, SignalCounts};

/// What was delivered and what was not, as [`Telemetry::shutdown`](crate::Telemetry::shutdown) returns it.
///
/// Its `Display` is one line: `7 spans delivered`, or what was lost, where it should have gone, and why.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub(super) counts: [SignalCounts; Signal::ALL.len()],
    pub(super) metrics_lost: bool,
    pub(super) failure: Option<Failure>,
}

#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) destination: String,
    pub(super) reason: String,
}

impl Receipt {
    /// Sampled spans that ended.
    pub fn spans(&self) -> u64 {
        ended(self.traces())
    }

    /// Spans the receiver confirmed, or that were printed to the terminal.
    pub fn spans_delivered(&self) -> u64 {
        self.traces().delivered()
    }

    /// Spans that ended but were not confirmed: refused, rejected, timed out, or dropped from a full queue.
    pub fn spans_lost(&self) -> u64 {
        self.spans() - self.spans_delivered()
    }

    /// Events that were emitted.
    pub fn events(&self) -> u64 {
        ended(self.logs())
    }

    /// Events the receiver confirmed.
    pub fn events_delivered(&self) -> u64 {
        self.logs().delivered()
    }

    /// Events that were emitted but not confirmed, for the same reasons as spans.
    pub fn events_lost(&self) -> u64 {
        self.events() - self.events_delivered()
    }

    /// What became of every span.
    pub fn traces(&self) -> &SignalCounts {
        &self.counts[Signal::Traces.index()]
    }

    /// What became of every event, which is a log record.
    pub fn logs(&self) -> &SignalCounts {
        &self.counts[Signal::Logs.index()]
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
            let spans = counted(self.spans_delivered(), "span").unwrap_or_else(|| "0 spans".to_owned());
            return match counted(self.events_delivered(), "event") {
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

/// What was to be delivered.
fn ended(counts: &SignalCounts) -> u64 {
    counts.started() - counts.open() - counts.unsampled()
}
