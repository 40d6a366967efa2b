//! The queue without its thread, whose work the test does, and with it.

use std::sync::mpsc::RecvTimeoutError;
use std::time::SystemTime;

use llm_trace_delivery::{
    Backoff, DeliveryStats, DropReason, ExportRequest, Outcome, SenderConfig, SignalCounts, Transport,
};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanEvents, SpanLinks};
use prost::Message;

use crate::pipeline::span_processor::{CountingSampler, PipeProcessor, SpanPipe, SpanPipeEnd};
use crate::pipeline::span_queue::*;
use crate::settings::{Origin, Resolved, TailSampling};

const LONG: Duration = Duration::from_secs(30);
const NEVER: Duration = Duration::from_secs(3000);

/// A receiver that takes everything, and reports the names of the spans.
struct Accepting(Sender<Vec<String>>);

impl Transport for Accepting {
    fn send(&self, request: &ExportRequest, _deadline: Instant) -> Outcome {
        let request = ExportTraceServiceRequest::decode(&request.body[..]).expect("a request");
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let names = scopes.flat_map(|scope| scope.spans).map(|span| span.name).collect();
        let _ = self.0.send(names);
        Outcome::Accepted
    }
}

struct Rig {
    stats: Arc<DeliveryStats>,
    bridge: Arc<SdkBridge>,
    requests: Receiver<Vec<String>>,
}

impl Rig {
    fn new(capacity: usize) -> Self {
        let stats = Arc::new(DeliveryStats::default());
        let (taken, requests) = mpsc::channel();
        let sender = llm_trace_delivery::Sender::new(SenderConfig {
            signal: Signal::Traces,
            destination: "http://c:4318".to_owned(),
            attributes: Vec::new(),
            stats: Arc::clone(&stats),
            supersedes: false,
            transport: Box::new(move || Box::new(Accepting(taken.clone()))),
            timeout: LONG,
            shorten_text: crate::content::shortened,
            max_bytes: usize::MAX,
            spool: None,
            backoff: Backoff::default(),
            max_retry_after: LONG,
        });
        let bridge = SdkBridge::new(sender, Arc::clone(&stats), capacity);
        Rig { stats, bridge, requests }
    }

    /// A queue whose thread is the test.
    fn by_hand(&self, batch: usize, sampler: Sampler) -> (SdkTracerProvider, Worker) {
        let resource = Resource::builder_empty().build();
        let (queue, worker) = SpanQueue::new(Arc::clone(&self.bridge), batches(batch, NEVER), &resource);
        (self.provider(queue, sampler), worker)
    }

    fn started(&self, batch: usize, delay: Duration) -> SdkTracerProvider {
        let resource = Resource::builder_empty().build();
        let queue = SpanQueue::start(Arc::clone(&self.bridge), batches(batch, delay), &resource);
        self.provider(queue.expect("a thread"), Sampler::AlwaysOn)
    }

    fn provider(&self, queue: SpanQueue, sampler: Sampler) -> SdkTracerProvider {
        SdkTracerProvider::builder()
            .with_sampler(CountingSampler::new(sampler, Arc::clone(&self.stats)))
            .with_span_processor(PipeProcessor(SpanPipe::new(
                SpanPipeEnd::Queue(queue),
                Box::new(Sampler::AlwaysOn),
                None,
                None,
            )))
            .build()
    }

    fn counts(&self) -> SignalCounts {
        *self.stats.report().spans()
    }

    /// The names of the spans in the next request.
    fn request(&self) -> Vec<String> {
        self.requests.recv_timeout(LONG).expect("a request")
    }

    fn until(&self, done: impl Fn(&SignalCounts) -> bool) {
        let deadline = Instant::now() + LONG;
        while !done(&self.counts()) {
            assert!(Instant::now() < deadline, "{:?}", self.counts());
            std::thread::yield_now();
        }
    }
}

fn by_default<T>(value: T) -> Resolved<T> {
    Resolved { value, origin: Origin::Default }
}

fn batches(batch: usize, delay: Duration) -> Batches {
    let (queue, batch) = (by_default(4), by_default(batch));
    Batches { queue, batch, delay: by_default(delay) }
}

