//! The sender against scripted transports and spools.

mod passing;
mod spool;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::SystemTime;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::sender::*;
use crate::{Outcome, SignalCounts, Transport};
use spool::Memory;

/// A sender under test with its transport and spool.
struct Rig {
    sender: Sender,
    stats: Arc<DeliveryStats>,
    script: Arc<Script>,
    spool: Option<Arc<Memory>>,
}

type Answer = Box<dyn Fn(&ExportRequest) -> Outcome + Send>;

/// Scripted answers of the transport, and the requests it was sent.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    /// After the scripted answers; by default everything is accepted.
    otherwise: Mutex<Option<Answer>>,
    /// Items of every request that was sent.
    sent: Mutex<Vec<u64>>,
    wires: AtomicUsize,
}

struct Scripted(Arc<Script>);

impl Transport for Scripted {
    fn send(&self, request: &ExportRequest, _deadline: Instant) -> Outcome {
        self.0.sent.lock().expect("sent").push(request.item_count);
        let answer = self.0.answers.lock().expect("answers").pop_front();
        if let Some(answer) = answer {
            return answer(request);
        }
        let otherwise = self.0.otherwise.lock().expect("otherwise");
        otherwise.as_ref().map_or(Outcome::Accepted, |answer| answer(request))
    }
}

impl Script {
    fn then(&self, answer: impl Fn(&ExportRequest) -> Outcome + Send + 'static) -> &Self {
        self.answers.lock().expect("answers").push_back(Box::new(answer));
        self
    }

    fn otherwise(&self, answer: impl Fn(&ExportRequest) -> Outcome + Send + 'static) {
        *self.otherwise.lock().expect("otherwise") = Some(Box::new(answer));
    }

    fn sent(&self) -> Vec<u64> {
        self.sent.lock().expect("sent").clone()
    }
}

fn away() -> Outcome {
    Outcome::Unreachable { reason: "nobody there".to_owned() }
}

fn busy() -> Outcome {
    Outcome::Retry { after: None, reason: "HTTP status 503".to_owned() }
}

impl Rig {
    fn new() -> Self {
        Rig::with(usize::MAX, None)
    }

    fn with_second(second: Duration) -> Self {
        Rig::made(usize::MAX, None, Backoff::with_second(second))
    }

    fn with(max_bytes: usize, spool: Option<Memory>) -> Self {
        Rig::made(max_bytes, spool, Backoff::with_second(Duration::from_millis(1)))
    }

    fn made(max_bytes: usize, spool: Option<Memory>, backoff: Backoff) -> Self {
        Rig::of(Signal::Traces, max_bytes, spool, backoff)
    }

    fn of(signal: Signal, max_bytes: usize, spool: Option<Memory>, backoff: Backoff) -> Self {
        let (stats, script) = (Arc::new(DeliveryStats::default()), Arc::new(Script::default()));
        let transport: TransportFactory = {
            let script = Arc::clone(&script);
            Box::new(move || {
                script.wires.fetch_add(1, Ordering::Relaxed);
                Box::new(Scripted(Arc::clone(&script)))
            })
        };
        let spool = spool.map(Arc::new);
        let sender = Sender::new(SenderConfig {
            signal,
            destination: "http://c:4318".to_owned(),
            attributes: Vec::new(),
            stats: Arc::clone(&stats),
            supersedes: signal == Signal::Metrics,
            transport,
            timeout: LONG,
            shorten_text: crate::shape::shorten_text,
            max_bytes,
            spool: spool.clone().map(|spool| spool as Arc<dyn Spool>),
            backoff,
            max_retry_after: LONG * 10,
        });
        Rig { sender, stats, script, spool }
    }

    /// A request of so many spans.
    fn push(&self, spans: u64) {
        self.push_named(spans, "");
    }

