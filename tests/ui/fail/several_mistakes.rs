use llm_trace::llm_trace;

#[llm_trace(chat, modle = "gpt-5", temperature, top_k = 3 +, data_source = "d", top_p = 0.5, top_p = 0.6)]
pub const fn several(question: &str) -> usize {
    question.len()
}

// No error here: the function exists despite the invalid attribute.
pub fn uses_it() -> usize {
    several("question")
}

fn main() {}
