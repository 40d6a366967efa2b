//! Contents of one process's spool: the file, its index, and the state while it cannot be used.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::SpoolSettings;
use super::clock::{Moment, millis};
use super::index::{Entry, Index, OVERHEAD};
use super::log::Head;
use super::slot::Slot;
use super::store::{Found, Store, StoreError};
use crate::messages::printable;
use crate::stats::DeliveryStats;
use crate::{DropReason, ExportRequest, ItemState, Signal, Ticket};

/// Removals that wait to be written along with something else: after a kill this many requests may be sent again.
const MAX_GONE: usize = 16;
/// Pause after a failure of the disk, in milliseconds.
const PAUSE: i64 = 10_000;
/// Requests of a dead process are taken over this many bytes at a time.
const TAKEOVER_BYTES: usize = 1 << 20;

/// The requests of one process, and of those whose place it took.
#[derive(Debug, Default)]
pub(super) struct Contents {
    slot: Option<Slot>,
    /// Open if all is well.
    store: Option<Store>,
    index: Index,
    /// Held by senders.
    held: HashSet<u64>,
    /// Requests that are held and not in the file any more: if not delivered, they are lost.
    orphans: HashMap<u64, Entry>,
    /// Removed, though the file does not know it yet.
    gone: Vec<u64>,
    next: u64,
    /// The newest state of this process's metrics that arrived, by its place and when it was made. What a sender holds of
    /// earlier ones is out of date when it comes back.
    arrived: Option<(u64, SystemTime)>,
    /// When an unusable disk is tried again, on the steady clock.
    retry_at: i64,
    /// The failure has been logged.
    said: bool,
    /// The stored requests are lost with their slot: the next slot must be empty, so that no other requests have the same numbers.
    must_be_empty: bool,
    /// Nothing is stored any more.
    closed: bool,
    /// Messages to log. The caller logs them after it has released the lock: foreign code must not be called under it.
    pub(super) to_say: Vec<String>,
    /// Losses to log, likewise. They are counted already.
    pub(super) losses: Vec<(Signal, DropReason)>,
}