fn begin(provider: &SdkTracerProvider, name: &'static str, bytes: usize) -> opentelemetry_sdk::trace::Span {
    let text = KeyValue::new("text", "x".repeat(bytes));
    let span = SpanBuilder::from_name(name).with_attributes([text]);
    provider.tracer("test").build_with_context(span, &Context::new())
}

fn span(provider: &SdkTracerProvider, name: &'static str) {
    begin(provider, name, 0).end();
}

#[test]
fn what_the_queue_does_not_hold_is_counted_to_the_last_span() {
    let rig = Rig::new(4);
    let (provider, mut worker) = rig.by_hand(2, Sampler::AlwaysOn);
    (0..7).for_each(|_| span(&provider, "span"));
    let counts = rig.counts();
    assert_eq!((counts.queued(), counts.dropped_for(DropReason::QueueFull)), (4, 3));
    worker.work(&Work::Due);
    assert_eq!((rig.request().len(), rig.request().len()), (2, 2));
    span(&provider, "later");
    worker.work(&Work::Due);
    assert_eq!(rig.request(), ["later"], "there is room again");
    rig.until(|counts| counts.delivered() == 5);
    assert_eq!((rig.counts().started(), rig.counts().dropped()), (8, 3));
    assert!(rig.stats.report().failure().is_some_and(|why| why.contains("more ended at a time")));
}

#[test]
fn large_spans_find_no_room_where_small_ones_would() {
    let rig = Rig::new(100);
    let (provider, _worker) = rig.by_hand(10, Sampler::AlwaysOn);
    begin(&provider, "large", 20 << 20).end();
    begin(&provider, "large", 20 << 20).end();
    span(&provider, "small");
    let counts = rig.counts();
    assert_eq!((counts.queued(), counts.dropped_for(DropReason::QueueFull)), (2, 1));
}

#[test]
fn few_spans_with_many_bytes_are_sent_at_once_in_requests_that_need_not_be_split() {
    let rig = Rig::new(100);
    let (provider, mut worker) = rig.by_hand(10, Sampler::AlwaysOn);
    begin(&provider, "1", 2 << 20).end();
    assert_eq!(worker.pending(), None);
    for name in ["2", "3"] {
        begin(&provider, name, 2 << 20).end();
    }
    assert_eq!(worker.pending(), Some(Work::Batches));
    worker.work(&Work::Batches);
    assert_eq!((rig.request(), rig.request()), (vec!["1".to_owned()], vec!["2".to_owned()]));
    assert_eq!((worker.pending(), rig.bridge.in_queue().0), (None, 1), "one is not a batch");
    worker.work(&Work::Due);
    assert_eq!(rig.request(), ["3"]);
}

#[test]
fn full_batches_are_sent_at_once_and_the_rest_after_the_delay() {
    let rig = Rig::new(100);
    let (provider, mut worker) = rig.by_hand(2, Sampler::AlwaysOn);
    span(&provider, "1");
    assert_eq!(worker.pending(), None);
    for name in ["2", "3"] {
        span(&provider, name);
    }
    assert_eq!(worker.pending(), Some(Work::Batches));
    worker.work(&Work::Batches);
    assert_eq!((rig.request(), worker.pending()), (vec!["1".to_owned(), "2".to_owned()], None));
    worker.work(&Work::Due);
    assert_eq!(rig.request(), ["3"]);
}

#[test]
fn the_thread_is_woken_by_a_full_batch_and_by_itself_after_the_delay() {
    let rig = Rig::new(100);
    let provider = rig.started(2, NEVER);
    for _ in 0..50 {
        (0..2).for_each(|_| span(&provider, "span"));
        assert_eq!(rig.request().len(), 2);
    }
    let rig = Rig::new(100);
    let provider = rig.started(50, Duration::from_millis(1));
    span(&provider, "alone");
    assert_eq!(rig.request(), ["alone"]);
}

#[test]
fn a_flush_hands_over_everything_and_after_a_shutdown_nothing_is_let_in() {
    let rig = Rig::new(100);
    let provider = rig.started(50, NEVER);
    (0..3).for_each(|_| span(&provider, "span"));
    provider.force_flush().expect("in time");
    assert_eq!(rig.request().len(), 3);
    provider.force_flush().expect("nothing is left");
    let late = begin(&provider, "late", 0);
    span(&provider, "last");
    rig.bridge.shut();
    drop(late);
    provider.shutdown().expect("in time");
    assert_eq!(rig.request(), ["last"]);
    rig.until(|counts| counts.delivered() == 4);
    let counts = rig.counts();
    assert_eq!((counts.started(), counts.dropped_for(DropReason::AfterShutdown)), (5, 1));
}

