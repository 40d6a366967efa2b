//! Decides the state of a request after an attempt, or when it cannot wait any longer.

use std::time::Duration;

use super::{Held, PATIENCE, Pause, SenderConfig, Shared, place};
use crate::queue::Waiting;
use crate::retry::after;
use crate::{DropReason, ExportRequest, ItemState, Outcome, Signal, Ticket, shape};

/// Why an attempt failed that may be repeated.
#[derive(Clone, Copy)]
enum Failed {
    /// No server listens at the address.
    Unreachable,
    /// The server answers, and may request a pause.
    Busy { after: Option<Duration> },
    /// The way there is wrong.
    Refused,
}

impl Failed {
    /// Before the next attempt.
    fn pause(self, route: &SenderConfig, failures: u32, is_in_a_hurry: bool) -> Duration {
        match self {
            Failed::Busy { after: Some(after) } => route.backoff.asked_for(after.min(route.max_retry_after)),
            _ if is_in_a_hurry => route.backoff.backoff_in_a_hurry(failures),
            Failed::Busy { after: None } | Failed::Unreachable => route.backoff.backoff(failures),
            Failed::Refused => route.backoff.until_somebody_helps(),
        }
    }
}

impl Shared {
    pub(super) fn settle(&self, mut waiting: Waiting, outcome: Outcome) {
        let route = &self.route;
        waiting.attempts = waiting.attempts.saturating_add(1);
        match outcome {
            Outcome::Accepted => {
                if self.reached() {
                    self.remove(&waiting, ItemState::Delivered);
                    self.exported(&waiting, None);
                    route.stats.reached(route.signal, &route.destination);
                }
            }
            Outcome::Partial { rejected, message } => {
                if self.reached() {
                    let rejected = rejected.min(waiting.request.item_count);
                    waiting.request.item_count -= rejected;
                    self.remove(&waiting, ItemState::Delivered);
                    route.stats.reached(route.signal, &route.destination);
                    waiting.request.item_count = rejected;
                    let colon = if message.is_empty() { "" } else { ": " };
                    let what = route.signal.items();
                    let why = format!("the receiver rejected {rejected} of the {what}{colon}{message}");
                    self.count_dropped(&waiting, DropReason::PartialSuccess, &why);
                }
            }
            Outcome::Rejected { reason } => {
                if self.reached() {
                    self.drop(&waiting, DropReason::Rejected, &reason);
                }
            }
            Outcome::Split { reason } => {
                if self.reached() {
                    self.split(&waiting, &reason);
                }
            }
            Outcome::Retry { after, reason } => self.failed(waiting, &reason, Failed::Busy { after }),
            Outcome::Unreachable { reason } => self.failed(waiting, &reason, Failed::Unreachable),
            Outcome::Refused { reason } => self.failed(waiting, &reason, Failed::Refused),
        }
    }

    /// The receiver has answered. Whether what it answered to is still ours to count.
    fn reached(&self) -> bool {
        let mut state = self.state();
        if state.failures > 1 {
            // It was away: what failed in that time is not to blame for it.
            state.let_all_go();
        }
        state.failures = 0;
        state.suspect = None;
        state.refusing = false;
        state.patience = PATIENCE;
        state.pause = None;
        state.on_its_way.take().is_some()
    }

