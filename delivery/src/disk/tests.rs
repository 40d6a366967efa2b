//! The spool from a sender's side, with faults in the file, the folder and the clock.

mod damage;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tempfile::TempDir;

use super::clock::{Moment, Stamp};
use crate::disk::*;
use crate::{DropReason, ItemState, SignalCounts};

const TRACES: Signal = Signal::Traces;
const METRICS: Signal = Signal::Metrics;

const SEGMENT: &str = ".spool";
const HOUR: u64 = 3_600_000;
/// A wall clock's time to begin with.
const BEGIN: u64 = 600_000 * HOUR;

#[derive(Clone, Debug, Default)]
struct Clocks {
    wall: Arc<AtomicU64>,
    steady: Arc<AtomicI64>,
    /// One system for all, if it has a name.
    boot: Arc<AtomicU64>,
    uptime: Arc<AtomicU64>,
}

impl Clocks {
    /// Time passes.
    fn pass(&self, millis: u64) {
        self.wall.fetch_add(millis, Ordering::Relaxed);
        self.uptime.fetch_add(millis, Ordering::Relaxed);
        self.steady.fetch_add(i64::try_from(millis).expect("small"), Ordering::Relaxed);
    }

    /// Sets the clock back or forth.
    fn set(&self, wall: u64) {
        self.wall.store(wall, Ordering::Relaxed);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Moment {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let stamp = Stamp { wall: load(&self.wall), boot: load(&self.boot), uptime: load(&self.uptime) };
        Moment { stamp, steady: self.steady.load(Ordering::Relaxed) }
    }
}

/// One process after another in one folder.
struct Place {
    dir: TempDir,
    clocks: Clocks,
    max_bytes: u64,
}

impl Place {
    fn new() -> Self {
        let clocks = Clocks::default();
        clocks.set(BEGIN);
        Place { dir: tempfile::tempdir().expect("a folder"), clocks, max_bytes: 1 << 30 }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("service")
    }

    /// Another process: its steady clock begins anew.
    fn process(&self) -> Process {
        let clocks = Clocks { steady: Arc::default(), ..self.clocks.clone() };
        let (max_bytes, max_age) = (self.max_bytes, Duration::from_millis(HOUR));
        let settings =
            SpoolSettings { folder: self.folder(), max_bytes, max_age, mode: SpoolMode::OnFailure };
        let stats = Arc::new(DeliveryStats::default());
        let shared = Shared::open(settings, stats, Box::new(clocks.clone()));
        Process { clocks, spool: DiskSpool { shared: Arc::new(shared), rounds: Mutex::default() } }
    }

    fn files(&self, with: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten();
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.to_string_lossy().contains(with)).collect()
    }
}

struct Process {
    clocks: Clocks,
    spool: DiskSpool,
}

impl Process {
    /// Does what a sender does with a request that it cannot send.
    fn store(&self, signal: Signal, items: u64, body: &[u8]) -> Option<()> {
        let stats = &self.spool.shared.stats;
        stats.entered(signal, ItemState::Queued, items);
        let body = Bytes::copy_from_slice(body);
        let request = ExportRequest { signal, body, item_count: items, created: SystemTime::now() };
        let ticket = self.spool.store(&[&request]).pop()??;
        stats.moved(signal, items, ItemState::Queued, ItemState::Spooled);
        self.spool.release(ticket);
        Some(())
    }

    /// Does what a sender does when the receiver takes everything, and returns what it got.
    fn replay(&self, signal: Signal) -> Vec<(u64, Vec<u8>)> {
        let mut sent = Vec::new();
        while let Some((ticket, request)) = self.spool.oldest(signal) {
            self.spool.shared.stats.moved(
                signal,
                request.item_count,
                ItemState::Spooled,
                ItemState::Delivered,
            );
            self.spool.remove(ticket);
            sent.push((request.item_count, request.body.to_vec()));
        }
        sent
    }

    fn replayed_items(&self, signal: Signal) -> Vec<u64> {
        self.replay(signal).into_iter().map(|(items, _)| items).collect()
    }

    fn counts(&self, signal: Signal) -> SignalCounts {
        self.spool.shared.stats.report().counts[signal.index()]
    }

    /// `(spooled, dropped for this reason, dropped)`
    fn spooled_and_dropped(&self, signal: Signal, reason: DropReason) -> (u64, u64, u64) {
        let counts = self.counts(signal);
        (counts.spooled(), counts.dropped_for(reason), counts.dropped())
    }

