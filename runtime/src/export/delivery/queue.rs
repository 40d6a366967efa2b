//! Where parcels wait in memory.

use std::collections::VecDeque;

use super::{Parcel, Ticket};

/// A first-in first-out queue that holds a number of bytes and drops what is oldest.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    max_bytes: usize,
}

/// A parcel in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) parcel: Parcel,
    /// Attempts made so far.
    pub(crate) attempts: u32,
    /// Where it is stored too, if it was stored ahead or is being replayed.
    pub(crate) ticket: Option<Ticket>,
}

impl Waiting {
    pub(crate) fn new(parcel: Parcel) -> Self {
        Waiting { parcel, attempts: 0, ticket: None }
    }
}

impl Queue {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Queue { waiting: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Takes a new parcel in, and returns those that had to make room: the oldest, or, if it is larger than the queue, itself.
    #[must_use = "what had to make room is to be counted"]
    pub(crate) fn push(&mut self, newest: Waiting) -> Vec<Waiting> {
        let bytes = newest.parcel.body.len();
        if bytes > self.max_bytes {
            return vec![newest];
        }
        let mut evicted = Vec::new();
        while self.bytes + bytes > self.max_bytes {
            evicted.extend(self.pop());
        }
        self.bytes += bytes;
        self.waiting.push_back(newest);
        evicted
    }

    /// Puts a parcel back to the front: it is the next again. It was in the queue before, so it is not refused.
    pub(crate) fn put_back(&mut self, oldest: Waiting) {
        self.bytes += oldest.parcel.body.len();
        self.waiting.push_front(oldest);
    }

    /// The oldest.
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        let oldest = self.waiting.pop_front()?;
        self.bytes -= oldest.parcel.body.len();
        Some(oldest)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use opentelemetry_http::Bytes;

    use super::super::Signal;
    use super::*;

    fn parcel(items: u64, bytes: usize) -> Waiting {
        let body = Bytes::from(vec![0; bytes]);
        let created = SystemTime::UNIX_EPOCH;
        Waiting::new(Parcel { signal: Signal::Traces, body, item_count: items, created })
    }

    fn items(waiting: impl IntoIterator<Item = Waiting>) -> Vec<u64> {
        waiting.into_iter().map(|waiting| waiting.parcel.item_count).collect()
    }

    #[test]
    fn the_oldest_make_room_and_no_more_than_needed() {
        let mut queue = Queue::new(10);
        assert_eq!(items(queue.push(parcel(1, 4))), [0_u64; 0]);
        assert_eq!(items(queue.push(parcel(2, 4))), [0_u64; 0]);
        assert_eq!(items(queue.push(parcel(3, 2))), [0_u64; 0], "exactly full");
        assert_eq!(items(queue.push(parcel(4, 5))), [1, 2]);
        assert_eq!(items(queue.push(parcel(5, 11))), [5], "larger than the whole queue");
        assert_eq!(items(std::iter::from_fn(|| queue.pop())), [3, 4]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_put_back_is_next_also_if_the_queue_has_filled_up() {
        let mut queue = Queue::new(10);
        assert_eq!(items(queue.push(parcel(1, 6))), [0_u64; 0]);
        let tried = queue.pop().expect("one");
        assert_eq!(items(queue.push(parcel(2, 8))), [0_u64; 0]);
        queue.put_back(tried);
        assert_eq!(items(queue.push(parcel(3, 1))), [1], "the bound holds again with the next");
        assert_eq!(items(std::iter::from_fn(|| queue.pop())), [2, 3]);
    }
}
