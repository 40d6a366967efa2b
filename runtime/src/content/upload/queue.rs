//! The bounded way from where a call ends to the thread that uploads.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use llm_trace_delivery::{Uploads, printable};

use super::{ContentItem, ContentStore, Job, reference_key};
use crate::content::recorded::{Form, attribute_key, formed};
use crate::content::rules::Rules;
use crate::model::content::ContentKind;
use crate::value::ContentValue;
use crate::value::current_context;

/// The queue is bounded by number and by size.
const MAX_WAITING: usize = 256;
const MAX_WAITING_BYTES: usize = 32 << 20;

/// The queue of one `init()`.
pub(crate) struct Uploader {
    /// `None` once it is closed.
    queue: Mutex<Option<SyncSender<Job>>>,
    state: Arc<State>,
}

struct State {
    store: Arc<dyn ContentStore>,
    waiting: Mutex<u64>,
    changed: Condvar,
    bytes: AtomicUsize,
    stored: AtomicU64,
    lost: AtomicU64,
    /// The deadline has passed: the rest is lost.
    is_given_up: AtomicBool,
    said_full: AtomicBool,
    said_failed: AtomicBool,
}

impl fmt::Debug for Uploader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploader").field("uploads", &self.uploads()).finish_non_exhaustive()
    }
}

impl Uploader {
    /// Starts the thread.
    pub(crate) fn start(store: Arc<dyn ContentStore>) -> std::io::Result<Arc<Self>> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let state = Arc::new(State {
            store,
            waiting: Mutex::new(0),
            changed: Condvar::new(),
            bytes: AtomicUsize::new(0),
            stored: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            is_given_up: AtomicBool::new(false),
            said_full: AtomicBool::new(false),
            said_failed: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&state);
        std::thread::Builder::new()
            .name("llm-trace-content".to_owned())
            .spawn(move || of_thread.work(&receiver))?;
        Ok(Arc::new(Uploader { queue: Mutex::new(Some(sender)), state }))
    }

    /// Queues a piece of content for upload, and returns the attribute with its reference; `None` if it is not uploaded.
    pub(in crate::content) fn upload(
        &self,
        ids: &(String, String),
        form: &Form,
        piece: ContentKind,
        tree: &ContentValue,
        rules: &Arc<Rules>,
    ) -> Option<(&'static str, String)> {
        let key = reference_key(form.kind, piece)?;
        let item =
            ContentItem { trace_id: &ids.0, span_id: &ids.1, attribute: attribute_key(piece, form.kind) };
        let Some(reference) = crate::value::panic::catch_user_panic(|| self.state.store.reference(&item))
        else {
            self.state.failed("the store panicked");
            return None;
        };
        let job = Job {
            form: form.clone(),
            piece,
            tree: tree.clone(),
            rules: Arc::clone(rules),
            reference: reference.clone(),
        };
        self.put(job).then_some((key, reference))
    }

    /// Puts a piece into the queue if there is room.
    fn put(&self, job: Job) -> bool {
        let state = &self.state;
        let cost = job.tree.cost();
        let has_room = |bytes: usize| (bytes + cost <= MAX_WAITING_BYTES).then_some(bytes + cost);
        if state.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, has_room).is_err() {
            state.is_full();
            return false;
        }
        // Counted before it can be done.
        state.wait_for(1);
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let is_taken = queue.as_ref().is_some_and(|queue| queue.try_send(job).is_ok());
        drop(queue);
        if !is_taken {
            state.done(cost);
            state.is_full();
        }
        is_taken
    }

    /// Takes nothing more: the thread ends when it has done what waits.
    pub(crate) fn close(&self) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until nothing waits, but no longer than until then.
    pub(crate) fn wait(&self, until: Instant) {
        let mut waiting = self.state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while *waiting > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.state.changed.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Drops the queued pieces without uploading them.
    pub(crate) fn give_up(&self) {
        self.state.is_given_up.store(true, Ordering::Relaxed);
    }

    pub(crate) fn uploads(&self) -> Uploads {
        let State { stored, lost, is_given_up, .. } = &*self.state;
        let waiting = *self.state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (stored, lost) = (stored.load(Ordering::Relaxed), lost.load(Ordering::Relaxed));
        if is_given_up.load(Ordering::Relaxed) {
            Uploads { stored, dropped: lost + waiting, queued: 0 }
        } else {
            Uploads { stored, dropped: lost, queued: waiting }
        }
    }
}

impl State {
    fn work(&self, queue: &Receiver<Job>) {
        // Work of the store, such as a request of an instrumented client, is not telemetry of the program.
        let _suppressed = current_context::suppress_telemetry();
        for job in queue {
            let cost = job.tree.cost();
            if self.is_given_up.load(Ordering::Relaxed) {
                self.lost.fetch_add(1, Ordering::Relaxed);
            } else {
                self.store(job);
            }
            self.done(cost);
        }
    }

    fn store(&self, job: Job) {
        let Job { form, piece, tree, rules, reference } = job;
        let stored = crate::value::panic::catch_user_panic(|| {
            let json = formed(&form, piece, tree, &rules).ok_or("it has no form")?;
            self.store.store(&reference, &json)
        });
        let failure = match stored {
            Some(Ok(())) => {
                self.stored.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Some(Err(error)) => error.to_string(),
            None => "the store panicked".to_owned(),
        };
        self.failed(&failure);
    }

    fn failed(&self, why: &str) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        if !self.said_failed.swap(true, Ordering::Relaxed) {
            // The text comes from outside.
            let why = printable(why);
            tracing::warn!(target: "llm_trace", "content could not be uploaded, and may not be again: {why}");
        }
    }

    fn is_full(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        if !self.said_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(target: "llm_trace", "content is lost, as uploads do not keep up with it");
        }
    }

    fn wait_for(&self, more: u64) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) += more;
    }

    fn done(&self, cost: usize) {
        self.bytes.fetch_sub(cost, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = waiting.saturating_sub(1);
        self.changed.notify_all();
    }
}
