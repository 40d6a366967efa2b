//! Every form of returned stream, and streams tied to a call by hand.

use std::pin::Pin;

use async_openai::error::OpenAIError;
use async_openai::types::chat::{ChatCompletionResponseStream, CreateChatCompletionStreamResponse};
use async_openai::types::responses::{ResponseStream, ResponseStreamEvent};
use futures_util::stream::{self, BoxStream, LocalBoxStream, Stream, StreamExt as _};
use llm_trace::stream::{Chunk, StreamExt as _, TracedStream};
use llm_trace::{Usage, llm_trace};
use llm_trace_test_support::trace::Trace;
use serde_json::json;

use super::{collect, next, timed_out};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn chunk(delta: &serde_json::Value) -> CreateChatCompletionStreamResponse {
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": null });
    serde_json::from_value(json!({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice],
    }))
    .unwrap()
}

/// Calls `make` and asserts that the call ended with the returned stream.
#[track_caller]
fn ends_with_its_stream<S: Stream>(what: &str, make: impl FnOnce() -> S) {
    let trace = Trace::new();
    let stream = trace.run(make);
    assert_eq!(trace.spans().len(), 0, "{what}: the call has ended too early");
    collect(stream);
    let span = trace.only();
    assert_eq!(span.get("gen_ai.request.stream"), Some(&true.into()), "{what}");
    assert_eq!(span.text("llm_trace.outcome"), None, "{what}");
    assert!(span.double("gen_ai.response.time_to_first_chunk").is_some(), "{what}");
}

type Aliased<'a> = Pin<Box<dyn Stream<Item = Result<String, OpenAIError>> + Send + 'a>>;
type AliasedResult<T> = Result<T, OpenAIError>;

#[test]
fn every_shape_of_stream_is_followed_to_its_end() {
    #[llm_trace(chat, provider = "openai")]
    async fn in_async(text: &str) -> impl Stream<Item = char> + '_ {
        stream::iter(text.chars())
    }
    #[llm_trace(chat, provider = "openai")]
    async fn result_of_unnamed(
        ok: bool,
    ) -> Result<impl Stream<Item = Result<&'static str, OpenAIError>>, OpenAIError> {
        if !ok {
            return Err(OpenAIError::InvalidArgument("x".into()));
        }
        Ok(stream::iter([Ok("a")]))
    }
    #[llm_trace(chat, provider = "openai")]
    fn boxed() -> Pin<Box<dyn Stream<Item = String>>> {
        Box::pin(stream::iter(["a".to_owned()]))
    }
    #[llm_trace(chat, provider = "openai")]
    fn boxed_send<'a>(text: &'a str) -> Pin<Box<dyn Stream<Item = &'a str> + Send + 'a>> {
        Box::pin(stream::iter([text]))
    }
    #[llm_trace(chat, provider = "openai")]
    fn boxed_sync() -> Pin<Box<dyn Stream<Item = u8> + Send + Sync>> {
        Box::pin(stream::iter([1]))
    }
    #[llm_trace(chat, provider = "openai")]
    fn box_stream(texts: &[String]) -> BoxStream<'_, &String> {
        stream::iter(texts).boxed()
    }
    #[llm_trace(chat, provider = "openai")]
    fn local_box_stream() -> LocalBoxStream<'static, std::rc::Rc<str>> {
        stream::iter([std::rc::Rc::from("a")]).boxed_local()
    }
    #[llm_trace(chat, provider = "openai")]
    fn unpin() -> Box<dyn Stream<Item = u8> + Send + Unpin> {
        Box::new(stream::iter([1]))
    }
    #[llm_trace(chat, provider = "openai")]
    async fn aliased(text: &str) -> AliasedResult<Aliased<'_>> {
        Ok(stream::iter([Ok(text.to_owned())]).boxed())
    }
    #[llm_trace(chat, provider = "openai")]
    fn generic<T, S>(stream: S) -> impl Stream<Item = T>
    where
        S: Stream<Item = T>,
    {
        stream
    }
    #[llm_trace(chat, provider = "openai")]
    fn in_a_future(n: u8) -> impl Future<Output = Result<BoxStream<'static, u8>, std::io::Error>> + Send {
        async move { Ok(stream::iter([n]).boxed()) }
    }
    #[llm_trace(chat, provider = "openai")]
    fn unnamed_in_a_future(n: u8) -> impl Future<Output = Result<impl Stream<Item = u8>, std::io::Error>> {
        async move { Ok(stream::iter([n])) }
    }

    let texts = ["a".to_owned()];
    ends_with_its_stream("in_async", || block_on(in_async("a")));
    ends_with_its_stream("result_of_unnamed", || block_on(result_of_unnamed(true)).unwrap());
    ends_with_its_stream("boxed", boxed);
    ends_with_its_stream("boxed_send", || boxed_send("a"));
    ends_with_its_stream("boxed_sync", boxed_sync);
    ends_with_its_stream("box_stream", || box_stream(&texts));
    ends_with_its_stream("local_box_stream", local_box_stream);
    ends_with_its_stream("unpin", unpin);
    ends_with_its_stream("aliased", || block_on(aliased("a")).unwrap());
    ends_with_its_stream("generic", || generic(stream::iter([1])));
    ends_with_its_stream("in_a_future", || block_on(in_a_future(1)).unwrap());
    ends_with_its_stream("unnamed_in_a_future", || block_on(unnamed_in_a_future(1)).unwrap());

    let trace = Trace::new();
    assert!(trace.run(|| block_on(result_of_unnamed(false))).is_err());
    assert!(trace.only().failed());
}

