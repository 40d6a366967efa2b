//! Where parcels wait beyond memory.

use super::{Parcel, Signal};

/// A second place for parcels, which outlives the process.
///
/// The sender decides when: it [stores](Spool::store) a parcel that could not be delivered, or, if the spool
/// [writes ahead](Spool::writes_ahead), every parcel before the first attempt; and what is still in memory at the end. It asks for
/// the [oldest](Spool::oldest) when nothing is left in memory, so that live data goes first, and says what became of it:
/// [`remove`](Spool::remove) or [`release`](Spool::release).
///
/// All methods are called from senders' threads, one per signal, and from the thread that shuts down. They may do I/O, must
/// not wait for anything else, and must not panic.
///
/// Counting: the sender moves items between `queued`, `spooled`, `delivered` and `dropped` in the ledger when its calls
/// succeed. Only what the spool does on its own is the spool's to count:
/// - it found parcels of an earlier or a dead process: `ledger.entered(signal, Term::Spooled, items)`;
/// - it dropped parcels that were too many or too old: `ledger.moved(signal, items, Term::Spooled,
///   Term::Dropped(DropReason::SpoolFull))`, or `DropReason::Expired`.
pub(crate) trait Spool: Send + Sync + std::fmt::Debug {
    /// Keeps a parcel: when this returns `Ok`, it survives the process. After an error the parcel stays in memory, and
    /// the sender goes on without; it tries again with later parcels.
    fn store(&self, parcel: &Parcel) -> Result<Ticket, SpoolError>;

    /// The oldest parcel of a signal that is not [held](Ticket) by a sender. It stays stored, and is held from now on.
    fn oldest(&self, signal: Signal) -> Option<(Ticket, Parcel)>;

    /// The parcel has been delivered, or rejected for good: forget it.
    fn remove(&self, ticket: Ticket);

    /// The parcel could not be delivered: give it back, in its old place. Whoever asks for the oldest gets it again.
    fn release(&self, ticket: Ticket);

    /// Whether every parcel is stored before its first attempt, instead of after a failed one.
    fn writes_ahead(&self) -> bool;
}

/// A stored parcel that is held: by the sender that stored it ahead of sending, or that is replaying it. A parcel stored
/// after a failure is held too, until it is [released](Spool::release).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// Why a parcel could not be stored: a few words for people, said once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SpoolError(pub(crate) String);
