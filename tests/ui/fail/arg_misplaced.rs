use llm_trace::llm_trace;

#[llm_trace(tool, temperature = 0.2)]
fn other_kind() {}

#[llm_trace(model = "gpt-5")]
fn no_kind() {}

#[llm_trace(retrieval, request = request)]
fn no_body(request: &str) -> usize {
    request.len()
}

fn main() {}
