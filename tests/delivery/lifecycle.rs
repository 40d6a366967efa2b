//! The end of a program: within the timeout, at any place, with nothing counted twice.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use llm_trace::opentelemetry::global;
use llm_trace::opentelemetry::trace::{Span as _, Tracer as _};
use llm_trace::{DropReason, ExportReport, Response, Telemetry, Usage, llm_trace};
use llm_trace_test_support::otlp::{Answer, Receiver};

use crate::{LONG, TRACES, account, assert_accounted, one_at_a_time, outcome, quick, started, until, work};

#[test]
fn a_shutdown_ends_within_its_timeout() {
    let _turn = one_at_a_time();
    let receiver = Receiver::answering(Answer::Hang);
    let telemetry = started(&receiver, 5);
    let started_at = Instant::now();
    let receipt = telemetry.shutdown_within(Duration::from_millis(400));
    let took = started_at.elapsed();
    assert!(took < Duration::from_millis(1500), "{took:?}");
    let spans = account("no answer, 400 ms to shut down", &receipt, &receiver);
    assert_eq!((spans.started(), spans.dropped_for(DropReason::Undelivered)), (5, 5));
    assert!(receipt.failure().is_some_and(|reason| reason.contains("no answer")), "{receipt}");
}

#[test]
fn a_shutdown_does_not_wait_for_a_pause_that_ends_later() {
    let _turn = one_at_a_time();
    let receiver = Receiver::scripted(|_, request| match request.path.as_str() {
        TRACES => Answer::Busy(429, "86400"),
        _ => Answer::Status(200),
    });
    // Delays are not scaled here.
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    (0..5).for_each(|_| work());
    let _ = telemetry.flush();
    let started_at = Instant::now();
    let receipt = telemetry.shutdown();
    assert!(started_at.elapsed() < Duration::from_secs(5), "{:?}", started_at.elapsed());
    let spans = account("429 with Retry-After of a day", &receipt, &receiver);
    assert_eq!((spans.dropped_for(DropReason::Undelivered), !receipt.has_current_metrics()), (5, false));
    let attempts = receiver.received().iter().filter(|request| request.path == TRACES).count();
    assert!((2..=3).contains(&attempts), "flush and end try once all the same: {attempts}");
}

#[test]
fn shutdown_works_with_any_runtime_without_one_and_in_drop() {
    let _turn = one_at_a_time();
    let current_thread = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let multi_thread = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    // The first attempt fails, so that each run waits for a retry as well.
    let flaky = || {
        Receiver::scripted(|before, _| if before == 0 { Answer::Status(503) } else { Answer::Status(200) })
    };
    for (place, runtime) in [
        ("no runtime", None),
        ("current thread", Some(current_thread())),
        ("multi thread", Some(multi_thread())),
    ] {
        for dropped in [false, true] {
            let receiver = flaky();
            let run = || {
                let telemetry = started(&receiver, 5);
                if dropped {
                    drop(telemetry);
                    return None;
                }
                Some(telemetry.shutdown())
            };
            let receipt = match &runtime {
                Some(runtime) => runtime.block_on(async { run() }),
                None => run(),
            };
            if let Some(receipt) = receipt {
                let spans = account(&format!("503, shut down inside: {place}"), &receipt, &receiver);
                assert_eq!((spans.delivered(), receipt.is_complete()), (5, true), "{place}");
            }
            assert_eq!(receiver.spans_taken().len(), 5, "{place}, dropped: {dropped}");
        }
    }
}

#[test]
fn shutdown_works_in_a_spawned_task() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let receipt = runtime.block_on(async {
        let telemetry = started(&receiver, 5);
        tokio::task::spawn_blocking(move || telemetry.shutdown()).await.unwrap()
    });
    assert_eq!(account("spawn_blocking", &receipt, &receiver).delivered(), 5);
}

#[test]
fn spans_that_end_after_the_end_are_open_in_the_receipt() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = started(&receiver, 2);
    let mut open = global::tracer("test").start("still open");
    let receipt = telemetry.shutdown();
    open.end();
    work();
    let spans = account("a span that is still open", &receipt, &receiver);
    assert_eq!((spans.started(), spans.delivered(), spans.open()), (3, 2, 1));
}

#[test]
fn stats_are_available_at_any_time() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = started(&receiver, 0);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                assert_accounted(&telemetry.stats());
            }
        });
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(|| (0..1_000).for_each(|_| work()))).collect();
        for worker in workers {
            worker.join().unwrap();
        }
        let _ = telemetry.flush();
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let receipt = telemetry.shutdown();
    assert_eq!(account("stats read all the time", &receipt, &receiver).started(), 2_000);
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn chat(begun: &mpsc::Sender<()>, wait: &mpsc::Receiver<()>) -> Response {
    llm_trace::current().usage(Usage::new(812, 43));
    begun.send(()).unwrap();
    wait.recv().unwrap();
    Response::new().with_id("too late")
}

#[llm_trace(workflow, name = "support")]
fn answer(begun: &mpsc::Sender<()>, wait: &mpsc::Receiver<()>) {
    let _ = chat(begun, wait);
}

