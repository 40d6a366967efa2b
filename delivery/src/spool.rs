//! Storage for requests beyond memory.

use super::{ExportRequest, Signal};

/// A second place for requests, which outlives the process.
///
/// The sender decides when: it [stores](Spool::store) a request that could not be delivered, or, if the spool [writes
/// ahead](Spool::writes_ahead), every request before the first attempt; and the requests still in memory at the end. It takes the
/// [oldest](Spool::oldest) when nothing is left in memory, so that live data goes first, and reports its outcome: [`remove`](Spool::remove)
/// or [`release`](Spool::release).
///
/// All methods are called from senders' threads, one per signal, and from the thread that shuts down. They may do I/O, must
/// not wait for anything else, and must not panic.
///
/// Counting: the sender moves items between `queued`, `spooled`, `delivered` and `dropped` in the stats when its calls succeed. The spool
/// counts only its own actions:
/// - it found requests of an earlier or a dead process: `stats.entered(signal, ItemState::Spooled, items)`;
/// - it dropped requests that were too many or too old: `stats.moved(signal, items, ItemState::Spooled,
///   ItemState::Dropped(DropReason::SpoolFull))`, or `DropReason::Expired`.
pub trait Spool: Send + Sync + std::fmt::Debug {
    /// Stores requests, in the order of their age, in one transaction: those for which this returns a ticket survive the process. If not
    /// all fit, the newest do. Without a ticket a request stays in memory, and the sender continues, and tries again with later requests;
    /// the spool has logged the reason, once.
    fn store(&self, requests: &[&ExportRequest]) -> Vec<Option<Ticket>>;

    /// The oldest request of a signal that is not [held](Ticket) by a sender. It stays stored, and is held from now on.
    fn oldest(&self, signal: Signal) -> Option<(Ticket, ExportRequest)>;

    /// Removes a request that was delivered, or permanently rejected.
    fn remove(&self, ticket: Ticket);

    /// Returns a request that could not be delivered to its old place. [`oldest`](Spool::oldest) returns it again, unless it is metrics of
    /// this process and a newer state is stored, or has arrived meanwhile.
    fn release(&self, ticket: Ticket);

    /// Newer metrics have been delivered than any that this process stored: those are out of date, but for other parts of the
    /// same state. Cumulative states add up in the newest, and after it an older one would look like a counter that was reset.
    fn metrics_are_outdated(&self, by: &ExportRequest);

    /// Callback for newly available [requests](Spool::oldest): a dead process left some, or a disk works again.
    fn on_more(&self, tell: Box<dyn Fn() + Send + Sync>);

    /// Closes the spool: no more requests are stored or taken, and stored requests belong to the next process.
    fn close(&self);

    /// Returns whether every request is stored before its first attempt, instead of after a failed one.
    fn writes_ahead(&self) -> bool;
}

/// A stored request that is held: by the sender that stored it ahead of sending, or that is replaying it. A request stored
/// after a failure is held too, until it is [released](Spool::release).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);
