//! The end of a program: in time, wherever it happens, with nothing counted twice.

use std::time::{Duration, Instant};

use llm_trace::DropReason;
use llm_trace::opentelemetry::global;
use llm_trace::opentelemetry::trace::{Span as _, Tracer as _};
use llm_trace_tests::otlp::{Answer, Receiver};

use crate::{TRACES, account, keeps_the_law, one_at_a_time, started, work};

#[test]
fn a_shutdown_takes_no_longer_than_it_may() {
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
    let telemetry = started(&receiver, 5);
    telemetry.flush();
    let started_at = Instant::now();
    let receipt = telemetry.shutdown();
    assert!(started_at.elapsed() < Duration::from_secs(5), "{:?}", started_at.elapsed());
    let spans = account("429 with Retry-After of a day", &receipt, &receiver);
    assert_eq!((spans.dropped_for(DropReason::Undelivered), receipt.metrics_lost()), (5, false));
    assert_eq!(receiver.received().iter().filter(|request| request.path == TRACES).count(), 1);
}

#[test]
fn it_works_with_any_runtime_with_none_and_from_drop() {
    let _turn = one_at_a_time();
    let current_thread = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let multi_thread = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    // The first attempt fails, so that each has to wait for a retry too.
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
fn it_works_in_a_task_of_its_own() {
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
fn what_is_known_can_be_asked_for_at_any_time() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = started(&receiver, 0);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                keeps_the_law(&telemetry.stats());
            }
        });
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(|| (0..1_000).for_each(|_| work()))).collect();
        for worker in workers {
            worker.join().unwrap();
        }
        telemetry.flush();
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let receipt = telemetry.shutdown();
    assert_eq!(account("asked all the time", &receipt, &receiver).started(), 2_000);
}