    fn push_named(&self, spans: u64, name: &str) {
        let spans = (0..spans).map(|_| Span { name: name.to_owned(), ..Span::default() }).collect::<Vec<_>>();
        let item_count = spans.len() as u64;
        let scope = ScopeSpans { spans, ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        let body = Bytes::from(ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec());
        self.stats.entered(Signal::Traces, ItemState::Queued, item_count);
        self.sender.push(ExportRequest {
            signal: Signal::Traces,
            body,
            item_count,
            created: SystemTime::now(),
        });
    }

    fn counts(&self) -> SignalCounts {
        *self.stats.report().spans()
    }

    /// Waits until the counts are so.
    fn until(&self, done: impl Fn(&SignalCounts) -> bool) {
        let deadline = Instant::now() + LONG;
        while !done(&self.counts()) {
            assert!(Instant::now() < deadline, "{:?}", self.counts());
            std::thread::yield_now();
        }
    }

    /// Waits for the first failure to be dealt with. It is reported before, and counted as retried under the lock of the state.
    fn until_failed(&self) {
        self.until(|_| self.stats.retries_of(self.sender.signal()) > 0);
    }

    fn flush(&self) -> bool {
        let until = Instant::now() + LONG;
        self.sender.wait_for_flush(self.sender.flush(until), until)
    }

    fn shut_down(&self) {
        self.sender.stop(Instant::now() + LONG);
        self.sender.close(Instant::now() + LONG);
    }

    /// A row of the fault matrix, which `scripts/faults.sh` shows.
    fn row(&self, fault: &str) {
        let (started, delivered, queued, spooled, _) = self.law();
        let counts = self.counts();
        let dropped = DropReason::ALL.iter().copied().filter(|reason| counts.dropped_for(*reason) > 0);
        let dropped: Vec<_> =
            dropped.map(|reason| format!("{} {}", reason.as_str(), counts.dropped_for(reason))).collect();
        let dropped = if dropped.is_empty() { "0".to_owned() } else { dropped.join(", ") };
        // Requests are identified by their item counts here.
        let mut sent = self.script.sent();
        let attempts = sent.len();
        sent.sort_unstable();
        sent.dedup();
        let again = attempts - sent.len();
        println!(
            "FAULT|{fault}|{started}|{delivered}|{spooled}|{}|{dropped}|{queued}|{again}",
            counts.open()
        );
    }

    /// Started, delivered, queued, spooled, dropped: and the law.
    fn law(&self) -> (u64, u64, u64, u64, u64) {
        let counts = self.counts();
        assert!(counts.add_up(), "{counts:?}");
        (counts.started(), counts.delivered(), counts.queued(), counts.spooled(), counts.dropped())
    }
}

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

#[test]
fn what_is_pushed_is_sent_in_order_and_counted() {
    let rig = Rig::new();
    for spans in [1, 2, 3] {
        rig.push(spans);
    }
    assert!(rig.flush());
    assert_eq!((rig.script.sent(), rig.law()), (vec![1, 2, 3], (6, 6, 0, 0, 0)));
    rig.shut_down();
    assert_eq!(rig.law(), (6, 6, 0, 0, 0));
}

#[test]
fn what_fails_is_tried_again_until_it_is_taken_and_does_not_hold_up_the_rest() {
    let rig = Rig::new();
    rig.script.otherwise(|request| if request.item_count == 7 { away() } else { Outcome::Accepted });
    for spans in [7, 1, 2] {
        rig.push(spans);
    }
    rig.until(|counts| counts.delivered() == 3);
    assert_eq!(rig.law(), (10, 3, 7, 0, 0));
    rig.script.otherwise(|_| Outcome::Accepted);
    rig.until(|counts| counts.delivered() == 10);
    assert_eq!(rig.law(), (10, 10, 0, 0, 0));
}

#[test]
fn a_pause_that_a_receiver_asks_for_is_kept_to_and_a_flush_tries_once_all_the_same() {
    let rig = Rig::new();
    // A second is a millisecond here.
    let asked_for = |seconds| {
        move |_: &ExportRequest| Outcome::Retry {
            after: Some(Duration::from_secs(seconds)),
            reason: "busy".to_owned(),
        }
    };
    rig.script.then(asked_for(200_000)).then(asked_for(200));
    rig.push(1);
    rig.until(|_| rig.stats.report().failure() == Some("busy"));
    let started = Instant::now();
    assert!(rig.flush(), "it waits for the second pause, which ends in time");
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    assert_eq!((rig.script.sent(), rig.law()), (vec![1, 1, 1], (1, 1, 0, 0, 0)));
}

#[test]
fn a_flush_does_not_wait_for_a_pause_that_ends_later_than_it() {
    let rig = Rig::with_second(Duration::from_secs(1));
    rig.script.otherwise(|_| Outcome::Retry { after: Some(LONG * 2), reason: "busy".to_owned() });
    for spans in [1, 2, 3] {
        rig.push(spans);
    }
    rig.until_failed();
    assert!(rig.flush());
    assert_eq!(
        (rig.script.sent().len(), rig.law()),
        (2, (6, 0, 6, 0, 0)),
        "one attempt more, not one for each"
    );
}

#[test]
fn a_pause_is_cut_to_the_longest_that_a_receiver_may_ask_for() {
    let mut rig = Rig::new();
    Arc::get_mut(&mut rig.sender.shared).expect("no thread yet").route.max_retry_after =
        Duration::from_secs(5);
    let year = Duration::from_secs(86_400 * 365);
    rig.script.then(move |_| Outcome::Retry { after: Some(year), reason: "busy".to_owned() });
    rig.push(1);
    rig.until(|counts| counts.delivered() == 1);
    assert_eq!(rig.script.sent(), [1, 1]);
}

#[test]
fn a_receiver_that_is_busy_is_asked_until_it_takes_everything_or_the_time_is_over() {
    for spool in [None, Some(Memory::default())] {
        // Only a flush retries so soon.
        let rig = Rig::made(usize::MAX, spool, Backoff::with_second(LONG));
        for _ in 0..6 {
            rig.script.then(|_| busy());
        }
        rig.push(1);
        rig.push(2);
        assert!(rig.flush());
        assert_eq!(rig.law(), (3, 3, 0, 0, 0));
    }
    let rig = Rig::new();
    for _ in 0..9 {
        rig.script.then(|_| busy());
    }
    rig.push(1);
    rig.push(2);
    rig.shut_down();
    assert_eq!(rig.law(), (3, 3, 0, 0, 0), "more failures than it puts up with where nobody answers");
    let rig = Rig::new();
    rig.script.otherwise(|_| busy());
    rig.push(1);
    rig.sender.stop(Instant::now() + Duration::from_millis(200));
    rig.sender.close(Instant::now() + LONG);
    assert_eq!((rig.law(), rig.stats.report().failure()), ((1, 0, 0, 0, 1), Some("HTTP status 503")));
}

#[test]
fn a_flush_tries_everything_once_however_long_the_pause_was_to_be() {
    let rig = Rig::with_second(Duration::from_secs(1));
    rig.script.otherwise(|_| Outcome::Refused { reason: "HTTP status 401".to_owned() });
    // The first pause is half a minute at least.
    rig.push(1);
    rig.push(2);
    assert!(rig.flush());
    assert_eq!(rig.law(), (3, 0, 3, 0, 0));
    assert!([1, 2].iter().all(|spans| rig.script.sent().contains(spans)), "{:?}", rig.script.sent());
    rig.script.otherwise(|_| Outcome::Accepted);
    assert!(rig.flush());
    assert_eq!(rig.law(), (3, 3, 0, 0, 0));
}

#[test]
fn the_end_does_not_wait_for_a_pause_that_ends_later() {
    let rig = Rig::with_second(Duration::from_secs(1));
    rig.script.otherwise(|_| Outcome::Retry { after: Some(LONG * 100_000), reason: "busy".to_owned() });
    for spans in 1..=4 {
        rig.push(spans);
    }
    rig.until_failed();
    rig.shut_down();
    assert_eq!(rig.script.sent().len(), 2, "one attempt at the end; the pause ends after it");
    assert_eq!((rig.law(), rig.counts().dropped_for(DropReason::Undelivered)), ((10, 0, 0, 0, 10), 10));
}

#[test]
fn what_was_refused_is_not_tried_again_at_the_end_unless_something_else_got_through() {
    let refused = |_: &ExportRequest| Outcome::Refused { reason: "HTTP status 401".to_owned() };
    let rig = Rig::new();
    rig.script.then(refused).then(refused);
    rig.push(1);
    rig.until_failed();
    rig.push(2);
    rig.shut_down();
    assert_eq!((rig.script.sent(), rig.law()), (vec![1, 2], (3, 0, 0, 0, 3)));

    let rig = Rig::new();
    rig.script.then(refused);
    rig.push(1);
    rig.until_failed();
    rig.push(2);
    rig.shut_down();
    assert_eq!((rig.script.sent(), rig.law()), (vec![1, 2, 1], (3, 3, 0, 0, 0)));
}

#[test]
fn a_receiver_that_is_not_there_at_the_end_is_tried_three_times() {
    let rig = Rig::new();
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    rig.script.then(move |_| {
        enter.send(()).expect("somebody waits");
        left.recv().expect("somebody lets go");
        away()
    });
    rig.script.otherwise(|_| away());
    rig.push(1);
    entered.recv().expect("the first attempt");
    for spans in 2..=5 {
        rig.push(spans);
    }
    rig.sender.stop(Instant::now() + LONG);
    leave.send(()).expect("it waits");
    rig.sender.close(Instant::now() + LONG);
    assert_eq!(rig.script.sent().len(), 3, "{:?}", rig.script.sent());
    assert_eq!((rig.law(), rig.stats.report().failure()), ((15, 0, 0, 0, 15), Some("nobody there")));
}

#[test]
fn an_attempt_that_the_end_cuts_short_is_not_why_it_failed() {
    let rig = Rig::new();
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    rig.script.then(|_| away());
    rig.script.then(move |_| {
        enter.send(()).expect("somebody waits");
        left.recv().expect("somebody lets go");
        Outcome::Retry { after: None, reason: "no answer within the 1 ms that were left".to_owned() }
    });
    rig.push(1);
    rig.until_failed();
    rig.sender.stop(Instant::now() + LONG);
    entered.recv().expect("the second attempt");
    rig.sender.close(Instant::now());
    leave.send(()).expect("it waits");
    let thread = rig.sender.shared.state().thread.take().expect("a thread");
    thread.join().expect("ends");
    assert_eq!((rig.law(), rig.stats.report().failure()), ((1, 0, 0, 0, 1), Some("nobody there")));
}

#[test]
fn what_is_refused_for_good_is_dropped_and_what_is_refused_in_part_in_part() {
    let rig = Rig::new();
    rig.script
        .then(|_| Outcome::Rejected { reason: "HTTP status 400".to_owned() })
        .then(|_| Outcome::Partial { rejected: 2, message: "too old".to_owned() })
        .then(|_| Outcome::Partial { rejected: 99, message: String::new() });
    for spans in [4, 5, 6] {
        rig.push(spans);
    }
    assert!(rig.flush());
    assert_eq!(rig.law(), (15, 3, 0, 0, 12));
    let counts = rig.counts();
    let dropped = [DropReason::Rejected, DropReason::PartialSuccess].map(|reason| counts.dropped_for(reason));
    assert_eq!(dropped, [4, 8]);
    assert_eq!(rig.stats.report().failure(), Some("the receiver rejected 6 of the spans"));
}

#[test]
fn what_is_too_large_is_split_down_to_one_item_which_is_dropped_if_nothing_else_helps() {
    let rig = Rig::new();
    let strict = |limit: usize| {
        move |request: &ExportRequest| match request.body.len() {
            bytes if bytes > limit => Outcome::Split { reason: "HTTP status 413".to_owned() },
            _ => Outcome::Accepted,
        }
    };
    rig.script.otherwise(strict(300));
    rig.push_named(9, &"x".repeat(100));
    rig.push_named(1, &"x".repeat(400));
    assert!(rig.flush());
    assert_eq!(rig.law(), (10, 9, 0, 0, 1));
    assert_eq!(rig.counts().dropped_for(DropReason::Oversize), 1, "a name is not content");
    let sent = rig.script.sent();
    assert_eq!(sent[0], 9);
    assert!(sent[1..].iter().all(|spans| *spans <= 5), "{sent:?}");
}

#[test]
fn what_is_larger_than_any_receiver_takes_is_not_even_tried() {
    let rig = Rig::new();
    rig.push_named(8, &"x".repeat(shape::MAX_REQUEST_BYTES / 5));
    assert!(rig.flush());
    assert_eq!((rig.script.sent(), rig.law()), (vec![4, 4], (8, 8, 0, 0, 0)));
}

#[test]
fn a_panic_costs_its_parcel_and_the_wire() {
    let rig = Rig::new();
    rig.script.then(|_| Outcome::Accepted).then(|_| panic!("as told"));
    for spans in [1, 2, 3] {
        rig.push(spans);
    }
    assert!(rig.flush());
    assert_eq!((rig.law(), rig.counts().dropped_for(DropReason::WorkerDead)), ((6, 4, 0, 0, 2), 2));
    rig.row("a panic in the exporter");
    assert_eq!(rig.script.wires.load(Ordering::Relaxed), 2, "made anew");
}

#[test]
fn what_a_wire_says_about_itself_is_not_sent_over_it() {
    let rig = Rig::new();
    let (tell, told) = mpsc::channel();
    rig.script.then(move |_| {
        let is_suppressed =
            opentelemetry::Context::map_current(opentelemetry::Context::is_telemetry_suppressed);
        let is_heard =
            tracing::dispatcher::get_default(|dispatch| !dispatch.is::<tracing::subscriber::NoSubscriber>());
        tell.send((is_suppressed, is_heard)).expect("somebody asks");
        Outcome::Accepted
    });
    tracing::subscriber::with_default(tracing_subscriber::fmt().finish(), || rig.push(1));
    assert_eq!(told.recv(), Ok((true, false)), "neither OpenTelemetry nor `tracing` hears it");
}

#[test]
fn a_thread_that_died_is_replaced_by_the_next_parcel() {
    let rig = Rig::with(usize::MAX, Some(Memory { ahead: true, panics: true.into(), ..Memory::default() }));
    rig.push(1);
    let is_dead = || rig.sender.shared.state().thread.as_ref().is_some_and(JoinHandle::is_finished);
    let deadline = Instant::now() + LONG;
    while !is_dead() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    rig.push(2);
    assert!(rig.flush());
    assert_eq!(rig.law(), (3, 3, 0, 0, 0));
    rig.row("the sender's thread dies");
}

#[test]
fn more_than_memory_holds_makes_the_oldest_go() {
    let rig = Rig::with(2_000, None);
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    rig.script.then(move |_| {
        enter.send(()).expect("somebody waits");
        left.recv().expect("somebody lets go");
        Outcome::Accepted
    });
    rig.push(1);
    entered.recv().expect("the first attempt");
    for _ in 0..10 {
        rig.push_named(1, &"x".repeat(480));
    }
    rig.push_named(1, &"x".repeat(3_000));
    assert_eq!(rig.law(), (12, 0, 5, 0, 7));
    assert_eq!(rig.counts().dropped_for(DropReason::QueueFull), 7);
    leave.send(()).expect("it waits");
    assert!(rig.flush());
    assert_eq!(rig.law(), (12, 5, 0, 0, 7));
}

#[test]
fn nobody_waits_longer_than_the_deadline_and_what_is_on_its_way_is_counted_once() {
    let rig = Rig::new();
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    rig.script.then(move |_| {
        enter.send(()).expect("somebody waits");
        left.recv().expect("somebody lets go");
        Outcome::Accepted
    });
    rig.push(1);
    rig.push(2);
    entered.recv().expect("the first attempt");
    assert!(
        !rig.sender.wait_for_flush(rig.sender.flush(Instant::now() + LONG), Instant::now()),
        "it is not done"
    );
    rig.sender.stop(Instant::now());
    rig.sender.close(Instant::now());
    assert_eq!((rig.law(), rig.counts().dropped_for(DropReason::Undelivered)), ((3, 0, 0, 0, 3), 3));
    rig.push(4);
    assert_eq!((rig.law(), rig.counts().dropped_for(DropReason::AfterShutdown)), ((7, 0, 0, 0, 7), 4));
    leave.send(()).expect("it waits");
    let thread = rig.sender.shared.state().thread.take().expect("a thread");
    thread.join().expect("ends");
    assert_eq!((rig.script.sent(), rig.law()), (vec![1], (7, 0, 0, 0, 7)));
}
