//! Public report of delivery.

use std::fmt;

use super::{DropReason, Signal, SignalCounts};

/// Counts of delivered and undelivered items, returned by flush and shutdown.
///
/// Its `Display` is one line: `7 spans delivered`, or what was lost, where it should have gone, and why.
#[derive(Clone, Debug)]
#[must_use = "it says what was not delivered"]
pub struct ExportReport {
    pub(crate) counts: [SignalCounts; Signal::ALL.len()],
    pub(crate) metrics_lost: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) uploads: Uploads,
}

/// Counts of content that is uploaded beside telemetry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uploads {
    /// Pieces that were stored.
    pub stored: u64,
    /// Pieces that will not be stored: too many, or failed. At the end also those that still waited.
    pub dropped: u64,
    /// Pieces that wait.
    pub queued: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) destination: String,
    pub(crate) reason: String,
}

impl ExportReport {
    /// Counts of spans.
    pub fn spans(&self) -> &SignalCounts {
        &self.counts[Signal::Traces.index()]
    }

    /// Counts of events, which are log records.
    pub fn events(&self) -> &SignalCounts {
        &self.counts[Signal::Logs.index()]
    }

    /// Counts of metric data points. Data points are cumulative: a lost one matters only if it is [the newest](Self::has_current_metrics).
    pub fn metrics(&self) -> &SignalCounts {
        &self.counts[Signal::Metrics.index()]
    }

    /// Returns whether the newest state of the metrics was delivered, or is stored on disk.
    pub fn has_current_metrics(&self) -> bool {
        !self.metrics_lost || self.metrics_stored()
    }

    /// Counts of content that was uploaded beside telemetry.
    pub fn uploads(&self) -> Uploads {
        self.uploads
    }

    /// Returns whether everything that ended was delivered: nothing is lost, and nothing waits.
    pub fn is_complete(&self) -> bool {
        let is_stored = self.uploads.dropped + self.uploads.queued == 0;
        let arrived = |counts: &SignalCounts| counts.dropped() + counts.queued() + counts.spooled() == 0;
        arrived(self.spans()) && arrived(self.events()) && !self.metrics_lost && is_stored
    }

    /// Why most of what is lost was lost. If nothing is: why the last failed export failed, if any did. A few words for
    /// people, without credentials.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.reason.as_str())
    }
}

impl ExportReport {
    /// Items of all signals that were lost for one reason.
    pub(crate) fn dropped_for(&self, reason: DropReason) -> u64 {
        self.counts.iter().map(|counts| counts.dropped_for(reason)).sum()
    }

    /// Returns whether the newest state of the metrics waits on disk.
    fn metrics_stored(&self) -> bool {
        self.metrics_lost && self.metrics().queued() == 0 && self.metrics().spooled() > 0
    }

    /// Returns whether any item may be delivered later.
    pub(crate) fn waits(&self) -> bool {
        self.counts.iter().any(|counts| counts.queued() + counts.spooled() > 0)
    }

    /// The same with what became of content that was uploaded.
    pub fn with_uploads(mut self, uploads: Uploads) -> Self {
        self.uploads = uploads;
        self
    }

    /// Gives a reason where something is missing and none is known yet.
    pub fn or_because(mut self, destination: &str, reason: &str) -> Self {
        if !self.is_complete() && self.failure.is_none() {
            self.failure = Some(Failure { destination: destination.to_owned(), reason: reason.to_owned() });
        }
        self
    }
}

impl fmt::Display for ExportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_both = |count: fn(&SignalCounts) -> u64| {
            [counted(count(self.spans()), "span"), counted(count(self.events()), "event")]
        };
        if self.is_complete() {
            let [spans, events] = of_both(SignalCounts::delivered);
            let spans = spans.unwrap_or_else(|| "0 spans".to_owned());
            return write!(f, "{} delivered", joined([Some(spans), events]).unwrap_or_default());
        }
        let [spans, events] = of_both(SignalCounts::dropped);
        let metrics = |is_so: bool| is_so.then(|| "metrics".to_owned());
        let pieces = |count: u64| counted(count, "piece").map(|pieces| pieces + " of content");
        let lost =
            joined([spans, events, pieces(self.uploads.dropped), metrics(!self.has_current_metrics())]);
        let [spans, events] = of_both(SignalCounts::spooled);
        let stored = joined([spans, events, metrics(self.metrics_stored())]);
        let [spans, events] = of_both(SignalCounts::queued);
        let parts = [
            joined([spans, events, pieces(self.uploads.queued)]).map(|items| items + " waiting"),
            stored.map(|items| items + " stored"),
            lost.as_ref().map(|items| format!("{items} not delivered")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))?;
        if let Some(Failure { destination, reason }) = &self.failure {
            let to = if lost.is_some() { "to" } else { "for" };
            write!(f, " {to} {destination}: {reason}")?;
        }
        Ok(())
    }
}

fn counted(count: u64, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
}

/// As a person lists things.
fn joined<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let (last, before) = parts.split_last()?;
    Some(if before.is_empty() { last.clone() } else { format!("{} and {last}", before.join(", ")) })
}
