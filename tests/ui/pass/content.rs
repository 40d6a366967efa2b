//! Content arguments: without a prelude, without a warning, of any type that serializes, owned or borrowed.
#![no_implicit_prelude]
#![deny(warnings)]

#[::llm_trace::llm_trace(
    chat,
    provider = "openai",
    model = "gpt-5",
    input = question,
    system = ::std::format!("be {}", "brief"),
    tools = [tools],
    skip(output)
)]
async fn ask(question: &str, tools: ::std::option::Option<&str>) -> usize {
    let _ = tools;
    question.len()
}

#[::llm_trace::llm_trace(tool, arguments(city, days, unit = "C"), skip(output))]
fn weather(city: ::std::string::String, days: u8) -> ::std::result::Result<u8, ::std::string::String> {
    if city.is_empty() { ::std::result::Result::Err(city) } else { ::std::result::Result::Ok(days) }
}

#[::llm_trace::llm_trace(retrieval, query = query, top_k = 4)]
fn search<T: ::llm_trace::argument::Text>(query: T) -> T {
    query
}

#[::llm_trace::llm_trace(workflow, skip(all))]
fn flow() {}

fn main() {
    flow();
    ::core::mem::drop(ask("?", ::std::option::Option::None));
    ::core::assert_eq!(weather(::std::string::String::new(), 3).is_err(), true);
    ::core::assert_eq!(weather(::std::format!("Rome"), 3), ::std::result::Result::Ok(3));
    ::core::assert_eq!(search("x"), "x");
}
