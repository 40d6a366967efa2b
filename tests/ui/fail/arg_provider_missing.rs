use llm_trace::llm_trace;

#[llm_trace(chat)]
fn inference() {}

#[llm_trace(embeddings, model = "text-embedding-3-small")]
fn embeddings() {}

fn main() {}