    /// Ends, and leaves the files as they were before, as a kill does.
    fn kill(self) {
        let folder = self.spool.shared.contents().folder();
        let paths = fs::read_dir(&folder).expect("there").map(|entry| entry.expect("an entry").path());
        let left: Vec<_> = paths.map(|path| (fs::read(&path).expect("read"), path)).collect();
        drop(self);
        for (bytes, path) in left {
            write_private(&path, &bytes);
        }
    }
}

fn write_private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("allowed");
}

#[test]
fn what_one_process_stores_another_sends_in_order_and_byte_for_byte() {
    let place = Place::new();
    let large: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    let first = place.process();
    first.store(TRACES, 1, b"one").expect("stored");
    first.store(Signal::Logs, 7, b"log").expect("stored");
    first.store(TRACES, 2, &large).expect("stored");
    first.store(TRACES, 3, b"").expect("stored");
    assert_eq!(first.counts(TRACES).spooled(), 6);
    drop(first);

    let second = place.process();
    assert_eq!((second.counts(TRACES).spooled(), second.counts(Signal::Logs).spooled()), (6, 7));
    assert_eq!(second.replay(TRACES), [(1, b"one".to_vec()), (2, large), (3, Vec::new())]);
    assert_eq!(second.counts(TRACES).spooled(), 0);
    drop(second);

    let third = place.process();
    assert_eq!((third.replayed_items(TRACES), third.replayed_items(Signal::Logs)), (vec![], vec![7]));
}

#[test]
fn what_was_stored_survives_a_kill_and_only_what_was_sent_last_may_be_sent_again() {
    let place = Place::new();
    let killed = place.process();
    for items in 1..=120 {
        killed.store(TRACES, items, &[7; 100]).expect("stored");
    }
    let mut sent = Vec::new();
    for _ in 0..100 {
        let (ticket, request) = killed.spool.oldest(TRACES).expect("stored");
        sent.push(request.item_count);
        killed.spool.remove(ticket);
    }
    killed.kill();
    let next = place.process();
    let mut again = next.replayed_items(TRACES);
    let twice = again.iter().filter(|items| sent.contains(items)).count();
    again.extend(&sent);
    again.sort_unstable();
    again.dedup();
    assert_eq!(again, (1..=120).collect::<Vec<_>>(), "none is lost");
    assert!(twice < 16, "{twice}");
}

#[test]
fn what_is_held_is_handed_out_once_and_again_after_it_is_given_back() {
    let place = Place::new();
    let process = place.process();
    process.store(TRACES, 1, b"a").expect("stored");
    process.store(TRACES, 2, b"b").expect("stored");
    let (first, request) = process.spool.oldest(TRACES).expect("stored");
    assert_eq!(request.item_count, 1);
    let (second, request) = process.spool.oldest(TRACES).expect("stored");
    assert_eq!(request.item_count, 2);
    assert!(process.spool.oldest(TRACES).is_none());
    process.spool.release(first);
    process.spool.release(second);
    assert_eq!(process.replayed_items(TRACES), [1, 2]);
}

#[test]
fn when_it_is_full_the_oldest_go_and_are_counted() {
    let place = Place { max_bytes: 10_000, ..Place::new() };
    let process = place.process();
    for items in 1..=20 {
        process.store(TRACES, items, &[0; 1000]).expect("stored");
        process.clocks.pass(1);
    }
    let (spooled, full, dropped) = process.spooled_and_dropped(TRACES, DropReason::SpoolFull);
    assert_eq!((spooled + full, dropped), ((1..=20).sum(), full));
    assert_eq!(process.replayed_items(TRACES), (13..=20).collect::<Vec<_>>());
    assert_eq!(process.store(TRACES, 1, &[0; 10_000]), None, "too large");
}

#[test]
fn the_file_is_not_much_larger_than_what_is_in_it_and_small_again_afterwards() {
    let place = Place { max_bytes: 8 << 20, ..Place::new() };
    let process = place.process();
    let size =
        || -> u64 { place.files(SEGMENT).iter().map(|path| fs::metadata(path).expect("there").len()).sum() };
    for _ in 0..100 {
        process.store(TRACES, 1, &vec![1; 300_000]).expect("stored");
    }
    assert!(size() < 20 << 20, "{} bytes", size());
    process.replay(TRACES);
    process.spool.shared.round();
    assert_eq!(size(), 0);
    drop(process);
    assert_eq!(place.files(SEGMENT), Vec::<PathBuf>::new(), "nothing is left");
}

