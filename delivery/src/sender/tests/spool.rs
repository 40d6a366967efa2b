//! The sender with a spool.

use crate::sender::tests::*;

/// A spool in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) ahead: bool,
    pub(super) stored: Mutex<Vec<(Ticket, ExportRequest)>>,
    pub(super) held: Mutex<Vec<Ticket>>,
    pub(super) tickets: AtomicU64,
    pub(super) full: AtomicBool,
    pub(super) panics: AtomicBool,
    pub(super) outdated: AtomicU64,
    pub(super) listeners: Mutex<Listeners>,
    /// Number of requests of each transaction.
    pub(super) transactions: Mutex<Vec<usize>>,
    /// A write waits until this is sent something, or dropped.
    pub(super) disk: Mutex<Option<mpsc::Receiver<()>>>,
}

#[derive(Default)]
pub(super) struct Listeners(Vec<Box<dyn Fn() + Send + Sync>>);

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listeners")
    }
}

impl Memory {
    pub(super) fn stored(&self) -> Vec<u64> {
        self.stored.lock().expect("stored").iter().map(|(_, request)| request.item_count).collect()
    }
}

impl Spool for Memory {
    fn store(&self, requests: &[&ExportRequest]) -> Vec<Option<Ticket>> {
        if let Some(disk) = self.disk.lock().expect("disk").take() {
            let _ = disk.recv();
        }
        if self.full.load(Ordering::Relaxed) {
            return vec![None; requests.len()];
        }
        self.transactions.lock().expect("transactions").push(requests.len());
        let store = |request: &&ExportRequest| {
            let ticket = Ticket(self.tickets.fetch_add(1, Ordering::Relaxed));
            let mut held = self.held.lock().expect("held");
            self.stored.lock().expect("stored").push((ticket, (*request).clone()));
            held.push(ticket);
            Some(ticket)
        };
        requests.iter().map(store).collect()
    }

    fn oldest(&self, _signal: Signal) -> Option<(Ticket, ExportRequest)> {
        let mut held = self.held.lock().expect("held");
        let stored = self.stored.lock().expect("stored");
        let (ticket, request) = stored.iter().find(|(ticket, _)| !held.contains(ticket))?;
        held.push(*ticket);
        Some((*ticket, request.clone()))
    }

    fn remove(&self, ticket: Ticket) {
        self.stored.lock().expect("stored").retain(|(stored, _)| *stored != ticket);
        self.release(ticket);
        assert!(!self.panics.swap(false, Ordering::Relaxed), "as told");
    }

    fn release(&self, ticket: Ticket) {
        self.held.lock().expect("held").retain(|held| *held != ticket);
    }

    fn metrics_are_outdated(&self, _by: &ExportRequest) {
        self.outdated.fetch_add(1, Ordering::Relaxed);
    }

    fn on_more(&self, tell: Box<dyn Fn() + Send + Sync>) {
        self.listeners.lock().expect("listeners").0.push(tell);
    }

    fn close(&self) {}

    fn writes_ahead(&self) -> bool {
        self.ahead
    }
}

#[test]
fn what_cannot_be_delivered_is_stored_and_replayed_after_what_is_new() {
    let rig = Rig::with(usize::MAX, Some(Memory::default()));
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    rig.script.then(|_| away()).then(move |_| {
        enter.send(()).expect("somebody waits");
        left.recv().expect("somebody lets go");
        away()
    });
    rig.push(1);
    entered.recv().expect("the second attempt");
    let spool = rig.spool.as_ref().expect("a spool");
    assert_eq!((spool.stored(), rig.law()), (vec![1], (1, 0, 0, 1, 0)));
    for spans in [2, 3] {
        rig.push(spans);
    }
    assert_eq!((spool.stored(), rig.law()), (vec![1, 2, 3], (6, 0, 0, 6, 0)), "memory is no place to wait");
    leave.send(()).expect("it waits");
    rig.until(|counts| counts.delivered() == 6);
    assert_eq!((spool.stored(), rig.law()), (vec![], (6, 6, 0, 0, 0)));
}

