use llm_trace::secrecy::{SecretBox, SecretString};
use llm_trace::{Capture, llm_trace};

// Neither `Capture` nor `Serialize`.
struct Session;

#[derive(Capture)]
struct Ticket {
    question: String,
    key: SecretString,
    #[capture(hash)]
    pin: Option<SecretBox<u32>>,
    session: Session,
    #[capture(skip)]
    skipped: SecretString,
    #[capture(redact)]
    redacted: Session,
}

#[derive(Capture)]
enum Input<T> {
    Typed(T),
    Token { token: SecretString },
}

#[llm_trace(workflow, input = ticket)]
fn answer(ticket: Ticket) -> usize {
    ticket.question.len()
}

#[llm_trace(workflow, input = input)]
fn generic(input: Input<Session>) {
    drop(input);
}

fn main() {}
