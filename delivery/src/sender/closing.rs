//! The end: what senders have left is stored in one transaction, or counted, by a deadline that no disk moves.

use std::sync::{Arc, mpsc};
use std::time::Instant;

use super::{Phase, Sender, Shared, place};
use crate::queue::Waiting;
use crate::{DropReason, ItemState, Spool, Ticket};

const LATE: DropReason = DropReason::Undelivered;

/// Ends senders: waits for each to have [stopped](Sender::stop), but no longer than until `stopped_by`, and stores their remaining requests
/// in one transaction. Requests that could not be stored by `until` are counted as dropped, and so are later ones. If the write succeeds
/// after all, its items are moved from `dropped` to `spooled`, for later reports.
///
/// The disk is only accessed on a dedicated thread, which closes the spool at the end: `close` does not wait for it any longer.
pub fn close(senders: &[&Sender], spool: Option<Arc<dyn Spool>>, stopped_by: Instant, until: Instant) {
    let rests: Vec<_> = senders.iter().map(|sender| sender.end(stopped_by)).collect();
    if let Some(spool) = spool {
        // Ends with an error in either case: nothing is sent, and the thread disconnects when it is done.
        let (done, is_done) = mpsc::channel::<()>();
        let work = move || {
            store(&rests, spool.as_ref());
            spool.close();
            drop(done);
        };
        // Without a thread to be had it is not stored: this one must be back in time.
        if std::thread::Builder::new().name("llm-trace-close".to_owned()).spawn(work).is_ok() {
            let _ = is_done.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
    }
    for sender in senders {
        sender.shared.wait(until, |state| state.storing.is_empty());
        sender.shared.give_up_storing();
    }
}

/// The remaining requests of a sender.
struct Rest {
    shared: Arc<Shared>,
    /// Being stored, under this number.
    write: u64,
    waiting: Vec<Waiting>,
    /// Stored, and given back.
    tickets: Vec<Ticket>,
}

fn store(rests: &[Rest], spool: &dyn Spool) {
    let requests: Vec<_> =
        rests.iter().flat_map(|rest| &rest.waiting).map(|waiting| &waiting.request).collect();
    let mut tickets =
        if requests.is_empty() { Vec::new().into_iter() } else { spool.store(&requests).into_iter() };
    for rest in rests {
        let of_rest: Vec<_> = tickets.by_ref().take(rest.waiting.len()).collect();
        let (waiting, is_ours) = rest.shared.stored(rest.write, rest.waiting.clone(), of_rest);
        let unstored = waiting.iter().filter(|waiting| is_ours && waiting.ticket.is_none());
        for waiting in unstored {
            rest.shared.count_undelivered(waiting);
        }
        let stored = waiting.iter().filter_map(|waiting| waiting.ticket);
        rest.shared.release(stored.chain(rest.tickets.iter().copied()).collect());
    }
}

impl Sender {
    /// The same for one sender, whose spool stays open.
    #[cfg(test)]
    pub(crate) fn close(&self, until: Instant) {
        let rest = [self.end(until)];
        if let Some(spool) = &self.shared.route.spool {
            store(&rest, spool.as_ref());
        }
    }

    /// Takes what is left, which counts as being stored, or as dropped where there is no spool.
    fn end(&self, stopped_by: Instant) -> Rest {
        self.wait_for_stop(stopped_by);
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        state.phase = Phase::Closed;
        let on_its_way = state.on_its_way.take();
        let is_unanswered = on_its_way.is_some();
        let left: Vec<_> = on_its_way.into_iter().chain(state.queue.drain()).collect();
        let mut tickets = state.let_held_go(None);
        tickets.extend(left.iter().filter_map(|waiting| waiting.ticket));
        let mut waiting: Vec<_> = left.into_iter().filter(|waiting| waiting.ticket.is_none()).collect();
        let unstorable = if shared.route.spool.is_none() { std::mem::take(&mut waiting) } else { Vec::new() };
        let write = state.begin_storing(&waiting);
        shared.changed.notify_all();
        drop(state);
        if is_unanswered {
            let reason = "no answer by the end of the time to shut down";
            shared.route.stats.failed(self.signal(), self.destination(), reason, true);
        }
        for waiting in &unstorable {
            shared.count_undelivered(waiting);
        }
        Rest { shared, write, waiting, tickets }
    }
}

impl Shared {
    /// Counts requests that were stored, or could not be. Returns them with their tickets, and whether they had not been counted: a
    /// shutdown that could not wait for the disk has counted them as dropped.
    pub(super) fn stored(
        &self,
        write: u64,
        mut waiting: Vec<Waiting>,
        tickets: Vec<Option<Ticket>>,
    ) -> (Vec<Waiting>, bool) {
        let mut state = self.state();
        let index = state.storing.iter().position(|(number, _)| *number == write);
        let is_ours = index.map(|index| state.storing.swap_remove(index)).is_some();
        let from = if is_ours { ItemState::Queued } else { ItemState::Dropped(LATE) };
        for (waiting, ticket) in waiting.iter_mut().zip(tickets) {
            waiting.ticket = ticket;
            if ticket.is_some() {
                let items = waiting.request.item_count;
                self.route.stats.moved(self.route.signal, items, from, ItemState::Spooled);
            }
        }
        self.changed.notify_all();
        (waiting, is_ours)
    }

    /// The disk has not answered in time: what is being written counts as dropped.
    fn give_up_storing(&self) {
        let mut state = self.state();
        let late: Vec<_> =
            std::mem::take(&mut state.storing).into_iter().flat_map(|(_, late)| late).collect();
        // Under the lock, before the write can be found to have succeeded.
        for waiting in &late {
            let items = waiting.request.item_count;
            self.route.stats.moved(self.route.signal, items, place(waiting), ItemState::Dropped(LATE));
        }
        drop(state);
        if !late.is_empty() {
            let why = "the disk did not answer in the time to shut down";
            self.route.stats.say_dropped(self.route.signal, LATE, &self.route.destination, why);
        }
    }
}
