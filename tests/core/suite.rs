//! The core behaviour: one run of annotated code, and the assertions of each test.
//!
//! Each binary defines how telemetry is exported ([`crate::emit`]). With the feature `off` the same code runs and emits
//! nothing.

use std::future::Future;
use std::io::{Error, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::stream::{self, Stream};
use llm_trace::opentelemetry::context::FutureExt as _;
use llm_trace::{Call, Kind, Usage, llm_trace};

use crate::emitted::Emitted;

#[llm_trace(workflow, name = "answer")]
fn answer(question: &str) -> String {
    let documents = retrieve(question);
    ask("gpt-4o-mini", question, &documents)
}

#[llm_trace(retrieval, query = question)]
fn retrieve(question: &str) -> Vec<String> {
    vec![format!("{question} is 42")]
}

#[llm_trace(chat, provider = "openai", model = model, temperature = 0.2, top_p = 0.9, input = question)]
fn ask(model: &str, question: &str, documents: &[String]) -> String {
    llm_trace::current().usage(Usage::new(812, 43));
    format!("{question} {}", documents.len())
}

#[llm_trace(chat, provider = "openai", model = "read")]
fn read() -> serde_json::Value {
    serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "read-2026",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "42"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    })
}

#[llm_trace(chat, provider = "openai", model = "fails")]
fn fails() -> Result<(), Error> {
    Err(ErrorKind::TimedOut.into())
}

#[llm_trace(chat, provider = "openai", model = "panics")]
fn panics() {
    panic!("a panic of the program's own");
}

#[llm_trace(chat, provider = "openai", model = "waits")]
async fn waits(turns: u32) -> u32 {
    Turns(turns).await;
    turns
}

#[llm_trace(chat, provider = "openai", model = "streams")]
fn streams() -> impl Stream<Item = &'static str> + Unpin {
    stream::iter(["4", "2"])
}

#[llm_trace(agent, name = "elsewhere")]
fn elsewhere() {
    let task = waits(0).with_current_context();
    std::thread::scope(|scope| {
        scope.spawn(|| ready(task));
    });
}

/// A future that is pending this many times.
struct Turns(u32);

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

fn collect<T>(mut stream: impl Stream<Item = T> + Unpin) -> Vec<T> {
    std::iter::from_fn(|| ready(std::future::poll_fn(|context| Pin::new(&mut stream).poll_next(context))))
        .collect()
}

/// Runs all functions and checks that every result is the same as without the attribute.
pub fn run() {
    assert_eq!(answer("the answer"), "the answer 1");
    assert_eq!(read()["usage"]["total_tokens"], 12);
    assert_eq!(fails().unwrap_err().kind(), ErrorKind::TimedOut);
    let panic = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"a panic of the program's own"));
    assert_eq!(ready(waits(3)), 3);
    let never_polled = waits(1);
    drop(never_polled);
    let mut dropped = Box::pin(waits(2));
    assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(dropped);
    assert_eq!(collect(streams()), ["4", "2"]);
    drop(streams());
    elsewhere();
    let call = Call::builder(Kind::Chat).with_request(|request| {
        request.provider("openai");
        request.model("by hand");
    });
    let call = call.begin();
    call.current().response_body(&read_usage());
    call.finish();
}

fn read_usage() -> serde_json::Value {
    serde_json::json!({"usage": {"prompt_tokens": 1, "completion_tokens": 2}})
}

/// The telemetry of one run, shared by all tests of a binary.
fn emitted() -> &'static Emitted {
    static EMITTED: OnceLock<Emitted> = OnceLock::new();
    static RUN: Mutex<()> = Mutex::new(());
    let _one_at_a_time = RUN.lock().unwrap_or_else(PoisonError::into_inner);
    EMITTED.get_or_init(crate::emit)
}

#[cfg(feature = "off")]
#[test]
fn compiled_out_nothing_is_emitted_and_all_results_are_the_same() {
    let emitted = emitted();
    assert!(emitted.spans.is_empty(), "{:?}", emitted.spans);
    let ours = emitted.points.iter().filter(|point| point.metric.starts_with("gen_ai."));
    assert_eq!(ours.count(), 0, "{:?}", emitted.points);
}

#[cfg(not(feature = "off"))]
mod tests {
    use super::emitted;

    const OUTCOME: &str = "llm_trace.outcome";

