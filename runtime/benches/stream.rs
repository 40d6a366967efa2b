//! What one chunk of a stream and one open stream cost, in one run: `cargo bench --bench stream`.
//!
//! The time of a chunk is the difference between a long and a short stream, divided by the difference of their lengths: what a call costs
//! by itself is not in it. Streams take turns, and minima are compared: what else the machine does only adds. Nothing here is asserted.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a program that prints a table")]
#![allow(
    clippy::cast_precision_loss,
    clippy::struct_field_names,
    reason = "small numbers; names of a provider"
)]

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_core::Stream;
use llm_trace::llm_trace;
use llm_trace::stream::{Chunk, StreamExt as _};
use serde::Serialize;

const ROUNDS: usize = 300;
const SHORT: usize = 8;
const LONG: usize = 208;
const OPEN: usize = 10_000;

/// A chunk of `OpenAI`'s chat API, as clients declare it.
#[derive(Serialize)]
struct ChatChunk {
    id: String,
    object: String,
    created: u32,
    model: String,
    service_tier: Option<String>,
    system_fingerprint: Option<String>,
    choices: Vec<Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    delta: Delta,
    finish_reason: Option<Finish>,
    logprobs: Option<()>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Finish {
    Stop,
}

#[derive(Serialize, Default)]
struct Delta {
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Vec<()>>,
    role: Option<String>,
    refusal: Option<String>,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
}

type Shared = &'static ChatChunk;

fn chunk(content: &str) -> ChatChunk {
    let delta = Delta { content: Some(content.to_owned()), ..Delta::default() };
    ChatChunk {
        id: "chatcmpl-9nYQw3Zx8bT1kV2m4c5d6e7f8g9h0".to_owned(),
        object: "chat.completion.chunk".to_owned(),
        created: 1_720_000_000,
        model: "gpt-4o-mini-2024-07-18".to_owned(),
        service_tier: None,
        system_fingerprint: Some("fp_44709d6fcb".to_owned()),
        choices: vec![Choice { index: 0, delta, finish_reason: None, logprobs: None }],
        usage: None,
    }
}

/// As many chunks of text as asked for, and the two that end a stream.
fn chunks(count: usize) -> Vec<ChatChunk> {
    let mut all: Vec<_> = (0..count).map(|_| chunk(" token")).collect();
    let mut last = chunk("");
    last.choices[0].finish_reason = Some(Finish::Stop);
    all.push(last);
    let mut usage = chunk("");
    usage.choices.clear();
    usage.usage = Some(Usage { prompt_tokens: 812, completion_tokens: 43, total_tokens: 855 });
    all.push(usage);
    all
}

static CHUNKS: LazyLock<[Vec<ChatChunk>; 2]> = LazyLock::new(|| [chunks(SHORT), chunks(LONG)]);
static TEXTS: LazyLock<[Vec<&str>; 2]> =
    LazyLock::new(|| [SHORT, LONG].map(|count| vec![" token"; count + 2]));

/// Items that are there already.
struct Ready<T: 'static>(std::slice::Iter<'static, T>);

impl<T> Stream for Ready<T> {
    type Item = &'static T;
    fn poll_next(mut self: Pin<&mut Self>, _task: &mut Context<'_>) -> Poll<Option<&'static T>> {
        Poll::Ready(black_box(self.0.next()))
    }
}

fn bare(long: usize) -> impl Stream<Item = Shared> + Unpin {
    Ready(CHUNKS[long].iter())
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn structs(long: usize) -> impl Stream<Item = Shared> + Unpin {
    Ready(CHUNKS[long].iter())
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn texts(long: usize) -> impl Stream<Item = &'static &'static str> + Unpin {
    Ready(TEXTS[long].iter())
}

/// Whoever knows the type writes the reader.
#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn by_hand(long: usize) -> llm_trace::stream::TracedStream<Ready<&'static str>> {
    Ready(TEXTS[long].iter()).traced(|text: &&'static &'static str, chunk: &mut Chunk<'_>| chunk.text(text))
}

#[llm_trace(task)]
fn of_task(long: usize) -> impl Stream<Item = Shared> + Unpin {
    Ready(CHUNKS[long].iter())
}

fn drain<S: Stream>(stream: S) {
    let mut stream = pin!(stream);
    let mut task = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(item)) = stream.as_mut().poll_next(&mut task) {
        black_box(item);
    }
}

type Variant = (&'static str, fn(usize));

const VARIANTS: &[Variant] = &[
    ("bare", |long| drain(bare(long))),
    ("OpenAI-shaped struct", |long| drain(structs(long))),
    ("&str", |long| drain(texts(long))),
    ("&str, reader by hand", |long| drain(by_hand(long))),
    ("item of a task's stream", |long| drain(of_task(long))),
];

fn per_chunk() {
    let mut least = vec![[Duration::MAX; 2]; VARIANTS.len()];
    for _ in 0..ROUNDS {
        for ((_, run), least) in VARIANTS.iter().zip(&mut least) {
            for (long, least) in least.iter_mut().enumerate() {
                let started = Instant::now();
                for _ in 0..4 {
                    run(long);
                }
                *least = (*least).min(started.elapsed() / 4);
            }
        }
    }
    println!("{:28} ns/chunk  allocations/chunk", "chunk of");
    for ((name, run), [short, long]) in VARIANTS.iter().zip(&least) {
        let allocations = [0, 1].map(|long| allocation_counter::measure(|| run(long)).count_total);
        let each = (allocations[1] - allocations[0]) as f64 / (LONG - SHORT) as f64;
        let time = long.saturating_sub(*short).as_secs_f64() * 1e9 / (LONG - SHORT) as f64;
        println!("{name:28} {time:>8.1}  {each:>17.2}");
        println!("FIGURE chunk/{} {time:.1} ns", name.replace(' ', "-"));
    }
}

/// Bytes and blocks of a stream that is open, after its first chunks.
fn per_stream() {
    let mut task = Context::from_waker(Waker::noop());
    let mut polled = |stream: &mut (dyn Stream<Item = Shared> + Unpin)| {
        for _ in 0..3 {
            let _ = black_box(Pin::new(&mut *stream).poll_next(&mut task));
        }
    };
    let mut open = Vec::with_capacity(OPEN);
    let held = allocation_counter::measure(|| {
        for _ in 0..OPEN {
            let mut stream = structs(1);
            polled(&mut stream);
            open.push(stream);
        }
    });
    let each = [held.bytes_current as f64, held.count_current as f64].map(|sum| sum / OPEN as f64);
    let inline = size_of_val(&open[0]) - size_of_val(&bare(1));
    println!("\nopen stream: {:.0} bytes in {:.1} blocks, {inline} bytes in itself", each[0], each[1]);
    println!("FIGURE stream/open {:.0} bytes", each[0]);
}

fn main() {
    // Nobody listens there: what an export costs is not what a stream waits for.
    let builder = llm_trace::builder().with_endpoint("http://127.0.0.1:9");
    let telemetry = builder.init().unwrap();
    drain(structs(1));
    let _ = telemetry.flush(); // The price table is there.
    if let Some(name) = std::env::args().skip(1).find(|argument| argument != "--bench") {
        // For a program that counts instructions.
        let (_, run) = VARIANTS.iter().find(|(known, _)| *known == name).expect("the name of a variant");
        for _ in 0..300 {
            run(1);
        }
        return;
    }
    per_chunk();
    per_stream();
    let _ = telemetry.shutdown_within(Duration::ZERO);
}