#[test]
fn open_calls_end_at_shutdown_with_their_current_attributes() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = started(&receiver, 1);
    let ((announce, begun), (leave, wait)) = (mpsc::channel(), mpsc::channel());
    let thread = std::thread::spawn(move || answer(&announce, &wait));
    begun.recv().unwrap();
    let _ = until(&telemetry, |receipt| receipt.spans().open() == 2);
    let receipt = telemetry.shutdown();
    let spans = account("two calls are still open", &receipt, &receiver);
    assert_eq!((spans.started(), spans.delivered(), spans.open()), (3, 3, 0));
    leave.send(()).unwrap();
    thread.join().unwrap();

    let taken = receiver.spans_taken();
    let named = |name: &str| taken.iter().find(|span| span.name == name).unwrap();
    let (workflow, chat) = (named("invoke_workflow support"), named("chat gpt-4o-mini"));
    assert_eq!(chat.parent_span_id, workflow.span_id);
    for span in [workflow, chat] {
        assert_eq!(outcome(span).as_deref(), Some("shutdown"), "{span:?}");
        assert_eq!(span.status.clone().unwrap_or_default().code, 0, "it is no error");
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    }
    let keys: Vec<_> = chat.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert!(keys.contains(&"gen_ai.usage.input_tokens") && keys.contains(&"gen_ai.usage.cost"), "{keys:?}");
    assert!(!keys.contains(&"gen_ai.response.id"), "{keys:?}");
    assert_eq!(outcome(named("work")), None);
}

#[test]
fn a_call_can_shut_down_its_telemetry() {
    #[llm_trace(workflow, name = "main")]
    fn program(telemetry: Telemetry) -> ExportReport {
        work();
        telemetry.shutdown()
    }
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let receipt = program(started(&receiver, 0));
    let spans = account("shut down inside a call", &receipt, &receiver);
    assert_eq!((spans.started(), spans.delivered(), receipt.is_complete()), (2, 2, true));
}

#[test]
fn a_panic_delivers_first_with_deliver_on_panic() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = started(&receiver, 3);
    telemetry.deliver_on_panic(LONG);
    let arrived = std::thread::scope(|scope| {
        let panicking = scope.spawn(|| panic!("deliberate panic"));
        assert!(panicking.join().is_err());
        receiver.spans_taken().len()
    });
    assert_eq!(arrived, 3, "no flush, and the processor waits for five seconds");
    work();
    let spans = account("a panic", &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (4, 4));
    // The hook stays installed and does nothing.
    assert!(std::thread::spawn(|| panic!("second deliberate panic")).join().is_err());
}

/// The program that the next test starts.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    let endpoint = std::env::var_os(PROGRAM).expect("another test starts this");
    let telemetry = quick(endpoint.to_str().unwrap()).init().unwrap();
    telemetry.shutdown_on_signals(LONG).unwrap();
    work();
    let (announce, begun) = mpsc::channel();
    let (_leave, wait) = mpsc::channel();
    std::thread::spawn(move || answer(&announce, &wait));
    begun.recv().unwrap();
    let _ = until(&telemetry, |receipt| receipt.spans().open() == 2);
    println!("{READY}");
    std::thread::sleep(LONG);
    std::process::exit(1);
}

const PROGRAM: &str = "TEST_PROGRAM";
const READY: &str = "everything is under way";

#[test]
#[cfg(unix)]
fn a_signal_shuts_down_and_ends_the_program_by_default_action() {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::ExitStatusExt as _;
    let receiver = Receiver::start();
    for (name, number) in [("TERM", 15), ("INT", 2)] {
        let before = receiver.spans_taken().len();
        let mut program = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "lifecycle::program", "--nocapture"])
            .env(PROGRAM, receiver.endpoint())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(READY)));
        let kill = std::process::Command::new("kill").args(["-s", name, &program.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let status = program.wait().unwrap();
        assert_eq!(status.signal(), Some(number), "{status:?}");
        let taken = receiver.spans_taken();
        assert_eq!(taken.len() - before, 3, "{name}");
        assert_eq!(taken.iter().skip(before).filter(|span| outcome(span).is_some()).count(), 2);
    }
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_the_program_while_the_first_is_still_being_handled() {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::ExitStatusExt as _;
    let receiver = Receiver::answering(Answer::Hang);
    let mut program = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "lifecycle::program", "--nocapture"])
        .env(PROGRAM, receiver.endpoint())
        // Longer than this test: without the second signal the program would wait this long.
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "600000")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(READY)));
    let send = |name: &str| {
        let kill = std::process::Command::new("kill").args(["-s", name, &program.id().to_string()]).status();
        assert!(kill.unwrap().success());
    };
    send("TERM");
    // The signal is being handled: the queue is being sent.
    receiver.wait_for(1);
    send("INT");
    let begun = Instant::now();
    let status = program.wait().unwrap();
    assert_eq!(status.signal(), Some(2), "{status:?}");
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
}

#[test]
fn no_call_is_open_after_a_shutdown_in_the_middle_of_many() {
    let _turn = one_at_a_time();
    for _ in 0..5 {
        let receiver = Receiver::start();
        let telemetry = started(&receiver, 0);
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let receipt = std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                        outer();
                    }
                });
            }
            let _ = until(&telemetry, |receipt| receipt.spans().started() > 1_000);
            let receipt = telemetry.shutdown();
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            receipt
        });
        assert_eq!(account("64 callers", &receipt, &receiver).open(), 0, "{receipt}");
    }
}

#[llm_trace(workflow, name = "outer")]
fn outer() {
    work();
    std::thread::yield_now();
}
