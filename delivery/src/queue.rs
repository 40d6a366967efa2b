//! Queue of requests in memory.

use std::collections::VecDeque;
use std::time::{Instant, SystemTime};

use super::{ExportRequest, Ticket};

/// Requests in the order of their arrival. Holds a number of bytes, and drops what is oldest.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    arrived: u64,
    bytes: usize,
    max_bytes: usize,
}

/// A request that waits, or that is on its way and may have to wait again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) request: ExportRequest,
    /// When the first attempt began.
    pub(crate) since: Option<Instant>,
    /// Attempts made so far.
    pub(crate) attempts: u32,
    /// The newest flush in which it was tried, see the sender.
    pub(crate) tried_in: u64,
    /// The way to the receiver was wrong when it was tried last.
    pub(crate) is_refused: bool,
    /// End of the request's backoff: it failed, and others may pass it.
    pub(crate) not_before: Option<Instant>,
    /// Its ticket in the spool, if it was stored ahead or is being replayed.
    pub(crate) ticket: Option<Ticket>,
    /// Its place in the queue.
    pub(crate) arrival: u64,
}

impl Waiting {
    pub(crate) fn new(request: ExportRequest) -> Self {
        Waiting {
            request,
            since: None,
            attempts: 0,
            tried_in: 0,
            is_refused: false,
            not_before: None,
            ticket: None,
            arrival: 0,
        }
    }
}

