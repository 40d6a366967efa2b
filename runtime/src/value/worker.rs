//! A thread for work that callers do not wait for, behind a bounded queue.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
#[cfg(feature = "otlp")]
use std::time::Duration;

use super::panic::catch_user_panic;

/// A piece of work.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The thread starts with the first job, and does one after the other.
pub(crate) struct Worker {
    name: &'static str,
    /// More jobs than this do not wait, nor do jobs that take more bytes in all.
    max_jobs: usize,
    max_bytes: usize,
    /// `None` inside: there was no thread to be had.
    queue: OnceLock<Option<SyncSender<(Job, usize)>>>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

/// Jobs that wait or are being done.
struct Waiting {
    jobs: usize,
    bytes: usize,
}

impl Worker {
    pub(crate) const fn new(name: &'static str, max_jobs: usize, max_bytes: usize) -> Self {
        Worker {
            name,
            max_jobs,
            max_bytes,
            queue: OnceLock::new(),
            waiting: Mutex::new(Waiting { jobs: 0, bytes: 0 }),
            changed: Condvar::new(),
        }
    }

    /// Hands over a job that takes about that many bytes, or returns it. Never blocks.
    pub(crate) fn submit(&'static self, bytes: usize, job: Job) -> Result<(), Job> {
        if !self.waiting().admit(bytes, self.max_bytes) {
            return Err(job);
        }
        let refused = match self.queue.get_or_init(|| self.start()) {
            Some(queue) => queue.try_send((job, bytes)).map_err(|refused| match refused {
                TrySendError::Full((job, _)) | TrySendError::Disconnected((job, _)) => job,
            }),
            None => Err(job),
        };
        refused.inspect_err(|_| self.done(bytes))
    }

    /// Waits until what was handed over is done, but no longer than this.
    #[cfg(feature = "otlp")]
    pub(crate) fn settle(&self, patience: Duration) {
        drop(self.changed.wait_timeout_while(self.waiting(), patience, |waiting| waiting.jobs > 0));
    }

    fn start(&'static self) -> Option<SyncSender<(Job, usize)>> {
        let (queue, jobs) = sync_channel::<(Job, usize)>(self.max_jobs);
        let work = move || {
            for (job, bytes) in jobs {
                let _ = catch_user_panic(job);
                self.done(bytes);
            }
        };
        std::thread::Builder::new().name(self.name.to_owned()).spawn(work).ok().map(|_| queue)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self, bytes: usize) {
        self.waiting().leave(bytes);
        self.changed.notify_all();
    }
}

impl Waiting {
    /// Takes the room for one more, if it is there.
    fn admit(&mut self, bytes: usize, max_bytes: usize) -> bool {
        let has_room = self.bytes.saturating_add(bytes) <= max_bytes;
        if has_room {
            self.jobs += 1;
            self.bytes += bytes;
        }
        has_room
    }

    fn leave(&mut self, bytes: usize) {
        self.jobs -= 1;
        self.bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_full_queue_hands_a_job_back_and_what_is_done_makes_room() {
        static WORKER: Worker = Worker::new("test-worker", 1, 100);
        let (release, released) = channel::<()>();
        let (started, has_started) = channel();
        let hold = move || {
            started.send(()).expect("waited for");
            let _ = released.recv();
        };
        assert!(WORKER.submit(10, Box::new(hold)).is_ok());
        has_started.recv().expect("the thread");
        assert!(WORKER.submit(10, Box::new(|| {})).is_ok(), "one waits");
        assert!(WORKER.submit(10, Box::new(|| {})).is_err(), "and no second");
        drop(release);
        while WORKER.waiting().jobs > 0 {
            std::thread::yield_now();
        }
        assert!(WORKER.submit(10, Box::new(|| panic!("a job"))).is_ok());
        while WORKER.waiting().jobs > 0 {
            std::thread::yield_now();
        }
        assert_eq!(WORKER.waiting().bytes, 0, "also after a panic");
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let mut waiting = Waiting { jobs: 0, bytes: 0 };
        assert!(waiting.admit(50, 100) && waiting.admit(50, 100));
        assert!(!waiting.admit(1, 100) && !waiting.admit(usize::MAX, 100));
        waiting.leave(50);
        assert!(waiting.admit(1, 100));
        assert_eq!((waiting.jobs, waiting.bytes), (2, 51));
    }
}
