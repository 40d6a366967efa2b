//! The items and bytes that a queue holds.

use std::sync::atomic::{AtomicU64, Ordering};

use llm_trace_delivery::DropReason;

/// Approximate limit on a queue in bytes: items are as large as their texts. Another 32 MiB wait encoded, see `with_max_queue_bytes`.
pub(super) const MAX_BYTES: usize = 32 << 20;

/// Counts of items and bytes, in one atomic: every thread of the program changes both with each item.
#[derive(Debug)]
pub(super) struct Room {
    /// From the lowest: 40 bits of bytes, 23 of items, 1 for closed.
    taken: AtomicU64,
    /// In items.
    capacity: u64,
}

const ITEM: u64 = 1 << 40;
const CLOSED: u64 = 1 << 63;
const MAX_ITEMS: u64 = (CLOSED - 1) / ITEM;

fn items_of(taken: u64) -> u64 {
    (taken & !CLOSED) / ITEM
}

fn bytes_of(taken: u64) -> u64 {
    taken % ITEM
}

impl Room {
    pub(super) fn new(capacity: usize) -> Self {
        Room { taken: AtomicU64::new(0), capacity: (capacity as u64).min(MAX_ITEMS) }
    }

    /// Items and bytes.
    pub(super) fn taken(&self) -> (u64, usize) {
        let taken = self.taken.load(Ordering::SeqCst);
        (items_of(taken), usize::try_from(bytes_of(taken)).unwrap_or(usize::MAX))
    }

    /// Takes the room of one item, or returns why there is none.
    pub(super) fn take(&self, bytes: usize) -> Result<(), DropReason> {
        let bytes = bytes as u64;
        let one_more = |taken: u64| {
            let has_room = taken & CLOSED == 0
                && items_of(taken) < self.capacity
                && bytes_of(taken).checked_add(bytes).is_some_and(|bytes| bytes <= MAX_BYTES as u64);
            has_room.then(|| taken + ITEM + bytes)
        };
        match self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more) {
            Ok(_) => Ok(()),
            Err(taken) if taken & CLOSED != 0 => Err(DropReason::AfterShutdown),
            Err(_) => Err(DropReason::QueueFull),
        }
    }

    /// Gives room back. Returns how many of the items were there: none if it has been [cleared](Self::clear).
    pub(super) fn leave(&self, items: u64, bytes: usize) -> u64 {
        let mut left = 0;
        let less = |taken: u64| {
            left = items.min(items_of(taken));
            Some(taken - left * ITEM - bytes_of(taken).min(bytes as u64))
        };
        let _ = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        left
    }

    /// From here on there is no room.
    pub(super) fn close(&self) {
        self.taken.fetch_or(CLOSED, Ordering::SeqCst);
    }

    /// Takes out all items, and returns how many there were.
    pub(super) fn clear(&self) -> u64 {
        items_of(self.taken.fetch_and(CLOSED, Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_bytes_are_limited_and_counted_apart() {
        let room = Room::new(2);
        assert_eq!(room.take(MAX_BYTES + 1), Err(DropReason::QueueFull));
        assert_eq!(room.take(usize::MAX), Err(DropReason::QueueFull));
        assert_eq!((room.take(MAX_BYTES), room.taken()), (Ok(()), (1, MAX_BYTES)));
        assert_eq!(room.take(1), Err(DropReason::QueueFull));
        assert_eq!((room.take(0), room.take(0)), (Ok(()), Err(DropReason::QueueFull)));
        assert_eq!((room.leave(1, MAX_BYTES), room.taken()), (1, (1, 0)));
        assert_eq!((room.take(7), room.taken()), (Ok(()), (2, 7)));
    }

    #[test]
    fn a_closed_room_takes_nothing_and_what_is_cleared_cannot_leave() {
        let room = Room::new(usize::MAX);
        assert_eq!((room.take(5), room.take(6)), (Ok(()), Ok(())));
        room.close();
        assert_eq!((room.take(1), room.taken()), (Err(DropReason::AfterShutdown), (2, 11)));
        assert_eq!((room.leave(1, 5), room.clear(), room.leave(1, 6)), (1, 1, 0));
        assert_eq!((room.take(1), room.taken()), (Err(DropReason::AfterShutdown), (0, 0)));
    }
}
