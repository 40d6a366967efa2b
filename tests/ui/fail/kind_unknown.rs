use llm_trace::llm_trace;

#[llm_trace(chta, provider = "openai")]
fn misspelt() {}

#[llm_trace(retriever)]
fn another_word(query: &str) -> usize {
    query.len()
}

#[llm_trace(modle)]
fn a_key() {}

#[llm_trace(whatever)]
fn unlike_any() {}

#[llm_trace("chat", provider = "openai")]
fn quoted() {}

fn main() {}