#[test]
fn the_stream_types_of_async_openai_are_followed_through_their_aliases() {
    #[llm_trace(chat, provider = "openai", model = "m")]
    async fn chat(cut: bool) -> Result<ChatCompletionResponseStream, OpenAIError> {
        let mut items = vec![
            Ok(chunk(&json!({ "role": "assistant", "content": "" }))),
            Ok(chunk(&json!({ "content": "a" }))),
        ];
        if cut {
            items.push(Err(OpenAIError::InvalidArgument("cut".into())));
        }
        Ok(Box::pin(stream::iter(items)))
    }
    #[llm_trace(chat, provider = "openai", model = "m")]
    async fn respond() -> Result<ResponseStream, OpenAIError> {
        let event: ResponseStreamEvent = serde_json::from_value(json!({
            "type": "response.output_text.delta", "sequence_number": 1, "item_id": "i", "output_index": 0,
            "content_index": 0, "delta": "a",
        }))
        .unwrap();
        Ok(Box::pin(stream::iter([Ok(event)])))
    }
    ends_with_its_stream("chat", || block_on(chat(false)).unwrap());
    ends_with_its_stream("respond", || block_on(respond()).unwrap());

    let trace = Trace::new();
    let stream = trace.run(|| block_on(chat(true))).unwrap();
    // Still the type that the rest of the program expects, and `Send`.
    let stream: ChatCompletionResponseStream = stream;
    std::thread::scope(|scope| scope.spawn(|| collect(stream)).join().unwrap());
    let span = trace.only();
    assert_eq!((span.failed(), span.text("gen_ai.response.model")), (true, Some("m-1")));
}

