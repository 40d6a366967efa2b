//! One request that is never taken, for what is in it, and the others.

use crate::sender::tests::*;

/// Never takes the request of seven or eight items.
fn poisoned(request: &ExportRequest) -> Outcome {
    if request.item_count >= 7 { away() } else { Outcome::Accepted }
}

/// The same, as a firewall would that reads prompts.
fn refused(request: &ExportRequest) -> Outcome {
    match request.item_count {
        7.. => Outcome::Refused { reason: "HTTP status 403".to_owned() },
        _ => Outcome::Accepted,
    }
}

fn metrics() -> Rig {
    Rig::of(Signal::Metrics, usize::MAX, None, Backoff::with_second(Duration::from_millis(1)))
}

/// A state of metrics, or a part of it: those of one moment are of one state.
fn push_state(rig: &Rig, points: u64, moment: u64) {
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(moment);
    rig.stats.entered(Signal::Metrics, ItemState::Queued, points);
    let body = Bytes::from_static(b"state");
    rig.sender.push(ExportRequest { signal: Signal::Metrics, body, item_count: points, created });
}

fn until_metrics(rig: &Rig, done: impl Fn(&SignalCounts) -> bool) -> SignalCounts {
    let deadline = Instant::now() + LONG;
    loop {
        let counts = *rig.stats.report().metrics();
        let somewhere = counts.queued() + counts.spooled() + counts.delivered() + counts.dropped();
        assert_eq!(counts.started(), somewhere, "{counts:?}");
        if done(&counts) {
            return counts;
        }
        assert!(Instant::now() < deadline, "{counts:?}");
        std::thread::yield_now();
    }
}

#[test]
fn metrics_that_are_never_taken_do_not_hold_up_later_ones_which_supersede_them() {
    let rig = metrics();
    rig.script.otherwise(poisoned);
    push_state(&rig, 7, 1);
    push_state(&rig, 8, 2);
    push_state(&rig, 1, 3);
    let counts = until_metrics(&rig, |counts| counts.delivered() == 1 && counts.queued() == 0);
    assert_eq!((counts.dropped_for(DropReason::Superseded), counts.dropped()), (15, 15));
    assert!(rig.stats.report().is_complete(), "the newest state has arrived");
}

#[test]
fn a_part_of_a_state_of_metrics_is_not_superseded_by_the_other_part() {
    let rig = metrics();
    rig.script.otherwise(poisoned);
    push_state(&rig, 7, 1);
    push_state(&rig, 1, 1);
    let counts = until_metrics(&rig, |counts| counts.delivered() == 1);
    assert_eq!((counts.queued(), counts.dropped()), (7, 0));
    push_state(&rig, 2, 2);
    let counts = until_metrics(&rig, |counts| counts.delivered() == 3 && counts.queued() == 0);
    assert_eq!(counts.dropped_for(DropReason::Superseded), 7);
}

#[test]
fn differences_of_metrics_do_not_supersede_each_other() {
    let mut rig = metrics();
    let shared = Arc::get_mut(&mut rig.sender.shared).expect("no thread yet");
    shared.route.supersedes = false;
    rig.script.otherwise(poisoned);
    push_state(&rig, 7, 1);
    push_state(&rig, 1, 2);
    let counts = until_metrics(&rig, |counts| counts.delivered() == 1);
    assert_eq!((counts.queued(), counts.dropped()), (7, 0));
}

#[test]
fn metrics_arrive_in_their_order_and_whole_after_a_receiver_was_away() {
    let rig = metrics();
    let (attempts, taken) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
    let heard = Arc::clone(&taken);
    rig.script.otherwise(move |request| {
        // Back when the oldest is sent for the tenth time.
        let is_oldest = usize::from(request.item_count == 1);
        if attempts.fetch_add(is_oldest, Ordering::Relaxed) + is_oldest < 10 {
            return away();
        }
        heard.lock().expect("taken").push(request.item_count);
        Outcome::Accepted
    });
    for state in 1..=4 {
        push_state(&rig, state, state);
    }
    let counts = until_metrics(&rig, |counts| counts.queued() == 0);
    assert_eq!((counts.delivered(), taken.lock().expect("taken").clone()), (10, vec![1, 2, 3, 4]));
}

