//! The thread: what it does next, and how.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use super::{Pause, Phase, Shared, State};
use crate::queue::Waiting;
use crate::transport::suppress_telemetry;
use crate::{DropReason, Signal, Ticket, Transport};

/// Next step of the thread.
enum Next {
    Send {
        waiting: Waiting,
        deadline: Instant,
    },
    /// Take a request from the spool.
    Replay,
    /// Everything in the spool has been tried: what failed may be tried again.
    Release(Vec<Ticket>),
    Stop,
}

impl Shared {
    pub(super) fn run(&self) {
        // Telemetry of the client below would be exported by this very thread.
        let _suppressed = suppress_telemetry();
        if let Some(lost) = self.state().on_its_way.take() {
            // A thread before this one died of it.
            self.drop(&lost, DropReason::WorkerDead, "the thread that sent it died");
        }
        let mut transport = None;
        loop {
            match self.next() {
                Next::Send { waiting, deadline } => self.attempt(&mut transport, waiting, deadline),
                Next::Replay => self.replay(),
                Next::Release(tickets) => self.release(tickets),
                Next::Stop => break,
            }
        }
        // It may be a runtime or a connection pool: dropped where it was used.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(transport)));
    }

    /// Waits until there is something to do.
    fn next(&self) -> Next {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            let stopping = match state.phase {
                Phase::Running => None,
                Phase::Stopping(deadline) if now < deadline && state.patience > 0 => Some(deadline),
                Phase::Stopping(_) | Phase::Stopped | Phase::Closed => return self.stopped(state),
            };
            let flush = (state.flushed < state.flushes).then_some(state.flushes);
            let pause = state.pause.filter(|pause| pause.until > now);
            if stopping.is_some_and(|deadline| pause.is_some_and(|pause| pause.until >= deadline)) {
                return self.stopped(state);
            }
            if let Some(flush) = flush.filter(|flush| state.is_flushed(*flush, pause, now)) {
                self.flushed(&mut state, flush);
                continue;
            }
            if pause.is_none() {
                if state.pause.is_some_and(|pause| pause.until <= now) {
                    // The next failure makes a new suspect.
                    (state.pause, state.suspect) = (None, None);
                }
                if let Some(mut waiting) = self.take(&mut state, now, flush, stopping.is_some()) {
                    let deadline = stopping.unwrap_or(now + self.route.timeout).min(now + self.route.timeout);
                    waiting.since.get_or_insert(now);
                    state.on_its_way = Some(waiting.clone());
                    return Next::Send { waiting, deadline };
                }
                if let Some(deadline) = stopping
                    && state.next_to_go(true, now).is_none_or(|not_before| not_before >= deadline)
                {
                    return self.stopped(state);
                }
                if state.replays && stopping.is_none() {
                    return Next::Replay;
                }
            }
            if !state.replays {
                let released = state.let_held_go(Some(now));
                if !released.is_empty() {
                    state.replays = true;
                    return Next::Release(released);
                }
            }
            let next = pause.map(|pause| pause.until).or_else(|| state.next_to_go(stopping.is_some(), now));
            let flush_until = flush.map(|_| state.flush_until);
            state = match next.into_iter().chain(flush_until).min() {
                Some(until) => {
                    let left = until.saturating_duration_since(now);
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Returns the next request in memory. Metrics in their order, unless a probe is needed to find out whether the receiver is away, or
    /// little time is left; of the others the one with the fewest attempts.
    fn take(
        &self,
        state: &mut State,
        now: Instant,
        flush: Option<u64>,
        is_stopping: bool,
    ) -> Option<Waiting> {
        let (up_to, refusing) = (state.flush_up_to, state.refusing);
        let due = |waiting: &Waiting| {
            let in_time = || waiting.not_before.is_none_or(|not_before| not_before <= now);
            let in_flush = |flush| {
                let is_again = !waiting.is_refused && in_time();
                waiting.arrival <= up_to && (waiting.tried_in < flush || is_again)
            };
            flush.map_or_else(in_time, in_flush) && !(is_stopping && refusing && waiting.is_refused)
        };
        match self.route.signal {
            Signal::Metrics if state.suspect.is_none() && !is_stopping => state.queue.take_oldest(due),
            _ => state.queue.take_least_tried(due),
        }
    }

    fn flushed(&self, state: &mut State, flush: u64) {
        state.flushed = flush;
        if state.patience == 0 {
            // Unreachable: from now on attempts follow the usual backoff.
            let backoff = self.route.backoff;
            let length =
                if state.refusing { backoff.until_somebody_helps() } else { backoff.backoff(state.failures) };
            let until = crate::retry::after(length);
            state.pause = Some(Pause { until: state.pause.map_or(until, |pause| pause.until.max(until)) });
        }
        self.changed.notify_all();
    }

    fn stopped(&self, mut state: MutexGuard<'_, State>) -> Next {
        if !state.phase.is_closed() {
            state.phase = Phase::Stopped;
        }
        self.changed.notify_all();
        Next::Stop
    }

    fn attempt(&self, transport: &mut Option<Box<dyn Transport>>, waiting: Waiting, deadline: Instant) {
        let request = &waiting.request;
        let sent = catch_unwind(AssertUnwindSafe(|| {
            // The client is hidden from `tracing` as well: a layer that exports would send spans about sending.
            tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
                transport.get_or_insert_with(|| (self.route.transport)()).send(request, deadline)
            })
        }));
        if let Ok(outcome) = sent {
            self.settle(waiting, outcome);
            return;
        }
        // The transport may be in any state; dropping it may panic once more.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(transport.take())));
        if self.state().on_its_way.take().is_some() {
            self.drop(&waiting, DropReason::WorkerDead, "sending it panicked");
        }
    }
}
