//! What became of the telemetry, as users see it.

use std::fmt;

use super::{DropReason, Signal, SignalCounts};

/// What was delivered and what was not, as a flush or the end returns it.
///
/// Its `Display` is one line: `7 spans delivered`, or what was lost, where it should have gone, and why.
#[derive(Clone, Debug)]
pub struct ExportReport {
    pub(crate) counts: [SignalCounts; Signal::ALL.len()],
    pub(crate) metrics_lost: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) uploads: Uploads,
}

/// What became of content that is uploaded beside telemetry. Who uploads it counts it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uploads {
    /// Pieces that arrived.
    pub stored: u64,
    /// Pieces that never will.
    pub lost: u64,
    /// Pieces that may.
    pub waiting: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) destination: String,
    pub(crate) reason: String,
}

impl ExportReport {
    /// Sampled spans that ended.
    pub fn spans(&self) -> u64 {
        ended(self.traces())
    }

    /// Spans the receiver confirmed, or that were printed to the terminal.
    pub fn spans_delivered(&self) -> u64 {
        self.traces().delivered()
    }

    /// Spans that ended and will not arrive: rejected, too many, too large, or still waiting at the end. Why exactly is in
    /// [`traces`](Self::traces). After a flush, what could not be delivered still waits.
    pub fn spans_lost(&self) -> u64 {
        self.traces().dropped()
    }

    /// Events that were emitted.
    pub fn events(&self) -> u64 {
        ended(self.logs())
    }

    /// Events the receiver confirmed.
    pub fn events_delivered(&self) -> u64 {
        self.logs().delivered()
    }

    /// Events that were emitted and will not arrive, for the same reasons as spans.
    pub fn events_lost(&self) -> u64 {
        self.logs().dropped()
    }

    /// What became of every span.
    pub fn traces(&self) -> &SignalCounts {
        &self.counts[Signal::Traces.index()]
    }

    /// What became of every event, which is a log record.
    pub fn logs(&self) -> &SignalCounts {
        &self.counts[Signal::Logs.index()]
    }

    /// What became of every data point of a metric. Their counts are for the curious: they are cumulative, so what matters is
    /// [whether the newest arrived](Self::metrics_lost).
    pub fn metrics(&self) -> &SignalCounts {
        &self.counts[Signal::Metrics.index()]
    }

    /// Whether the newest state of the metrics did not arrive, and is not stored on disk either.
    pub fn metrics_lost(&self) -> bool {
        self.metrics_lost && !self.metrics_stored()
    }

    /// Pieces of content that were [uploaded](Uploads) beside telemetry.
    pub fn content_stored(&self) -> u64 {
        self.uploads.stored
    }

    /// Pieces of content that were to be kept and are not: too many, failed, or still waiting at the end. After
    /// a flush, what waits is not lost yet.
    pub fn content_lost(&self) -> u64 {
        self.uploads.lost
    }

    /// Whether everything that ended arrived: nothing is lost, and nothing waits.
    pub fn is_complete(&self) -> bool {
        let is_stored = self.uploads.lost + self.uploads.waiting == 0;
        let arrived = |counts: &SignalCounts| counts.dropped() + counts.queued() + counts.spooled() == 0;
        arrived(self.traces()) && arrived(self.logs()) && !self.metrics_lost && is_stored
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

    /// Whether the newest state of the metrics waits on disk.
    fn metrics_stored(&self) -> bool {
        self.metrics_lost && self.metrics().queued() == 0 && self.metrics().spooled() > 0
    }

    /// Whether anything may be delivered later.
    pub(crate) fn waits(&self) -> bool {
        self.counts.iter().any(|counts| counts.queued() + counts.spooled() > 0)
    }

    /// The same with what became of content that was uploaded.
    #[must_use]
    pub fn with_uploads(mut self, uploads: Uploads) -> Self {
        self.uploads = uploads;
        self
    }

    /// Gives a reason where something is missing and none is known yet.
    #[must_use]
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
            [counted(count(self.traces()), "span"), counted(count(self.logs()), "event")]
        };
        if self.is_complete() {
            let [spans, events] = of_both(SignalCounts::delivered);
            let spans = spans.unwrap_or_else(|| "0 spans".to_owned());
            return write!(f, "{} delivered", joined([Some(spans), events]).unwrap_or_default());
        }
        let [spans, events] = of_both(SignalCounts::dropped);
        let metrics = |is_so: bool| is_so.then(|| "metrics".to_owned());
        let pieces = |count: u64| counted(count, "piece").map(|pieces| pieces + " of content");
        let lost = joined([spans, events, pieces(self.uploads.lost), metrics(self.metrics_lost())]);
        let [spans, events] = of_both(SignalCounts::spooled);
        let stored = joined([spans, events, metrics(self.metrics_stored())]);
        let [spans, events] = of_both(SignalCounts::queued);
        let parts = [
            joined([spans, events, pieces(self.uploads.waiting)]).map(|items| items + " waiting"),
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

/// What was to be delivered.
fn ended(counts: &SignalCounts) -> u64 {
    counts.started() - counts.open() - counts.unsampled()
}