impl Queue {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Queue { waiting: VecDeque::new(), arrived: 0, bytes: 0, max_bytes }
    }

    /// Takes a new request in, and returns those that had to make room: the oldest, or, if it is larger than the queue, itself.
    #[must_use = "what had to make room is to be counted"]
    pub(crate) fn push(&mut self, mut newest: Waiting) -> Vec<Waiting> {
        let bytes = newest.request.body.len();
        if bytes > self.max_bytes {
            return vec![newest];
        }
        let mut evicted = Vec::new();
        while self.bytes + bytes > self.max_bytes {
            let Some(oldest) = self.remove(0) else { break };
            evicted.push(oldest);
        }
        self.arrived += 1;
        newest.arrival = self.arrived;
        self.bytes += bytes;
        self.waiting.push_back(newest);
        evicted
    }

    /// Puts a request back to where it was, or the parts of it. It was in the queue before, so it is not refused; the bound
    /// holds again with the next that arrives.
    pub(crate) fn put_back(&mut self, waiting: Waiting) {
        self.bytes += waiting.request.body.len();
        let place = self.waiting.partition_point(|other| other.arrival <= waiting.arrival);
        self.waiting.insert(place, waiting);
    }

    /// Takes out the oldest of those that `may` be taken.
    pub(crate) fn take_oldest(&mut self, may: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
        let index = self.waiting.iter().position(may)?;
        self.remove(index)
    }

    /// Takes out the one that was tried least of those that `may` be taken; of several the oldest.
    pub(crate) fn take_least_tried(&mut self, may: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
        let candidates = self.waiting.iter().enumerate().filter(|(_, waiting)| may(waiting));
        let (index, _) = candidates.min_by_key(|(_, waiting)| waiting.attempts)?;
        self.remove(index)
    }

    /// Returns whether a request fulfils `is_so`.
    pub(crate) fn any(&self, is_so: impl Fn(&Waiting) -> bool) -> bool {
        self.waiting.iter().any(is_so)
    }

    /// Clears per-request backoff.
    pub(crate) fn let_all_go(&mut self) {
        for waiting in &mut self.waiting {
            waiting.not_before = None;
        }
    }

    /// Returns when the first backoff ends of the requests that `may` be taken.
    pub(crate) fn next_to_go(&self, may: impl Fn(&Waiting) -> bool) -> Option<Instant> {
        let waiting = self.waiting.iter().filter(|waiting| may(waiting));
        waiting.filter_map(|waiting| waiting.not_before).min()
    }

    /// Takes out what arrived before another, and was not made together with it.
    pub(crate) fn take_earlier(&mut self, arrival: u64, created: SystemTime) -> Vec<Waiting> {
        let mut earlier = Vec::new();
        // A request that was never queued individually has no place: it is replayed, and may be of another process.
        while let Some(index) = self
            .waiting
            .iter()
            .position(|waiting| (1..arrival).contains(&waiting.arrival) && waiting.request.created != created)
        {
            earlier.extend(self.remove(index));
        }
        earlier
    }

    /// Number of requests that have arrived so far, which is the place of the newest.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Takes out everything.
    pub(crate) fn drain(&mut self) -> Vec<Waiting> {
        self.bytes = 0;
        self.waiting.drain(..).collect()
    }

    fn remove(&mut self, index: usize) -> Option<Waiting> {
        let removed = self.waiting.remove(index)?;
        self.bytes -= removed.request.body.len();
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Signal;

    fn request(items: u64, bytes: usize) -> Waiting {
        let body = Bytes::from(vec![0; bytes]);
        let created = SystemTime::UNIX_EPOCH;
        Waiting::new(ExportRequest { signal: Signal::Traces, body, item_count: items, created })
    }

    fn items(waiting: impl IntoIterator<Item = Waiting>) -> Vec<u64> {
        waiting.into_iter().map(|waiting| waiting.request.item_count).collect()
    }

    fn anything(_: &Waiting) -> bool {
        true
    }

    #[test]
    fn the_oldest_make_room_and_no_more_than_needed() {
        let mut queue = Queue::new(10);
        assert_eq!(items(queue.push(request(1, 4))), [0_u64; 0]);
        assert_eq!(items(queue.push(request(2, 4))), [0_u64; 0]);
        assert_eq!(items(queue.push(request(3, 2))), [0_u64; 0], "exactly full");
        assert_eq!(items(queue.push(request(4, 5))), [1, 2]);
        assert_eq!(items(queue.push(request(5, 11))), [5], "larger than the whole queue");
        assert_eq!(items(queue.drain()), [3, 4]);
        assert_eq!(items(queue.push(request(6, 10))), [0_u64; 0], "empty again");
    }

    #[test]
    fn what_is_put_back_is_where_it_was_also_if_the_queue_has_filled_up() {
        let mut queue = Queue::new(10);
        for waiting in [request(1, 3), request(2, 3), request(3, 3)] {
            assert_eq!(items(queue.push(waiting)), [0_u64; 0]);
        }
        let tried = queue.take_oldest(|waiting| waiting.request.item_count == 2).expect("the second");
        assert_eq!(items(queue.push(request(4, 4))), [0_u64; 0]);
        queue.put_back(tried);
        assert_eq!(items(queue.push(request(5, 1))), [1, 2], "the bound holds again with the next");
        assert_eq!(items(queue.drain()), [3, 4, 5]);
    }

    #[test]
    fn parts_of_a_parcel_stay_in_their_order() {
        let mut queue = Queue::new(10);
        assert_eq!(items(queue.push(request(1, 1))), [0_u64; 0]);
        assert_eq!(items(queue.push(request(9, 1))), [0_u64; 0]);
        let whole = queue.take_oldest(anything).expect("the first");
        for items in [2, 3] {
            queue.put_back(Waiting { request: request(items, 1).request, ..whole.clone() });
        }
        assert_eq!(items(queue.drain()), [2, 3, 9]);
    }

    #[test]
    fn one_that_fails_again_and_again_does_not_hold_up_the_others() {
        let mut queue = Queue::new(10);
        for waiting in [request(1, 1), request(2, 1), request(3, 1)] {
            assert_eq!(items(queue.push(waiting)), [0_u64; 0]);
        }
        let mut order = Vec::new();
        for _ in 0..6 {
            let mut next = queue.take_least_tried(anything).expect("one");
            next.attempts += 1;
            order.push(next.request.item_count);
            queue.put_back(next);
        }
        assert_eq!(order, [1, 2, 3, 1, 2, 3]);
    }
}
