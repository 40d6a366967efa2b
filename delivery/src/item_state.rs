//! States of telemetry items, and counts by state.

use std::array;

use super::Signal;
use super::moves::Snapshot;

/// State of an item: every item is in exactly one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// A span that has not ended.
    Open,
    /// Not sampled.
    Unsampled,
    /// In the queue of a processor, not encoded yet.
    Processor,
    /// Handed to the exporter: in memory, waiting to be sent or on its way.
    Queued,
    /// Stored on disk.
    Spooled,
    /// The receiver confirmed it, or it was printed to the terminal.
    Delivered,
    /// Lost.
    Dropped(DropReason),
}

/// Why telemetry was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// More arrived than the queues in memory hold.
    QueueFull,
    /// It came after, or while, telemetry shut down.
    AfterShutdown,
    /// A single item was too large for the receiver, even without its content.
    Oversize,
    /// More was stored on disk than it may hold.
    SpoolFull,
    /// It waited longer on disk than it may.
    Expired,
    /// It was stored on disk, and could not be read back.
    Corrupt,
    /// A newer state of the same metrics took its place on disk. Nothing is lost by it: metrics are cumulative, and an earlier
    /// state must not arrive after a later one.
    Superseded,
    /// The receiver refused a whole request for good.
    Rejected,
    /// The receiver took a request and refused some of its items.
    PartialSuccess,
    /// It was still waiting when the time to shut down was over.
    Undelivered,
    /// The thread that worked on it panicked.
    WorkerDead,
}

impl DropReason {
    /// Every reason, in the order of the path that telemetry takes.
    pub const ALL: &[DropReason] = &[
        DropReason::QueueFull,
        DropReason::AfterShutdown,
        DropReason::Oversize,
        DropReason::SpoolFull,
        DropReason::Expired,
        DropReason::Corrupt,
        DropReason::Superseded,
        DropReason::Rejected,
        DropReason::PartialSuccess,
        DropReason::Undelivered,
        DropReason::WorkerDead,
    ];

    /// The value of `error.type` in the metrics of exporters.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::QueueFull => "queue_full",
            DropReason::AfterShutdown => "after_shutdown",
            DropReason::Oversize => "oversize",
            DropReason::SpoolFull => "spool_full",
            DropReason::Expired => "expired",
            DropReason::Corrupt => "corrupt",
            DropReason::Superseded => "superseded",
            DropReason::Rejected => "rejected",
            DropReason::PartialSuccess => "partial_success",
            DropReason::Undelivered => "undelivered",
            DropReason::WorkerDead => "worker_dead",
        }
    }
}

impl ItemState {
    /// The place of the state among all, in the order in which items pass them.
    pub(crate) fn index(self) -> usize {
        match self {
            ItemState::Open => 0,
            ItemState::Unsampled => 1,
            ItemState::Processor => 2,
            ItemState::Queued => 3,
            ItemState::Spooled => 4,
            ItemState::Delivered => 5,
            ItemState::Dropped(reason) => 6 + reason as usize,
        }
    }
}

/// How many states there are.
pub(crate) const STATES: usize = 6 + DropReason::ALL.len();

/// Counts of one signal by state. Always: `started = open + unsampled + queued + spooled + delivered + dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalCounts {
    started: u64,
    open: u64,
    unsampled: u64,
    in_processor: u64,
    in_exporter: u64,
    spooled: u64,
    delivered: u64,
    dropped: [u64; DropReason::ALL.len()],
    /// Those of the dropped that no exporter was given.
    dropped_by_processor: [u64; DropReason::ALL.len()],
    /// Those that a processor handed to an exporter.
    processed: u64,
    /// Those that began in the SDK, and not at an exporter or on disk.
    created: u64,
}

impl SignalCounts {
    /// The counts that follow from the moves between states.
    pub(crate) fn of(moves: &Snapshot) -> Self {
        let [entered, left @ ..] = moves;
        let now = |state: ItemState| {
            let came = moves.iter().map(|row| row[state.index()]).sum::<u64>();
            // Of what is moved back at this moment, the reader may have seen the second move only.
            came.saturating_sub(left[state.index()].iter().sum())
        };
        let passed = |from: ItemState, to: ItemState| left[from.index()][to.index()];
        let dropped = |reason: usize| ItemState::Dropped(DropReason::ALL[reason]);
        let begun = [ItemState::Open, ItemState::Unsampled, ItemState::Processor];
        SignalCounts {
            started: entered.iter().sum(),
            open: now(ItemState::Open),
            unsampled: now(ItemState::Unsampled),
            in_processor: now(ItemState::Processor),
            in_exporter: now(ItemState::Queued),
            spooled: now(ItemState::Spooled),
            delivered: now(ItemState::Delivered),
            dropped: array::from_fn(|reason| now(dropped(reason))),
            dropped_by_processor: array::from_fn(|reason| {
                let to = dropped(reason);
                passed(ItemState::Open, to) + passed(ItemState::Processor, to)
            }),
            processed: passed(ItemState::Processor, ItemState::Queued),
            created: begun.map(|state| entered[state.index()]).into_iter().sum(),
        }
    }

    /// Everything that was ever begun: spans that started, events that were emitted, data points that were collected; and what
    /// an earlier process left on disk.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Spans that have not ended.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Spans that were not sampled.
    pub fn unsampled(&self) -> u64 {
        self.unsampled
    }

    /// Items that are to be delivered: sampled spans that ended, events, data points.
    pub fn ended(&self) -> u64 {
        self.started - self.open - self.unsampled
    }

    /// Items that wait in memory to be sent.
    pub fn queued(&self) -> u64 {
        self.in_processor + self.in_exporter
    }

    /// Items that wait on disk to be sent, by this process or the next.
    pub fn spooled(&self) -> u64 {
        self.spooled
    }

    /// Items that the receiver confirmed, or that were printed to the terminal.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Items that were lost, for any reason.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Items that were lost for one reason.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    pub(crate) fn in_processor(&self) -> u64 {
        self.in_processor
    }

    pub(crate) fn in_exporter(&self) -> u64 {
        self.in_exporter
    }

    pub(crate) fn processed(&self) -> u64 {
        self.processed
    }

    pub(crate) fn created(&self) -> u64 {
        self.created
    }

    pub(crate) fn dropped_by_processor(&self, reason: DropReason) -> u64 {
        self.dropped_by_processor[reason as usize]
    }

    pub(crate) fn dropped_by_exporter(&self, reason: DropReason) -> u64 {
        self.dropped_for(reason).saturating_sub(self.dropped_by_processor(reason))
    }

    /// Returns whether every item is in exactly one state.
    #[cfg(test)]
    pub(crate) fn add_up(&self) -> bool {
        let waiting = self.open + self.unsampled + self.queued() + self.spooled;
        self.started == waiting + self.delivered + self.dropped()
    }
}

impl Signal {
    /// The place of the signal in a list of all.
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_and_state_has_a_place_of_its_own() {
        for (index, reason) in DropReason::ALL.iter().copied().enumerate() {
            assert_eq!(reason as usize, index, "{reason:?}");
        }
        let states = [
            ItemState::Open,
            ItemState::Unsampled,
            ItemState::Processor,
            ItemState::Queued,
            ItemState::Spooled,
            ItemState::Delivered,
        ];
        let states = states.into_iter().chain(DropReason::ALL.iter().copied().map(ItemState::Dropped));
        assert!(states.map(ItemState::index).eq(0..STATES));
        for (index, signal) in Signal::ALL.into_iter().enumerate() {
            assert_eq!(signal.index(), index);
        }
    }
}
