//! The thread that sends: one per signal, from its first request to the end.
//!
//! The [worker] selects the next request and makes one attempt; the [outcome] decides the request's state after it. Callers that submit
//! requests, flush or shut down only touch the state, and wait with a deadline.

mod closing;
mod outcome;
#[cfg(test)]
mod tests;
mod worker;

pub use closing::close;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;

use super::queue::{Queue, Waiting};
use super::retry::Backoff;
use super::shape::ShortenText;
use super::{DropReason, ExportRequest, ItemState, Signal, Spool, Ticket, TransportFactory, shape};
use crate::stats::DeliveryStats;

/// After so many consecutive attempts without an answer, or with a refusal, a flush or shutdown considers the receiver gone. A busy
/// receiver is retried until the deadline.
const PATIENCE: u32 = 3;

/// A queue and the thread that empties it.
#[derive(Clone, Debug)]
pub struct Sender {
    shared: Arc<Shared>,
}

/// Configuration of a sender.
pub struct SenderConfig {
    /// The signal that is sent.
    pub signal: Signal,
    /// The receiver as it may be shown.
    pub destination: String,
    /// The sender in metrics about it, see [`TransportConfig::attributes`](crate::TransportConfig::attributes).
    pub attributes: Vec<KeyValue>,
    /// Counts of items.
    pub stats: Arc<DeliveryStats>,
    /// A later request makes an earlier one out of date: cumulative metrics.
    pub supersedes: bool,
    /// Makes the way to the receiver.
    pub transport: TransportFactory,
    /// For one attempt.
    pub timeout: Duration,
    /// For the texts of an item that is too large for the receiver by itself.
    pub shorten_text: ShortenText,
    /// Requests that wait in memory, before compression, in bytes. Beyond it the oldest are dropped.
    pub max_bytes: usize,
    /// Storage for requests beyond memory.
    pub spool: Option<Arc<dyn Spool>>,
    /// The pauses between attempts.
    pub backoff: Backoff,
    /// Limit on the pause that a receiver may request.
    pub max_retry_after: Duration,
}

struct Shared {
    route: SenderConfig,
    state: Mutex<State>,
    /// Notified on every change of state: the thread waits for requests, others for the thread.
    changed: Condvar,
}

struct State {
    queue: Queue,
    /// The request in the transport. Taken, and counted, by a shutdown that cannot wait for it any longer.
    on_its_way: Option<Waiting>,
    /// Requests being written to the spool, by the number of the write. Taken likewise.
    storing: Vec<(u64, Vec<Waiting>)>,
    writes: u64,
    phase: Phase,
    pause: Option<Pause>,
    /// In a row; two without a pause in between are one.
    failures: u32,
    /// The request that failed last, if none has been tried since. Either it or the receiver is at fault: the next attempt shows which.
    suspect: Option<Suspect>,
    /// The last answer was a refusal. It is not expected to be fixed during shutdown.
    refusing: bool,
    /// Consecutive failures that a flush, or the end, still accepts.
    patience: u32,
    /// Number of requested flushes, and of the newest that is done.
    flushes: u64,
    flushed: u64,
    /// The newest request that the newest flush is about.
    flush_up_to: u64,
    /// Latest deadline of the waiting flushes.
    flush_until: Instant,
    /// Tried and stored: not taken again before the rest of the spool has been.
    held: Vec<Held>,
    /// Whether the spool may have requests to take.
    replays: bool,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Running,
    /// Until then at most.
    Stopping(Instant),
    /// The thread has given up or is done; the remaining requests are left to `close`.
    Stopped,
    Closed,
}

impl Phase {
    fn is_running(self) -> bool {
        matches!(self, Phase::Running)
    }

    fn is_closed(self) -> bool {
        matches!(self, Phase::Closed)
    }

    /// An attempt that fails now was cut short by the end.
    fn is_out_of_time(self) -> bool {
        match self {
            Phase::Running => false,
            Phase::Stopping(deadline) => Instant::now() >= deadline,
            Phase::Stopped | Phase::Closed => true,
        }
    }

    /// Returns whether sending has ended.
    fn is_over(self) -> bool {
        matches!(self, Phase::Stopped | Phase::Closed)
    }
}

/// Identifies a request. Requests from the spool share a place in the queue.
type Suspect = (u64, Option<Ticket>);

/// A stored request that failed.
#[derive(Clone, Copy, Debug)]
struct Held {
    ticket: Ticket,
    since: Option<Instant>,
    attempts: u32,
    tried_in: u64,
    is_refused: bool,
    /// End of the request's backoff.
    not_before: Option<Instant>,
    /// Given back to the spool, which has not handed it out again.
    is_released: bool,
}

