//! The attribute on an `impl` applies to its methods, except those with an attribute.

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use llm_trace::llm_trace;
use llm_trace::opentelemetry::context::FutureExt as _;
use llm_trace_test_support::trace::Trace;

struct Bot {
    provider: &'static str,
}

#[llm_trace(chat, provider = self.provider, model = model)]
impl Bot {
    const LIMIT: usize = 2;

    #[llm_trace(skip)]
    fn new() -> Self {
        Bot { provider: "openai" }
    }

    const fn limit() -> usize {
        Self::LIMIT
    }

    fn ask(&self, model: &str) -> String {
        assert_eq!(self.helper(), self.provider);
        model.to_owned()
    }

    async fn ask_later(&mut self, model: String) -> Result<String, std::fmt::Error> {
        tokio::task::yield_now().await;
        Ok(model)
    }

    fn stream(&self, model: &str) -> BoxStream<'static, String> {
        stream::iter([model.to_owned()]).boxed()
    }

    #[llm_trace(tool, name = "own")]
    fn helper(&self) -> &'static str {
        self.provider
    }
}

#[async_trait]
trait Ask {
    async fn ask(&self, model: &str) -> String;
    fn name(&self) -> String;
}

struct Outside;
struct Inside;

#[llm_trace(task, attributes("app.model" = model))]
#[async_trait]
impl Ask for Outside {
    async fn ask(&self, model: &str) -> String {
        tokio::task::yield_now().await;
        model.to_owned()
    }

    #[llm_trace(skip)]
    fn name(&self) -> String {
        "outside".to_owned()
    }
}

#[async_trait]
#[llm_trace(task, attributes("app.model" = model))]
impl Ask for Inside {
    async fn ask(&self, model: &str) -> String {
        tokio::task::yield_now().await;
        model.to_owned()
    }

    #[llm_trace(skip)]
    fn name(&self) -> String {
        "inside".to_owned()
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn every_method_is_traced_with_the_arguments_of_the_impl_unless_overridden() {
    let trace = Trace::new();
    trace.run(|| {
        let mut bot = Bot::new();
        assert_eq!((bot.ask("sync"), Bot::limit()), ("sync".to_owned(), 2));
        assert_eq!(block_on(bot.ask_later("async".into())).as_deref(), Ok("async"));
        assert_eq!(block_on(bot.stream("stream").collect::<Vec<_>>()), ["stream"]);
    });
    let names: Vec<_> = trace.spans().iter().map(|span| span.0.name.to_string()).collect();
    assert_eq!(names, ["execute_tool own", "chat sync", "chat async", "chat stream"]);
    assert_eq!(trace.spans()[0].parent(), trace.span("chat sync").id());
    assert_eq!(trace.span("chat async").text("gen_ai.provider.name"), Some("openai"));
}

#[test]
fn async_trait_works_above_and_below() {
    let trace = Trace::new();
    let answers = async { (Outside.ask("o").await, Inside.ask("i").await, Outside.name() + &Inside.name()) };
    let answers = block_on(answers.with_context(trace.context()));
    assert_eq!(answers, ("o".to_owned(), "i".to_owned(), "outsideinside".to_owned()));
    let models: Vec<_> =
        trace.spans().iter().map(|span| span.text("app.model").map(ToOwned::to_owned)).collect();
    assert_eq!(models, [Some("o".to_owned()), Some("i".to_owned())]);
}
