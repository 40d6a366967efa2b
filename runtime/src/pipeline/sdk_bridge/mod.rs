//! From a queue of finished items to the sender: what ends is counted, encoded and handed over.
//!
//! Spans wait in a [queue of ours](super::span_queue). Events and metrics are the SDK's, which silently drops items that its queue cannot
//! hold, and whose `shutdown()` returns `Ok` also when the last batch was lost. So no more items are admitted than its queue holds, and
//! batches go to a [sender](llm_trace_delivery) that counts deliveries. Between the two is opentelemetry-otlp, which only encodes: below
//! it, in the place of an HTTP client, is the [`SdkBridge`], which takes the request and answers at once.

mod events;
mod metrics;
mod room;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::SystemTime;

use async_trait::async_trait;
use http::{Request, Response};
use llm_trace_delivery::{DeliveryStats, DropReason, ExportRequest, ItemState, Sender, Signal};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

pub(super) use events::{EventCounter, EventExporter};
pub(super) use metrics::MetricExporter;
use room::Room;

/// One signal's way from its queue to its sender.
#[derive(Debug)]
pub(super) struct SdkBridge {
    signal: Signal,
    stats: Arc<DeliveryStats>,
    sender: Sender,
    /// What the queue holds, and may hold.
    room: Room,
    /// An item was dropped, and the drop has not been logged.
    unsaid: AtomicBool,
    /// Items of the export under way that have not been handed over. The SDK exports one batch of a signal at a time.
    in_encoder: AtomicU64,
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
            room: Room::new(capacity),
            unsaid: AtomicBool::new(false),
            in_encoder: AtomicU64::new(0),
        })
    }

    pub(super) fn sender(&self) -> &Sender {
        &self.sender
    }

    pub(super) fn stats(&self) -> &DeliveryStats {
        &self.stats
    }

    /// Items and bytes in the queue.
    pub(super) fn in_queue(&self) -> (u64, usize) {
        self.room.taken()
    }

    /// Admits one more item of `bytes` to the queue, if there is room. It is counted as in the processor before. Does not log: it runs on
    /// the program's threads, in the middle of their work.
    pub(super) fn admit(&self, bytes: usize) -> bool {
        let Err(reason) = self.room.take(bytes) else { return true };
        if reason == DropReason::QueueFull {
            self.unsaid.store(true, Ordering::Relaxed);
        }
        self.stats.moved(self.signal, 1, ItemState::Processor, ItemState::Dropped(reason));
        false
    }

    /// Takes so many items, and bytes, out of the queue. Returns how many of them have not been counted as undelivered.
    fn leave(&self, items: u64, bytes: usize) -> u64 {
        self.say_dropped();
        let left = self.room.leave(items, bytes);
        self.stats.moved(self.signal, left, ItemState::Processor, ItemState::Queued);
        left
    }

    /// Logs that items were dropped since the last time.
    pub(super) fn say_dropped(&self) {
        if self.unsaid.swap(false, Ordering::Relaxed) {
            let (reason, why) = (DropReason::QueueFull, "more ended at a time than the queue holds");
            self.stats.say_dropped(self.signal, reason, self.sender.destination(), why);
        }
    }

    /// Hands over a batch of so many items and bytes that was taken out of the queue and encoded; `None` if that panicked.
    pub(super) fn hand_over(&self, items: u64, bytes: usize, encoded: Option<Bytes>) {
        let item_count = self.leave(items, bytes);
        if item_count == 0 {
            return;
        }
        match encoded {
            Some(body) => self.push(item_count, body),
            None => self.drop_encoded(item_count, "encoding panicked"),
        }
    }

    /// Exports so many items, and bytes, out of the SDK's queue. Panics are caught: the SDK's worker continues.
    async fn export(
        &self,
        items: usize,
        bytes: usize,
        export: impl Future<Output = OTelSdkResult>,
    ) -> OTelSdkResult {
        let taken = self.leave(items as u64, bytes);
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
            self.drop_encoded(left, &why);
        }
        result
    }

    fn push(&self, item_count: u64, body: Bytes) {
        self.sender.push(ExportRequest { signal: self.signal, body, item_count, created: SystemTime::now() });
    }

    fn drop_encoded(&self, items: u64, why: &str) {
        let (reason, destination) = (DropReason::WorkerDead, self.sender.destination());
        self.stats.dropped(self.signal, items, ItemState::Queued, reason, destination, why);
    }

    /// From here on nothing is let in.
    pub(super) fn shut(&self) {
        self.room.close();
    }

    /// Counts what has not been handed over in time.
    pub(super) fn settle(&self) {
        let (reason, why) = (DropReason::Undelivered, "the time to shut down was over");
        let in_encoder = self.in_encoder.swap(0, Ordering::AcqRel);
        for (items, from) in [(self.room.clear(), ItemState::Processor), (in_encoder, ItemState::Queued)] {
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
            bridge.push(item_count, request.into_body());
        }
        Ok(Response::new(Bytes::new()))
    }
}
