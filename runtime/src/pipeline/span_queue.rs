//! The queue of finished spans, and the thread that encodes them: a batch processor that loses nothing silently.
//!
//! Spans wait until there is a batch of them, or the delay is over, or a flush asks for them. The thread encodes each batch as one request
//! and hands it to the [sender](llm_trace_delivery::Sender). Threads that end spans take room for each, and wake the thread once there is
//! a batch.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use llm_trace_delivery::{ItemState, Signal};
use opentelemetry::trace::SpanContext;
use opentelemetry_http::Bytes;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::sdk_bridge::SdkBridge;
use super::span_encoder::SpanEncoder;
use super::span_processor::cut_texts;
use super::tail_sampling::size;
use crate::settings::Batches;
use crate::sinks::span::direct::EndedCall;
use crate::value::current_context;

/// Bytes of spans that are a batch, however few there are: somewhat less than the sender splits, which has to decode them.
const BATCH_BYTES: usize = 3 << 20;

/// Where the spans of a program are queued. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct SpanQueue {
    shared: Arc<Shared>,
    spans: Sender<Finished>,
    thread: Thread,
}

struct Finished {
    item: Item,
    /// See [`size`].
    bytes: usize,
}

/// What is queued. A call becomes a span on the queue's thread.
pub(super) enum Item {
    Span(Box<SpanData>),
    /// With the limit of its texts.
    Call(EndedCall, Option<usize>),
}

impl Item {
    fn context(&self) -> &SpanContext {
        match self {
            Item::Span(span) => &span.span_context,
            Item::Call(call, _) => call.span_context(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Item::Span(span) => size(span),
            Item::Call(call, _) => call.bytes(),
        }
    }

    fn into_span(self) -> SpanData {
        match self {
            Item::Span(span) => *span,
            Item::Call(call, limit) => {
                let mut span = call.into_span();
                if let Some(limit) = limit {
                    cut_texts(&mut span, limit);
                }
                span
            }
        }
    }
}

#[derive(Debug)]
struct Shared {
    bridge: Arc<SdkBridge>,
    /// Spans of a batch.
    batch: u64,
    delay: Duration,
    /// The thread waits, and nobody has woken it.
    is_idle: AtomicBool,
    /// Number of requested flushes.
    flushes: AtomicU64,
    is_stopping: AtomicBool,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    /// The newest flush that is done.
    flushed: u64,
    has_stopped: bool,
}

impl SpanQueue {
    /// Starts the thread.
    pub(super) fn start(bridge: Arc<SdkBridge>, batches: Batches, resource: &Resource) -> io::Result<Self> {
        let (mut queue, worker) = SpanQueue::new(bridge, batches, resource);
        let thread = std::thread::Builder::new().name("llm-trace-spans".to_owned());
        queue.thread = thread.spawn(move || worker.run())?.thread().clone();
        Ok(queue)
    }

    /// The queue, and what its thread does. Until there is one, the current thread is woken in its place.
    fn new(bridge: Arc<SdkBridge>, batches: Batches, resource: &Resource) -> (Self, Worker) {
        let shared = Arc::new(Shared {
            bridge,
            batch: batches.batch.value as u64,
            delay: batches.delay.value,
            is_idle: AtomicBool::new(false),
            flushes: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
            progress: Mutex::default(),
            changed: Condvar::new(),
        });
        let (spans, finished) = mpsc::channel();
        let encoder = SpanEncoder::new(resource);
        let exported = Instant::now();
        let worker = Worker { shared: Arc::clone(&shared), finished, held: None, encoder, exported };
        (SpanQueue { shared, spans, thread: std::thread::current() }, worker)
    }

    pub(super) fn bridge(&self) -> &Arc<SdkBridge> {
        &self.shared.bridge
    }

    /// Counts a span that starts.
    pub(super) fn start_span(&self) {
        self.shared.bridge.stats().entered(Signal::Traces, ItemState::Open, 1);
    }

    /// Queues a span that has ended, if it is sampled and there is room. Never blocks.
    pub(super) fn end(&self, item: Item) {
        let bridge = &self.shared.bridge;
        let is_sampled = item.context().is_sampled();
        let to = if is_sampled { ItemState::Processor } else { ItemState::Unsampled };
        bridge.stats().moved(Signal::Traces, 1, ItemState::Open, to);
        if !is_sampled {
            return;
        }
        let bytes = item.bytes();
        if !bridge.admit(bytes) {
            return;
        }
        // It fails if the thread has ended meanwhile: then the room of the span has not been left, and it is counted with that.
        let _ = self.spans.send(Finished { item, bytes });
        if self.shared.has_batch() && self.shared.is_idle() {
            self.thread.unpark();
        }
    }

