//! The SDK's processor of events between our counters, with scripted exporters.

use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use llm_trace_delivery::{Backoff, Outcome, SenderConfig, SignalCounts, Transport};
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, LogBatch, LogExporter, SdkLogRecord, SdkLoggerProvider,
};

use crate::pipeline::sdk_bridge::*;

const LONG: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
enum Do {
    HandOver,
    Fail,
    Panic,
    Nothing,
}

/// An exporter that waits for an order for each batch.
#[derive(Debug)]
struct Ordered {
    bridge: Arc<SdkBridge>,
    begun: mpsc::SyncSender<usize>,
    orders: Mutex<mpsc::Receiver<Do>>,
}

impl LogExporter for Ordered {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let _ = self.begun.send(batch.iter().count());
        let order = self.orders.lock().expect("orders").recv().expect("an order");
        match order {
            Do::Nothing => Ok(()),
            Do::Fail => Err(OTelSdkError::InternalFailure("it cannot be encoded".to_owned())),
            Do::Panic => panic!("as ordered"),
            Do::HandOver => {
                let client = Client(Arc::clone(&self.bridge));
                let request = Request::new(Bytes::from_static(b"a request"));
                client
                    .send_bytes(request)
                    .await
                    .map(drop)
                    .map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
            }
        }
    }
}

struct Accepting;

impl Transport for Accepting {
    fn send(&self, _parcel: &ExportRequest, _deadline: Instant) -> Outcome {
        Outcome::Accepted
    }
}

/// A sender whose receiver takes everything.
pub(in crate::pipeline) fn sender(signal: Signal, stats: &Arc<DeliveryStats>) -> Sender {
    Sender::new(SenderConfig {
        signal,
        destination: "http://c:4318".to_owned(),
        attributes: Vec::new(),
        stats: Arc::clone(stats),
        supersedes: false,
        transport: Box::new(|| Box::new(Accepting)),
        timeout: LONG,
        shorten_text: crate::content::shortened,
        max_bytes: usize::MAX,
        spool: None,
        backoff: Backoff::default(),
        max_retry_after: Duration::from_secs(300),
    })
}

struct Rig {
    stats: Arc<DeliveryStats>,
    bridge: Arc<SdkBridge>,
    provider: SdkLoggerProvider,
    begun: mpsc::Receiver<usize>,
    orders: mpsc::Sender<Do>,
}

impl Rig {
    /// A queue of four events and batches of two.
    fn new() -> Self {
        let stats = Arc::new(DeliveryStats::default());
        let bridge = SdkBridge::new(sender(Signal::Logs, &stats), Arc::clone(&stats), 4);
        let (announce, begun) = mpsc::sync_channel(100);
        let (orders, received) = mpsc::channel();
        let exporter = Ordered { bridge: Arc::clone(&bridge), begun: announce, orders: Mutex::new(received) };
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(4).with_max_export_batch_size(2).build();
        let processor = BatchLogProcessor::builder(EventExporter::new(exporter, Arc::clone(&bridge)))
            .with_batch_config(batches)
            .build();
        let provider = SdkLoggerProvider::builder()
            .with_log_processor(EventCounter::new(processor, Arc::clone(&bridge)))
            .build();
        Rig { stats, bridge, provider, begun, orders }
    }

    fn events(&self, count: usize) {
        let logger = self.provider.logger("test");
        (0..count).for_each(|_| logger.emit(logger.create_log_record()));
    }

    fn order(&self, order: Do) {
        self.orders.send(order).expect("an exporter");
    }

    fn counts(&self) -> SignalCounts {
        *self.stats.report().events()
    }