#[test]
fn what_waits_too_long_is_dropped_and_counted_also_across_processes() {
    let place = Place::new();
    let first = place.process();
    first.store(TRACES, 1, b"old").expect("stored");
    first.clocks.pass(HOUR / 2);
    first.store(TRACES, 2, b"newer").expect("stored");
    drop(first);
    place.clocks.set(BEGIN + HOUR + 1);
    let second = place.process();
    assert_eq!(second.replayed_items(TRACES), [2]);
    assert_eq!(second.spooled_and_dropped(TRACES, DropReason::Expired), (0, 1, 1));
    second.store(TRACES, 3, b"own").expect("stored");
    second.clocks.pass(HOUR + 1);
    second.spool.shared.round();
    assert_eq!(second.spooled_and_dropped(TRACES, DropReason::Expired), (0, 4, 4));
}

#[test]
fn setting_the_clock_neither_ages_what_this_process_stored_nor_keeps_it() {
    let place = Place::new();
    let process = place.process();
    process.store(TRACES, 1, b"a").expect("stored");
    for wall in [BEGIN + 1000 * HOUR, 0, BEGIN] {
        process.clocks.set(wall);
        process.spool.shared.round();
        assert_eq!(process.spooled_and_dropped(TRACES, DropReason::Expired), (1, 0, 0), "at {wall}");
    }
    process.clocks.set(0);
    process.clocks.pass(HOUR + 1);
    process.spool.shared.round();
    assert_eq!(process.spooled_and_dropped(TRACES, DropReason::Expired), (0, 1, 1));
}

#[test]
fn what_is_dated_in_the_future_is_kept_for_once_its_time_from_now_on() {
    let place = Place::new();
    place.process().store(TRACES, 1, b"a").expect("stored");
    let back = BEGIN - 1000 * HOUR;
    place.clocks.set(back);
    assert_eq!(place.process().counts(TRACES).spooled(), 1, "nobody sends it");
    place.clocks.set(back + HOUR / 2);
    assert_eq!(place.process().counts(TRACES).spooled(), 1);
    place.clocks.set(back + HOUR + 1);
    let late = place.process();
    assert_eq!(late.replayed_items(TRACES), Vec::<u64>::new());
    assert_eq!(late.spooled_and_dropped(TRACES, DropReason::Expired), (0, 1, 1));
}

#[test]
fn of_a_process_s_metrics_only_the_newest_state_is_kept() {
    let place = Place::new();
    let first = place.process();
    first.store(METRICS, 4, b"state 1").expect("stored");
    first.store(METRICS, 5, b"state 2").expect("stored");
    assert_eq!(first.spooled_and_dropped(METRICS, DropReason::Superseded), (5, 4, 4));
    drop(first);

    let second = place.process();
    second.store(METRICS, 6, b"of another process").expect("stored");
    assert_eq!(second.counts(METRICS).spooled(), 11, "not states of the same");
    let (ticket, request) = second.spool.oldest(METRICS).expect("stored");
    assert_eq!(request.item_count, 5);
    second.spool.release(ticket);
    assert_eq!(second.replayed_items(METRICS), [5, 6]);
}

#[test]
fn a_state_of_metrics_that_is_given_back_after_a_newer_was_stored_is_not_sent_again() {
    let place = Place::new();
    let process = place.process();
    process.store(METRICS, 4, b"state 1").expect("stored");
    let (ticket, _) = process.spool.oldest(METRICS).expect("stored");
    process.store(METRICS, 5, b"state 2").expect("stored");
    process.spool.release(ticket);
    assert_eq!(process.replayed_items(METRICS), [5]);
    assert_eq!(process.spooled_and_dropped(METRICS, DropReason::Superseded), (0, 4, 4));
}

#[test]
fn a_state_of_metrics_that_is_given_back_after_a_newer_arrived_is_not_sent_again() {
    let place = Place::new();
    let process = place.process();
    for newer_is_stored in [true, false] {
        process.store(METRICS, 4, b"state 1").expect("stored");
        let (earlier, _) = process.spool.oldest(METRICS).expect("stored");
        if newer_is_stored {
            process.store(METRICS, 5, b"state 2").expect("stored");
            assert_eq!(process.replayed_items(METRICS), [5]);
        } else {
            process.spool.metrics_are_outdated(&state_made_now());
        }
        process.spool.release(earlier);
        assert_eq!(process.replayed_items(METRICS), [0; 0], "newer is stored: {newer_is_stored}");
    }
    assert_eq!(process.spooled_and_dropped(METRICS, DropReason::Superseded), (0, 8, 8));
}