impl Contents {
    /// Opens the file if it is not open, and it is time to try.
    pub(super) fn open(&mut self, settings: &SpoolSettings, stats: &DeliveryStats, now: Moment) {
        if self.closed || self.store.is_some() || now.steady < self.retry_at {
            return;
        }
        self.retry_at = now.steady + PAUSE;
        if let Err(error) = self.try_open(&settings.folder, stats, now) {
            self.unusable(&settings.folder, &error);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.store.is_some()
    }

    fn try_open(&mut self, folder: &Path, stats: &DeliveryStats, now: Moment) -> Result<(), String> {
        let as_text = |error: io::Error| printable(&error.to_string());
        let slot = match self.slot.take() {
            Some(slot) => slot,
            None => Slot::claim(folder, self.must_be_empty).map_err(as_text)?,
        };
        let slot = self.slot.insert(slot);
        let (store, mut found) = match Store::open(slot, now.stamp) {
            Err(error @ StoreError::Gone(_)) => {
                // Between taking it and reading it.
                self.slot = None;
                return Err(error.into_reason());
            }
            opened => opened.map_err(StoreError::into_reason)?,
        };
        self.store = Some(store);
        // From the second time on the index shows which are missing.
        if std::mem::replace(&mut slot.is_read, true) {
            found.lost = Default::default();
        }
        self.reconcile(&found, stats, now);
        self.count_lost(folder, &found, stats);
        Ok(())
    }

    /// Brings what is known together with what a file really has.
    fn reconcile(&mut self, found: &Found, stats: &DeliveryStats, now: Moment) {
        let in_file: HashSet<_> = found.heads.iter().map(|(key, _)| *key).collect();
        for key in self.index.keys() {
            if !in_file.contains(&key) {
                self.lose(key, stats);
            }
        }
        for &(key, head) in &found.heads {
            self.next = self.next.max(key.saturating_add(1));
            if !self.index.contains(key) && !self.gone.contains(&key) {
                let entry = inherited(&head, now);
                self.index.insert(key, entry);
                stats.entered(entry.signal, ItemState::Spooled, entry.items);
            }
        }
    }

    /// Counts what an earlier process stored and is not there any more.
    pub(super) fn count_lost(&mut self, folder: &Path, found: &Found, stats: &DeliveryStats) {
        let mut lost = Vec::new();
        for signal in Signal::ALL {
            let items = found.lost[signal.index()];
            if items > 0 {
                stats.entered(signal, ItemState::Spooled, items);
                stats.moved(signal, items, ItemState::Spooled, ItemState::Dropped(DropReason::Corrupt));
                self.losses.push((signal, DropReason::Corrupt));
                lost.push(format!("{items} {}", signal.items()));
            }
        }
        if !lost.is_empty() {
            let (folder, lost) = (printable(&folder.display().to_string()), lost.join(", "));
            let unreadable = found.unreadable;
            self.to_say.push(format!(
                "the spool in {folder} does not have everything that was stored, lost are {lost} \
                 ({unreadable} bytes are unreadable, the rest was removed)"
            ));
        }
    }

    /// Something is not in the file any more.
    fn lose(&mut self, key: u64, stats: &DeliveryStats) {
        let Some(entry) = self.index.remove(key) else { return };
        if self.held.contains(&key) {
            self.orphans.insert(key, entry);
        } else {
            self.dropped(&entry, DropReason::Corrupt, stats);
        }
    }

    /// Checks that the files exist, also while nothing is written.
    pub(super) fn verify(&mut self, settings: &SpoolSettings, stats: &DeliveryStats, now: Moment) {
        if let Some(Err(error)) = self.store.as_ref().map(Store::verify) {
            self.fail(error, settings, stats, now);
        }
    }

    /// Writes requests in one transaction; they are held from then on. If not all fit, the oldest of them are left out.
    pub(super) fn append(
        &mut self,
        requests: &[&ExportRequest],
        settings: &SpoolSettings,
        stats: &DeliveryStats,
        now: Moment,
    ) -> Vec<Option<Ticket>> {
        self.expire(settings.max_age, stats, now);
        let mut left_out = 0;
        while left_out < requests.len() {
            self.open(settings, stats, now);
            self.verify(settings, stats, now);
            let newest = &requests[left_out..];
            match self.try_append(newest, settings, stats, now) {
                Ok(tickets) => return vec![None; left_out].into_iter().chain(tickets).collect(),
                Err(Unstored::Unusable) => break,
                Err(Unstored::TooMany) => left_out += 1,
                Err(Unstored::Failed) => {
                    // The disk may have room for some of them. They are tried at once, not after a pause.
                    left_out += newest.len().div_ceil(2);
                    if left_out < requests.len() {
                        self.retry_at = now.steady;
                    }
                }
            }
        }
        vec![None; requests.len()]
    }

    fn try_append(
        &mut self,
        requests: &[&ExportRequest],
        settings: &SpoolSettings,
        stats: &DeliveryStats,
        now: Moment,
    ) -> Result<Vec<Option<Ticket>>, Unstored> {
        if self.store.is_none() {
            return Err(Unstored::Unusable);
        }
        let added = (self.next..).zip(requests).map(|(key, request)| {
            let head = head(request, now);
            (key, head, entry(&head, now.steady, Some(request.created)), *request)
        });
        let added: Vec<_> = added.collect();
        let Some((_, _, first, _)) = added.first() else { return Ok(Vec::new()) };
        let bytes: u64 = added.iter().map(|(_, head, ..)| head.bytes + OVERHEAD).sum();
        let all = Entry { bytes: bytes - OVERHEAD, ..*first };
        let Some(evicted) = self.index.room_for(&all, settings.max_bytes) else {
            if requests.len() == 1 {
                self.unusable(&settings.folder, &format!("{} bytes do not fit into it", all.bytes));
            }
            return Err(Unstored::TooMany);
        };
        let metrics = added.iter().filter(|(_, head, ..)| head.signal == Signal::Metrics);
        let superseded: Vec<_> = metrics
            .flat_map(|(key, _, _, request)| self.index.earlier_metrics(*key, request.created))
            .collect();
        let removed = [&self.gone[..], &evicted, &superseded].concat();
        let rows: Vec<_> =
            added.iter().map(|(key, head, _, request)| (*key, *head, &request.body[..])).collect();
        let Some(store) = &mut self.store else { return Err(Unstored::Unusable) };
        let written = store.write(&rows, &removed, now.stamp);
        self.next += added.len() as u64;
        if let Err(error) = written {
            // They may be there all the same. They are to be sent from memory then, and not a second time from here.
            self.gone.extend(added.iter().map(|(key, ..)| key));
            self.fail(error, settings, stats, now);
            return Err(Unstored::Failed);
        }
        self.gone.clear();
        for (keys, reason) in [(evicted, DropReason::SpoolFull), (superseded, DropReason::Superseded)] {
            for key in keys {
                self.forget(key, reason, stats);
            }
        }
        let tickets = added.into_iter().map(|(key, _, entry, _)| {
            self.index.insert(key, entry);
            self.index.hold(key);
            self.held.insert(key);
            Some(Ticket(key))
        });
        Ok(tickets.collect())
    }

    /// The next request of a signal, which is held from then on.
    pub(super) fn oldest(
        &mut self,
        signal: Signal,
        settings: &SpoolSettings,
        stats: &DeliveryStats,
        now: Moment,
    ) -> Option<(Ticket, ExportRequest)> {
        self.expire(settings.max_age, stats, now);
        // Once more after a file turned out to be damaged: opening it again finds what is left.
        for _ in 0..2 {
            let key = self.index.oldest(signal)?;
            match self.store.as_ref()?.read(key) {
                Ok(request) => {
                    self.index.hold(key);
                    self.held.insert(key);
                    return Some((Ticket(key), request));
                }
                Err(error) => self.fail(error, settings, stats, now),
            }
        }
        None
    }

    pub(super) fn remove(
        &mut self,
        ticket: Ticket,
        settings: &SpoolSettings,
        stats: &DeliveryStats,
        now: Moment,
    ) {
        let Ticket(key) = ticket;
        self.held.remove(&key);
        self.orphans.remove(&key);
        if let Some(entry) = self.index.remove(key) {
            self.gone.push(key);
            if let (Signal::Metrics, Some(made)) = (entry.signal, entry.made) {
                self.supersede_metrics_before(key, made, stats);
            }
        }
        if self.gone.len() >= MAX_GONE {
            self.settle(settings, stats, now);
        }
    }

    /// Newer metrics of this process have arrived than any that are stored.
    pub(super) fn supersede_metrics(&mut self, by: &ExportRequest, stats: &DeliveryStats) {
        self.supersede_metrics_before(self.next, by.created, stats);
    }

    fn supersede_metrics_before(&mut self, key: u64, made: SystemTime, stats: &DeliveryStats) {
        self.arrived = self.arrived.filter(|(newest, _)| *newest > key).or(Some((key, made)));
        for key in self.index.earlier_metrics(key, made) {
            self.discard(key, DropReason::Superseded, stats);
        }
    }

    pub(super) fn release(&mut self, ticket: Ticket, stats: &DeliveryStats) {
        let Ticket(key) = ticket;
        self.held.remove(&key);
        if let Some(orphan) = self.orphans.remove(&key) {
            self.dropped(&orphan, DropReason::Corrupt, stats);
            return;
        }
        let is_outdated = self.arrived.is_some_and(|(newest, made)| self.index.is_earlier(key, newest, made));
        if is_outdated || self.index.is_superseded(key) {
            self.discard(key, DropReason::Superseded, stats);
        } else {
            self.index.release(key);
        }
    }

    /// Drops what has waited too long.
    pub(super) fn expire(&mut self, max_age: Duration, stats: &DeliveryStats, now: Moment) {
        for key in self.index.born_before(now.steady.saturating_sub_unsigned(millis(max_age))) {
            self.discard(key, DropReason::Expired, stats);
        }
    }

    /// Drops what the file still has.
    fn discard(&mut self, key: u64, reason: DropReason, stats: &DeliveryStats) {
        self.gone.push(key);
        self.forget(key, reason, stats);
    }

    /// Drops what the file does not have any more.
    fn forget(&mut self, key: u64, reason: DropReason, stats: &DeliveryStats) {
        if let Some(entry) = self.index.remove(key) {
            self.dropped(&entry, reason, stats);
        }
    }

    /// Writes the removals that wait, and gives back the space of a file that has become empty.
    pub(super) fn settle(&mut self, settings: &SpoolSettings, stats: &DeliveryStats, now: Moment) {
        let Some(store) = &mut self.store else { return };
        if self.gone.is_empty() {
            return;
        }
        let mut result = store.write(&[], &self.gone, now.stamp);
        if result.is_ok() {
            self.gone.clear();
            if self.index.is_empty() {
                result = store.clear();
            }
        }
        if let Err(error) = result {
            self.fail(error, settings, stats, now);
        }
    }

    /// Takes over a piece of what a dead process left, and returns whether it worked.
    pub(super) fn take_over(
        &mut self,
        abandoned: &mut Abandoned,
        settings: &SpoolSettings,
        stats: &DeliveryStats,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let piece = abandoned.piece()?;
        let total = piece.iter().map(|(_, head, _)| head.bytes).sum();
        let fits = piece.first().is_some_and(|(_, head, _)| {
            let whole = Entry { bytes: total, ..inherited(head, now) };
            self.index.room_for(&whole, settings.max_bytes).is_some_and(|evicted| evicted.is_empty())
        });
        // One at a time where others must go for them, or they for others.
        let steps = if fits { vec![&piece[..]] } else { piece.chunks(1).collect() };
        for step in steps {
            if !self.take_in(step, settings, stats, now) {
                return Ok(false);
            }
        }
        abandoned.forget(&piece, now)?;
        Ok(true)
    }

    /// Returns whether it worked.
    fn take_in(
        &mut self,
        step: &[Taken],
        settings: &SpoolSettings,
        stats: &DeliveryStats,
        now: Moment,
    ) -> bool {
        self.verify(settings, stats, now);
        let Some(store) = &mut self.store else { return false };
        let entries: Vec<_> = step.iter().map(|(_, head, _)| inherited(head, now)).collect();
        let needed = match &entries[..] {
            [one] => self.index.room_for(one, settings.max_bytes),
            _ => Some(Vec::new()),
        };
        let Some(evicted) = needed else {
            for entry in &entries {
                stats.entered(entry.signal, ItemState::Spooled, entry.items);
                self.dropped(entry, DropReason::SpoolFull, stats);
            }
            return true;
        };
        let keys = self.next..;
        let added: Vec<_> = keys.zip(step).map(|(key, (_, head, body))| (key, *head, &body[..])).collect();
        if let Err(error) = store.write(&added, &[&self.gone[..], &evicted].concat(), now.stamp) {
            self.gone.extend(added.iter().map(|(key, ..)| key));
            self.next += added.len() as u64;
            self.fail(error, settings, stats, now);
            return false;
        }
        self.gone.clear();
        for key in evicted {
            self.forget(key, DropReason::SpoolFull, stats);
        }
        for entry in entries {
            self.index.insert(self.next, entry);
            stats.entered(entry.signal, ItemState::Spooled, entry.items);
            self.next += 1;
        }
        true
    }

    /// The places of processes that are gone.
    pub(super) fn abandoned(&self) -> Vec<Slot> {
        self.slot.as_ref().filter(|_| self.store.is_some()).map(Slot::claim_abandoned).unwrap_or_default()
    }

    /// Writes what waits, and lets go of the place: from now on another process may take it. A file with nothing in it
    /// is removed.
    pub(super) fn close(&mut self, settings: &SpoolSettings, stats: &DeliveryStats, now: Moment) {
        self.verify(settings, stats, now);
        self.settle(settings, stats, now);
        self.closed = true;
        if let Some(mut store) = self.store.take()
            && self.index.is_empty()
        {
            let _ = store.clear(); // an empty one does no harm
        }
        self.slot = None;
    }

    #[cfg(test)]
    pub(super) fn folder(&self) -> std::path::PathBuf {
        self.slot.as_ref().expect("a place").lock_path().parent().expect("in a folder").to_owned()
    }

    /// The file failed: requests wait in memory until it can be used again.
    fn fail(&mut self, error: StoreError, settings: &SpoolSettings, stats: &DeliveryStats, now: Moment) {
        self.store = None;
        match error {
            StoreError::Unavailable(reason) => {
                self.retry_at = now.steady + PAUSE;
                self.unusable(&settings.folder, &reason);
                return;
            }
            StoreError::Damaged(reason) => self.to_say.push(damaged(&settings.folder, &reason)),
            StoreError::Gone(reason) => {
                self.to_say.push(damaged(&settings.folder, &reason));
                self.slot = None;
                self.must_be_empty = true;
                self.gone.clear();
                for key in self.index.keys() {
                    self.lose(key, stats);
                }
            }
        }
        self.retry_at = now.steady;
        self.open(settings, stats, now);
    }

    fn dropped(&mut self, entry: &Entry, reason: DropReason, stats: &DeliveryStats) {
        stats.moved(entry.signal, entry.items, ItemState::Spooled, ItemState::Dropped(reason));
        // By what is superseded nothing is lost.
        if reason != DropReason::Superseded {
            self.losses.push((entry.signal, reason));
        }
    }

    /// Logs once that requests wait in memory only.
    fn unusable(&mut self, folder: &Path, reason: &str) {
        if !std::mem::replace(&mut self.said, true) {
            let folder = printable(&folder.display().to_string());
            self.to_say
                .push(format!("the spool in {folder} cannot be used, telemetry waits in memory: {reason}"));
        }
    }
}

/// Why requests were not written.
enum Unstored {
    /// There is no file for now.
    Unusable,
    /// The spool does not hold so many.
    TooMany,
    /// The file failed.
    Failed,
}

/// A request that is taken over: its number there, and what it is.
type Taken = (u64, Head, Bytes);

/// Requests of a dead process.
#[derive(Debug)]
pub(super) struct Abandoned {
    store: Store,
    /// The newest first.
    left: Vec<(u64, Head)>,
}

impl Abandoned {
    /// Opens it, and returns what of it is lost.
    pub(super) fn open(slot: &Slot, now: Moment) -> Result<(Self, Found), StoreError> {
        let (store, mut found) = Store::open(slot, now.stamp)?;
        let mut left = std::mem::take(&mut found.heads);
        left.sort_by_key(|(key, head)| std::cmp::Reverse((inherited(head, now).born, *key)));
        Ok((Abandoned { store, left }, found))
    }