#[test]
fn at_the_end_the_newest_metrics_are_not_held_up_either() {
    let rig = metrics();
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    rig.script.then(move |_| {
        enter.send(()).expect("somebody waits");
        left.recv().expect("somebody lets go");
        away()
    });
    rig.script.otherwise(poisoned);
    push_state(&rig, 7, 1);
    entered.recv().expect("the first attempt");
    push_state(&rig, 2, 2);
    rig.sender.stop(Instant::now() + LONG);
    leave.send(()).expect("it waits");
    rig.sender.close(Instant::now() + LONG);
    let counts = *rig.stats.report().metrics();
    assert_eq!((counts.delivered(), counts.dropped_for(DropReason::Superseded)), (2, 7));
}

#[test]
fn at_the_end_metrics_that_failed_before_are_not_tried_before_the_newest() {
    let rig = Rig::of(Signal::Metrics, usize::MAX, None, Backoff::with_second(LONG * 1000));
    rig.script.otherwise(poisoned);
    push_state(&rig, 7, 1);
    rig.until(|_| rig.sender.shared.state().pause.is_some());
    push_state(&rig, 2, 2);
    rig.shut_down();
    assert_eq!(rig.script.sent(), [7, 2], "it may hang for all the time there is");
    let counts = *rig.stats.report().metrics();
    assert_eq!((counts.delivered(), counts.dropped_for(DropReason::Superseded)), (2, 7));
}

#[test]
fn what_is_new_does_not_wait_for_one_that_is_never_taken() {
    for spool in [None, Some(Memory::default())] {
        // The one that is refused is not tried again for a quarter of an hour.
        let rig = Rig::made(usize::MAX, spool, Backoff::with_second(LONG));
        rig.script.otherwise(refused);
        rig.push(7);
        // Requests before that are stored together with it, and overtaken.
        rig.until(|_| rig.sender.shared.state().suspect.is_some());
        for spans in [1, 2, 3] {
            rig.push(spans);
        }
        rig.until(|counts| counts.delivered() == 6);
        assert_eq!(rig.script.sent(), [7, 1, 2, 3]);
        let (started, delivered, queued, spooled, dropped) = rig.law();
        assert_eq!((started, delivered, queued + spooled, dropped), (13, 6, 7, 0));
    }
}

#[test]
fn a_receiver_that_is_away_is_asked_twice_before_each_pause() {
    for spool in [None, Some(Memory::default())] {
        let rig = Rig::made(usize::MAX, spool, Backoff::with_second(LONG));
        rig.script.otherwise(|_| Outcome::Refused { reason: "HTTP status 404".to_owned() });
        rig.push(1);
        rig.until(|_| rig.script.sent() == [1]);
        rig.push(2);
        rig.until(|_| rig.sender.shared.state().pause.is_some());
        for spans in [3, 4] {
            rig.push(spans);
        }
        assert_eq!(rig.script.sent(), [1, 2]);
        rig.script.otherwise(|_| Outcome::Accepted);
        assert!(rig.flush());
        assert_eq!(rig.law(), (10, 10, 0, 0, 0));
    }
}

#[test]
fn one_that_is_never_taken_comes_back_from_the_spool_with_what_is_known_of_it() {
    let rig = Rig::with(usize::MAX, Some(Memory::default()));
    rig.script.otherwise(poisoned);
    rig.push(7);
    rig.until(|_| {
        let state = rig.sender.shared.state();
        state.held.iter().any(|held| held.attempts >= 5 && held.not_before.is_some())
    });
    rig.push(1);
    rig.until(|counts| counts.delivered() == 1);
    rig.script.otherwise(|_| Outcome::Accepted);
    rig.until(|counts| counts.delivered() == 8);
    assert_eq!(rig.law(), (8, 8, 0, 0, 0));
    assert!(rig.sender.shared.state().held.is_empty());
}

#[test]
fn what_the_spool_has_dropped_by_itself_is_not_remembered() {
    let rig = Rig::with(usize::MAX, Some(Memory::default()));
    rig.script.otherwise(poisoned);
    rig.push(7);
    rig.until(|_| !rig.sender.shared.state().held.is_empty());
    // Too old, too large, or superseded: a spool does not report it.
    rig.spool.as_ref().expect("a spool").stored.lock().expect("stored").clear();
    rig.until(|_| rig.sender.shared.state().held.is_empty());
}
