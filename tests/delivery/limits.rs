//! Durations beyond the range of the clock, and a system without free threads.

use std::time::Duration;

use llm_trace::{ConfigError, ExportReport};
use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::{Answer, Receiver};

use crate::{LONG, account, assert_accounted, one_at_a_time, quick, started, work};

const EDGES: [Duration; 4] =
    [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(i64::MAX as u64 - 1), Duration::MAX];

#[test]
fn a_shutdown_within_any_duration_ends_and_accounts() {
    let _turn = one_at_a_time();
    for timeout in EDGES {
        let receiver = Receiver::start();
        let receipt = started(&receiver, 3).shutdown_within(timeout);
        assert_accounted(&receipt);
        assert_eq!(receipt.spans().started(), 3, "{timeout:?}");
        if timeout > LONG {
            let spans = account(&format!("shut down within {timeout:?}"), &receipt, &receiver);
            assert_eq!(spans.delivered(), 3, "{timeout:?}");
        }
    }
}

#[test]
fn a_timeout_is_accepted_or_refused_but_never_a_panic() {
    let _turn = one_at_a_time();
    for timeout in EDGES {
        let receiver = Receiver::start();
        match quick(&receiver.endpoint()).with_timeout(timeout).init() {
            Ok(telemetry) => {
                work();
                let _ = telemetry.flush();
                let receipt = telemetry.shutdown();
                assert_accounted(&receipt);
                assert_eq!(receipt.spans().started(), 1, "{timeout:?}");
            }
            Err(ConfigError::InvalidValue { parameter, .. }) => assert_eq!(parameter, "with_timeout"),
            Err(error) => panic!("{timeout:?}: {error}"),
        }
    }
}

#[test]
fn a_panic_delivers_within_any_duration() {
    let _turn = one_at_a_time();
    for timeout in EDGES {
        let receiver = Receiver::start();
        let telemetry = started(&receiver, 1);
        telemetry.deliver_on_panic(timeout);
        assert!(std::thread::spawn(|| panic!("deliberate panic")).join().is_err());
        assert_eq!(
            account(&format!("a panic, {timeout:?} to deliver"), &telemetry.shutdown(), &receiver).started(),
            1
        );
        // Removes the hook.
        drop(std::panic::take_hook());
    }
}

#[test]
fn a_second_guard_is_refused_and_a_later_one_works() {
    let _turn = one_at_a_time();
    let receiver = Receiver::answering(Answer::Status(200));
    let telemetry = started(&receiver, 1);
    assert!(matches!(quick(&receiver.endpoint()).init(), Err(ConfigError::AlreadyInitialised)));
    work();
    assert_eq!(account("a second guard", &telemetry.shutdown(), &receiver).delivered(), 2);
    assert_eq!(started(&receiver, 1).shutdown().spans().delivered(), 1);
}

/// The program that the next test starts; it does nothing on its own. Its threads need more memory than its limit.
#[cfg(target_os = "linux")]
#[test]
fn program_without_threads() {
    use rlimit::Resource;

    let Some(endpoint) = std::env::var_os(PROGRAM) else { return };
    let endpoint = endpoint.to_str().unwrap();
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    let (_, most) = Resource::AS.get().unwrap();
    Resource::AS.set(pages * 4096 + STACK / 2, most).unwrap();
    if std::thread::Builder::new().spawn(|| {}).is_ok() {
        println!("{SKIPPED}");
        return;
    }
    for _ in 0..2 {
        let error = quick(endpoint).init().expect_err("there is no thread");
        assert!(matches!(error, ConfigError::Thread(_)), "{error:?}");
        assert_eq!(error.to_string(), "the threads that export could not be started");
    }
    Resource::AS.set(most, most).unwrap();
    let telemetry = quick(endpoint).init().unwrap();
    work();
    let receipt: ExportReport = telemetry.shutdown();
    assert_eq!((receipt.spans().delivered(), receipt.is_complete()), (1, true), "{receipt}");
    println!("{DONE}");
}

#[cfg(target_os = "linux")]
const PROGRAM: &str = "TEST_WITHOUT_THREADS";
#[cfg(target_os = "linux")]
const SKIPPED: &str = "the limit of memory does not keep threads from being made";
#[cfg(target_os = "linux")]
const DONE: &str = "initialised as soon as there were threads";
#[cfg(target_os = "linux")]
const STACK: u64 = 256 << 20;

#[cfg(target_os = "linux")]
#[test]
fn without_threads_init_is_an_error_and_a_later_one_works() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limits::program_without_threads", "--nocapture"])
        .env(PROGRAM, receiver.endpoint())
        .env("RUST_MIN_STACK", STACK.to_string())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if out.contains(SKIPPED) {
        eprintln!("skipped: {SKIPPED}");
        return;
    }
    assert!(out.contains(DONE), "{output:?}");
    assert!(!err.contains("panicked"), "{err}");
    Row::of("no thread to be had for init, then one", 1, &receiver.spans_taken()).settle();
}