fn state_made_now() -> ExportRequest {
    ExportRequest { signal: METRICS, body: Bytes::new(), item_count: 0, created: SystemTime::now() }
}

#[test]
fn what_is_stored_of_metrics_goes_when_newer_ones_were_delivered_without_it() {
    let place = Place::new();
    place.process().store(METRICS, 1, b"of another process").expect("stored");
    let process = place.process();
    process.store(METRICS, 4, b"own").expect("stored");
    process.store(TRACES, 9, b"spans").expect("stored");
    process.spool.metrics_are_outdated(&state_made_now());
    assert_eq!(process.spooled_and_dropped(METRICS, DropReason::Superseded), (1, 4, 4));
    assert_eq!((process.replayed_items(METRICS), process.replayed_items(TRACES)), (vec![1], vec![9]));
}

#[test]
fn senders_are_told_when_a_dead_process_left_something_or_the_disk_works_again() {
    let place = Place::new();
    let told = Arc::new(AtomicU64::new(0));
    let listen = |process: &Process| {
        let told = Arc::clone(&told);
        process.spool.on_more(Box::new(move || {
            told.fetch_add(1, Ordering::Relaxed);
        }));
    };
    let (first, second) = (place.process(), place.process());
    listen(&second);
    first.store(TRACES, 1, b"a").expect("stored");
    second.spool.shared.round();
    assert_eq!(told.load(Ordering::Relaxed), 0, "nothing is new");
    first.kill();
    second.spool.shared.round();
    assert_eq!(told.load(Ordering::Relaxed), 1);

    let place = Place::new();
    fs::write(place.folder(), "a file is in the way").expect("written");
    let process = place.process();
    listen(&process);
    fs::remove_file(place.folder()).expect("removed");
    process.clocks.pass(10_000);
    process.spool.shared.round();
    assert_eq!(told.load(Ordering::Relaxed), 2);
}

#[test]
fn two_processes_use_one_folder_and_the_survivor_takes_over() {
    let place = Place::new();
    let (first, second) = (place.process(), place.process());
    for items in 1..=60 {
        first.store(TRACES, items, &vec![1; 50_000]).expect("stored");
    }
    second.clocks.pass(1);
    second.store(TRACES, 1000, b"own").expect("stored");
    second.spool.shared.round();
    assert_eq!(second.counts(TRACES).spooled(), 1000, "the other one lives");
    assert_eq!(place.files(SEGMENT).len(), 2);
    first.kill();
    second.spool.shared.round();
    let all = (1..=60).sum::<u64>() + 1000;
    assert_eq!((second.counts(TRACES).spooled(), second.counts(TRACES).started()), (all, all));
    assert_eq!(place.files(SEGMENT).len(), 1);
    let mut sent = second.replayed_items(TRACES);
    assert_eq!(sent.pop(), Some(1000), "what is newest is sent last");
    assert_eq!(sent, (1..=60).collect::<Vec<_>>());
}

#[test]
fn taking_over_keeps_within_the_bounds_and_drops_the_oldest() {
    let place = Place { max_bytes: 10_000, ..Place::new() };
    let (first, second) = (place.process(), place.process());
    for items in [1, 2, 3, 4] {
        first.store(TRACES, items, &[0; 2000]).expect("stored");
        place.clocks.set(BEGIN + items);
    }
    first.kill();
    second.clocks.pass(1000);
    for items in [50, 60] {
        second.store(TRACES, items, &[0; 2000]).expect("stored");
    }
    second.spool.shared.round();
    assert_eq!(second.spooled_and_dropped(TRACES, DropReason::SpoolFull), (3 + 4 + 110, 3, 3));
    assert_eq!(second.replayed_items(TRACES), [3, 4, 50, 60]);
}

#[test]
fn within_one_run_of_the_system_a_clock_that_jumps_neither_expires_nor_keeps() {
    let place = Place::new();
    place.clocks.boot.store(7, Ordering::Relaxed);
    for wall in [BEGIN - 200_000 * HOUR, BEGIN + 200_000 * HOUR] {
        place.clocks.set(wall);
        place.process().store(TRACES, 1, b"a").expect("stored");
        place.clocks.set(BEGIN);
        place.clocks.pass(HOUR / 2);
        let next = place.process();
        next.spool.shared.round();
        assert_eq!(next.counts(TRACES).spooled(), 1, "stored at {wall}");
        drop(next);
        place.clocks.pass(HOUR / 2 + 1);
        let late = place.process();
        assert_eq!(late.replayed_items(TRACES), Vec::<u64>::new(), "stored at {wall}");
        assert_eq!(late.spooled_and_dropped(TRACES, DropReason::Expired), (0, 1, 1));
    }
}

