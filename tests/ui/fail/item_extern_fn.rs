use llm_trace::llm_trace;

#[llm_trace]
extern "C" fn foreign() {}

#[llm_trace]
pub unsafe extern "C" fn two_mistakes() {}

fn main() {}