    fn until(&self, done: impl Fn(&SignalCounts) -> bool) {
        let deadline = Instant::now() + LONG;
        while !done(&self.counts()) {
            assert!(Instant::now() < deadline, "{:?}", self.counts());
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_the_queue_does_not_hold_is_counted_to_the_last_event() {
    let rig = Rig::new();
    rig.events(2);
    assert_eq!(rig.begun.recv(), Ok(2), "they are out of the queue");
    rig.events(7);
    let counts = rig.counts();
    assert_eq!((counts.queued(), counts.dropped_for(DropReason::QueueFull)), (6, 3));
    for _ in 0..3 {
        rig.order(Do::HandOver);
    }
    rig.until(|counts| counts.delivered() == 6);
    rig.order(Do::HandOver);
    rig.events(2);
    rig.until(|counts| counts.delivered() == 8);
    assert_eq!((rig.counts().started(), rig.counts().dropped()), (11, 3), "there is room again");
    assert!(rig.stats.report().failure().is_some_and(|why| why.contains("more ended at a time")));
}

/// Accepts every batch, once it is ordered to.
#[derive(Debug)]
struct TakesEvents(Mutex<mpsc::Receiver<()>>);

impl LogExporter for TakesEvents {
    async fn export(&self, _batch: LogBatch<'_>) -> OTelSdkResult {
        let _ = self.0.lock().expect("orders").recv();
        Ok(())
    }
}

#[test]
fn large_events_find_no_room_where_small_ones_would_and_what_is_exported_makes_room() {
    let stats = Arc::new(DeliveryStats::default());
    let bridge = SdkBridge::new(sender(Signal::Logs, &stats), Arc::clone(&stats), 100);
    let (go_on, wait) = mpsc::channel();
    let exporter = EventExporter::new(TakesEvents(Mutex::new(wait)), Arc::clone(&bridge));
    let processor = BatchLogProcessor::builder(exporter).build();
    let provider = SdkLoggerProvider::builder()
        .with_log_processor(EventCounter::new(processor, Arc::clone(&bridge)))
        .build();
    let emit = |set: &dyn Fn(&mut SdkLogRecord)| {
        let logger = provider.logger("test");
        let mut record = logger.create_log_record();
        set(&mut record);
        logger.emit(record);
    };
    let large = || AnyValue::String("x".repeat(20 << 20).into());
    // Wherever in the event the text is.
    let listed = || AnyValue::ListAny(Box::new(vec![large()]));
    emit(&|record| record.set_body(large()));
    emit(&|record| record.set_body(large()));
    emit(&|record| record.add_attribute("text", large()));
    emit(&|record| record.add_attribute("list", listed()));
    emit(&|record| record.add_attribute("small", 1));
    let counts = *stats.report().events();
    assert_eq!((counts.started(), counts.queued(), counts.dropped_for(DropReason::QueueFull)), (5, 2, 3));
    go_on.send(()).expect("an exporter");
    provider.force_flush().expect("it is exported");
    emit(&|record| record.set_body(large()));
    let counts = *stats.report().events();
    assert_eq!((counts.started(), counts.dropped_for(DropReason::QueueFull)), (6, 3), "there is room again");
    drop(go_on);
}

#[test]
fn an_exporter_that_panics_or_fails_costs_its_batch_and_nothing_more() {
    let rig = Rig::new();
    for (order, lost) in [(Do::Panic, 2), (Do::Fail, 4), (Do::Nothing, 6), (Do::HandOver, 6)] {
        rig.order(order);
        rig.events(2);
        assert_eq!(rig.begun.recv(), Ok(2));
        rig.until(|counts| counts.queued() == 0);
        assert_eq!(rig.counts().dropped_for(DropReason::WorkerDead), lost, "{order:?}");
    }
    assert_eq!((rig.counts().started(), rig.counts().delivered()), (8, 2));
}

#[test]
fn what_the_sdk_still_holds_at_the_end_is_counted_once() {
    let rig = Rig::new();
    rig.events(2);
    assert_eq!(rig.begun.recv(), Ok(2));
    rig.events(3);
    rig.bridge.shut();
    rig.events(1);
    assert_eq!(rig.counts().dropped_for(DropReason::AfterShutdown), 1);
    rig.bridge.settle();
    let counts = rig.counts();
    assert_eq!(
        (counts.queued(), counts.dropped_for(DropReason::Undelivered)),
        (0, 5),
        "nothing waits any more, not even the two that are being encoded"
    );
    // Too late: whatever the exporter does with them now, they have been counted.
    for order in [Do::HandOver, Do::Panic, Do::HandOver] {
        rig.order(order);
    }
    rig.provider.shutdown().expect("shuts down");
    let counts = rig.counts();
    assert_eq!((counts.started(), counts.delivered(), counts.dropped()), (6, 0, 6));
}
