use llm_trace::{Capture, Secret, llm_trace};

// Neither `Capture` nor `Serialize`.
struct Session;

#[derive(Capture)]
struct Ticket {
    question: String,
    key: Secret<String>,
    #[capture(hash)]
    pin: Option<Secret<u32>>,
    session: Session,
    #[capture(skip)]
    skipped: Secret<String>,
    #[capture(redact)]
    redacted: Session,
}

#[derive(Capture)]
enum Input<T> {
    Typed(T),
    Token { token: Secret<T> },
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
