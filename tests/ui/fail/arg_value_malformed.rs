use llm_trace::llm_trace;

struct Request {
    model: String,
}

#[llm_trace(chat, provider = "openai", model = request., temperature = 0.2)]
fn half_typed(request: Request) -> String {
    request.model
}

#[llm_trace(chat, provider = "openai", model = format!("{}", request.model) +)]
fn half_an_operator(request: Request) -> String {
    request.model
}

#[llm_trace(chat, provider = "openai" model = "gpt-5")]
fn no_comma() {}

#[llm_trace(chat provider = "openai")]
fn no_comma_after_kind() {}

#[llm_trace(chat,, provider = "openai")]
fn two_commas() {}

#[llm_trace(chat, provider = "open" "ai")]
fn two_values() {}

fn main() {}
