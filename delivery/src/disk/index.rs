//! Index of stored requests: the order in which they leave, and those to evict.

use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

use crate::Signal;

/// Approximate overhead of a request besides its body, in bytes.
pub(super) const OVERHEAD: u64 = 128;

/// Metadata of a stored request, available without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) signal: Signal,
    pub(super) items: u64,
    /// Of the body.
    pub(super) bytes: u64,
    /// On the [steady clock](super::clock::Moment); before zero if an earlier process stored it.
    pub(super) born: i64,
    /// When this process made it, if it did: the metrics of one process are states of the same thing, and what was made
    /// together are parts of one.
    pub(super) made: Option<SystemTime>,
}

/// The requests of one file. Those that a sender holds are in it, but are neither handed out nor made to go.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: HashMap<u64, Entry>,
    /// By age, and within a moment as they came.
    waiting: [BTreeSet<(i64, u64)>; Signal::ALL.len()],
    bytes: u64,
}

impl Index {
    /// A new request, which is waiting.
    pub(super) fn insert(&mut self, key: u64, entry: Entry) {
        self.bytes += entry.bytes + OVERHEAD;
        self.entries.insert(key, entry);
        self.release(key);
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Entry> {
        self.hold(key);
        let entry = self.entries.remove(&key)?;
        self.bytes -= entry.bytes + OVERHEAD;
        Some(entry)
    }

    pub(super) fn hold(&mut self, key: u64) {
        if let Some(entry) = self.entries.get(&key) {
            self.waiting[entry.signal.index()].remove(&(entry.born, key));
        }
    }

    pub(super) fn release(&mut self, key: u64) {
        if let Some(entry) = self.entries.get(&key) {
            self.waiting[entry.signal.index()].insert((entry.born, key));
        }
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.entries.contains_key(&key)
    }

    pub(super) fn keys(&self) -> Vec<u64> {
        self.entries.keys().copied().collect()
    }

    /// The next of a signal to be sent.
    pub(super) fn oldest(&self, signal: Signal) -> Option<u64> {
        self.waiting[signal.index()].first().map(|(_, key)| *key)
    }

    /// Returns the requests to evict, oldest first, for a request to fit; `None` if it would not fit even then. No request is evicted for
    /// an older one.
    pub(super) fn room_for(&self, entry: &Entry, max_bytes: u64) -> Option<Vec<u64>> {
        let mut excess = (self.bytes + entry.bytes + OVERHEAD).saturating_sub(max_bytes);
        let mut by_age: Vec<_> = self.waiting.iter().map(|waiting| waiting.iter().peekable()).collect();
        let mut keys = Vec::new();
        while excess > 0 {
            let heads = by_age.iter_mut().filter_map(|one| one.peek().copied().map(|head| (*head, one)));
            let ((born, key), oldest) = heads.min_by_key(|(head, _)| *head)?;
            if born > entry.born {
                return None;
            }
            oldest.next();
            excess = excess.saturating_sub(self.entries.get(&key).map_or(0, |entry| entry.bytes + OVERHEAD));
            keys.push(key);
        }
        Some(keys)
    }

    /// Those that wait and were born before a moment.
    pub(super) fn born_before(&self, moment: i64) -> Vec<u64> {
        let old =
            |waiting: &BTreeSet<_>| waiting.range(..(moment, 0)).map(|(_, key)| *key).collect::<Vec<_>>();
        self.waiting.iter().flat_map(old).collect()
    }

    /// Earlier states of this process's metrics that wait, than the one which was made then.
    pub(super) fn earlier_metrics(&self, than: u64, made: SystemTime) -> Vec<u64> {
        let waiting = self.waiting[Signal::Metrics.index()].iter().map(|(_, key)| *key);
        waiting.filter(|key| self.is_earlier(*key, than, made)).collect()
    }

    /// Returns whether a request is an earlier state of this process's metrics than the one which was made then.
    pub(super) fn is_earlier(&self, key: u64, than: u64, made: SystemTime) -> bool {
        let state = |entry: &Entry| entry.made.filter(|_| entry.signal == Signal::Metrics);
        key < than && self.entries.get(&key).and_then(state).is_some_and(|other| other != made)
    }

    /// Returns whether a request is a state of this process's metrics, and a later one is stored.
    pub(super) fn is_superseded(&self, key: u64) -> bool {
        let state = |entry: &Entry| entry.made.filter(|_| entry.signal == Signal::Metrics);
        self.entries.get(&key).and_then(state).is_some_and(|made| {
            let is_later = |other: u64, entry| other > key && state(entry).is_some_and(|later| later != made);
            self.entries.iter().any(|(other, entry)| is_later(*other, entry))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TRACES: Signal = Signal::Traces;
    const METRICS: Signal = Signal::Metrics;
    const LOGS: Signal = Signal::Logs;

    fn entry(signal: Signal, bytes: u64, born: i64) -> Entry {
        Entry {
            signal,
            items: 1,
            bytes: bytes * OVERHEAD,
            born,
            made: Some(SystemTime::UNIX_EPOCH + Duration::from_nanos(born.unsigned_abs())),
        }
    }

    /// Sizes are in units of what a request takes without a body; each takes one more.
    fn index(entries: &[(u64, Signal, u64, i64)]) -> Index {
        let mut index = Index::default();
        for &(key, signal, bytes, born) in entries {
            index.insert(key, entry(signal, bytes, born));
        }
        index
    }

    #[test]
    fn each_signal_leaves_in_the_order_it_came_and_what_is_held_is_not_handed_out() {
        let mut index = index(&[(1, TRACES, 1, 5), (2, TRACES, 1, 5), (3, LOGS, 1, 0), (4, TRACES, 1, -9)]);
        assert_eq!(
            (index.oldest(TRACES), index.oldest(LOGS), index.oldest(METRICS)),
            (Some(4), Some(3), None)
        );
        index.hold(4);
        assert_eq!(index.oldest(TRACES), Some(1));
        index.release(4);
        assert_eq!(index.oldest(TRACES), Some(4));
        assert_eq!(index.remove(4).map(|entry| entry.born), Some(-9));
        assert_eq!((index.remove(4), index.oldest(TRACES)), (None, Some(1)));
    }

    #[test]
    fn the_oldest_of_all_signals_make_room_and_no_more_than_needed() {
        let mut index = index(&[(1, TRACES, 4, 3), (2, LOGS, 4, 1), (3, METRICS, 4, 2), (4, TRACES, 4, 9)]);
        let room = |index: &Index, bytes, born| index.room_for(&entry(TRACES, bytes, born), 25 * OVERHEAD);
        assert_eq!(room(&index, 4, 10), Some(vec![]), "exactly full");
        assert_eq!(room(&index, 5, 10), Some(vec![2]));
        assert_eq!(room(&index, 14, 10), Some(vec![2, 3]));
        assert_eq!(room(&index, 24, 10), Some(vec![2, 3, 1, 4]));
        assert_eq!(room(&index, 25, 10), None, "larger than everything");
        assert_eq!(room(&index, 5, 0), None, "older than all that would go for it");
        index.hold(2);
        assert_eq!(room(&index, 5, 10), Some(vec![3]), "what is held stays");
        assert_eq!(room(&index, 24, 10), None);
    }

    #[test]
    fn what_is_too_old_is_told_by_age_alone() {
        let index = index(&[(1, TRACES, 1, 5), (2, LOGS, 1, 6), (3, METRICS, 1, -1)]);
        assert_eq!(index.born_before(6), [1, 3]);
        assert_eq!(index.born_before(-1), Vec::<u64>::new());
    }

    #[test]
    fn only_own_metrics_supersede_each_other_but_not_the_parts_of_one_state() {
        let mut index =
            index(&[(1, METRICS, 1, 0), (2, TRACES, 1, 0), (4, METRICS, 1, 1), (5, METRICS, 1, 1)]);
        index.insert(3, Entry { made: None, ..entry(METRICS, 1, -5) });
        let made = SystemTime::UNIX_EPOCH + Duration::from_nanos(1);
        assert_eq!(index.earlier_metrics(5, made), [1]);
        let superseded: Vec<_> = (1..=5).filter(|key| index.is_superseded(*key)).collect();
        assert_eq!(superseded, [1]);
    }
}
