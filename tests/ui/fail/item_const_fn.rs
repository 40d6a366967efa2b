use llm_trace::llm_trace;

#[llm_trace]
const fn constant() {}

fn main() {}
