use llm_trace::llm_trace;

#[llm_trace(provider = "openai", chat)]
fn last() {}

#[llm_trace(chat, embeddings, provider = "openai")]
fn two() {}

#[llm_trace(tool = "search")]
fn with_value() {}

#[llm_trace(tool("search"))]
fn with_parentheses() {}

fn main() {}
