//! The calls that are open, for telemetry that ends before they do.
//!
//! Kept only while [`Telemetry`](crate::Telemetry) runs, in shards: calls begin and end on all threads, which do not share a counter.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::{Facts, Held, Open};
use crate::model::record::Outcome;

const SHARDS: usize = 16;

static IS_KEPT: AtomicBool = AtomicBool::new(false);
static IS_CLOSED: AtomicBool = AtomicBool::new(false);
static ALL: [Shard; SHARDS] = [const { Shard::new() }; SHARDS];

/// On cache lines of its own.
#[repr(align(128))]
struct Shard {
    /// Calls that are on their way from being counted to being among the open ones.
    beginning: AtomicUsize,
    open: Mutex<Calls>,
}

/// The open calls of a shard.
struct Calls {
    next: u64,
    by_number: FxHashMap<u64, Weak<Open>>,
}

impl Shard {
    const fn new() -> Self {
        let by_number = FxHashMap::with_hasher(rustc_hash::FxBuildHasher);
        Shard { beginning: AtomicUsize::new(0), open: Mutex::new(Calls { next: 0, by_number }) }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shard of the current thread: threads take turns.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(SHARDS) };
    }
    OWN.with(|own| {
        if own.get() == SHARDS {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        own.get()
    })
}

/// The place of an open call, until it is dropped: its shard, and its number there.
#[derive(Debug)]
pub(super) struct Entry(OnceLock<(usize, u64)>);

impl Entry {
    pub(super) fn new() -> Self {
        Entry(OnceLock::new())
    }

    pub(super) fn enter(open: &Arc<Open>) {
        if IS_KEPT.load(Ordering::Relaxed) {
            let shard = shard();
            let mut calls = ALL[shard].calls();
            calls.next += 1;
            let number = calls.next;
            calls.by_number.insert(number, Arc::downgrade(open));
            let _ = open.entry.0.set((shard, number));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some((shard, number)) = self.0.get() {
            ALL[*shard].calls().by_number.remove(number);
        }
    }
}

/// While a call begins.
pub(super) struct Beginning(usize);

impl Beginning {
    /// `None` during shutdown, where the call would not be ended.
    pub(super) fn enter() -> Option<Self> {
        let shard = shard();
        // Either `close` finds this call here, or this call finds the registry closed.
        ALL[shard].beginning.fetch_add(1, Ordering::SeqCst);
        let beginning = Beginning(shard);
        (!IS_CLOSED.load(Ordering::SeqCst)).then_some(beginning)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        ALL[self.0].beginning.fetch_sub(1, Ordering::SeqCst);
    }
}

/// While no call begins.
#[must_use]
pub(crate) struct Closed(());

/// Lets no call begin until the guard is dropped, and waits for those that are about it, but no longer than this: they may run code
/// of the program's, such as its sampler.
pub(crate) fn close(patience: Duration) -> Closed {
    IS_CLOSED.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let is_beginning = || ALL.iter().any(|shard| shard.beginning.load(Ordering::SeqCst) > 0);
    while is_beginning() && begun.elapsed() < patience {
        std::thread::sleep(Duration::from_micros(50));
    }
    Closed(())
}

impl Drop for Closed {
    fn drop(&mut self) {
        IS_CLOSED.store(false, Ordering::SeqCst);
    }
}

/// Keeps account of open calls from now on, or no longer.
pub(crate) fn keep(keep: bool) {
    IS_KEPT.store(keep, Ordering::Relaxed);
}

/// Ends every open call with the facts recorded so far: the time until now, and manual recordings. Later facts from its function are not
/// recorded. In a panic hook (`from_panic`), a call that is being written to, possibly by the panicking thread, stays open.
pub(crate) fn end_all(from_panic: bool) {
    let mut open: Vec<_> = Vec::new();
    for shard in &ALL {
        // Only references are taken under the lock: dropping the last one would lock it again.
        open.extend(shard.calls().by_number.values().filter_map(Weak::upgrade));
    }
    // The newest first: a call ends before the one it was made in.
    open.sort_by_key(|open| std::cmp::Reverse(open.started));
    end_each(open.into_iter(), from_panic);
}

fn end_each(open: impl Iterator<Item = Arc<Open>>, from_panic: bool) {
    for open in open {
        let facts = match open.facts.try_lock() {
            Ok(facts) => facts,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if from_panic => continue,
            Err(TryLockError::WouldBlock) => open.facts(),
        };
        end(&open, facts);
    }
}

fn end(open: &Arc<Open>, facts: MutexGuard<'_, Option<Facts>>) {
    let held = Held { open: Arc::clone(open), by_stream: false };
    held.finish(facts, Outcome::Shutdown);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::model::request::Request;
    use crate::model::site::{CallSite, Kind, Site};

    static SITE: CallSite = CallSite::new(Kind::Task, "work", "tests", "registry.rs", 1);

    fn has_ended(call: &Call) -> bool {
        call.held.as_ref().is_some_and(|held| held.open.facts().is_none())
    }

    #[test]
    fn a_panic_does_not_wait_for_the_call_that_it_may_be_in_the_middle_of() {
        let [written_to, other] = [0; 2]
            .map(|_| Call::begin(crate::runtime::current(), Site::Function(&SITE), Request::new(Kind::Task)));
        let both = || [&written_to, &other].map(|call| Arc::clone(&call.held.as_ref().expect("open").open));
        let [open, _] = both();
        let facts = open.facts();
        end_each(both().into_iter(), true);
        drop(facts);
        assert!(has_ended(&other) && !has_ended(&written_to));
        end_each(both().into_iter(), false);
        assert!(has_ended(&written_to));
    }
}
