use llm_trace::llm_trace;

#[llm_trace(chat, provider = "openai", temprature = 0.2)]
fn misspelt() {}

#[llm_trace(chat, provder = "openai")]
fn misspelt_required() {}

#[llm_trace(chat, provider = "openai", max_completion_tokens = 10)]
fn another_word() {}

#[llm_trace(tool, whatever = 1)]
fn unlike_any() {}

#[llm_trace(tool, mod)]
fn keyword() {}

fn main() {}
