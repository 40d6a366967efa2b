//! Hours of work at a fixed rate, with a receiver that goes away now and then: nothing is lost, and memory stays flat.
//!
//! `scripts/soak.sh [seconds] [calls per second]`, by default ten minutes with 200.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for the terminal")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use llm_trace::{Response, Telemetry, Usage, llm_trace};

/// The period; the receiver is unavailable for the last third of it.
const PERIOD: Duration = Duration::from_secs(30);
const REPORTS: Duration = Duration::from_secs(10);
/// Memory that does not count as growth: the allocator's, and the queue during an outage.
const SLACK_KIB: u64 = 16 * 1024;

#[llm_trace(workflow, name = "soak")]
fn answer(prompt: &str) {
    let _ = chat(prompt);
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini", input = prompt)]
fn chat(prompt: &str) -> Response {
    Response::new().with_id("r").with_finish_reason("stop").with_usage(Usage::new(prompt.len() as u64, 43))
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let (seconds, rate) = (arguments.next().unwrap_or(600), arguments.next().unwrap_or(200));
    let receiver = Receiver::start();
    let dir = tempfile::tempdir().unwrap();
    let telemetry = llm_trace::builder()
        .with_service_name("soak")
        .with_endpoint(&receiver.endpoint)
        .with_content_capture(llm_trace::ContentCapture::SpanOnly)
        .with_spool(dir.path())
        .init()
        .unwrap();
    println!(
        "{seconds} s, {rate} calls a second (two spans each); away for the last third of every {PERIOD:?}"
    );
    println!(
        "{:>7} {:>9} {:>9} {:>9} {:>9} {:>8}  receiver",
        "seconds", "ended", "delivered", "spooled", "dropped", "RSS KiB"
    );

    let prompt = "Which of these documents says how a span is named? ".repeat(20);
    let (begin, end) = (Instant::now(), Duration::from_secs(seconds));
    let (mut calls, mut next_report, mut settled, mut last) = (0, REPORTS, None, 0);
    while begin.elapsed() < end {
        let elapsed = begin.elapsed();
        receiver
            .away
            .store(elapsed.as_secs() % PERIOD.as_secs() >= PERIOD.as_secs() * 2 / 3, Ordering::Relaxed);
        // Makes all calls that are due, so that the rate holds on a busy machine too.
        while u128::from(calls) < elapsed.as_millis() * u128::from(rate) / 1000 {
            answer(&prompt);
            calls += 1;
        }
        if elapsed >= next_report {
            next_report += REPORTS;
            last = report(elapsed, &telemetry, &receiver);
            if elapsed > end / 3 {
                settled.get_or_insert(last);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    receiver.away.store(false, Ordering::Relaxed);
    let _ = telemetry.flush();
    report(begin.elapsed(), &telemetry, &receiver);
    let receipt = telemetry.shutdown();
    let spans = receipt.spans();
    println!("{receipt}; the receiver counted {} bytes", receiver.bytes.load(Ordering::Relaxed));
    let whole = spans.delivered() + spans.spooled() == spans.started() && spans.started() == calls * 2;
    let flat = settled.is_none_or(|settled| last < settled + SLACK_KIB);
    println!("nothing lost: {whole}; memory flat: {flat}");
    if whole && flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a line, and returns the resident memory in KiB.
fn report(elapsed: Duration, telemetry: &Telemetry, receiver: &Receiver) -> u64 {
    let stats = telemetry.stats();
    let spans = stats.spans();
    let rss = resident_kib();
    println!(
        "{:>7} {:>9} {:>9} {:>9} {:>9} {rss:>8}  {}",
        elapsed.as_secs(),
        spans.started() - spans.open(),
        spans.delivered(),
        spans.spooled(),
        spans.dropped(),
        if receiver.away.load(Ordering::Relaxed) { "away" } else { "there" },
    );
    rss
}

/// The value reported by Linux; 0 elsewhere.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// A receiver that accepts and discards everything.
struct Receiver {
    endpoint: String,
    away: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (away, bytes) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (is_away, counted) = (Arc::clone(&away), Arc::clone(&bytes));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (away, bytes) = (Arc::clone(&is_away), Arc::clone(&counted));
                std::thread::spawn(move || while serve(&stream, &away, &bytes).is_some() {});
            }
        });
        Receiver { endpoint, away, bytes }
    }
}

fn serve(stream: &TcpStream, away: &AtomicBool, bytes: &AtomicU64) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end().to_ascii_lowercase().split_once("content-length:") {
            Some((_, value)) => length = value.trim().parse().ok()?,
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let read = std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    let status = if away.load(Ordering::Relaxed) { "503 Away" } else { "200 OK" };
    if status.starts_with("200") {
        bytes.fetch_add(read, Ordering::Relaxed);
    }
    let mut writer = stream;
    writer.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()
}
