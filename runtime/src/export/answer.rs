//! In: a receiver's HTTP answer. Out: what became of what it was sent.

use http::StatusCode;
use prost::Message;

use super::exchange::Outcome;
use super::printable::printable;

/// A receiver's message is shown on one line.
const MAX_MESSAGE_CHARS: usize = 200;

/// `Export{Trace,Metrics}ServiceResponse`: the same fields with the same numbers for every signal.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// Judges an answer. A status of 200 is not enough: a gateway answers with its login page, and a receiver may have
/// taken the request and rejected what is in it.
pub(super) fn judge(status: StatusCode, content_type: Option<&str>, body: &[u8]) -> Outcome {
    if !status.is_success() {
        let redirect = if status.is_redirection() { " (redirects are not followed)" } else { "" };
        return Outcome::Failed(format!("HTTP status {status}{redirect}"));
    }
    if body.is_empty() {
        return Outcome::Accepted;
    }
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or("").trim();
    match media_type.to_ascii_lowercase().as_str() {
        // Not what was asked for, but Langfuse and others answer so to protobuf, and have taken it.
        "application/json" => Outcome::Accepted,
        "" | "application/x-protobuf" | "application/protobuf" | "application/octet-stream" => {
            ExportResponse::decode(body).map_or_else(|_| no_receiver(status, media_type), partial)
        }
        _ => no_receiver(status, media_type),
    }
}

fn partial(response: ExportResponse) -> Outcome {
    // Without a count the message is a warning about what was accepted.
    let Some(PartialSuccess { rejected: rejected @ 1.., error_message }) = response.partial_success else {
        return Outcome::Accepted;
    };
    Outcome::Rejected { items: rejected.unsigned_abs(), message: short(&error_message) }
}

fn no_receiver(status: StatusCode, media_type: &str) -> Outcome {
    let what = if media_type.is_empty() { "something unreadable".to_owned() } else { short(media_type) };
    Outcome::Failed(format!("HTTP status {status} with {what}: this is not an OTLP receiver"))
}

fn short(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