#[test]
fn one_stored_parcel_that_fails_again_and_again_does_not_hold_up_the_rest() {
    let poisoned = |request: &ExportRequest| if request.item_count == 7 { away() } else { Outcome::Accepted };
    let rig = Rig::with(usize::MAX, Some(Memory::default()));
    for _ in 0..5 {
        rig.script.then(|_| away());
    }
    rig.script.otherwise(poisoned);
    for spans in [7, 1, 2] {
        rig.push(spans);
    }
    rig.until(|counts| counts.delivered() == 3);
    rig.shut_down();
    assert_eq!((rig.law().1, rig.law().3), (3, 7), "still there for the next process");
    let spool = rig.spool.as_ref().expect("a spool");
    assert_eq!((spool.stored(), spool.held.lock().expect("held").len()), (vec![7], 0), "nobody holds it");
}

#[test]
fn what_is_left_at_the_end_is_stored() {
    let rig = Rig::with(usize::MAX, Some(Memory::default()));
    rig.script.otherwise(|_| away());
    for spans in [1, 2, 3] {
        rig.push(spans);
    }
    rig.shut_down();
    rig.push(4);
    assert_eq!(rig.law(), (10, 0, 0, 6, 4), "what comes after the end is counted");
    let spool = rig.spool.as_ref().expect("a spool");
    assert_eq!((spool.stored().iter().sum::<u64>(), spool.held.lock().expect("held").len()), (6, 0));
}

#[test]
fn a_spool_that_writes_ahead_has_every_parcel_before_it_is_sent() {
    let rig = Rig::with(usize::MAX, Some(Memory { ahead: true, ..Memory::default() }));
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    rig.script.then(move |_| {
        enter.send(()).expect("somebody waits");
        left.recv().expect("somebody lets go");
        Outcome::Split { reason: "HTTP status 413".to_owned() }
    });
    rig.push(2);
    entered.recv().expect("the first attempt");
    let spool = rig.spool.as_ref().expect("a spool");
    assert_eq!((spool.stored(), rig.law()), (vec![2], (2, 0, 0, 2, 0)));
    leave.send(()).expect("it waits");
    assert!(rig.flush());
    assert_eq!((rig.script.sent(), rig.law()), (vec![2, 1, 1], (2, 2, 0, 0, 0)));
    assert!(spool.stored().is_empty());
}

#[test]
fn a_spool_that_is_full_leaves_what_waits_in_memory() {
    let rig = Rig::with(usize::MAX, Some(Memory { full: true.into(), ..Memory::default() }));
    for _ in 0..3 {
        rig.script.then(|_| away());
    }
    rig.push(1);
    rig.push(2);
    rig.until(|counts| counts.delivered() == 3);
    for _ in 0..2 {
        rig.script.then(|_| Outcome::Refused { reason: "HTTP status 401".to_owned() });
    }
    rig.push(4);
    rig.shut_down();
    assert_eq!(rig.law(), (7, 3, 0, 0, 4));
}

#[test]
fn what_an_earlier_process_left_is_sent_without_being_asked() {
    let spool = Memory::default();
    let request = ExportRequest {
        signal: Signal::Traces,
        body: Bytes::new(),
        item_count: 5,
        created: SystemTime::UNIX_EPOCH,
    };
    let ticket = spool.store(&[&request])[0].expect("room");
    spool.release(ticket);
    let rig = Rig::with(usize::MAX, None);
    rig.stats.entered(Signal::Traces, ItemState::Spooled, 5);
    let rig = Rig {
        sender: Sender::new(SenderConfig {
            signal: Signal::Traces,
            destination: String::new(),
            attributes: Vec::new(),
            stats: Arc::clone(&rig.stats),
            supersedes: false,
            transport: {
                let script = Arc::clone(&rig.script);
                Box::new(move || Box::new(Scripted(Arc::clone(&script))))
            },
            timeout: LONG,
            shorten_text: crate::shape::shorten_text,
            max_bytes: usize::MAX,
            spool: Some(Arc::new(spool)),
            backoff: Backoff::default(),
            max_retry_after: LONG,
        }),
        ..rig
    };
    rig.until(|counts| counts.delivered() == 5);
    assert_eq!(rig.law(), (5, 5, 0, 0, 0));
}

#[test]
fn a_spool_that_has_more_than_it_said_is_asked_again() {
    let rig = Rig::with(usize::MAX, Some(Memory::default()));
    rig.push(1);
    assert!(rig.flush(), "nothing is in the spool");
    let spool = rig.spool.as_ref().expect("a spool");
    let request = ExportRequest {
        signal: Signal::Traces,
        body: Bytes::new(),
        item_count: 5,
        created: SystemTime::UNIX_EPOCH,
    };
    spool.release(spool.store(&[&request])[0].expect("room"));
    rig.stats.entered(Signal::Traces, ItemState::Spooled, 5);
    spool.listeners.lock().expect("listeners").0.iter().for_each(|tell| tell());
    rig.until(|counts| counts.delivered() == 6);
}

