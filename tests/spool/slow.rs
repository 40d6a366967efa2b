//! A slow disk does not delay the program.
#![expect(clippy::print_stdout, reason = "what was measured")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::{Answer, Receiver};
use tempfile::tempdir;

use crate::program::{Counts, Program};

/// A library that delays every `fsync` and `fdatasync`.
const SLOW: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static void pause_for_disk(void) { usleep(1000 * atoi(getenv("TEST_FSYNC_MS"))); }
int fsync(int fd) { pause_for_disk(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { pause_for_disk(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"#;

/// Builds the library; `None` without a compiler.
fn slow_disk(dir: &Path) -> Option<PathBuf> {
    let (source, library) = (dir.join("slow.c"), dir.join("slow.so"));
    std::fs::write(&source, SLOW).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").stderr(Stdio::null());
    compiler.status().is_ok_and(|status| status.success()).then_some(library)
}

/// 40,000 spans wait for a receiver that hangs; the program has four seconds to shut down.
fn shut_down(fault: &str, fsync_ms: &str) -> Option<(Counts, Duration)> {
    let (dir, build, hanging) = (tempdir().unwrap(), tempdir().unwrap(), Receiver::answering(Answer::Hang));
    let Some(library) = slow_disk(build.path()) else {
        Row::skip(fault, "no C compiler");
        return None;
    };
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("TEST_FSYNC_MS", fsync_ms),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "40000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
    ];
    let mut program = Program::start(dir.path(), &hanging.endpoint(), &environment);
    // In batches: a debug build takes a few seconds to encode them.
    for _ in 0..8 {
        program.ask("short 5000");
        std::thread::sleep(Duration::from_millis(500));
    }
    let started = Instant::now();
    let counts = program.ask("shutdown 4000");
    let took = started.elapsed();
    println!("{fault}: {took:?}, {counts:?}");
    program.kill();
    assert_eq!(counts.get("queued"), 0, "{counts:?}");
    let row =
        Row { spooled: counts.get("spooled"), dropped: counts.dropped(), ..Row::of(fault, 40_000, &[]) };
    row.settle();
    Some((counts, took))
}

#[test]
fn a_shutdown_with_40_000_spans_is_in_time_on_a_slow_disk() {
    // Storing one request at a time would take 12 s more for 79 requests.
    if let Some((counts, took)) =
        shut_down("no answer, 40,000 spans, fsync of 100 ms, 4 s to shut down", "100")
    {
        assert!(took < Duration::from_secs(12), "{took:?}");
        assert!(counts.get("spooled") > 0, "{counts:?}");
    }
}

#[test]
fn a_shutdown_does_not_wait_for_a_disk_that_hangs() {
    // Longer than the test's timeout: a program that waits for the disk fails on a busy machine too.
    if let Some((counts, took)) =
        shut_down("no answer, 40,000 spans, a disk that hangs, 4 s to shut down", "120000")
    {
        assert!(took < Duration::from_secs(60), "{took:?}");
        let dropped = (counts.get("undelivered") + counts.get("queue_full"), counts.get("spooled"));
        assert_eq!(dropped, (40_000, 0), "{counts:?}");
        assert!(counts.receipt.contains("40000 spans"), "{counts:?}");
    }
}