#[test]
fn an_iterator_from_a_model_is_a_stream_and_any_other_is_a_value() {
    #[llm_trace(chat, provider = "local", model = "m")]
    fn tokens(text: &str) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        text.split(' ').collect::<Vec<_>>().into_iter()
    }
    #[llm_trace(chat, provider = "local", model = "m")]
    fn boxed(
        fail: bool,
    ) -> Result<Box<dyn Iterator<Item = Result<String, std::io::Error>> + Send>, std::io::Error> {
        if fail { Err(timed_out()) } else { Ok(Box::new([Ok("a".to_owned()), Err(timed_out())].into_iter())) }
    }
    #[llm_trace(task)]
    fn values() -> impl Iterator<Item = u8> {
        [1, 2].into_iter()
    }
    #[llm_trace(embeddings, provider = "openai")]
    fn boxed_values() -> Box<dyn Iterator<Item = u8>> {
        Box::new([1, 2].into_iter())
    }

    let trace = Trace::new();
    let mut words = trace.run(|| tokens("a b c"));
    assert_eq!((words.len(), words.next(), words.next_back(), words.len()), (3, Some("a"), Some("c"), 1));
    assert_eq!(trace.spans().len(), 0);
    assert_eq!((words.next(), words.next()), (Some("b"), None));
    let span = trace.only();
    assert_eq!(span.get("gen_ai.request.stream"), Some(&true.into()));
    assert!(span.double("llm_trace.response.time_to_first_text").is_some());

    let trace = Trace::new();
    let items = trace.run(|| boxed(false)).unwrap();
    assert_eq!(trace.spans().len(), 0);
    assert_eq!(items.count(), 2);
    assert_eq!(trace.only().text("error.type"), Some("timeout"));

    let trace = Trace::new();
    assert_eq!(trace.run(|| (values(), boxed_values(), trace.spans().len())).2, 2);
}

#[test]
fn a_step_that_returns_a_stream_ends_with_it_and_its_items_are_not_read() {
    #[llm_trace(task)]
    fn step() -> BoxStream<'static, serde_json::Value> {
        stream::iter([json!({ "model": "m", "usage": { "prompt_tokens": 1 } })]).boxed()
    }
    let trace = Trace::new();
    let mut items = trace.run(step);
    assert!(next(&mut items).is_some());
    assert_eq!(trace.spans().len(), 0);
    assert!(next(&mut items).is_none());
    let span = trace.only();
    assert!(!span.keys().iter().any(|key| key.starts_with("gen_ai.") || key.starts_with("llm_trace.")));
}

struct Answer<S: Stream> {
    model: &'static str,
    tokens: TracedStream<S>,
}

#[llm_trace(chat, provider = "openai", model = "m")]
fn ask<S: Stream<Item = &'static str>>(stream: S, fail: bool) -> Result<Answer<S>, std::io::Error> {
    let tokens = stream.traced(|token, chunk| {
        chunk.text(token);
        chunk.response(&llm_trace::Response::new().with_usage(Usage::new(5, 6)));
    });
    if fail { Err(timed_out()) } else { Ok(Answer { model: "m", tokens }) }
}

#[test]
fn a_stream_tied_to_its_call_by_hand_ends_it() {
    let trace = Trace::new();
    let mut answer = trace.run(|| ask(stream::iter(["a"]), false)).unwrap();
    assert_eq!((trace.spans().len(), answer.model), (0, "m"));
    assert_eq!(next(&mut answer.tokens), Some("a"));
    assert_eq!(next(&mut answer.tokens), None);
    let span = trace.only();
    assert_eq!((span.int("gen_ai.usage.output_tokens"), span.text("llm_trace.outcome")), (Some(6), None));

    let trace = Trace::new();
    drop(trace.run(|| ask(stream::iter(["a"]), false)));
    assert_eq!(trace.only().text("llm_trace.outcome"), Some("cancelled"));
}

#[test]
fn a_stream_dropped_inside_the_function_does_not_set_the_outcome() {
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn collected(stream: BoxStream<'static, Result<String, std::io::Error>>) -> String {
        let items = collect(stream.traced(Chunk::result));
        items.into_iter().flatten().collect()
    }
    let trace = Trace::new();
    assert!(trace.run(|| ask(stream::iter(["a"]), true)).is_err());
    let span = trace.only();
    assert_eq!((span.text("error.type"), span.text("llm_trace.outcome")), (Some("timeout"), None));

    let trace = Trace::new();
    let items = [Ok("a".to_owned()), Err(timed_out()), Ok("b".to_owned())];
    assert_eq!(trace.run(|| collected(stream::iter(items).boxed())), "ab");
    let span = trace.only();
    assert!(!span.failed(), "the function has dealt with the error");
    assert!(span.double("gen_ai.response.time_to_first_chunk").is_some());
}

