use llm_trace::llm_trace;

struct Failed;

#[llm_trace]
fn wrong_value() -> Result<String, String> {
    Ok(7)
}

#[llm_trace]
async fn wrong_value_later() -> Result<String, String> {
    Ok(7)
}

#[llm_trace]
fn no_value(text: &str) -> usize {
    text.len();
}

#[llm_trace]
async fn no_value_later(text: &str) -> usize {
    text.len();
}

#[llm_trace]
async fn wrong_early_return(text: &str) -> usize {
    if text.is_empty() {
        return None;
    }
    text.len()
}

#[llm_trace]
async fn wrong_error(text: &str) -> Result<usize, Failed> {
    let number: usize = text.parse()?;
    Ok(number)
}

fn main() {}
