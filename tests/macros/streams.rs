//! Functions that return a stream: the call ends once, when the stream ends.

mod chunks;
mod shapes;
mod timing;

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::stream::{self, BoxStream, FusedStream, Stream, StreamExt as _};
use llm_trace::llm_trace;
use llm_trace_test_support::trace::Trace;

/// The next item of a stream that is ready at once.
fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    match Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(item) => item,
        Poll::Pending => panic!("the stream waits"),
    }
}

fn collect<S: Stream>(stream: S) -> Vec<S::Item> {
    let mut stream = Box::pin(stream);
    std::iter::from_fn(|| next(&mut stream)).collect()
}

type Items = Vec<Result<&'static str, std::io::Error>>;

#[llm_trace(chat, provider = "openai", model = "m")]
fn chat(items: Items) -> impl Stream<Item = Result<&'static str, std::io::Error>> + Send + Unpin {
    stream::iter(items)
}

fn timed_out() -> std::io::Error {
    std::io::Error::from(std::io::ErrorKind::TimedOut)
}

#[test]
fn the_end_of_the_stream_ends_the_call() {
    let trace = Trace::new();
    let mut tokens = trace.run(|| chat(vec![Ok("a"), Ok("b")]));
    assert_eq!((next(&mut tokens).unwrap().ok(), next(&mut tokens).unwrap().ok()), (Some("a"), Some("b")));
    assert_eq!(trace.spans().len(), 0, "the call goes on until the end of the stream");
    assert!(next(&mut tokens).is_none());
    let span = trace.only();
    assert_eq!(
        (span.0.name.as_ref(), span.failed(), span.text("llm_trace.outcome")),
        ("chat m", false, None)
    );
    assert_eq!(span.get("gen_ai.request.stream"), Some(&true.into()));
    assert!(next(&mut tokens).is_none(), "a fused stream stays fused");
    drop(tokens);
    assert_eq!(trace.spans().len(), 1);
}

#[test]
fn a_stream_dropped_at_any_point_is_cancelled_once() {
    for taken in 0..=3 {
        let trace = Trace::new();
        let mut tokens = trace.run(|| chat(vec![Ok("a"), Ok("b"), Ok("c")]));
        for _ in 0..taken {
            assert!(next(&mut tokens).is_some());
        }
        assert_eq!(trace.spans().len(), 0);
        drop(tokens);
        let span = trace.only();
        assert_eq!(
            (span.text("llm_trace.outcome"), span.failed()),
            (Some("cancelled"), false),
            "after {taken}"
        );
        assert_eq!(span.double("gen_ai.response.time_to_first_chunk").is_some(), taken > 0, "after {taken}");
    }
}

#[test]
fn an_item_that_is_an_error_makes_the_call_a_failed_one_when_it_ends() {
    for to_the_end in [true, false] {
        let trace = Trace::new();
        let mut tokens =
            trace.run(|| chat(vec![Ok("a"), Err(timed_out()), Err(std::io::Error::other("later")), Ok("b")]));
        assert!(next(&mut tokens).unwrap().is_ok() && next(&mut tokens).unwrap().is_err());
        assert_eq!(trace.spans().len(), 0, "the stream may go on after an error");
        if to_the_end {
            assert_eq!(collect(tokens).len(), 2);
        } else {
            drop(tokens);
        }
        let span = trace.only();
        assert_eq!((span.text("error.type"), span.failed()), (Some("timeout"), true));
        assert_eq!(span.text("llm_trace.outcome"), None);
    }
}

#[test]
fn a_function_that_fails_before_there_is_a_stream_is_a_failed_call() {
    #[llm_trace(chat, provider = "openai", model = "m")]
    async fn chat(fail: bool) -> Result<BoxStream<'static, String>, std::io::Error> {
        if fail { Err(timed_out()) } else { Ok(stream::iter(["a".to_owned()]).boxed()) }
    }
    let trace = Trace::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(trace.run(|| runtime.block_on(chat(true))).is_err());
    let failed = trace.only();
    assert_eq!((failed.text("error.type"), failed.get("gen_ai.request.stream")), (Some("timeout"), None));

    let trace = Trace::new();
    let tokens = trace.run(|| runtime.block_on(chat(false))).unwrap();
    assert_eq!(trace.spans().len(), 0);
    assert_eq!(collect(tokens), ["a"]);
    assert!(!trace.only().failed());
}

#[test]
fn a_panic_fails_the_call_only_while_its_stream_is_polled() {
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn chat() -> impl Stream<Item = u8> + Unpin {
        stream::iter([1, 2]).map(|n| if n == 2 { panic!("with content") } else { n })
    }
    let trace = Trace::new();
    let mut tokens = trace.run(chat);
    assert_eq!(next(&mut tokens), Some(1));
    let polls = std::panic::AssertUnwindSafe(|| next(&mut tokens));
    assert!(std::panic::catch_unwind(polls).is_err());
    drop(tokens); // after the panic, as a stream behind a mutex would be
    let span = trace.only();
    assert_eq!((span.text("error.type"), span.failed()), (Some("panic"), true));
    assert!(!format!("{:?}", span.0).contains("with content"));

    let trace = Trace::new();
    let consumes = std::panic::AssertUnwindSafe(|| {
        let mut tokens = trace.run(chat);
        next(&mut tokens);
        panic!("the consumer")
    });
    assert!(std::panic::catch_unwind(consumes).is_err());
    assert_eq!(trace.only().text("llm_trace.outcome"), Some("cancelled"));
}

