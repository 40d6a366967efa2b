//! A hundred thousand streams, dropped anywhere, on several threads: every span ends once and has its parent.
//!
//! A separate test binary, because it counts all spans of its global provider.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use llm_trace::llm_trace;
use llm_trace::opentelemetry::trace::{SpanId, Status};
use llm_trace::opentelemetry::{Context, Value, global};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};

const STREAMS: u64 = 100_000;
const ITEMS: u64 = 8;

#[derive(Clone, Debug, Default)]
struct Counting(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    started: usize,
    ended: Vec<One>,
}

#[derive(Debug)]
struct One {
    id: SpanId,
    parent: SpanId,
    is_chat: bool,
    n: i64,
    outcome: &'static str,
}

impl SpanProcessor for Counting {
    fn on_start(&self, _span: &mut Span, _context: &Context) {
        self.0.lock().unwrap().started += 1;
    }

    fn on_end(&self, span: SpanData) {
        let get = |key: &str| {
            span.attributes.iter().find(|found| found.key.as_str() == key).map(|found| &found.value)
        };
        let one = One {
            id: span.span_context.span_id(),
            parent: span.parent_span_id,
            is_chat: span.name == "chat m",
            n: match get("n") {
                Some(Value::I64(n)) => *n,
                other => panic!("n is {other:?}"),
            },
            outcome: match (get("llm_trace.outcome"), &span.status) {
                (Some(_), Status::Unset) => "cancelled",
                (None, Status::Error { .. }) => "error",
                (None, Status::Unset) => "completed",
                other => panic!("an outcome of its own: {other:?}"),
            },
        };
        self.0.lock().unwrap().ended.push(one);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

type Item = Result<&'static str, std::fmt::Error>;

#[llm_trace(workflow, attributes("n" = n))]
fn answer(n: u64) -> impl Stream<Item = Item> + Send + Unpin {
    chat(n)
}

#[llm_trace(chat, provider = "openai", model = "m", attributes("n" = n))]
fn chat(n: u64) -> BoxStream<'static, Item> {
    let items = stream::unfold(0, move |item| async move {
        // Most items yield, so that tasks change threads and overlap.
        if !(n + item).is_multiple_of(4) {
            tokio::task::yield_now().await;
        }
        match item {
            ITEMS => None,
            3 if n.is_multiple_of(5) => Some((Err(std::fmt::Error), item + 1)),
            item => Some((Ok("token"), item + 1)),
        }
    });
    items.boxed()
}

/// The item after which the stream is dropped, and the expected outcome.
fn plan(n: u64) -> (u64, &'static str) {
    // Deterministic numbers without a pattern (splitmix64).
    let mut mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let take = (mixed >> 32) % (ITEMS + 2);
    let outcome = match take {
        4.. if n.is_multiple_of(5) => "error",
        take if take > ITEMS => "completed",
        _ => "cancelled",
    };
    (take, outcome)
}

/// Takes items; one more than the stream has ends it.
async fn take(mut stream: impl Stream<Item = Item> + Unpin, count: u64) {
    for _ in 0..count {
        stream.next().await;
    }
}

#[test]
fn a_hundred_thousand_streams_dropped_anywhere_leave_no_span_behind() {
    let counting = Counting::default();
    global::set_tracer_provider(SdkTracerProvider::builder().with_span_processor(counting.clone()).build());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..STREAMS {
            let (count, _) = plan(n);
            match n % 4 {
                // Dropped by the task that made it.
                0 => drop(tasks.spawn(async move { take(answer(n), count).await })),
                // Made here, consumed and dropped on the thread of the task.
                1 => drop(tasks.spawn(take(answer(n), count))),
                // Passed on halfway.
                2 => drop(tasks.spawn(async move {
                    let mut stream = answer(n);
                    take(&mut stream, count / 2).await;
                    tokio::spawn(take(stream, count - count / 2)).await.unwrap();
                })),
                // Dropped together with a task that waits for it.
                _ => drop(tasks.spawn(async move {
                    let mut stream = answer(n);
                    take(&mut stream, count).await;
                    let waits = tokio::spawn(async move {
                        let _stream = stream;
                        std::future::pending::<()>().await;
                    });
                    waits.abort();
                    assert!(waits.await.unwrap_err().is_cancelled());
                })),
            }
            if tasks.len() > 1000 {
                tasks.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(joined) = tasks.join_next().await {
            joined.unwrap();
        }
    });
    drop(runtime);

    let seen = std::mem::take(&mut *counting.0.lock().unwrap());
    let expected = usize::try_from(2 * STREAMS).unwrap();
    assert_eq!(
        (seen.started, seen.ended.len()),
        (expected, expected),
        "started and ended: unfinished or doubled"
    );
    let by_id: HashMap<_, _> = seen.ended.iter().map(|span| (span.id, span)).collect();
    assert_eq!(by_id.len(), expected, "spans that ended twice");
    let mut chats = 0;
    for span in &seen.ended {
        let (count, outcome) = plan(u64::try_from(span.n).unwrap());
        assert_eq!(span.outcome, outcome, "{span:?} after {count} items");
        if span.is_chat {
            chats += 1;
            let parent = by_id.get(&span.parent).unwrap_or_else(|| panic!("an orphan: {span:?}"));
            assert_eq!((parent.is_chat, parent.n), (false, span.n), "under another stream's parent");
        } else {
            assert_eq!(span.parent, SpanId::INVALID);
        }
    }
    assert_eq!(chats, STREAMS);
}
