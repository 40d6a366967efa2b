//! What a call costs that nothing records: `cargo bench --bench unobserved`. With nothing installed, and after an `init()` that found
//! telemetry switched off. With the feature `off` there is nothing to measure: the attribute returns its function.
//!
//! Minima of many rounds, which take turns. Nothing here is asserted.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a program that prints a table")]

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use llm_trace::llm_trace;

const ROUNDS: usize = 200;
const CALLS: u32 = 5000;
const SWITCHED_OFF: &str = "switched-off";

#[inline(never)]
fn bare(model: &str) -> usize {
    black_box(model).len()
}

#[llm_trace(chat, provider = "openai", model = model)]
#[inline(never)]
fn ours(model: &str) -> usize {
    black_box(model).len()
}

#[tracing::instrument(skip_all, fields(gen_ai.request.model = model))]
#[inline(never)]
fn traced(model: &str) -> usize {
    black_box(model).len()
}

type Variant = (&'static str, fn(&str) -> usize);

fn compare(title: &str) {
    let variants: [Variant; 3] = [("bare", bare), ("ours", ours), ("instrument", traced)];
    let mut least = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for ((_, call), least) in variants.iter().zip(&mut least) {
            let started = Instant::now();
            for _ in 0..CALLS {
                black_box(call(black_box("gpt-4o-mini")));
            }
            *least = (*least).min(started.elapsed());
        }
    }
    println!("{title:24} ns/call  allocations/1000 calls");
    for ((name, call), least) in variants.iter().zip(least) {
        let allocations = allocation_counter::measure(|| {
            for _ in 0..1000 {
                black_box(call("gpt-4o-mini"));
            }
        });
        let time = least.as_secs_f64() * 1e9 / f64::from(CALLS);
        println!("{name:24} {time:>7.1}  {:>22}", allocations.count_total);
        println!("FIGURE {title}/{name} {time:.1} ns");
    }
}

fn main() {
    if std::env::args().any(|argument| argument == SWITCHED_OFF) {
        let telemetry = llm_trace::builder().init().unwrap();
        compare(SWITCHED_OFF);
        drop(telemetry);
        return;
    }
    compare("nothing-installed");
    let mut switched_off = Command::new(std::env::current_exe().unwrap());
    switched_off.arg(SWITCHED_OFF).env("OTEL_SDK_DISABLED", "true").status().unwrap();
}
