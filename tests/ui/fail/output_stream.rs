use llm_trace::llm_trace;

trait Stream {
    type Item;
}

struct Chunks;

impl Stream for Chunks {
    type Item = String;
}

#[llm_trace]
fn unnamed() -> impl Stream<Item = String> {
    Chunks
}

#[llm_trace]
async fn boxed() -> Result<Box<dyn Stream<Item = String> + Send>, String> {
    Ok(Box::new(Chunks))
}

fn main() {}