    #[test]
    fn the_steps_of_a_pipeline_nest() {
        let emitted = emitted();
        let workflow = emitted.span("invoke_workflow answer");
        for step in ["retrieval", "chat gpt-4o-mini"] {
            let step = emitted.span(step);
            assert_eq!((&step.parent, &step.trace), (&workflow.id, &workflow.trace), "{step:?}");
        }
        assert!(workflow.parent.iter().all(|byte| *byte == 0), "{workflow:?}");
    }

    #[test]
    fn request_and_usage_are_on_the_span() {
        let span = emitted().span("chat gpt-4o-mini");
        for (key, value) in [
            ("gen_ai.provider.name", "openai"),
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.request.model", "gpt-4o-mini"),
            ("gen_ai.request.temperature", "0.2"),
            ("gen_ai.request.top_p", "0.9"),
            ("gen_ai.usage.input_tokens", "812"),
            ("gen_ai.usage.output_tokens", "43"),
        ] {
            assert_eq!(span.get(key), Some(value), "{key}");
        }
        assert!(!span.is_error && span.get("error.type").is_none(), "{span:?}");
    }

    #[test]
    fn the_response_is_read() {
        let span = emitted().span("chat read");
        assert_eq!(span.get("gen_ai.response.id"), Some("chatcmpl-1"));
        assert_eq!(span.get("gen_ai.response.model"), Some("read-2026"));
        assert_eq!(span.get("gen_ai.usage.input_tokens"), Some("5"));
        let by_hand = emitted().span("chat by hand");
        assert_eq!(by_hand.get("gen_ai.usage.output_tokens"), Some("2"));
    }

    #[test]
    fn content_is_not_recorded_by_default() {
        for span in &emitted().spans {
            for (key, value) in &span.attributes {
                assert!(!value.contains("the answer"), "{}: {key} = {value}", span.name);
            }
        }
    }

    #[test]
    fn an_error_and_a_panic_fail_their_calls() {
        let failed = emitted().span("chat fails");
        assert!(failed.is_error && failed.get("error.type").is_some(), "{failed:?}");
        let panicked = emitted().span("chat panics");
        assert!(panicked.is_error && panicked.get("error.type").is_some(), "{panicked:?}");
    }

    #[test]
    fn a_future_ends_its_call_once_and_cancelled_when_it_is_dropped() {
        let calls = emitted().spans("chat waits");
        let cancelled = calls.iter().filter(|span| span.get(OUTCOME) == Some("cancelled"));
        assert_eq!((calls.len(), cancelled.count()), (3, 1), "{calls:?}");
    }

    #[test]
    fn a_stream_ends_its_call_once_and_cancelled_when_it_is_dropped() {
        let calls = emitted().spans("chat streams");
        let outcomes: Vec<_> = calls.iter().map(|span| span.get(OUTCOME)).collect();
        assert_eq!(outcomes.len(), 2, "{calls:?}");
        assert!(outcomes.contains(&None) && outcomes.contains(&Some("cancelled")), "{outcomes:?}");
    }

    #[test]
    fn a_call_on_another_thread_nests_where_its_context_came_from() {
        let emitted = emitted();
        let agent = emitted.span("invoke_agent elsewhere");
        let nested = emitted.spans("chat waits").into_iter().filter(|span| span.parent == agent.id);
        assert_eq!(nested.count(), 1);
    }

    #[test]
    fn every_call_is_counted_with_its_duration() {
        for (model, count) in [
            ("gpt-4o-mini", 1),
            ("read", 1),
            ("fails", 1),
            ("panics", 1),
            ("waits", 3),
            ("streams", 2),
            ("by hand", 1),
        ] {
            let (_, found) =
                emitted().total("gen_ai.client.operation.duration", "gen_ai.request.model", model);
            assert_eq!(found, count, "{model}");
        }
    }

    #[test]
    fn tokens_are_counted_by_type() {
        let (sum, count) =
            emitted().total("gen_ai.client.token.usage", "gen_ai.request.model", "gpt-4o-mini");
        assert_eq!((sum, count), (855.0, 2));
    }

    #[test]
    fn a_price_is_known_where_the_table_is() {
        let cost = emitted().span("chat gpt-4o-mini").get("gen_ai.usage.cost").is_some();
        assert_eq!(cost, cfg!(feature = "pricing"));
    }
}
