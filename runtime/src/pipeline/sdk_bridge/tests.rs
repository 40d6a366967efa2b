//! The SDK's processor between our counters, with scripted exporters.

use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use llm_trace_delivery::{Backoff, Outcome, SenderConfig, SignalCounts, Transport};
use opentelemetry::Context;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry::trace::{Span as _, SpanBuilder, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData,
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
struct Told {
    bridge: Arc<SdkBridge>,
    begun: mpsc::SyncSender<usize>,
    orders: Mutex<mpsc::Receiver<Do>>,
}

impl opentelemetry_sdk::trace::SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let _ = self.begun.send(batch.len());
        let order = self.orders.lock().expect("orders").recv().expect("an order");
        match order {
            Do::Nothing => Ok(()),
            Do::Fail => Err(OTelSdkError::InternalFailure("it cannot be encoded".to_owned())),
            Do::Panic => panic!("as told"),
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
fn sender(signal: Signal, stats: &Arc<DeliveryStats>) -> Sender {
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
    provider: SdkTracerProvider,
    begun: mpsc::Receiver<usize>,
    orders: mpsc::Sender<Do>,
}

impl Rig {
    /// A queue of four spans and batches of two.
    fn new(sampler: Sampler) -> Self {
        let stats = Arc::new(DeliveryStats::default());
        let sender = sender(Signal::Traces, &stats);
        let bridge = SdkBridge::new(sender, Arc::clone(&stats), 4);
        let (announce, begun) = mpsc::sync_channel(100);
        let (orders, received) = mpsc::channel();
        let told = Told { bridge: Arc::clone(&bridge), begun: announce, orders: Mutex::new(received) };
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(4).with_max_export_batch_size(2).build();
        let processor = BatchSpanProcessor::builder(SpanExporter::new(told, Arc::clone(&bridge)))
            .with_batch_config(batches)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(CountingSampler::new(sampler, Arc::clone(&stats)))
            .with_span_processor(SpanCounter::new(processor, Arc::clone(&bridge)))
            .build();
        Rig { stats, bridge, provider, begun, orders }
    }

    fn spans(&self, count: usize) {
        let tracer = self.provider.tracer("test");
        for _ in 0..count {
            tracer.build_with_context(SpanBuilder::from_name("span"), &Context::new()).end();
        }
    }

    fn order(&self, order: Do) {
        self.orders.send(order).expect("an exporter");
    }

    fn counts(&self) -> SignalCounts {
        *self.stats.report().spans()
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
fn what_the_queue_does_not_hold_is_counted_to_the_last_span() {
    let rig = Rig::new(Sampler::AlwaysOn);
    rig.spans(2);
    assert_eq!(rig.begun.recv(), Ok(2), "they are out of the queue");
    rig.spans(7);
    let counts = rig.counts();
    assert_eq!((counts.queued(), counts.dropped_for(DropReason::QueueFull)), (6, 3));
    for _ in 0..3 {
        rig.order(Do::HandOver);
    }
    rig.until(|counts| counts.delivered() == 6);
    rig.order(Do::HandOver);
    rig.spans(2);
    rig.until(|counts| counts.delivered() == 8);
    assert_eq!((rig.counts().started(), rig.counts().dropped()), (11, 3), "there is room again");
    assert!(rig.stats.report().failure().is_some_and(|why| why.contains("more ended at a time")));
}

#[test]
fn large_spans_find_no_room_where_small_ones_would_and_what_is_exported_makes_room() {
    let rig = Rig::new(Sampler::AlwaysOn);
    let large = |mebibytes: usize| {
        let text = opentelemetry::KeyValue::new("text", "x".repeat(mebibytes << 20));
        let span = SpanBuilder::from_name("span").with_attributes([text]);
        rig.provider.tracer("test").build_with_context(span, &Context::new()).end();
    };
    large(20);
    large(20);
    assert_eq!(rig.counts().dropped_for(DropReason::QueueFull), 1, "both do not fit");
    rig.spans(1);
    assert_eq!(rig.begun.recv(), Ok(2));
    rig.order(Do::HandOver);
    rig.until(|counts| counts.delivered() == 2);
    large(20);
    rig.spans(1);
    rig.order(Do::HandOver);
    rig.until(|counts| counts.delivered() == 4);
    assert_eq!((rig.counts().started(), rig.counts().dropped()), (5, 1));
}

/// Accepts every batch, once it is ordered to.
#[derive(Debug)]
struct TakesEvents(Mutex<mpsc::Receiver<()>>);

impl opentelemetry_sdk::logs::LogExporter for TakesEvents {
    async fn export(&self, _batch: opentelemetry_sdk::logs::LogBatch<'_>) -> OTelSdkResult {
        let _ = self.0.lock().expect("orders").recv();
        Ok(())
    }
}

#[test]
fn large_events_find_no_room_where_small_ones_would_and_what_is_exported_makes_room() {
    let stats = Arc::new(DeliveryStats::default());
    let bridge = SdkBridge::new(sender(Signal::Logs, &stats), Arc::clone(&stats), 100);
    let (go_on, told) = mpsc::channel();
    let exporter = EventExporter::new(TakesEvents(Mutex::new(told)), Arc::clone(&bridge));
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
    let rig = Rig::new(Sampler::AlwaysOn);
    for (order, lost) in [(Do::Panic, 2), (Do::Fail, 4), (Do::Nothing, 6), (Do::HandOver, 6)] {
        rig.order(order);
        rig.spans(2);
        assert_eq!(rig.begun.recv(), Ok(2));
        rig.until(|counts| counts.queued() == 0);
        assert_eq!(rig.counts().dropped_for(DropReason::WorkerDead), lost, "{order:?}");
    }
    assert_eq!((rig.counts().started(), rig.counts().delivered()), (8, 2));
}

#[test]
fn what_is_not_sampled_is_counted_as_such() {
    let rig = Rig::new(Sampler::AlwaysOff);
    rig.spans(3);
    assert_eq!((rig.counts().started(), rig.counts().unsampled(), rig.counts().open()), (3, 3, 0));
}

#[test]
fn what_the_sdk_still_holds_at_the_end_is_counted_once() {
    let rig = Rig::new(Sampler::AlwaysOn);
    rig.spans(2);
    assert_eq!(rig.begun.recv(), Ok(2));
    rig.spans(3);
    rig.bridge.shut();
    rig.spans(1);
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
