//! The calls that are open, for telemetry that ends before they do.
//!
//! Kept only while [`Telemetry`](crate::Telemetry) runs, in shards: calls begin and end on all threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use super::{Facts, Held, Open};
use crate::call::CurrentCall;
use crate::model::record::Outcome;

const SHARDS: usize = 16;

static IS_KEPT: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicU64 = AtomicU64::new(0);
static OPEN: LazyLock<[Mutex<Shard>; SHARDS]> = LazyLock::new(Default::default);

type Shard = HashMap<u64, Weak<Open>>;

/// The place of an open call, until it is dropped.
#[derive(Debug)]
pub(super) struct Entry(Option<u64>);

impl Entry {
    pub(super) fn new() -> Self {
        Entry(IS_KEPT.load(Ordering::Relaxed).then(|| NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(super) fn enter(open: &Arc<Open>) {
        if let Entry(Some(number)) = open.entry {
            shard(number).insert(number, Arc::downgrade(open));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Entry(Some(number)) = *self {
            shard(number).remove(&number);
        }
    }
}

/// Calls that are on their way from being counted to being among the open ones.
static BEGINNING: AtomicUsize = AtomicUsize::new(0);
static IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// While a call begins.
pub(super) struct Beginning(());

impl Beginning {
    /// `None` during shutdown, where the call would not be ended.
    pub(super) fn enter() -> Option<Self> {
        // Either `close` finds this call here, or this call finds the registry closed.
        BEGINNING.fetch_add(1, Ordering::SeqCst);
        let beginning = Beginning(());
        (!IS_CLOSED.load(Ordering::SeqCst)).then_some(beginning)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        BEGINNING.fetch_sub(1, Ordering::SeqCst);
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
    while BEGINNING.load(Ordering::SeqCst) > 0 && begun.elapsed() < patience {
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
    for number in 0..SHARDS as u64 {
        // Only references are taken under the lock: dropping the last one would lock it again.
        open.extend(shard(number).iter().filter_map(|(number, open)| Some((*number, open.upgrade()?))));
    }
    // The newest first: a call ends before the one it was made in.
    open.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    end_each(open.into_iter().map(|(_, open)| open), from_panic);
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
    let context = open.span.with_value(CurrentCall::new(open));
    let held = Held { open: Arc::clone(open), context, by_stream: false };
    held.finish(facts, Outcome::Shutdown);
}

fn shard(number: u64) -> MutexGuard<'static, Shard> {
    let shards = &*OPEN;
    let index = usize::try_from(number).unwrap_or_default() % SHARDS;
    shards[index].lock().unwrap_or_else(PoisonError::into_inner)
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