#[test]
fn what_was_stored_before_the_clock_was_set_has_its_time_from_now_on() {
    let place = Place::new();
    place.clocks.set(1000);
    place.process().store(TRACES, 1, b"a").expect("stored");
    place.clocks.set(BEGIN);
    let process = place.process();
    process.spool.shared.round();
    assert_eq!(process.counts(TRACES).spooled(), 1, "nobody sends it");
    drop(process);
    place.clocks.set(BEGIN + HOUR + 1);
    let late = place.process();
    assert_eq!(late.replayed_items(TRACES), Vec::<u64>::new());
    assert_eq!(late.spooled_and_dropped(TRACES, DropReason::Expired), (0, 1, 1));
}

/// Few that wait long among many that are delivered do not keep the files of all.
#[test]
fn what_is_delivered_does_not_take_space_beside_what_waits() {
    let place = Place::new();
    let process = place.process();
    for round in 0..60 {
        process.store(Signal::Logs, 1, &[1; 100]).expect("stored");
        process.store(TRACES, round, &vec![2; 1 << 20]).expect("stored");
        assert_eq!(process.replayed_items(TRACES), [round]);
    }
    let bytes: u64 = place.files(SEGMENT).iter().map(|path| fs::metadata(path).expect("there").len()).sum();
    assert!(bytes < 16 << 20, "{bytes} bytes");
    drop(process);
    assert_eq!(place.process().replayed_items(Signal::Logs), vec![1; 60]);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_of_the_parcel_only_and_is_tried_again() {
    let place = Place::new();
    fs::write(place.folder(), "a file is in the way").expect("written");
    let process = place.process();
    assert_eq!(process.store(TRACES, 1, b"a"), None, "no folder");
    fs::remove_file(place.folder()).expect("removed");
    assert_eq!(process.store(TRACES, 2, b"b"), None, "not at once");
    process.clocks.pass(10_000);
    process.store(TRACES, 3, b"c").expect("stored");
    assert_eq!(process.replayed_items(TRACES), [3]);
}

#[test]
fn nothing_is_made_readable_for_others_and_a_lock_is_all_that_stays() {
    let place = Place::new();
    let process = place.process();
    process.store(TRACES, 1, b"a").expect("stored");
    for path in place.files("v1-") {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    process.replay(TRACES);
    drop(process);
    assert_eq!(place.files("").len(), 1);
    assert_eq!(place.files("v1-0.lock").len(), 1);
}

#[test]
fn the_real_clock_tells_the_time_and_goes_forward() {
    let clock = SystemClock::start();
    let (earlier, later) = (clock.now(), clock.now());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    assert!(earlier.stamp.wall.abs_diff(clock::millis(now)) < HOUR);
    assert!(0 <= earlier.steady && earlier.steady <= later.steady);
    assert!(earlier.stamp.uptime <= later.stamp.uptime);
    assert_eq!(earlier.stamp.boot, SystemClock::start().now().stamp.boot);
    assert!(cfg!(not(target_os = "linux")) || earlier.stamp.boot != 0);
}

#[test]
fn many_are_stored_at_once_and_if_not_all_fit_the_newest_are() {
    let place = Place { max_bytes: 10_000, ..Place::new() };
    let process = place.process();
    process.store(TRACES, 1, &[0; 1000]).expect("stored");
    let requests: Vec<_> = (2..=40_u64)
        .map(|items| {
            process.spool.shared.stats.entered(TRACES, ItemState::Queued, items);
            let body = Bytes::from(vec![0; 1000]);
            ExportRequest { signal: TRACES, body, item_count: items, created: SystemTime::now() }
        })
        .collect();
    let stored = process.spool.store(&requests.iter().collect::<Vec<_>>());
    let kept = stored.iter().filter(|ticket| ticket.is_some()).count();
    assert!((1..39).contains(&kept), "{kept}");
    assert!(stored.iter().rev().take(kept).all(Option::is_some), "the newest: {stored:?}");
    for (request, ticket) in requests.iter().zip(stored) {
        let Some(ticket) = ticket else { continue };
        process.spool.shared.stats.moved(TRACES, request.item_count, ItemState::Queued, ItemState::Spooled);
        process.spool.release(ticket);
    }
    let sent: Vec<_> = process.replay(TRACES).into_iter().map(|(items, _)| items).collect();
    let expected: Vec<_> = (2..=40).skip(39 - kept).collect();
    assert_eq!(sent, expected, "what was there before has made room");
}