#[test]
fn parents_are_right_when_the_stream_outlives_its_caller() {
    #[llm_trace(workflow)]
    fn answer() -> impl Stream<Item = u8> + Unpin {
        chat()
    }
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn chat() -> impl Stream<Item = u8> + Unpin {
        stream::iter([1, 2]).inspect(|_| while_streaming())
    }
    #[llm_trace(tool)]
    fn while_streaming() {}
    #[llm_trace(tool)]
    fn by_consumer(n: u8) {
        llm_trace::current().attribute("app.n", i64::from(n));
    }

    let (trace, elsewhere) = (Trace::new(), Trace::new());
    let tokens = trace.run(answer);
    // Consumed on another thread, under another parent.
    std::thread::scope(|scope| {
        scope.spawn(|| elsewhere.run(|| collect(tokens).into_iter().for_each(by_consumer)));
    });
    let (answer, chat) = (trace.span("invoke_workflow answer"), trace.span("chat m"));
    assert_eq!((answer.parent(), chat.parent()), (trace.root(), answer.id()));
    let names: Vec<_> = trace.spans().iter().map(|span| span.0.name.to_string()).collect();
    let tool = "execute_tool while_streaming";
    assert_eq!(names, [tool, tool, "chat m", "invoke_workflow answer"]);
    assert!(trace.spans()[..2].iter().all(|tool| tool.parent() == chat.id()));
    // Work of the consumer between two items is not part of the call.
    let spans = elsewhere.spans();
    assert_eq!(spans.len(), 2);
    assert!(spans.iter().all(|span| span.parent() == elsewhere.root()));
}

#[test]
fn current_reaches_the_call_from_inside_the_stream() {
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn chat() -> impl Stream<Item = &'static str> {
        stream::iter(["a", "b"]).inspect(|_| {
            llm_trace::current().usage(llm_trace::Usage::new(3, 4));
        })
    }
    let trace = Trace::new();
    collect(trace.run(chat));
    let span = trace.only();
    assert_eq!(
        (span.int("gen_ai.usage.input_tokens"), span.int("gen_ai.usage.output_tokens")),
        (Some(3), Some(4))
    );
}

#[test]
fn nothing_else_about_the_stream_changes() {
    #[llm_trace(chat, provider = "openai")]
    fn fused<'a>(text: &'a str, polled: &'a Cell<u32>) -> impl FusedStream<Item = char> + Unpin + use<'a> {
        stream::iter(text.chars().collect::<Vec<_>>()).inspect(|_| polled.set(polled.get() + 1)).fuse()
    }
    #[llm_trace(chat, provider = "openai")]
    fn waits<S: Stream<Item = u8> + Send + 'static>(stream: S) -> BoxStream<'static, u8> {
        stream.boxed()
    }

    let polled = Cell::new(0);
    let trace = Trace::new();
    let mut tokens = trace.run(|| fused("abc", &polled));
    assert_eq!((tokens.size_hint(), tokens.is_terminated(), polled.get()), ((3, Some(3)), false, 0));
    assert_eq!((next(&mut tokens), polled.get(), tokens.size_hint()), (Some('a'), 1, (2, Some(2))));
    while next(&mut tokens).is_some() {}
    assert!(tokens.is_terminated());

    // A pending stream passes the waker on: here, to a channel.
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<u8>();
    let trace = Trace::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let stream = trace.run(|| waits(stream::poll_fn(move |task| receiver.poll_recv(task))));
    let items = runtime.spawn(stream.collect::<Vec<_>>());
    for n in 0..100 {
        sender.send(n).unwrap();
    }
    drop(sender);
    assert_eq!(runtime.block_on(items).unwrap().len(), 100);
    assert!(!trace.only().failed());
}

#[test]
fn usage_from_a_destructor_in_the_stream_belongs_to_the_call() {
    struct Reports;
    impl Drop for Reports {
        fn drop(&mut self) {
            llm_trace::current().usage(llm_trace::Usage::new(3, 4));
        }
    }
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn chat() -> impl Stream<Item = u8> + Unpin {
        let reports = Reports;
        stream::iter([1, 2]).inspect(move |_| _ = &reports)
    }
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn iterator() -> impl Iterator<Item = u8> {
        let reports = Reports;
        [1, 2].into_iter().inspect(move |_| _ = &reports)
    }
    let trace = Trace::new();
    let mut items = trace.run(chat);
    assert_eq!(next(&mut items), Some(1));
    drop(items);
    drop(trace.run(iterator));
    assert_eq!(trace.spans().len(), 2);
    for span in trace.spans() {
        let usage = (span.int("gen_ai.usage.input_tokens"), span.int("gen_ai.usage.output_tokens"));
        assert_eq!((usage, span.text("llm_trace.outcome")), ((Some(3), Some(4)), Some("cancelled")));
    }
}
