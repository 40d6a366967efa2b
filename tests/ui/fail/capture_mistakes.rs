use llm_trace::Capture;

#[derive(Capture)]
#[capture(rename = "t")]
struct Ticket {
    #[capture(redacted)]
    address: String,
    #[capture(hash, skip)]
    email: String,
    #[capture(skip = true)]
    session: String,
    #[capture(rename)]
    question: String,
    #[capture(rename = "")]
    answer: String,
    #[capture]
    bare: String,
    #[capture = "skip"]
    valued: String,
    #[capture(skip, rename = "x")]
    both: String,
    #[capture(rename = "id")]
    key: String,
    id: String,
    #[capture(encrypt)]
    unknown: String,
    #[capture(hash hash)]
    comma: String,
}

#[derive(Capture)]
struct Pair(#[capture(rename = "first")] u8, #[capture("redact")] u8);

#[derive(Capture)]
enum Event {
    #[capture(skip)]
    Skipped,
    #[capture(rename = "Skipped")]
    Same { #[capture(hash, hash)] twice: u8 },
}

#[derive(Capture)]
union Bits {
    int: u32,
    float: f32,
}

// Uses of an invalid type cause no further errors.
fn used(ticket: &Ticket, pair: &Pair) {
    let _ = (ticket.as_content(), pair.as_content());
}

fn main() {}