    /// Hands over everything that waits. Returns whether that was done in time.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let flush = self.shared.flushes.fetch_add(1, Ordering::SeqCst) + 1;
        self.thread.unpark();
        self.shared.wait(timeout, |progress| progress.flushed >= flush)
    }

    /// The same, and ends the thread. Spans that end later are dropped.
    pub(super) fn stop(&self, timeout: Duration) -> bool {
        self.shared.bridge.shut();
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.thread.unpark();
        self.shared.wait(timeout, |progress| progress.has_stopped)
    }
}

/// Does not wait: in a process that was forked there is no thread.
impl Drop for SpanQueue {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

impl Shared {
    fn has_batch(&self) -> bool {
        let (items, bytes) = self.bridge.in_queue();
        items >= self.batch || bytes >= BATCH_BYTES
    }

    /// Returns true to the first that asks since the thread became idle.
    fn is_idle(&self) -> bool {
        self.is_idle.load(Ordering::SeqCst) && self.is_idle.swap(false, Ordering::SeqCst)
    }

    fn wait(&self, timeout: Duration, is_done: impl Fn(&Progress) -> bool) -> bool {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = |progress: &mut Progress| !is_done(progress) && !progress.has_stopped;
        let waited = self.changed.wait_timeout_while(progress, timeout, is_open);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn progress(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

/// The thread's part.
struct Worker {
    shared: Arc<Shared>,
    finished: Receiver<Finished>,
    /// The first of the next batch: with it, this one would have had too many bytes.
    held: Option<Finished>,
    encoder: SpanEncoder,
    /// When it exported last.
    exported: Instant,
}

/// Nobody waits for a thread that has ended.
impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.progress(|progress| progress.has_stopped = true);
    }
}

/// Why the thread works.
#[derive(Debug, PartialEq)]
enum Work {
    Batches,
    /// The delay is over.
    Due,
    Flush(u64),
    Stop,
}

impl Worker {
    fn run(mut self) {
        // What the program's subscriber or a spool does on this thread would be exported by this very thread.
        let _suppressed = current_context::suppress_telemetry();
        loop {
            let work = self.next();
            // Encoding is caught by itself; a subscriber that is told of drops is foreign code.
            let _ = catch_unwind(AssertUnwindSafe(|| self.work(&work)));
            match work {
                Work::Batches | Work::Due => {}
                Work::Flush(flush) => self.shared.progress(|progress| progress.flushed = flush),
                Work::Stop => break,
            }
        }
    }

    /// Waits for work.
    fn next(&self) -> Work {
        loop {
            self.shared.is_idle.store(true, Ordering::SeqCst);
            let left = self.shared.delay.saturating_sub(self.exported.elapsed());
            let work = self.pending().or_else(|| left.is_zero().then_some(Work::Due));
            if let Some(work) = work {
                self.shared.is_idle.store(false, Ordering::SeqCst);
                return work;
            }
            std::thread::park_timeout(left);
        }
    }

    fn pending(&self) -> Option<Work> {
        let Shared { is_stopping, flushes, progress, .. } = &*self.shared;
        if is_stopping.load(Ordering::SeqCst) {
            return Some(Work::Stop);
        }
        let flush = flushes.load(Ordering::SeqCst);
        if flush > progress.lock().unwrap_or_else(PoisonError::into_inner).flushed {
            return Some(Work::Flush(flush));
        }
        self.shared.has_batch().then_some(Work::Batches)
    }

    fn work(&mut self, work: &Work) {
        self.exported = Instant::now();
        self.shared.bridge.say_dropped();
        // What ends meanwhile waits for the next time.
        let mut left = self.shared.bridge.in_queue().0;
        while left > 0 && (*work != Work::Batches || self.shared.has_batch()) {
            let items = self.export();
            if items == 0 {
                // A thread has taken room, and was interrupted before it sent its span.
                std::thread::yield_now();
                break;
            }
            left = left.saturating_sub(items);
        }
    }

    /// Exports one batch, and returns the number of its spans.
    fn export(&mut self) -> u64 {
        let (mut items, mut bytes) = (0, 0);
        let encoded = catch_unwind(AssertUnwindSafe(|| self.encode(&mut items, &mut bytes))).ok();
        self.shared.bridge.hand_over(items, bytes, encoded);
        items
    }

    /// Encodes one batch, and counts what it takes.
    fn encode(&mut self, items: &mut u64, bytes: &mut usize) -> Bytes {
        let mut request = self.encoder.begin();
        while *items < self.shared.batch {
            let next = self.held.take().or_else(|| self.finished.try_recv().ok());
            let Some(finished) = next else { break };
            if *items > 0 && *bytes + finished.bytes > BATCH_BYTES {
                self.held = Some(finished);
                break;
            }
            *items += 1;
            *bytes += finished.bytes;
            request.add(&finished.item.into_span());
        }
        request.finish()
    }
}

#[cfg(test)]
mod tests;