    /// The oldest that are left.
    fn piece(&mut self) -> Result<Vec<Taken>, StoreError> {
        let (mut piece, mut bytes) = (Vec::new(), 0);
        while bytes < TAKEOVER_BYTES
            && let Some((key, head)) = self.left.pop()
        {
            let body = self.store.read(key)?.body;
            bytes += body.len();
            piece.push((key, head, body));
        }
        Ok(piece)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    fn forget(&mut self, piece: &[Taken], now: Moment) -> Result<(), StoreError> {
        self.store.write(&[], &piece.iter().map(|(key, ..)| *key).collect::<Vec<_>>(), now.stamp)
    }

    /// Deletes its files.
    pub(super) fn clear(mut self) -> Result<(), StoreError> {
        self.store.clear()
    }
}

fn head(request: &ExportRequest, now: Moment) -> Head {
    let bytes = request.body.len() as u64;
    Head { signal: request.signal, items: request.item_count, stored: now.stamp, bytes }
}

fn entry(head: &Head, born: i64, made: Option<SystemTime>) -> Entry {
    Entry { signal: head.signal, items: head.items, bytes: head.bytes, born, made }
}

/// Entry of a request that an earlier process stored: its age is determined once, and it ages by the steady clock from then on.
fn inherited(head: &Head, now: Moment) -> Entry {
    let age = now.stamp.since(head.stored).unwrap_or(0);
    entry(head, now.steady.saturating_sub_unsigned(age), None)
}

fn damaged(folder: &Path, reason: &str) -> String {
    let folder = printable(&folder.display().to_string());
    format!(
        "the spool in {folder} was changed from outside, what was lost with it is counted as `corrupt`: {reason}"
    )
}
