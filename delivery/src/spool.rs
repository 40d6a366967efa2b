//! Where requests wait beyond memory.

use super::{ExportRequest, Signal};

/// A second place for requests, which outlives the process.
///
/// The sender decides when: it [stores](Spool::store) a request that could not be delivered, or, if the spool
/// [writes ahead](Spool::writes_ahead), every request before the first attempt; and what is still in memory at the end. It asks for
/// the [oldest](Spool::oldest) when nothing is left in memory, so that live data goes first, and says what became of it:
/// [`remove`](Spool::remove) or [`release`](Spool::release).
///
/// All methods are called from senders' threads, one per signal, and from the thread that shuts down. They may do I/O, must
/// not wait for anything else, and must not panic.
///
/// Counting: the sender moves items between `queued`, `spooled`, `delivered` and `dropped` in the stats when its calls
/// succeed. Only what the spool does on its own is the spool's to count:
/// - it found requests of an earlier or a dead process: `stats.entered(signal, ItemState::Spooled, items)`;
/// - it dropped requests that were too many or too old: `stats.moved(signal, items, ItemState::Spooled,
///   ItemState::Dropped(DropReason::SpoolFull))`, or `DropReason::Expired`.
pub trait Spool: Send + Sync + std::fmt::Debug {
    /// Keeps requests, in the order of their age, in one transaction: those for which this returns a ticket survive the process.
    /// If not all fit, the newest do. Without a ticket a request stays in memory, and the sender goes on, and tries again with
    /// later requests; the spool has said why, once.
    fn store(&self, requests: &[&ExportRequest]) -> Vec<Option<Ticket>>;

    /// The oldest request of a signal that is not [held](Ticket) by a sender. It stays stored, and is held from now on.
    fn oldest(&self, signal: Signal) -> Option<(Ticket, ExportRequest)>;

    /// The request has been delivered, or rejected for good: forget it.
    fn remove(&self, ticket: Ticket);

    /// The request could not be delivered: give it back, in its old place. Whoever asks for the oldest gets it again, unless it
    /// is metrics of this process and a newer state is stored, or has arrived meanwhile.
    fn release(&self, ticket: Ticket);

    /// Newer metrics have been delivered than any that this process stored: those are out of date, but for other parts of the
    /// same state. Cumulative states add up in the newest, and after it an older one would look like a counter that was reset.
    fn metrics_are_outdated(&self, by: &ExportRequest);

    /// Whom to tell when there may be more to [ask for](Spool::oldest) than the last answer showed: a dead process left
    /// something, or a disk works again.
    fn on_more(&self, tell: Box<dyn Fn() + Send + Sync>);

    /// Nothing more is stored or asked for: what is stored is the next process's from now on.
    fn close(&self);

    /// Whether every request is stored before its first attempt, instead of after a failed one.
    fn writes_ahead(&self) -> bool;
}

/// A stored request that is held: by the sender that stored it ahead of sending, or that is replaying it. A request stored
/// after a failure is held too, until it is [released](Spool::release).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);
