//! Functions that return a future without being `async`: the call begins when the future is first polled and ends with
//! its output.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, FutureExt as _, LocalBoxFuture};
use llm_trace::llm_trace;
use llm_trace::opentelemetry::context::FutureExt as _;
use llm_trace_test_support::trace::{Ended, Trace};

/// Awaits a future that is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("the future waits")
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    future.poll_unpin(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[llm_trace(task)]
async fn inner() -> u32 {
    tokio::task::yield_now().await;
    7
}

thread_local!(static LOG: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) });

fn log(text: &'static str) {
    LOG.with_borrow_mut(|log| log.push(text));
}

#[test]
fn the_body_runs_when_the_function_is_called_and_the_call_begins_when_the_future_is_polled() {
    #[llm_trace(task)]
    fn unnamed() -> impl Future<Output = u32> {
        log("body");
        async move {
            log("future");
            1
        }
    }
    #[llm_trace(task)]
    fn boxed() -> Pin<Box<dyn Future<Output = u32> + Send>> {
        log("body");
        Box::pin(async move {
            log("future");
            1
        })
    }
    let (created, polled) = (Trace::new(), Trace::new());
    let makes: [fn() -> BoxFuture<'static, u32>; 2] = [|| unnamed().boxed(), boxed];
    for make in makes {
        let future = created.run(make);
        assert_eq!(LOG.take(), ["body"]);
        assert_eq!(polled.run(|| now(future)), 1);
        assert_eq!(LOG.take(), ["future"]);
    }
    drop(created.run(unnamed));
    drop(created.run(boxed));
    assert_eq!(created.spans().len(), 0, "a future that is never polled is no call");
    let spans = polled.spans();
    assert_eq!(spans.iter().map(|span| &*span.0.name).collect::<Vec<_>>(), ["unnamed", "boxed"]);
    assert!(spans.iter().all(|span| span.parent() == polled.root()), "the parent is that of the poll");
}

#[test]
fn every_spelling_of_a_future_is_followed_to_its_output() {
    type Alias<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

    struct Bot(String);
    impl Bot {
        #[llm_trace(task)]
        fn unnamed(&self) -> impl Future<Output = &str> + Send + '_ {
            async { self.0.as_str() }
        }
        #[llm_trace(task)]
        fn boxed(
            &mut self,
            more: &str,
        ) -> Pin<Box<dyn Future<Output = Result<usize, std::fmt::Error>> + Send + '_>> {
            if more.is_empty() {
                return Box::pin(async { Err(std::fmt::Error) });
            }
            let more = more.to_owned();
            Box::pin(async move {
                inner().await;
                self.0.push_str(&more);
                Ok(self.0.len())
            })
        }
        #[llm_trace(task)]
        fn box_future<'a>(&'a self, words: &'a [&'a str]) -> BoxFuture<'a, Vec<&'a str>> {
            async move { words.iter().copied().chain([self.0.as_str()]).collect() }.boxed()
        }
        #[llm_trace(task)]
        fn local(&self) -> LocalBoxFuture<'_, Rc<str>> {
            async { Rc::from(self.0.as_str()) }.boxed_local()
        }
        #[llm_trace(task)]
        fn generic<T: ToString>(
            &self,
            value: T,
        ) -> impl Future<Output = Result<String, std::fmt::Error>> + use<'_, T> {
            let text = value.to_string();
            async move {
                if text.is_empty() {
                    Err(std::fmt::Error)?;
                }
                Ok(self.0.clone() + &text)
            }
        }
    }

    fn send<T: Send>(value: T) -> T {
        value
    }

    let trace = Trace::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(
        async {
            let mut bot = Bot("a".into());
            assert_eq!(send(bot.unnamed()).await, "a");
            assert_eq!(send(bot.boxed("bc")).await, Ok(3));
            assert!(bot.boxed("").await.is_err());
            assert_eq!(send(bot.box_future(&["x", "y"])).await, ["x", "y", "abc"]);
            let local: Alias<'_, Rc<str>> = bot.local();
            assert_eq!(&*local.await, "abc");
            assert_eq!(send(bot.generic(1)).await.as_deref(), Ok("abc1"));
            assert!(bot.generic("").await.is_err());
        }
        .with_context(trace.context()),
    );
    let failed: Vec<_> =
        trace.spans().into_iter().map(|span| (span.0.name.to_string(), span.failed())).collect();
    let expected = [
        ("unnamed", false),
        ("inner", false),
        ("boxed", false),
        ("boxed", true),
        ("box_future", false),
        ("local", false),
        ("generic", false),
        ("generic", true),
    ];
    assert_eq!(failed, expected.map(|(name, failed)| (name.to_owned(), failed)));
    assert_eq!(trace.span("inner").parent(), trace.spans()[2].id());
}

