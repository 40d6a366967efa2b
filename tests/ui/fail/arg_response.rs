use llm_trace::llm_trace;

#[llm_trace(chat, provider = "openai", response = "usage")]
fn no_function() {}

#[llm_trace(chat, provider = "openai", response = adapter())]
fn a_call() {}

fn main() {}
