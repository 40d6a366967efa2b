use llm_trace::llm_trace;

use std::{future::Future, pin::Pin};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[llm_trace]
fn unnamed() -> impl Future<Output = ()> {
    async {}
}

#[llm_trace]
fn boxed() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async {})
}

#[llm_trace]
fn alias() -> BoxFuture<'static, ()> {
    Box::pin(async {})
}

#[llm_trace]
fn in_a_result() -> Result<impl Future<Output = ()>, String> {
    Ok(async {})
}

fn main() {}
