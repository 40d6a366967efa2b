//! From the SDK to the sender: what ends is counted, encoded and handed over.
//!
//! The SDK silently drops items that its queue cannot hold, and its `shutdown()` returns `Ok` also when the last batch was lost. So no more
//! items are admitted than its queue holds, and batches go to a [sender](llm_trace_delivery) that counts deliveries. Between the two is
//! opentelemetry-otlp, which only encodes: below it, in the place of an HTTP client, is the [`SdkBridge`], which takes the request and
//! answers at once.

mod events;
mod metrics;
mod spans;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::SystemTime;

use async_trait::async_trait;
use http::{Request, Response};
use llm_trace_delivery::{DeliveryStats, DropReason, ExportRequest, ItemState, Sender, Signal};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

pub(super) use events::{EventCounter, EventExporter};
pub(super) use metrics::MetricExporter;
pub(super) use spans::{CountingSampler, SpanCounter, SpanExporter};

/// Approximate limit on the SDK's queue in bytes: the SDK limits items only, and an item is as large as its texts. Another 32 MiB wait
/// encoded, see `with_max_queue_bytes`.
const MAX_BYTES: usize = 32 << 20;

/// One signal's way from the SDK to its sender.
#[derive(Debug)]
pub(super) struct SdkBridge {
    signal: Signal,
    stats: Arc<DeliveryStats>,
    sender: Sender,
    /// Capacity of the SDK's queue, in items.
    capacity: u64,
    /// Items in the queue.
    in_queue: AtomicU64,
    /// The same in bytes.
    bytes_in_queue: AtomicUsize,
    /// An item was dropped, and the drop has not been logged.
    unsaid: AtomicBool,
    /// Items of the export under way that have not been handed over. The SDK exports one batch of a signal at a time.
    in_encoder: AtomicU64,
    closed: AtomicBool,
}

impl SdkBridge {
    pub(super) fn new(sender: Sender, stats: Arc<DeliveryStats>, capacity: usize) -> Arc<Self> {
        let processor = match sender.signal() {
            Signal::Traces => Some("batching_span_processor"),
            Signal::Logs => Some("batching_log_processor"),
            // A reader collects and exports at once.
            Signal::Metrics => None,
        };
        if let Some(processor) = processor {
            stats.set_processor(sender.signal(), processor, capacity as u64);
        }
        Arc::new(SdkBridge {
            signal: sender.signal(),
            stats,
            sender,
            capacity: capacity as u64,
            in_queue: AtomicU64::new(0),
            bytes_in_queue: AtomicUsize::new(0),
            unsaid: AtomicBool::new(false),
            in_encoder: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        })
    }

    pub(super) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Admits one more item of `bytes` to the SDK's queue, if there is room; `from` is its current state. Does not log: it runs on the
    /// program's threads, in the middle of their work.
    fn admit(&self, from: ItemState, bytes: usize) -> bool {
        let to = if self.closed.load(Ordering::Acquire) {
            ItemState::Dropped(DropReason::AfterShutdown)
        } else if self.has_room(bytes) {
            ItemState::Processor
        } else {
            self.unsaid.store(true, Ordering::Relaxed);
            ItemState::Dropped(DropReason::QueueFull)
        };
        if to != from {
            self.stats.moved(self.signal, 1, from, to);
        }
        to == ItemState::Processor
    }

    /// Takes the room of an item of so many bytes, if it is there.
    fn has_room(&self, bytes: usize) -> bool {
        let room = |held: usize| held.checked_add(bytes).filter(|held| *held <= MAX_BYTES);
        let one_more = |count| (count < self.capacity).then_some(count + 1);
        if self.bytes_in_queue.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_err() {
            return false;
        }
        let is_in = self.in_queue.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok();
        if !is_in {
            self.leave(bytes);
        }
        is_in
    }

    fn leave(&self, bytes: usize) {
        // If it was closed in the meantime, the queue's items have been counted.
        let left = |held: usize| Some(held.saturating_sub(bytes));
        let _ = self.bytes_in_queue.fetch_update(Ordering::AcqRel, Ordering::Acquire, left);
    }

    /// Exports so many items, and bytes, out of the SDK's queue. Panics are caught: the SDK's worker continues.
    async fn export(
        &self,
        items: usize,
        bytes: usize,
        export: impl Future<Output = OTelSdkResult>,
    ) -> OTelSdkResult {
        self.leave(bytes);
        if self.unsaid.swap(false, Ordering::Relaxed) {
            let (reason, why) = (DropReason::QueueFull, "more ended at a time than the queue holds");
            self.stats.say_dropped(self.signal, reason, self.sender.destination(), why);
        }
        let mut taken = items as u64;
        // If it was closed in the meantime, the queue's items have been counted.
        let leave = |count: u64| {
            taken = taken.min(count);
            Some(count - taken)
        };
        let _ = self.in_queue.fetch_update(Ordering::AcqRel, Ordering::Acquire, leave);
        self.stats.moved(self.signal, taken, ItemState::Processor, ItemState::Queued);
        self.encode(taken, export).await
    }

    /// An export of so many items that are counted as queued.
    async fn encode(&self, items: u64, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        self.in_encoder.store(items, Ordering::Release);
        let mut export = pin!(export);
        let result = std::future::poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| export.as_mut().poll(context)));
            polled.unwrap_or_else(|_| {
                Poll::Ready(Err(OTelSdkError::InternalFailure("encoding panicked".into())))
            })
        });
        let result = result.await;
        let left = self.in_encoder.swap(0, Ordering::AcqRel);
        if left > 0 {
            let why = result
                .as_ref()
                .err()
                .map_or_else(|| "nothing was handed over".to_owned(), ToString::to_string);
            let destination = self.sender.destination();
            self.stats.dropped(
                self.signal,
                left,
                ItemState::Queued,
                DropReason::WorkerDead,
                destination,
                &why,
            );
        }
        result
    }

    /// From here on nothing is let in.
    pub(super) fn shut(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Counts what the SDK did not hand over in time.
    pub(super) fn settle(&self) {
        self.bytes_in_queue.store(0, Ordering::Release);
        let (reason, why) = (DropReason::Undelivered, "the time to shut down was over");
        let left = [(&self.in_queue, ItemState::Processor), (&self.in_encoder, ItemState::Queued)];
        for (items, from) in left {
            let items = items.swap(0, Ordering::AcqRel);
            self.stats.dropped(self.signal, items, from, reason, self.sender.destination(), why);
        }
    }
}

/// Takes the place of the HTTP client below the exporter. The exporter's headers, which it takes from the environment, are ignored; the
/// transport sends the configured ones.
#[derive(Debug)]
pub(super) struct Client(pub(super) Arc<SdkBridge>);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let Client(bridge) = self;
        let item_count = bridge.in_encoder.swap(0, Ordering::AcqRel);
        if item_count > 0 {
            let (signal, body) = (bridge.signal, request.into_body());
            bridge.sender.push(ExportRequest { signal, body, item_count, created: SystemTime::now() });
        }
        Ok(Response::new(Bytes::new()))
    }
}
