use llm_trace::llm_trace;

#[llm_trace(mcp(client), transport = "stdio")]
fn send() {}

#[llm_trace(mcp(server), sesion = "s", method = "ping")]
fn misspelt() {}

#[llm_trace(mcp, method = "ping")]
fn which_side() {}

#[llm_trace(chat, provider = "openai", session = "s")]
fn conversation() {}

fn main() {}
