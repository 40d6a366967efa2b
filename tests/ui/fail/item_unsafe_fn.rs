use llm_trace::llm_trace;

#[llm_trace]
unsafe fn dangerous() {}

fn main() {}