    fn failed(&self, mut waiting: Waiting, reason: &str, how: Failed) {
        let route = &self.route;
        waiting.is_refused = matches!(how, Failed::Refused);
        let asked_for = matches!(how, Failed::Busy { after: Some(_) });
        let is_cut_short = self.state().phase.is_out_of_time();
        route.stats.failed(route.signal, &route.destination, reason, is_cut_short);
        let others = {
            let mut state = self.state();
            if state.on_its_way.take().is_none() {
                return;
            }
            route.stats.retried(route.signal);
            state.patience = match how {
                // The server answers: it is retried as long as there is time.
                Failed::Busy { .. } => PATIENCE,
                Failed::Unreachable | Failed::Refused => state.patience.saturating_sub(1),
            };
            let is_in_a_hurry = state.is_in_a_hurry();
            let pause = |failures| how.pause(route, failures, is_in_a_hurry);
            let is_stopping = !state.phase.is_running();
            let this = (waiting.arrival, waiting.ticket);
            let is_second = state.suspect.is_some_and(|suspect| suspect != this);
            if !is_second {
                state.failures = state.failures.saturating_add(1);
            }
            let may_be_passed =
                route.signal != Signal::Metrics || is_stopping || waiting.attempts >= PATIENCE;
            if asked_for || is_second || !may_be_passed {
                let length = pause(state.failures);
                state.pause = Some(Pause { until: after(length) });
                state.let_all_go();
            } else {
                // The request may be at fault: the next attempt shows it.
                state.suspect = Some(this);
                waiting.not_before = Some(after(pause(waiting.attempts)));
            }
            waiting.tried_in = state.flushes;
            state.refusing = waiting.is_refused;
            if route.spool.is_none() || is_stopping {
                state.queue.put_back(waiting);
                return;
            }
            state.queue.drain()
        };
        // Requests in memory would be lost with the process, and the receiver may be away for long.
        for waiting in self.store(others.into_iter().chain([waiting]).collect()) {
            let was_tried = waiting.attempts > 0;
            self.keep(waiting, was_tried);
        }
    }

    /// Lets go of what could not be sent, or was not even tried, where it is stored. What is not waits in memory.
    fn keep(&self, waiting: Waiting, was_tried: bool) {
        let mut state = self.state();
        match waiting.ticket {
            // Unless a flush was requested meanwhile, which must try it once more.
            Some(ticket) if !state.phase.is_closed() && was_tried && waiting.tried_in == state.flushes => {
                let Waiting { since, attempts, not_before, tried_in, is_refused, .. } = waiting;
                let is_released = false;
                state.held.push(Held {
                    ticket,
                    since,
                    attempts,
                    tried_in,
                    is_refused,
                    not_before,
                    is_released,
                });
                if state.suspect.is_some_and(|(arrival, _)| arrival == waiting.arrival) {
                    // As it will come back.
                    state.suspect = Some((0, Some(ticket)));
                }
            }
            Some(ticket) => {
                state.replays = true;
                drop(state);
                self.release(vec![ticket]);
            }
            None if !state.phase.is_closed() => state.queue.put_back(waiting),
            None => {
                drop(state);
                self.count_undelivered(&waiting);
            }
        }
    }

    pub(super) fn replay(&self) {
        let Some(spool) = &self.route.spool else { return };
        let Some((ticket, request)) = spool.oldest(self.route.signal) else {
            let mut state = self.state();
            state.replays = false;
            // A released request that was not returned again was dropped by the spool: too large, too old or superseded.
            state.held.retain(|held| !held.is_released);
            return;
        };
        let mut state = self.state();
        let held = state.held.iter().position(|held| held.ticket == ticket);
        let mut waiting = Waiting { ticket: Some(ticket), ..Waiting::new(request) };
        if let Some(index) = held {
            let Held { since, attempts, tried_in, is_refused, .. } = state.held.swap_remove(index);
            waiting = Waiting { since, attempts, tried_in, is_refused, ..waiting };
        }
        if state.phase.is_running() {
            state.queue.put_back(waiting);
        } else {
            drop(state);
            spool.release(ticket);
        }
    }

    fn split(&self, waiting: &Waiting, reason: &str) {
        let SenderConfig { stats, signal, spool, shorten_text, .. } = &self.route;
        let parts = shape::halved(&waiting.request).map(Vec::from);
        let parts =
            parts.or_else(|| shape::shortened(&waiting.request, *shorten_text).map(|short| vec![short]));
        let Some(parts) = parts else {
            self.drop(waiting, DropReason::Oversize, reason);
            return;
        };
        stats.moved(*signal, waiting.request.item_count, place(waiting), ItemState::Queued);
        // Stored requests stay stored: the parts first, as the process may end in between.
        let part = |request: ExportRequest| Waiting { ticket: None, request, ..waiting.clone() };
        let mut parts: Vec<_> = parts.into_iter().map(part).collect();
        if waiting.ticket.is_some() {
            parts = self.store(parts);
        }
        if let (Some(spool), Some(ticket)) = (spool, waiting.ticket) {
            spool.remove(ticket);
        }
        let mut state = self.state();
        if !state.phase.is_closed() {
            for part in parts {
                state.queue.put_back(part);
            }
            return;
        }
        drop(state);
        self.give_up(parts, DropReason::Undelivered);
    }

