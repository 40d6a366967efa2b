use llm_trace::llm_trace;

// Not `Serialize`, so it has no recordable form.
struct Password(String);

#[llm_trace(tool, arguments(city, key))]
fn secret(city: &str, key: llm_trace::secrecy::SecretString) -> usize {
    city.len() + llm_trace::secrecy::ExposeSecret::expose_secret(&key).len()
}

#[llm_trace(workflow, input = password)]
fn login(password: Password) -> usize {
    password.0.len()
}

#[llm_trace(retrieval, query = password)]
fn query(password: Password) -> usize {
    password.0.len()
}

#[llm_trace(tool, capture(result))]
fn widening() {}

#[llm_trace(retrieval, input = question)]
fn other_kind(question: &str) -> usize {
    question.len()
}

#[llm_trace(workflow, inputs = question, input = question?)]
fn misspelt(question: &str) -> usize {
    question.len()
}

fn main() {}