/// No attempt is made before its end, unless a flush waits for it.
#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SenderConfig { signal, destination, .. } = &self.route;
        f.debug_struct("Sender")
            .field("signal", signal)
            .field("destination", destination)
            .finish_non_exhaustive()
    }
}

impl Sender {
    /// Creates a sender without a thread. The thread starts with the first request, or to take requests of an earlier process from the
    /// spool.
    pub fn new(route: SenderConfig) -> Self {
        let state = State {
            queue: Queue::new(route.max_bytes),
            on_its_way: None,
            storing: Vec::new(),
            writes: 0,
            phase: Phase::Running,
            pause: None,
            failures: 0,
            suspect: None,
            refusing: false,
            patience: PATIENCE,
            flushes: 0,
            flushed: 0,
            flush_up_to: 0,
            flush_until: Instant::now(),
            held: Vec::new(),
            replays: route.spool.is_some(),
            thread: None,
        };
        route.stats.set_exporter(route.signal, route.attributes.clone(), route.spool.is_some());
        let sender =
            Sender { shared: Arc::new(Shared { route, state: Mutex::new(state), changed: Condvar::new() }) };
        if let Some(spool) = &sender.shared.route.spool {
            let shared = Arc::downgrade(&sender.shared);
            spool.on_more(Box::new(move || shared.upgrade().iter().for_each(Shared::ask_again)));
            // An earlier process may have left something.
            sender.shared.watch(&mut sender.shared.state());
        }
        sender
    }

    /// Returns the signal that it sends.
    pub fn signal(&self) -> Signal {
        self.shared.route.signal
    }

    /// The receiver as it may be shown.
    pub fn destination(&self) -> &str {
        &self.shared.route.destination
    }

    /// The time of one attempt.
    pub fn timeout(&self) -> Duration {
        self.shared.route.timeout
    }

    /// Takes a request, whose items are counted as queued, and returns without waiting for anything but the disk of a spool
    /// that writes ahead. Called on the threads of the processors.
    pub fn push(&self, request: ExportRequest) {
        for request in shape::fitted(request, shape::MAX_REQUEST_BYTES) {
            self.shared.push(request);
        }
    }

    /// Requests an immediate attempt at everything that waits, whatever its backoff, and further attempts until `until` while the receiver
    /// is busy; returns the number to [wait for](Self::wait_for_flush).
    pub fn flush(&self, until: Instant) -> u64 {
        // Failed requests that are stored wait, too.
        let held = self.shared.state().let_held_go(None);
        let is_more = !held.is_empty();
        self.shared.release(held);
        let mut state = self.shared.state();
        state.replays |= is_more;
        state.flushes += 1;
        state.flush_up_to = state.queue.arrived();
        state.flush_until = until;
        state.hurry();
        self.shared.watch(&mut state);
        self.shared.changed.notify_all();
        state.flushes
    }

    /// Returns whether a flush is done: everything that waited has been tried, or the receiver is unreachable.
    pub fn wait_for_flush(&self, flush: u64, until: Instant) -> bool {
        self.shared.wait(until, |state| state.flushed >= flush || state.phase.is_over())
    }

    /// Sends what it can until then, and stops.
    pub fn stop(&self, deadline: Instant) {
        let mut state = self.shared.state();
        if state.phase.is_running() {
            state.phase = Phase::Stopping(deadline);
            state.failures = 0;
            state.hurry();
            self.shared.watch(&mut state);
            self.shared.changed.notify_all();
        }
    }

    /// Waits for the end of [`stop`](Self::stop), but no longer than until then.
    pub fn wait_for_stop(&self, until: Instant) -> bool {
        self.shared.wait(until, |state| state.phase.is_over())
    }
}

impl State {
    /// A flush waits: no pause delays the next attempt, not even one that the receiver requested.
    fn hurry(&mut self) {
        self.patience = PATIENCE;
        self.pause = None;
        self.suspect = None;
        self.queue.let_all_go();
    }

    /// Notes what is about to be written to the spool, and returns the number of the write.
    fn begin_storing(&mut self, waiting: &[Waiting]) -> u64 {
        self.writes += 1;
        if !waiting.is_empty() {
            self.storing.push((self.writes, waiting.to_vec()));
        }
        self.writes
    }

    /// Returns whether a flush or shutdown waits for attempts.
    fn is_in_a_hurry(&self) -> bool {
        !self.phase.is_running() || self.flushed < self.flushes
    }