#[test]
fn a_future_that_is_dropped_on_the_way_is_cancelled_once() {
    #[llm_trace(task)]
    fn waits() -> BoxFuture<'static, ()> {
        std::future::pending().boxed()
    }
    let trace = Trace::new();
    trace.run(|| {
        let mut future = waits();
        assert!(!poll_once(&mut future));
        assert_eq!(trace.spans().len(), 0);
    });
    assert_eq!(trace.only().text("llm_trace.outcome"), Some("cancelled"));
}

#[test]
fn a_panic_in_the_future_propagates_and_ends_the_call_as_an_error() {
    #[llm_trace(task)]
    fn panics() -> impl Future<Output = ()> {
        async { panic!("with content") }
    }
    let trace = Trace::new();
    let caught = std::panic::catch_unwind(|| trace.run(|| now(panics())));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"with content"));
    assert_eq!(trace.only().text("error.type"), Some("panic"));
}

#[test]
fn arguments_are_evaluated_before_the_body_takes_the_parameters() {
    #[derive(serde::Serialize)]
    struct Request {
        model: String,
        temperature: f64,
    }
    #[llm_trace(chat, provider = "openai", request = request, user = user)]
    fn chat(request: Request, user: Option<String>) -> impl Future<Output = String> + Send {
        async move { request.model + &user.unwrap_or_default() }
    }
    let trace = Trace::new();
    let request = Request { model: "m".into(), temperature: 0.5 };
    assert_eq!(trace.run(|| now(chat(request, Some("u".into())))), "mu");
    let span = trace.span("chat m");
    assert_eq!((span.double("gen_ai.request.temperature"), span.text("user.id")), (Some(0.5), Some("u")));
}

#[derive(serde::Serialize)]
struct Reply {
    model: &'static str,
    usage: serde_json::Value,
}

#[async_trait]
trait Ask {
    async fn ask<T: Send + Sync + ToString>(&self, model: &str, question: T)
    -> Result<Reply, std::io::Error>;

    #[llm_trace(task, name = "default")]
    async fn with_default(&mut self) -> String
    where
        Self: Sized,
    {
        inner().await.to_string()
    }
}

struct Bot;

#[async_trait]
impl Ask for Bot {
    #[llm_trace(chat, provider = "openai", model = model, attributes("app.question" = question.to_string()))]
    async fn ask<T: Send + Sync + ToString>(
        &self,
        model: &str,
        question: T,
    ) -> Result<Reply, std::io::Error> {
        inner().await;
        if question.to_string().is_empty() {
            return Err(std::io::Error::from(std::io::ErrorKind::TimedOut));
        }
        let parsed: i64 = question.to_string().parse().map_err(std::io::Error::other)?;
        Ok(Reply {
            model: "m-1",
            usage: serde_json::json!({ "prompt_tokens": parsed, "completion_tokens": 2 }),
        })
    }
}

#[test]
fn methods_under_async_trait_are_traced() {
    let trace = Trace::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(
        async {
            assert_eq!(Bot.ask("ok", "40").await.unwrap().model, "m-1");
            assert!(Bot.ask("timeout", "").await.is_err());
            assert_eq!(Bot.with_default().await, "7");
            // Still `Send`: it can be spawned.
            let task = async { Bot.ask("spawned", 1).await.map(|_| ()) }.with_current_context();
            tokio::spawn(task).await.unwrap().unwrap();
        }
        .with_context(trace.context()),
    );
    let ok = trace.span("chat ok");
    assert_eq!((ok.int("gen_ai.usage.input_tokens"), ok.text("app.question")), (Some(40), Some("40")));
    assert_eq!(trace.span("chat timeout").text("error.type"), Some("timeout"));
    let parents: Vec<_> =
        trace.spans().iter().filter(|span| span.0.name == "inner").map(Ended::parent).collect();
    let calls = ["chat ok", "chat timeout", "default", "chat spawned"].map(|name| trace.span(name).id());
    assert_eq!(parents, calls);
}

#[test]
fn methods_that_return_an_unnamed_future_of_a_trait_are_traced() {
    // The trait that `#[trait_variant::make]` generates.
    trait Ask {
        fn ask(&self, question: &str) -> impl Future<Output = Result<String, std::fmt::Error>> + Send;
    }
    struct Bot;
    impl Ask for Bot {
        #[llm_trace(tool, name = "echo")]
        fn ask(&self, question: &str) -> impl Future<Output = Result<String, std::fmt::Error>> + Send {
            async move { Ok(question.to_owned()) }
        }
    }
    let trace = Trace::new();
    assert_eq!(trace.run(|| now(Bot.ask("?"))).as_deref(), Ok("?"));
    assert_eq!(trace.only().0.name, "execute_tool echo");
}
