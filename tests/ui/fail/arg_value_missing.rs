use llm_trace::llm_trace;

#[llm_trace(chat, provider)]
fn no_equals() {}

#[llm_trace(chat, provider =)]
fn nothing_after() {}

#[llm_trace(chat, provider = "openai", model = , top_p = 0.5)]
fn nothing_between() {}

#[llm_trace(chat, provider("openai"))]
fn parentheses() {}

#[llm_trace(chat, provider: "openai")]
fn colon() {}

fn main() {}