#[test]
fn spans_of_many_threads_arrive_once_each() {
    let rig = Rig::new(100_000);
    let provider = rig.started(64, NEVER);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..500).for_each(|_| span(&provider, "span")));
        }
    });
    provider.force_flush().expect("in time");
    let mut arrived = 0;
    while arrived < 4000 {
        let batch = rig.request().len();
        assert!(batch <= 64, "{batch}");
        arrived += batch;
    }
    rig.until(|counts| counts.delivered() == 4000);
    assert_eq!((arrived, rig.counts().started()), (4000, 4000));
}

#[test]
fn a_batch_whose_encoding_panics_is_counted_as_lost() {
    let rig = Rig::new(4);
    let (provider, _worker) = rig.by_hand(2, Sampler::AlwaysOn);
    (0..3).for_each(|_| span(&provider, "span"));
    rig.bridge.hand_over(2, 0, None);
    let counts = rig.counts();
    assert_eq!((counts.queued(), counts.dropped_for(DropReason::WorkerDead)), (1, 2));
}

#[test]
fn what_is_not_sampled_is_counted_as_such() {
    let rig = Rig::new(4);
    let (provider, _worker) = rig.by_hand(2, Sampler::AlwaysOff);
    (0..3).for_each(|_| span(&provider, "span"));
    assert_eq!((rig.counts().started(), rig.counts().unsampled(), rig.counts().open()), (3, 3, 0));
}

#[test]
fn spans_that_are_not_the_sdks_pass_the_same_way() {
    let rig = Rig::new(100);
    let resource = Resource::builder_empty().build();
    let (queue, mut worker) = SpanQueue::new(Arc::clone(&rig.bridge), batches(10, NEVER), &resource);
    let rule = TailSampling { errors: true, slower_than: None };
    let pipe = SpanPipe::new(SpanPipeEnd::Queue(queue), Box::new(Sampler::AlwaysOn), None, Some(rule));
    // Trace, span, whether it is sampled, and how it ends.
    let spans = [
        (1, 1, true, Status::Unset),
        (2, 2, false, Status::Unset),
        (3, 3, false, Status::Unset),
        (3, 4, false, Status::error("boom")),
    ];
    let spans = spans.map(|(trace, id, is_sampled, status)| finished(trace, id, is_sampled, status));
    for span in &spans {
        pipe.start(&span.span_context);
    }
    assert_eq!((rig.counts().started(), rig.counts().open()), (4, 4));
    for span in spans {
        pipe.end(span);
    }
    assert_eq!((rig.counts().unsampled(), rig.counts().queued()), (1, 3));
    worker.work(&Work::Due);
    assert_eq!(rig.request(), ["1", "3", "4"]);
    rig.until(|counts| counts.delivered() == 3 && counts.open() == 0);
}

fn finished(trace: u128, id: u64, is_sampled: bool, status: Status) -> SpanData {
    let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    SpanData {
        span_context: SpanContext::new(trace.into(), id.into(), flags, false, TraceState::NONE),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: id.to_string().into(),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

#[test]
fn what_is_still_queued_at_the_end_is_counted_once() {
    let rig = Rig::new(100);
    let (provider, mut worker) = rig.by_hand(10, Sampler::AlwaysOn);
    (0..3).for_each(|_| span(&provider, "span"));
    rig.bridge.shut();
    span(&provider, "late");
    assert_eq!(rig.counts().dropped_for(DropReason::AfterShutdown), 1);
    rig.bridge.settle();
    let counts = rig.counts();
    assert_eq!((counts.queued(), counts.dropped_for(DropReason::Undelivered)), (0, 3));
    // Too late: they have been counted.
    worker.work(&Work::Stop);
    assert_eq!(rig.requests.recv_timeout(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
    let counts = rig.counts();
    assert_eq!((counts.started(), counts.delivered(), counts.dropped()), (4, 0, 4));
}