#[test]
fn metrics_that_arrive_make_those_in_the_spool_outdated_and_spans_do_not() {
    for (signal, outdated) in [(Signal::Metrics, 1), (Signal::Traces, 0)] {
        let rig = Rig::of(signal, usize::MAX, Some(Memory::default()), Backoff::default());
        rig.stats.entered(signal, ItemState::Queued, 3);
        let body = Bytes::from_static(b"");
        rig.sender.push(ExportRequest { signal, body, item_count: 3, created: SystemTime::now() });
        assert!(rig.flush());
        let spool = rig.spool.as_ref().expect("a spool");
        assert_eq!(spool.outdated.load(Ordering::Relaxed), outdated, "{signal:?}");
    }
}

#[test]
fn a_flush_tries_what_failed_in_the_last_one_and_is_stored() {
    // A pause may be any part of its length: also a small part is longer than this test.
    let rig = Rig::made(usize::MAX, Some(Memory::default()), Backoff::with_second(LONG * 1000));
    for _ in 0..5 {
        rig.script.then(|_| away());
    }
    for stored in [1, 2] {
        rig.push(1);
        rig.until(|counts| counts.spooled() == stored && rig.script.sent().len() as u64 == stored);
    }
    for _ in 0..4 {
        rig.push(1);
    }
    assert!(rig.flush(), "three failures are enough");
    assert_eq!((rig.script.sent().len(), rig.law()), (5, (6, 0, 0, 6, 0)));
    assert!(rig.flush());
    assert_eq!(rig.law(), (6, 6, 0, 0, 0));
}

/// A sender whose receiver hangs, with so many requests of a span besides the one on its way.
fn hanging(spool: Memory, requests: usize) -> (Rig, mpsc::Sender<()>) {
    let rig = Rig::with(usize::MAX, Some(spool));
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    rig.script.then(move |_| {
        enter.send(()).expect("somebody waits");
        let _ = left.recv();
        away()
    });
    rig.push(1);
    entered.recv().expect("the first attempt");
    (0..requests).for_each(|_| rig.push(1));
    (rig, leave)
}

fn close_at(rig: &Rig, until: Instant) {
    rig.sender.stop(Instant::now());
    let spool = rig.spool.clone().map(|spool| spool as Arc<dyn Spool>);
    crate::sender::close(&[&rig.sender], spool, Instant::now(), until);
}

#[test]
fn what_is_left_at_the_end_is_stored_in_one_transaction() {
    let (rig, _leave) = hanging(Memory::default(), 79);
    close_at(&rig, Instant::now() + LONG);
    assert_eq!(rig.law(), (80, 0, 0, 80, 0));
    let spool = rig.spool.as_ref().expect("a spool");
    assert_eq!(*spool.transactions.lock().expect("transactions"), [80]);
    rig.row("no answer, 80 requests stored at the end");
}

#[test]
fn a_disk_that_does_not_answer_is_not_waited_for_and_what_it_has_is_counted_once() {
    let (answer, disk) = mpsc::channel();
    let (rig, _leave) = hanging(Memory { disk: Mutex::new(Some(disk)), ..Memory::default() }, 9);
    close_at(&rig, Instant::now());
    assert_eq!((rig.law(), rig.counts().dropped_for(DropReason::Undelivered)), ((10, 0, 0, 0, 10), 10));
    rig.row("no answer, and none of the disk");
    answer.send(()).expect("it waits");
    rig.until(|counts| counts.spooled() == 10);
    assert_eq!(rig.law(), (10, 0, 0, 10, 0), "it has succeeded after all");
}

#[test]
fn what_is_being_stored_when_the_end_comes_is_counted() {
    let (answer, disk) = mpsc::channel();
    let rig = Rig::with(usize::MAX, Some(Memory { disk: Mutex::new(Some(disk)), ..Memory::default() }));
    rig.script.otherwise(|_| away());
    rig.push(1);
    rig.until(|_| !rig.sender.shared.state().storing.is_empty());
    rig.sender.stop(Instant::now());
    crate::sender::close(&[&rig.sender], None, Instant::now(), Instant::now());
    assert_eq!(rig.law(), (1, 0, 0, 0, 1));
    drop(answer);
    rig.until(|counts| counts.spooled() == 1);
    assert_eq!(rig.law(), (1, 0, 0, 1, 0));
}
