use llm_trace::llm_trace;

use std::{future::Future, pin::Pin};

use futures_util::stream::{self, BoxStream, StreamExt};

#[llm_trace]
fn unnamed_future() -> impl Future<Output = usize> {
    async { "text" }
}

#[llm_trace]
fn boxed_future(text: &str) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
    Box::pin(async move { text })
}

#[llm_trace]
fn local_future() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let local = std::rc::Rc::new(());
    Box::pin(async move { drop(local) })
}

#[llm_trace(chat, provider = "openai")]
fn boxed_stream() -> BoxStream<'static, usize> {
    stream::iter(["text"]).boxed()
}

fn main() {}
