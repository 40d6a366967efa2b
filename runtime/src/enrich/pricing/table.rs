//! Loads the price table on a thread of its own. A call that ends before the table is there does not wait for it: it is written later, by
//! that thread.
#![cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "without `init()` calls wait"))]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::value::panic::catch_user_panic;

/// More calls than this do not wait for prices, nor do calls that take more bytes in all.
const MAX_WAITING: usize = 1024;
const MAX_BYTES: usize = 16 << 20;

/// Whether the price of a call can be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Possible,
    /// Too many calls waited, or telemetry ends first: the call is counted as one without a known price.
    Impossible,
}

/// Writes a call that has ended.
pub(crate) type Write = Box<dyn FnOnce(Lookup) + Send>;

pub(crate) struct Table {
    is_loaded: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    stage: Stage,
    waiting: Vec<Write>,
    bytes: usize,
    /// The calls that waited are being written.
    is_writing: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Untouched,
    /// By a thread of this process. A child made by `fork` does not have it.
    Loading {
        process: u32,
    },
    /// Or no thread was to be had: then the first look-up decodes the table.
    Loaded,
}

impl Table {
    pub(super) const fn new() -> Self {
        let state = State { stage: Stage::Untouched, waiting: Vec::new(), bytes: 0, is_writing: false };
        Table { is_loaded: AtomicBool::new(false), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Starts the thread that decodes the table, unless that has been done before.
    pub(super) fn load(&'static self, decode: impl FnOnce() + Send + 'static) {
        if self.is_loaded() {
            return;
        }
        let mut state = self.state();
        if state.stage != Stage::Untouched {
            return;
        }
        state.stage = Stage::Loading { process: std::process::id() };
        drop(state);
        let work = move || {
            // What is missing then is found, and reported, by the look-ups.
            let _ = catch_user_panic(decode);
            self.loaded();
        };
        if std::thread::Builder::new().name("llm-trace-prices".to_owned()).spawn(work).is_err() {
            self.loaded();
        }
    }

    /// Returns whether a look-up does not wait for the table.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    /// Writes a call of about that many bytes: when the table is there, or now. Does not wait for the table.
    pub(crate) fn write_when_loaded(&self, bytes: usize, write: Write) {
        let mut state = self.state();
        if state.is_loading() && state.admit(bytes) {
            return state.waiting.push(write);
        }
        let lookup = if state.stage == Stage::Loaded { Lookup::Possible } else { Lookup::Impossible };
        drop(state);
        write(lookup);
    }

    /// Waits until every call that has ended is written, but no longer than this. Then writes those that still wait, without their prices.
    pub(crate) fn settle(&self, patience: Duration) {
        let is_busy = |state: &mut State| state.is_writing || !state.waiting.is_empty() && state.is_loading();
        let waited = self.changed.wait_timeout_while(self.state(), patience, is_busy);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let waiting = state.take();
        drop(state);
        write_all(waiting, Lookup::Impossible);
    }

    fn loaded(&self) {
        let mut state = self.state();
        state.stage = Stage::Loaded;
        state.is_writing = true;
        let waiting = state.take();
        self.is_loaded.store(true, Ordering::Release);
        drop(state);
        write_all(waiting, Lookup::Possible);
        self.state().is_writing = false;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(waiting: Vec<Write>, lookup: Lookup) {
    for write in waiting {
        let _ = catch_user_panic(|| write(lookup));
    }
}

impl State {
    /// Takes the room for one more, if it is there.
    fn admit(&mut self, bytes: usize) -> bool {
        let all = self.bytes.saturating_add(bytes);
        let has_room = self.waiting.len() < MAX_WAITING && all <= MAX_BYTES;
        if has_room {
            self.bytes = all;
        }
        has_room
    }

    fn is_loading(&self) -> bool {
        matches!(self.stage, Stage::Loading { process } if process == std::process::id())
    }

    fn take(&mut self) -> Vec<Write> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    thread_local! {
        /// Stands for the table of the process in what this thread does.
        pub(crate) static OF_THREAD: Cell<Option<&'static Table>> = const { Cell::new(None) };
    }

    /// A table that is loaded when the sender sends, or is dropped.
    pub(crate) fn held_back() -> (&'static Table, Sender<()>) {
        let table: &'static Table = Box::leak(Box::new(Table::new()));
        let (release, released) = channel();
        table.load(move || {
            let _ = released.recv();
        });
        (table, release)
    }

    #[test]
    fn a_call_that_ends_before_the_table_is_there_is_written_afterwards() {
        let (table, release) = held_back();
        let (written, writes) = channel();
        for number in 0..3 {
            let written = written.clone();
            table
                .write_when_loaded(1, Box::new(move |lookup| written.send((number, lookup)).expect("heard")));
        }
        assert!(writes.try_recv().is_err() && !table.is_loaded());
        drop(release);
        let all: Vec<_> = writes.iter().take(3).collect();
        assert_eq!(all, [0, 1, 2].map(|number| (number, Lookup::Possible)));
    }

    #[test]
    fn a_call_beyond_the_bounds_is_written_at_once_without_its_price() {
        let (written, writes) = channel();
        for (calls, bytes) in [(MAX_WAITING, 1), (2, MAX_BYTES / 2)] {
            let (table, _release) = held_back();
            for _ in 0..calls {
                table.write_when_loaded(bytes, Box::new(|_| ()));
            }
            let written = written.clone();
            table.write_when_loaded(bytes, Box::new(move |lookup| written.send(lookup).expect("heard")));
            assert_eq!(writes.try_recv(), Ok(Lookup::Impossible));
        }
    }

    #[test]
    fn calls_that_wait_when_the_time_is_over_are_written_without_their_prices() {
        let (table, _release) = held_back();
        let (written, writes) = channel();
        table.write_when_loaded(1, Box::new(move |lookup| written.send(lookup).expect("heard")));
        table.settle(Duration::ZERO);
        assert_eq!(writes.try_recv(), Ok(Lookup::Impossible));
    }

    #[test]
    fn a_panic_while_decoding_or_writing_leaves_the_other_calls_to_be_written() {
        let (table, release) = held_back();
        let (written, writes) = channel();
        table.write_when_loaded(1, Box::new(|_| std::panic::panic_any("a sink")));
        table.write_when_loaded(1, Box::new(move |lookup| written.send(lookup).expect("heard")));
        drop(release);
        assert_eq!(writes.recv(), Ok(Lookup::Possible));
    }
}
