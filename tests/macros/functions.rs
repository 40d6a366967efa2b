//! The attribute keeps the behaviour of every form of function.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use llm_trace::llm_trace;
use llm_trace_test_support::trace::Trace;

#[derive(Debug, Default)]
struct Bot {
    name: String,
    asked: usize,
}

impl Bot {
    #[llm_trace(task)]
    fn by_value(self) -> String {
        self.name
    }

    #[llm_trace(task)]
    fn borrowed(&self) -> &str {
        &self.name
    }

    #[llm_trace(task)]
    fn mutably(&mut self) -> &mut usize {
        self.asked += 1;
        &mut self.asked
    }

    #[llm_trace(task)]
    async fn in_async(&mut self, more: usize) -> &usize {
        self.asked += more;
        &self.asked
    }

    #[llm_trace(task)]
    fn boxed(self: Box<Self>) -> usize {
        self.asked
    }
}

#[test]
fn methods_keep_their_arguments_and_results() {
    let trace = Trace::new();
    trace.run(|| {
        let mut bot = Bot { name: "bot".into(), asked: 0 };
        *bot.mutably() += 10;
        assert_eq!((bot.borrowed(), bot.asked), ("bot", 11));
        assert_eq!(*ready(bot.in_async(5)), 16);
        assert_eq!(Box::new(Bot { asked: 3, ..Bot::default() }).boxed(), 3);
        assert_eq!(bot.by_value(), "bot");
    });
    let names: Vec<_> = trace.spans().iter().map(|span| span.0.name.to_string()).collect();
    assert_eq!(names, ["mutably", "borrowed", "in_async", "boxed", "by_value"]);
}

/// Polls a future that is ready at once.
fn ready<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

#[test]
fn generics_lifetimes_and_impl_trait_work() {
    #[llm_trace(task)]
    fn longest<'a, T>(left: &'a T, right: &'a T) -> &'a str
    where
        T: AsRef<str> + ?Sized,
    {
        if left.as_ref().len() >= right.as_ref().len() { left.as_ref() } else { right.as_ref() }
    }
    #[llm_trace(task)]
    fn words(text: impl Into<String>, count: usize) -> impl Iterator<Item = String> {
        let text = text.into();
        (0..count).map(move |_| text.clone())
    }
    #[llm_trace(task)]
    async fn fallible(fail: bool) -> Result<impl std::fmt::Display, std::io::Error> {
        if fail {
            return Err(std::io::Error::other("no"));
        }
        Ok("yes")
    }
    #[llm_trace(task)]
    async fn opaque(text: &str) -> impl Iterator<Item = char> + '_ {
        text.chars()
    }
    #[llm_trace(task)]
    fn array<const N: usize>(mut items: [u8; N], (first, second): (u8, u8)) -> [u8; N] {
        items[0] = first + second;
        items
    }
    Trace::new().run(|| {
        assert_eq!(longest("ab", "abc"), "abc");
        assert_eq!(words("x", 2).collect::<Vec<_>>(), ["x", "x"]);
        assert_eq!(ready(fallible(false)).map(|text| text.to_string()).ok().as_deref(), Some("yes"));
        assert!(ready(fallible(true)).is_err());
        assert_eq!(ready(opaque("abc")).count(), 3);
        assert_eq!(array([0, 9], (1, 2)), [3, 9]);
    });
}

#[test]
fn early_returns_and_question_marks_leave_the_function_and_end_the_call() {
    #[llm_trace(task)]
    fn sync(text: &str) -> Result<u32, std::num::ParseIntError> {
        if text.is_empty() {
            return Ok(0);
        }
        let number: u32 = text.parse()?;
        Ok(number * 2)
    }
    #[llm_trace(task)]
    async fn in_async(text: &str) -> Option<u32> {
        let first = text.chars().next()?;
        if first == '0' {
            return None;
        }
        first.to_digit(10)
    }
    let trace = Trace::new();
    trace.run(|| {
        assert_eq!((sync(""), sync("21")), (Ok(0), Ok(42)));
        assert!(sync("x").is_err());
        assert_eq!((ready(in_async("7")), ready(in_async("")), ready(in_async("0"))), (Some(7), None, None));
    });
    let failed: Vec<_> = trace.spans().iter().map(llm_trace_test_support::trace::Ended::failed).collect();
    assert_eq!(failed, [false, false, true, false, false, false]);
}

