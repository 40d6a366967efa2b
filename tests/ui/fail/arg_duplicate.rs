use llm_trace::llm_trace;

#[llm_trace(chat, provider = "openai", model = "gpt-5", model = "gpt-5-mini")]
fn twice() {}

#[llm_trace(tool, attributes("app.tier" = 1), attributes("app.plan" = 2))]
fn attributes_twice() {}

fn main() {}