    /// Removes a request, and those that it supersedes.
    fn remove(&self, waiting: &Waiting, to: ItemState) {
        let SenderConfig { stats, signal, supersedes, spool, .. } = &self.route;
        stats.moved(*signal, waiting.request.item_count, place(waiting), to);
        if *supersedes {
            let superseded = self.state().queue.take_earlier(waiting.arrival, waiting.request.created);
            for earlier in superseded {
                let to = ItemState::Dropped(DropReason::Superseded);
                stats.moved(*signal, earlier.request.item_count, place(&earlier), to);
                self.exported(&earlier, Some(DropReason::Superseded));
                if let (Some(spool), Some(ticket)) = (spool, earlier.ticket) {
                    spool.remove(ticket);
                }
            }
        }
        match (spool, waiting.ticket) {
            (Some(spool), Some(ticket)) => spool.remove(ticket),
            (Some(spool), None) if *supersedes => spool.metrics_are_outdated(&waiting.request),
            _ => {}
        }
    }

    pub(super) fn drop(&self, waiting: &Waiting, reason: DropReason, why: &str) {
        self.count_dropped(waiting, reason, why);
        if let (Some(spool), Some(ticket)) = (&self.route.spool, waiting.ticket) {
            spool.remove(ticket);
        }
    }

    fn count_dropped(&self, waiting: &Waiting, reason: DropReason, why: &str) {
        let SenderConfig { stats, signal, destination, .. } = &self.route;
        stats.dropped(*signal, waiting.request.item_count, place(waiting), reason, destination, why);
        self.exported(waiting, Some(reason));
    }

    /// Nothing more is tried for it. What was never tried is no export.
    fn exported(&self, waiting: &Waiting, failed: Option<DropReason>) {
        if let Some(since) = waiting.since {
            self.route.stats.exported(self.route.signal, since.elapsed(), failed);
        }
    }

    /// They cannot stay in memory: they stay stored, or are stored now, or are dropped.
    pub(super) fn give_up(&self, waiting: Vec<Waiting>, reason: DropReason) {
        let mut tickets = Vec::new();
        for waiting in self.store(waiting) {
            match (waiting.ticket, reason) {
                (Some(ticket), _) => tickets.push(ticket),
                (None, DropReason::QueueFull) => {
                    self.count_dropped(&waiting, reason, "more arrived than the memory for what waits holds");
                }
                (None, DropReason::AfterShutdown) => {
                    self.count_dropped(&waiting, reason, "it came while telemetry was shut down");
                }
                (None, _) => self.count_undelivered(&waiting),
            }
        }
        if !tickets.is_empty() {
            self.release(tickets);
            self.state().replays = true;
            self.changed.notify_all();
        }
    }

    pub(super) fn count_undelivered(&self, waiting: &Waiting) {
        self.count_dropped(waiting, DropReason::Undelivered, "the time to shut down was over");
    }

    /// Stores requests that are not stored yet, in one transaction, and returns all, except those that were counted as dropped meanwhile by
    /// a shutdown that could not wait for the disk. After the end nothing is stored any more.
    pub(super) fn store(&self, waiting: Vec<Waiting>) -> Vec<Waiting> {
        let Some(spool) = &self.route.spool else { return waiting };
        let (mut stored, new): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|waiting| waiting.ticket.is_some());
        let write = {
            let mut state = self.state();
            if new.is_empty() || state.phase.is_closed() {
                stored.extend(new);
                return stored;
            }
            state.begin_storing(&new)
        };
        let requests: Vec<_> = new.iter().map(|waiting| &waiting.request).collect();
        let tickets = spool.store(&requests);
        let (new, is_ours) = self.stored(write, new, tickets);
        if is_ours {
            stored.extend(new);
        } else {
            self.release(new.iter().filter_map(|waiting| waiting.ticket).collect());
        }
        stored
    }

    pub(super) fn release(&self, tickets: Vec<Ticket>) {
        if let Some(spool) = &self.route.spool {
            for ticket in tickets {
                spool.release(ticket);
            }
        }
    }
}
