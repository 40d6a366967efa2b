//! In: a receiver's HTTP answer. Out: what became of what it was sent.

use std::time::Duration;

use http::header::{CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use prost::Message;

use super::delivery::{Outcome, retry_after};
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
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Outcome {
    if !status.is_success() {
        return unsuccessful(status, headers);
    }
    if body.is_empty() {
        return Outcome::Accepted;
    }
    let media_type =
        text(headers, &CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or("").trim();
    match media_type.to_ascii_lowercase().as_str() {
        // Not what was asked for, but Langfuse and others answer so to protobuf, and have taken it.
        "application/json" => Outcome::Accepted,
        "" | "application/x-protobuf" | "application/protobuf" | "application/octet-stream" => {
            ExportResponse::decode(body).map_or_else(|_| no_receiver(status, media_type), partial)
        }
        _ => no_receiver(status, media_type),
    }
}

/// By the OTLP specification, and 408, which asks for it. What is wrong with the way to the receiver is not wrong with the
/// data: that is kept until somebody mends it.
fn unsuccessful(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let redirect = if status.is_redirection() { " (redirects are not followed)" } else { "" };
    let reason = format!("HTTP status {status}{redirect}");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT
        | StatusCode::REQUEST_TIMEOUT => Outcome::Retry { after: asked_for(headers), reason },
        StatusCode::PAYLOAD_TOO_LARGE => Outcome::Split { reason },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            Outcome::Refused { reason }
        }
        _ if status.is_redirection() => Outcome::Refused { reason },
        _ => Outcome::Rejected { reason },
    }
}

fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    retry_after(text(headers, &RETRY_AFTER)?, text(headers, &DATE))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn partial(response: ExportResponse) -> Outcome {
    // Without a count the message is a warning about what was accepted.
    let Some(PartialSuccess { rejected: rejected @ 1.., error_message }) = response.partial_success else {
        return Outcome::Accepted;
    };
    Outcome::Partial { rejected: rejected.unsigned_abs(), message: short(&error_message) }
}

fn no_receiver(status: StatusCode, media_type: &str) -> Outcome {
    let what = if media_type.is_empty() { "something unreadable".to_owned() } else { short(media_type) };
    Outcome::Refused { reason: format!("HTTP status {status} with {what}: this is not an OTLP receiver") }
}

fn short(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart_by_what_helps() {
        let kind = |status: u16| match judge(
            StatusCode::from_u16(status).expect("a status"),
            &HeaderMap::new(),
            &[],
        ) {
            Outcome::Accepted | Outcome::Partial { .. } => "fine",
            Outcome::Retry { .. } => "wait",
            Outcome::Split { .. } => "split",
            Outcome::Refused { .. } => "mend the way",
            Outcome::Rejected { .. } => "drop",
        };
        let cases = [
            ("fine", &[200, 202, 204][..]),
            ("wait", &[408, 429, 502, 503, 504]),
            ("split", &[413]),
            ("mend the way", &[301, 302, 307, 401, 403, 404]),
            ("drop", &[400, 405, 415, 422, 500, 501, 505]),
        ];
        for (expected, statuses) in cases {
            for status in statuses {
                assert_eq!(kind(*status), expected, "{status}");
            }
        }
    }

    #[test]
    fn a_busy_receiver_says_how_long() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "Tue, 24 Nov 2026 08:00:30 GMT".parse().expect("a value"));
        headers.insert(DATE, "Tue, 24 Nov 2026 08:00:00 GMT".parse().expect("a value"));
        let outcome = judge(StatusCode::TOO_MANY_REQUESTS, &headers, b"busy");
        let reason = "HTTP status 429 Too Many Requests".to_owned();
        assert_eq!(outcome, Outcome::Retry { after: Some(Duration::from_secs(30)), reason });
    }
}
