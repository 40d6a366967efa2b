use llm_trace::llm_trace;

#[llm_trace]
struct Agent;

#[llm_trace]
pub(crate) unsafe trait Answer {
    fn answer(&self);
}

#[llm_trace]
mod agents {}

#[llm_trace(chat, provider = "openai")]
const ANSWER: fn() = || ();

#[llm_trace]
pub use std::fmt as format;

fn main() {}
