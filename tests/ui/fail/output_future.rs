use llm_trace::llm_trace;

use std::future::{Future, IntoFuture, Ready, ready};

#[llm_trace]
fn in_a_result() -> Result<impl Future<Output = ()>, String> {
    Ok(async {})
}

#[llm_trace]
fn in_an_option() -> Option<impl Future<Output = ()>> {
    Some(async {})
}

#[llm_trace]
fn not_pinned() -> Box<dyn Future<Output = ()> + Unpin> {
    Box::new(ready(()))
}

#[llm_trace]
fn not_a_future_yet() -> impl IntoFuture<Output = (), IntoFuture = Ready<()>> {
    ready(())
}

fn main() {}
