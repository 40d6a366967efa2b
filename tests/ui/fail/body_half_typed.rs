use llm_trace::llm_trace;

struct Request {
    model: String,
}

#[llm_trace(tool, name = request.model)]
fn half_typed(request: &Request) -> usize {
    request.
}

fn uses_it(request: &Request) -> usize {
    half_typed(request)
}

fn main() {}
