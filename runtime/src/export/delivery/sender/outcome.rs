//! What becomes of a parcel that was tried, or that cannot wait any longer.

use std::time::Duration;

use super::{Held, PATIENCE, Pause, Route, Shared, place};
use crate::export::deadline::after;
use crate::export::delivery::queue::Waiting;
use crate::export::delivery::{DropReason, Outcome, Parcel, Signal, Spool, Term, Ticket, shape};

/// Why an attempt failed that may be repeated.
#[derive(Clone, Copy)]
enum Failed {
    /// Nobody listens there.
    Unreachable,
    /// Somebody is there, and may ask for a pause.
    Busy { after: Option<Duration> },
    /// The way there is wrong.
    Refused,
}

impl Failed {
    /// Before the next attempt.
    fn pause(self, route: &Route, failures: u32, is_in_a_hurry: bool) -> Duration {
        match self {
            Failed::Busy { after: Some(after) } => route.pace.asked_for(after.min(route.max_retry_after)),
            _ if is_in_a_hurry => route.pace.backoff_in_a_hurry(failures),
            Failed::Busy { after: None } | Failed::Unreachable => route.pace.backoff(failures),
            Failed::Refused => route.pace.until_somebody_helps(),
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
                    self.remove(&waiting, Term::Delivered);
                    route.ledger.reached(route.signal, &route.destination);
                }
            }
            Outcome::Partial { rejected, message } => {
                if self.reached() {
                    let rejected = rejected.min(waiting.parcel.item_count);
                    waiting.parcel.item_count -= rejected;
                    self.remove(&waiting, Term::Delivered);
                    route.ledger.reached(route.signal, &route.destination);
                    waiting.parcel.item_count = rejected;
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
        route.ledger.failed(route.signal, &route.destination, reason, is_cut_short);
        let others = {
            let mut state = self.state();
            if state.on_its_way.take().is_none() {
                return;
            }
            route.ledger.retried(route.signal);
            state.patience = match how {
                // Somebody answers: it is asked for as long as there is time.
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
                // It may be its own fault: the next one tells.
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
        // Whatever waits in memory would be lost with the process; the receiver may be away for long.
        for other in others {
            self.keep(other, false);
        }
        self.keep(waiting, true);
    }

    /// Stores what could not be sent, or was not even tried. What cannot be stored waits in memory.
    fn keep(&self, mut waiting: Waiting, was_tried: bool) {
        if let (Some(spool), None) = (&self.route.spool, waiting.ticket) {
            waiting.ticket = self.store(spool.as_ref(), &waiting.parcel);
        }
        let mut state = self.state();
        match waiting.ticket {
            // Unless a flush was asked for meanwhile, which is to try it once more.
            Some(ticket) if !state.phase.is_closed() && was_tried && waiting.tried_in == state.flushes => {
                let Waiting { attempts, not_before, tried_in, is_refused, .. } = waiting;
                let is_released = false;
                state.held.push(Held { ticket, attempts, tried_in, is_refused, not_before, is_released });
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
                self.give_up(&waiting, DropReason::Undelivered);
            }
        }
    }

    pub(super) fn replay(&self) {
        let Some(spool) = &self.route.spool else { return };
        let Some((ticket, parcel)) = spool.oldest(self.route.signal) else {
            let mut state = self.state();
            state.replays = false;
            // What was given back and has not come again is gone: dropped, as it was too much, too old or superseded.
            state.held.retain(|held| !held.is_released);
            return;
        };
        let mut state = self.state();
        let held = state.held.iter().position(|held| held.ticket == ticket);
        let mut waiting = Waiting { ticket: Some(ticket), ..Waiting::new(parcel) };
        if let Some(index) = held {
            let Held { attempts, tried_in, is_refused, .. } = state.held.swap_remove(index);
            waiting = Waiting { attempts, tried_in, is_refused, ..waiting };
        }
        if state.phase.is_running() {
            state.queue.put_back(waiting);
        } else {
            drop(state);
            spool.release(ticket);
        }
    }

    fn split(&self, waiting: &Waiting, reason: &str) {
        let Route { ledger, signal, spool, .. } = &self.route;
        let parts = shape::halved(&waiting.parcel).map(Vec::from);
        let parts = parts.or_else(|| shape::shortened(&waiting.parcel).map(|short| vec![short]));
        let Some(parts) = parts else {
            self.drop(waiting, DropReason::Oversize, reason);
            return;
        };
        ledger.moved(*signal, waiting.parcel.item_count, place(waiting), Term::Queued);
        // What was stored stays stored: the parts first, for the process may end in between.
        let stored = spool.as_ref().filter(|_| waiting.ticket.is_some());
        let part = |parcel: Parcel| Waiting {
            ticket: stored.and_then(|spool| self.store(spool.as_ref(), &parcel)),
            parcel,
            ..waiting.clone()
        };
        let parts: Vec<_> = parts.into_iter().map(part).collect();
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
        for part in parts {
            self.give_up(&part, DropReason::Undelivered);
        }
    }

    /// It is gone from here, and so is what it supersedes.
    fn remove(&self, waiting: &Waiting, to: Term) {
        let Route { ledger, signal, supersedes, spool, .. } = &self.route;
        ledger.moved(*signal, waiting.parcel.item_count, place(waiting), to);
        if *supersedes {
            let superseded = self.state().queue.take_earlier(waiting.arrival, waiting.parcel.created);
            for earlier in superseded {
                let to = Term::Dropped(DropReason::Superseded);
                ledger.moved(*signal, earlier.parcel.item_count, place(&earlier), to);
                if let (Some(spool), Some(ticket)) = (spool, earlier.ticket) {
                    spool.remove(ticket);
                }
            }
        }
        match (spool, waiting.ticket) {
            (Some(spool), Some(ticket)) => spool.remove(ticket),
            (Some(spool), None) if *supersedes => spool.metrics_are_outdated(&waiting.parcel),
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
        let Route { ledger, signal, destination, .. } = &self.route;
        ledger.dropped(*signal, waiting.parcel.item_count, place(waiting), reason, destination, why);
    }

    /// It cannot stay in memory: it stays stored, or is stored now, or is dropped.
    pub(super) fn give_up(&self, waiting: &Waiting, reason: DropReason) {
        let spool = &self.route.spool;
        let ticket = match (spool, waiting.ticket) {
            (Some(spool), None) => self.store(spool.as_ref(), &waiting.parcel),
            (_, ticket) => ticket,
        };
        if let Some(ticket) = ticket {
            self.release(vec![ticket]);
            self.state().replays = true;
            self.changed.notify_all();
            return;
        }
        let why = match reason {
            DropReason::QueueFull => "more arrived than the memory for what waits holds",
            DropReason::AfterShutdown => "it came while telemetry was shut down",
            _ => "the time to shut down was over",
        };
        self.count_dropped(waiting, reason, why);
    }

    pub(super) fn store(&self, spool: &dyn Spool, parcel: &Parcel) -> Option<Ticket> {
        let ticket = spool.store(parcel)?;
        self.route.ledger.moved(self.route.signal, parcel.item_count, Term::Queued, Term::Spooled);
        Some(ticket)
    }

    pub(super) fn release(&self, tickets: Vec<Ticket>) {
        if let Some(spool) = &self.route.spool {
            for ticket in tickets {
                spool.release(ticket);
            }
        }
    }
}