    /// Returns whether a flush is done: everything has been tried, and everything that may work in time been taken; or the receiver is
    /// unreachable; or the deadline has passed.
    fn is_flushed(&self, flush: u64, pause: Option<Pause>, now: Instant) -> bool {
        let until = self.flush_until;
        if self.patience == 0 || now >= until || pause.is_some_and(|pause| pause.until >= until) {
            return true;
        }
        let is_to_be_tried = |tried_in: u64, is_refused: bool, not_before: Option<Instant>| {
            tried_in < flush || !is_refused && not_before.is_none_or(|not_before| not_before < until)
        };
        let of_queue = |waiting: &Waiting| {
            let Waiting { tried_in, is_refused, not_before, arrival, .. } = *waiting;
            arrival <= self.flush_up_to && is_to_be_tried(tried_in, is_refused, not_before)
        };
        let of_spool = |held: &Held| is_to_be_tried(held.tried_in, held.is_refused, held.not_before);
        !self.replays && !self.queue.any(of_queue) && !self.held.iter().any(of_spool)
    }

    /// The receiver is away: clears per-request backoff.
    fn let_all_go(&mut self) {
        self.queue.let_all_go();
        for held in &mut self.held {
            held.not_before = None;
        }
    }

    /// Returns when the next per-request backoff ends.
    fn next_to_go(&self, is_stopping: bool, now: Instant) -> Option<Instant> {
        let is_later = |not_before: &Option<Instant>| not_before.is_some_and(|not_before| not_before > now);
        if is_stopping {
            // Stored requests are left to the next process, and refused ones are not tried while nothing else is accepted.
            let may_go = |waiting: &Waiting| !(self.refusing && waiting.is_refused);
            return self.queue.next_to_go(|waiting| is_later(&waiting.not_before) && may_go(waiting));
        }
        let held = self.held.iter().filter(|held| !held.is_released && is_later(&held.not_before));
        let queued = self.queue.next_to_go(|waiting| is_later(&waiting.not_before));
        held.filter_map(|held| held.not_before).chain(queued).min()
    }

    /// Returns the held requests that may be taken again by now, or all; they are to be [released](Shared::release).
    fn let_held_go(&mut self, now: Option<Instant>) -> Vec<Ticket> {
        let (flushes, is_flushing) = (self.flushes, self.flushed < self.flushes);
        let may_go = |held: &&mut Held| {
            let is_due = |now| {
                let is_tried = held.is_refused && held.tried_in == flushes && is_flushing;
                !is_tried && held.not_before.is_none_or(|not_before| not_before <= now)
            };
            !held.is_released && now.is_none_or(is_due)
        };
        let going = self.held.iter_mut().filter(may_go);
        going
            .map(|held| {
                held.is_released = true;
                held.ticket
            })
            .collect()
    }
}

impl Shared {
    fn push(self: &Arc<Self>, request: ExportRequest) {
        let mut waiting = Waiting::new(request);
        if let Some(spool) = &self.route.spool
            // While the receiver is away memory is no place to wait for it.
            && (spool.writes_ahead() || self.state().failures > 0)
        {
            let Some(stored) = self.store(vec![waiting]).pop() else { return };
            waiting = stored;
        }
        let (evicted, reason) = {
            let mut state = self.state();
            if state.phase.is_closed() {
                (vec![waiting], DropReason::AfterShutdown)
            } else {
                let evicted = state.queue.push(waiting);
                self.watch(&mut state);
                self.changed.notify_all();
                (evicted, DropReason::QueueFull)
            }
        };
        self.give_up(evicted, reason);
    }

    /// The spool may have more for us.
    fn ask_again(self: &Arc<Self>) {
        let mut state = self.state();
        state.replays = true;
        self.watch(&mut state);
        self.changed.notify_all();
    }

    /// Makes sure that a thread runs while it has work.
    fn watch(self: &Arc<Self>, state: &mut State) {
        if state.phase.is_over() || state.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let shared = Arc::clone(self);
        let name = format!("llm-trace-{}", self.route.signal.as_str());
        // Without a thread everything waits in the queue; the next request tries again.
        state.thread = std::thread::Builder::new().name(name).spawn(move || shared.run()).ok();
    }

    fn wait(&self, until: Instant, done: impl Fn(&State) -> bool) -> bool {
        let mut state = self.state();
        while !done(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the state in which a request's items are counted while it waits.
fn place(waiting: &Waiting) -> ItemState {
    if waiting.ticket.is_some() { ItemState::Spooled } else { ItemState::Queued }
}
