use llm_trace::llm_trace;

use std::pin::Pin;

trait Stream {
    type Item;
}

struct Chunks;

impl Stream for Chunks {
    type Item = String;
}

#[llm_trace]
fn unnamed() -> Option<impl Stream<Item = String>> {
    Some(Chunks)
}

#[llm_trace]
async fn boxed() -> Option<Pin<Box<dyn Stream<Item = String> + Send>>> {
    Some(Box::pin(Chunks))
}

fn main() {}