#[test]
fn a_stream_that_is_tied_twice_is_read_once() {
    #[llm_trace(chat, provider = "openai", model = "tied twice")]
    fn boxed() -> BoxStream<'static, String> {
        stream::iter(["a".to_owned(), "b".to_owned()]).traced(Chunk::body).boxed()
    }
    #[llm_trace(chat, provider = "openai", model = "tied twice")]
    fn unnamed() -> impl Stream<Item = String> {
        boxed_outside_any_call().traced(Chunk::body)
    }
    fn boxed_outside_any_call() -> BoxStream<'static, String> {
        stream::iter(["a".to_owned(), "b".to_owned()]).boxed()
    }
    ends_with_its_stream("boxed", boxed);
    ends_with_its_stream("unnamed", unnamed);
    let gaps =
        llm_trace_test_support::trace::points("gen_ai.client.operation.time_per_output_chunk", "tied twice");
    assert_eq!(gaps.iter().map(|point| point.count).sum::<u64>(), 2, "one per stream");
    // Without a call, the stream is unchanged.
    assert_eq!(collect(boxed_outside_any_call().traced(Chunk::body)), ["a", "b"]);
}

#[test]
fn response_reads_each_item() {
    struct Token(&'static str, u64);
    fn read(token: &Token) -> llm_trace::Response {
        llm_trace::Response::new().with_model(token.0).with_usage(Usage::new(1, token.1))
    }
    #[llm_trace(chat, provider = "openai", response = read)]
    fn by_path() -> impl Stream<Item = Token> {
        stream::iter([Token("m", 1), Token("m", 2)])
    }
    #[llm_trace(chat, provider = "openai", response = |token| read(token).with_id(prefix))]
    async fn by_closure(
        prefix: &'static str,
    ) -> Result<BoxStream<'static, Result<Token, std::fmt::Error>>, std::fmt::Error> {
        Ok(stream::iter([Ok(Token("m", 1)), Ok(Token("m", 2))]).boxed())
    }
    let trace = Trace::new();
    collect(trace.run(by_path));
    collect(trace.run(|| block_on(by_closure("id"))).unwrap());
    let spans = trace.spans();
    assert!(spans.iter().all(|span| span.int("gen_ai.usage.output_tokens") == Some(2)));
    assert_eq!(spans[1].text("gen_ai.response.id"), Some("id"));
}

#[test]
fn a_stream_of_a_named_type_that_nothing_ties_to_its_call_is_warned_about() {
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    #[derive(Clone, Default)]
    struct Warnings(std::sync::Arc<std::sync::Mutex<Vec<String>>>);
    impl<S: tracing::Subscriber> Layer<S> for Warnings {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            struct Text(String);
            impl tracing::field::Visit for Text {
                fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                    let _ = std::fmt::Write::write_fmt(&mut self.0, format_args!("{value:?} "));
                }
            }
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }

    #[llm_trace(chat, provider = "openai")]
    fn named() -> stream::Iter<std::array::IntoIter<u8, 1>> {
        stream::iter([1])
    }
    #[llm_trace(task)]
    fn of_a_step() -> stream::Iter<std::array::IntoIter<u8, 1>> {
        stream::iter([1])
    }
    #[llm_trace(chat, provider = "openai")]
    fn tied() -> TracedStream<stream::Iter<std::array::IntoIter<u8, 1>>> {
        stream::iter([1]).traced(Chunk::body)
    }
    let warnings = Warnings::default();
    let trace = Trace::new();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(warnings.clone()), || {
        trace.run(|| {
            collect(named());
            collect(of_a_step());
            collect(tied());
        });
    });
    let warnings = warnings.0.lock().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(".traced(") && warnings[0].contains("shapes.rs"), "{warnings:?}");
    assert_eq!(trace.spans().len(), 3);
}