#[test]
fn an_async_function_does_nothing_until_it_is_polled() {
    #[llm_trace(task)]
    async fn lazy() {}
    let trace = Trace::new();
    trace.run(|| drop(lazy()));
    assert_eq!(trace.spans().len(), 0);
}

#[test]
fn futures_stay_send_and_keep_their_borrows() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    #[llm_trace(chat, provider = "openai", model = model)]
    async fn chat(model: &str) -> Result<String, std::io::Error> {
        let local = model.to_owned();
        tokio::task::yield_now().await;
        Ok(local)
    }
    let model = String::from("m");
    let _future: Pin<Box<dyn Future<Output = _> + Send + '_>> = Box::pin(send(chat(&model)));
}

#[test]
fn a_dropped_future_ends_its_call_once_as_cancelled() {
    #[llm_trace(task)]
    async fn waits() {
        std::future::pending::<()>().await;
    }
    let trace = Trace::new();
    trace.run(|| {
        let mut future = Box::pin(waits());
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(trace.spans().len(), 0);
    });
    assert_eq!(trace.only().text("llm_trace.outcome"), Some("cancelled"));
}

#[test]
fn a_panic_propagates_and_ends_the_call_as_an_error() {
    #[llm_trace(task)]
    fn sync() {
        panic!("with content");
    }
    #[llm_trace(task)]
    async fn in_async() {
        tokio::task::yield_now().await;
        panic!("with content");
    }
    let trace = Trace::new();
    let sync_panic = std::panic::catch_unwind(|| trace.run(sync));
    assert_eq!(sync_panic.unwrap_err().downcast_ref(), Some(&"with content"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let in_async = std::panic::AssertUnwindSafe(|| trace.run(|| runtime.block_on(in_async())));
    assert!(std::panic::catch_unwind(in_async).is_err());
    let spans = trace.spans();
    assert_eq!(spans.len(), 2);
    for span in spans {
        assert_eq!((span.text("error.type"), span.failed()), (Some("panic"), true));
        assert!(!format!("{:?}", span.0).contains("with content"));
    }
}

#[test]
fn a_call_in_a_destructor_during_a_panic_does_not_fail() {
    struct Cleans;
    impl Drop for Cleans {
        fn drop(&mut self) {
            #[llm_trace(task)]
            fn cleanup() {}
            cleanup();
        }
    }
    let trace = Trace::new();
    let panics = std::panic::AssertUnwindSafe(|| {
        trace.run(|| {
            let _cleans = Cleans;
            panic!("unwinding")
        })
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    assert!(!trace.only().failed());
}

#[test]
fn recursion_nests() {
    #[llm_trace(task)]
    fn down(depth: usize) -> usize {
        if depth == 0 { 0 } else { 1 + down(depth - 1) }
    }
    let trace = Trace::new();
    assert_eq!(trace.run(|| down(3)), 3);
    let spans = trace.spans();
    assert!(spans.windows(2).all(|pair| pair[0].parent() == pair[1].id()));
}

#[test]
fn functions_that_return_a_future_type_from_a_trait_can_be_annotated_inside() {
    trait Ask {
        fn ask(&self) -> impl Future<Output = u32> + Send;
    }
    struct Client;
    impl Ask for Client {
        #[llm_trace(task)]
        async fn ask(&self) -> u32 {
            7
        }
    }
    let trace = Trace::new();
    assert_eq!(trace.run(|| ready(Client.ask())), 7);
    assert_eq!(trace.only().0.name, "ask");
}

#[test]
fn usage_reported_while_a_dropped_body_cleans_up_belongs_to_its_own_call() {
    use llm_trace::Usage;
    struct Reports;
    impl Drop for Reports {
        fn drop(&mut self) {
            llm_trace::current().usage(Usage::new(11, 22));
        }
    }
    #[llm_trace(workflow)]
    fn answer() {
        let mut call = Box::pin(chat());
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    #[llm_trace(chat, provider = "openai")]
    async fn chat() {
        let _reports = Reports;
        std::future::pending::<()>().await;
    }
    let trace = Trace::new();
    trace.run(answer);
    let chat = trace.span("chat");
    assert_eq!(
        (chat.text("llm_trace.outcome"), chat.int("gen_ai.usage.input_tokens")),
        (Some("cancelled"), Some(11))
    );
    assert_eq!(trace.span("invoke_workflow answer").get("gen_ai.usage.input_tokens"), None);
}

#[test]
fn a_call_that_waits_while_another_panics_is_cancelled_and_did_not_panic() {
    #[llm_trace(task)]
    async fn waits() {
        std::future::pending::<()>().await;
    }
    #[llm_trace(task)]
    async fn panics() {
        tokio::task::yield_now().await;
        panic!("mine");
    }
    let trace = Trace::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let both = std::panic::AssertUnwindSafe(|| {
        trace.run(|| runtime.block_on(async { tokio::join!(waits(), panics()) }))
    });
    assert!(std::panic::catch_unwind(both).is_err());
    assert_eq!(trace.span("panics").text("error.type"), Some("panic"));
    assert_eq!(
        (trace.span("waits").failed(), trace.span("waits").text("llm_trace.outcome")),
        (false, Some("cancelled"))
    );
}

#[test]
fn a_function_is_as_unwind_safe_as_without_the_attribute() {
    fn unwind_safe<T: std::panic::UnwindSafe>(_: T) {}
    #[llm_trace(chat, provider = "openai")]
    async fn chat(question: String) -> String {
        std::future::ready(()).await;
        question
    }
    unwind_safe(chat(String::new()));
}

#[test]
fn a_panic_in_an_argument_does_not_end_the_call() {
    use llm_trace::{LlmError, LlmRequest, Request, Response};
    #[derive(Debug)]
    struct Panics;
    impl std::fmt::Display for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("in Display")
        }
    }
    impl LlmError for Panics {
        fn error_type(&self) -> std::borrow::Cow<'_, str> {
            panic!("in error_type")
        }
    }
    impl LlmRequest for Panics {
        fn describe(&self, _: &mut Request) {
            panic!("in describe")
        }
    }
    fn adapter(_: &Panics) -> Response {
        panic!("in the adapter")
    }
    #[llm_trace(chat, provider = "openai", request = request, response = adapter)]
    fn chat(request: &Panics) -> Result<Panics, Panics> {
        let _ = request;
        Ok(Panics)
    }
    #[llm_trace(task)]
    fn fails() -> Result<(), Panics> {
        Err(Panics)
    }
    Trace::new().run(|| {
        assert!(chat(&Panics).is_ok());
        assert!(fails().is_err());
    });
}

#[test]
fn a_result_in_a_result_is_a_failure_if_the_inner_one_is() {
    use serde_json::{Value, json};
    #[llm_trace(chat, provider = "openai")]
    fn chat(fail: bool) -> Result<Result<Value, std::io::Error>, String> {
        if fail {
            Ok(Err(std::io::ErrorKind::TimedOut.into()))
        } else {
            Ok(Ok(json!({"usage": {"prompt_tokens": 3}})))
        }
    }
    let trace = Trace::new();
    trace.run(|| drop((chat(false), chat(true))));
    let [read, failed] = &trace.spans()[..] else { panic!("two spans") };
    assert_eq!(read.int("gen_ai.usage.input_tokens"), Some(3));
    assert_eq!(failed.text("error.type"), Some("timeout"));
}
