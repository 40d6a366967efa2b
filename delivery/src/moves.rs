//! Counts of the moves of items between states.

use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::item_state::{ItemState, STATES, SignalCounts};

/// How many items of a signal have moved from each state to each. Counts only grow, and no thread waits for another.
///
/// An item passes the states in their order. The moves out of later states are read first: of an item, a reader sees each move only with
/// those before it, and so counts it in one state, whatever moves meanwhile. What moves back, from memory that was counted as lost to
/// disk, is exact at rest.
#[derive(Debug)]
pub(crate) struct Moves {
    /// From where: nowhere, then the states in their order. To where: the states.
    rows: [[AtomicU64; STATES]; ROWS],
    /// The moves that the program's threads make, which must not share a cache line.
    shards: [Shard; SHARDS],
}

/// Copy of the counts.
pub(crate) type Snapshot = [[u64; STATES]; ROWS];

pub(crate) const ROWS: usize = 1 + STATES;

/// More threads than this share counts.
const SHARDS: usize = 8;

/// Items that begin, and the end of spans: the first rows and states.
const SHARDED_ROWS: usize = 2;
const SHARDED_STATES: usize = 3;

#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard([[AtomicU64; SHARDED_STATES]; SHARDED_ROWS]);

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: usize = THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS;
}

impl Default for Moves {
    fn default() -> Self {
        let rows = array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0)));
        Moves { rows, shards: array::from_fn(|_| Shard::default()) }
    }
}

impl Moves {
    /// Counts items that are counted for the first time.
    pub(crate) fn enter(&self, to: ItemState, items: u64) {
        self.cell(0, to.index()).fetch_add(items, Ordering::Release);
    }

    /// Counts items that are in `from`. Moving more than there are is a defect of the caller: it panics in debug builds, and in others
    /// breaks the sum of [`SignalCounts`], so that no test of the sum can pass.
    pub(crate) fn shift(&self, items: u64, from: ItemState, to: ItemState) {
        self.cell(1 + from.index(), to.index()).fetch_add(items, Ordering::Release);
        if cfg!(debug_assertions) {
            let left = (0..STATES).map(|to| self.read(1 + from.index(), to)).sum::<u64>();
            let came = (0..ROWS).map(|row| self.read(row, from.index())).sum::<u64>();
            assert!(
                left <= came,
                "{items} items moved from {from:?} to {to:?}: {left} of {came} have left it"
            );
        }
    }

    pub(crate) fn counts(&self) -> SignalCounts {
        let mut moves = [[0; STATES]; ROWS];
        for row in (0..ROWS).rev() {
            moves[row] = array::from_fn(|to| self.read(row, to));
        }
        SignalCounts::of(&moves)
    }

    fn cell(&self, row: usize, to: usize) -> &AtomicU64 {
        if row < SHARDED_ROWS && to < SHARDED_STATES {
            &self.shards[SHARD.with(|shard| *shard)].0[row][to]
        } else {
            &self.rows[row][to]
        }
    }

    fn read(&self, row: usize, to: usize) -> u64 {
        if row < SHARDED_ROWS && to < SHARDED_STATES {
            self.shards.iter().map(|shard| shard.0[row][to].load(Ordering::Acquire)).sum()
        } else {
            self.rows[row][to].load(Ordering::Acquire)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::DropReason;

    #[test]
    fn what_moves_was_there_and_nothing_appears_or_vanishes() {
        let moves = Moves::default();
        moves.enter(ItemState::Open, 5);
        moves.enter(ItemState::Spooled, 2);
        moves.shift(3, ItemState::Open, ItemState::Queued);
        moves.shift(3, ItemState::Queued, ItemState::Delivered);
        moves.shift(1, ItemState::Spooled, ItemState::Dropped(DropReason::Expired));
        let counts = moves.counts();
        let found = (
            counts.started(),
            counts.open(),
            counts.queued(),
            counts.delivered(),
            counts.spooled(),
            counts.dropped(),
        );
        assert_eq!(found, (7, 2, 0, 3, 1, 1));
        assert_eq!(
            (counts.dropped_for(DropReason::Expired), counts.dropped_for(DropReason::Rejected)),
            (1, 0)
        );
    }

    #[test]
    #[cfg_attr(
        debug_assertions,
        should_panic(expected = "2 items moved from Queued to Delivered: 2 of 1 have left it")
    )]
    fn an_item_that_is_moved_twice_is_noticed() {
        let moves = Moves::default();
        moves.enter(ItemState::Queued, 1);
        assert!(moves.counts().add_up());
        moves.shift(2, ItemState::Queued, ItemState::Delivered);
        let counts = moves.counts();
        assert!(!counts.add_up(), "without debug assertions the sum is broken instead: {counts:?}");
    }

    #[test]
    fn a_reader_counts_each_item_once_while_threads_move_them() {
        const WRITERS: u64 = 10;
        const ROUNDS: u64 = 2000;
        let (moves, is_over) = (Moves::default(), AtomicBool::new(false));
        let path = [
            ItemState::Open,
            ItemState::Processor,
            ItemState::Queued,
            ItemState::Spooled,
            ItemState::Delivered,
        ];
        let write = || {
            for round in 0..ROUNDS {
                moves.enter(ItemState::Open, 1);
                for step in path.windows(2) {
                    moves.shift(1, step[0], step[1]);
                }
                moves.enter(ItemState::Processor, round % 2);
                moves.shift(round % 2, ItemState::Processor, ItemState::Dropped(DropReason::QueueFull));
            }
        };
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let counts = moves.counts();
                    assert!(counts.add_up(), "{counts:?}");
                }
            });
            let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(write)).collect();
            for writer in writers {
                writer.join().expect("no panic");
            }
            is_over.store(true, Ordering::Relaxed);
            reader.join().expect("no panic");
        });
        let counts = moves.counts();
        let found = (counts.started(), counts.delivered(), counts.dropped());
        assert_eq!(found, (WRITERS * ROUNDS * 3 / 2, WRITERS * ROUNDS, WRITERS * ROUNDS / 2));
        assert!(counts.add_up());
    }
}
