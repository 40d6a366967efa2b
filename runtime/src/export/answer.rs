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
        // To JSON; also to protobuf, by Langfuse and others.
        "application/json" => partial_success_in_json(body),
        "" | "application/x-protobuf" | "application/protobuf" | "application/octet-stream" => {
            partial_success(body).unwrap_or_else(|| no_receiver(status, media_type))
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

/// What a response in protobuf says; nothing, if it is none.
pub(super) fn partial_success(response: &[u8]) -> Option<Outcome> {
    let response = ExportResponse::decode(response).ok()?;
    Some(response.partial_success.map_or(Outcome::Accepted, |PartialSuccess { rejected, error_message }| {
        partial(rejected, &error_message)
    }))
}

/// Each signal has a name of its own for the count, which is a number or, as JSON has it in protobuf, one in a string.
fn partial_success_in_json(response: &[u8]) -> Outcome {
    let response: serde_json::Value = serde_json::from_slice(response).unwrap_or_default();
    let partial_success = &response["partialSuccess"];
    let number = |name| {
        let count = partial_success.get(name)?;
        count.as_i64().or_else(|| count.as_str()?.parse().ok())
    };
    let rejected = ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"].into_iter().find_map(number);
    partial(rejected.unwrap_or_default(), partial_success["errorMessage"].as_str().unwrap_or_default())
}

/// Without a count the message is a warning about what was accepted.
fn partial(rejected: i64, message: &str) -> Outcome {
    match rejected {
        1.. => Outcome::Partial { rejected: rejected.unsigned_abs(), message: short(message) },
        _ => Outcome::Accepted,
    }
}

fn no_receiver(status: StatusCode, media_type: &str) -> Outcome {
    let what = if media_type.is_empty() { "something unreadable".to_owned() } else { short(media_type) };
    Outcome::Refused { reason: format!("HTTP status {status} with {what}: this is not an OTLP receiver") }
}

pub(super) fn short(text: &str) -> String {
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
    fn what_was_rejected_is_read_from_json_too() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "application/json; charset=utf-8".parse().expect("a value"));
        let judged = |body: &str| judge(StatusCode::OK, &headers, body.as_bytes());
        let some = |rejected, message: &str| Outcome::Partial { rejected, message: message.to_owned() };
        let cases = [
            (r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#, some(2, "too old")),
            (r#"{"partialSuccess":{"rejectedDataPoints":3}}"#, some(3, "")),
            (r#"{"partialSuccess":{"rejectedLogRecords":"1"}}"#, some(1, "")),
            (r#"{"partialSuccess":{"errorMessage":"a warning"}}"#, Outcome::Accepted),
            (r#"{"partialSuccess":null}"#, Outcome::Accepted),
            ("{}", Outcome::Accepted),
            (r#""OK""#, Outcome::Accepted),
        ];
        for (body, expected) in cases {
            assert_eq!(judged(body), expected, "{body}");
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
