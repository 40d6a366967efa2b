//! In: a receiver's HTTP answer. Out: what became of what it was sent.

use std::time::Duration;

use http::header::{CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use prost::Message;
use serde_json::Value;

use super::Outcome;
use super::messages::printable;
use super::retry::retry_after;

/// A receiver's message is shown on one line.
const MAX_MESSAGE_CHARS: usize = 200;

/// Known answers of receivers that are no OTLP responses, by a member of a JSON object: these have accepted the request.
const KNOWN_ANSWERS: [(&str, &str); 2] = [
    // Langfuse, which answers with the job that will process the request.
    ("name", "otel-ingestion-job"),
    // LangWatch before March 2026.
    ("message", "Trace received successfully."),
];

/// `Export{Trace,Metrics,Logs}ServiceResponse`: the same fields with the same numbers for every signal.
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

/// Judges an answer. A status of 2xx is not enough: a gateway answers with its login page, and a receiver may have
/// taken the request and rejected what is in it. The body must be an OTLP response: empty, or a response in protobuf or JSON
/// by its content type. An answer without a useful content type is taken for what its body is.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Outcome {
    if !status.is_success() {
        return unsuccessful(status, headers);
    }
    if body.is_empty() {
        return Outcome::Accepted;
    }
    let media_type =
        text(headers, &CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or("").trim();
    let outcome = match media_type.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => in_protobuf(body),
        // To JSON; also to protobuf, by some receivers. Servers may send JSON without a configured type as `text/plain`.
        "application/json" | "text/plain" => in_json(body),
        // Two letters of text are valid protobuf, of fields that no response has.
        "" | "application/octet-stream" => {
            in_json(body).or_else(|| in_protobuf(body).filter(|_| body[0] == 0x0a))
        }
        _ => None,
    };
    outcome.unwrap_or_else(|| no_receiver(status, media_type))
}

/// By the OTLP specification, and 408, which allows a retry. An error in reaching the receiver does not concern the data: it is kept until
/// the error is fixed.
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

/// Returns the outcome of a response in protobuf; `None` if it is none.
pub(super) fn in_protobuf(response: &[u8]) -> Option<Outcome> {
    let response = ExportResponse::decode(response).ok()?;
    Some(response.partial_success.map_or(Outcome::Accepted, |PartialSuccess { rejected, error_message }| {
        partial(Some(rejected.into()), &error_message)
    }))
}

/// Returns the outcome of a response in JSON; `None` if it is none. An object without members is one, as is an object with the member
/// `partialSuccess`, in the spelling of the specification or that of protobuf.
fn in_json(response: &[u8]) -> Option<Outcome> {
    let response: Value = serde_json::from_slice(response).ok()?;
    let response = response.as_object()?;
    let mut members = ["partialSuccess", "partial_success"].into_iter().filter_map(|name| response.get(name));
    let first = members.next();
    match first.filter(|value| !value.is_null()).or_else(|| members.next()).or(first) {
        Some(Value::Null) => Some(Outcome::Accepted),
        Some(partial_success) => partial_success_in_json(partial_success),
        None => {
            let is_known = |(key, value)| response.get(key).and_then(Value::as_str) == Some(value);
            let is_taken = response.is_empty() || KNOWN_ANSWERS.into_iter().any(is_known);
            is_taken.then_some(Outcome::Accepted)
        }
    }
}

/// Each signal has a different name for the count. Of several the largest counts.
fn partial_success_in_json(partial_success: &Value) -> Option<Outcome> {
    const COUNTS: [&str; 6] = [
        "rejectedSpans",
        "rejectedDataPoints",
        "rejectedLogRecords",
        "rejected_spans",
        "rejected_data_points",
        "rejected_log_records",
    ];
    let members = partial_success.as_object()?;
    let message = members.get("errorMessage").or_else(|| members.get("error_message"));
    let mut counts = COUNTS.into_iter().filter_map(|name| members.get(name)).filter(|count| !count.is_null());
    let rejected =
        counts.try_fold(0, |most, count| Some(most.max(number(count).filter(|count| *count >= 0)?)));
    Some(partial(rejected, message.and_then(Value::as_str).unwrap_or_default()))
}

/// A whole number, or one in a string, as JSON has 64 bits in protobuf. What is larger than any request is as large as can be.
fn number(count: &Value) -> Option<i128> {
    let of_text = |text: &str| text.parse::<i128>().ok().or_else(|| text.parse().ok().and_then(whole));
    match count {
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => of_text(text.trim()),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it has no fraction, and `as` saturates")]
fn whole(number: f64) -> Option<i128> {
    (number.is_finite() && number.fract() == 0.0).then_some(number as i128)
}

/// Without a count the message is a warning about accepted items. A count that is not a number of items, such as -1 or 2.5, does not show
/// how many were accepted: none is counted as delivered.
fn partial(rejected: Option<i128>, message: &str) -> Outcome {
    match rejected {
        Some(0) => Outcome::Accepted,
        Some(count @ 1..) => {
            Outcome::Partial { rejected: u64::try_from(count).unwrap_or(u64::MAX), message: short(message) }
        }
        _ => {
            let message = short(message);
            let colon = if message.is_empty() { "" } else { ": " };
            Outcome::Partial {
                rejected: u64::MAX,
                message: format!("the number that it rejected cannot be read{colon}{message}"),
            }
        }
    }
}

fn no_receiver(status: StatusCode, media_type: &str) -> Outcome {
    let what = match media_type.to_ascii_lowercase().as_str() {
        "" => "something unreadable".to_owned(),
        "application/json" | "application/x-protobuf" | "application/protobuf" => {
            format!("a body of {} that is not a response", short(media_type))
        }
        _ => short(media_type),
    };
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
            Outcome::Retry { .. } | Outcome::Unreachable { .. } => "wait",
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

    fn judged(content_type: &str, body: &[u8]) -> Outcome {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, content_type.parse().expect("a value"));
        }
        judge(StatusCode::OK, &headers, body)
    }

    fn some(rejected: u64, message: &str) -> Outcome {
        Outcome::Partial { rejected, message: message.to_owned() }
    }

    #[test]
    fn only_an_otlp_response_is_a_delivery() {
        let taken: [(&str, &[u8]); 17] = [
            ("", b""),
            ("text/html", b""),
            ("text/plain; charset=utf-8", b""),
            ("application/x-protobuf", b""),
            ("application/x-protobuf", b"\x0a\x00"),
            ("application/x-protobuf", b"\x0a\x02\x08\x00"),
            ("application/x-protobuf; charset=utf-8", b"\x10\x01"), // a field of a later version
            ("application/octet-stream", b"\x0a\x00"),
            ("", b"\x0a\x00"),
            ("application/json", b"{}"),
            ("APPLICATION/JSON; charset=utf-8", b" {} \n"),
            ("text/plain; charset=utf-8", b"{}"),
            ("", br#"{"partialSuccess":{}}"#),
            ("application/json", br#"{"partialSuccess":null,"message":"as it is"}"#),
            ("application/json", br#"{"partial_success":{"error_message":"a warning"}}"#),
            ("application/json", br#"{"id":"17","name":"otel-ingestion-job","data":{"payload":{}}}"#),
            ("application/json", br#"{"message":"Trace received successfully."}"#),
        ];
        for (content_type, body) in taken {
            let outcome = judged(content_type, body);
            assert_eq!(outcome, Outcome::Accepted, "{content_type}: {}", body.escape_ascii());
        }
        let refused: [(&str, &[u8]); 22] = [
            ("application/json", br#"{"error":"login required"}"#),
            ("application/json", br#"{"message":"Unauthorized"}"#),
            ("application/json", br#"{"status":"ok"}"#),
            ("application/json", br#""OK""#),
            ("application/json", b"null"),
            ("application/json", b"[]"),
            ("application/json", b"200"),
            ("application/json", b"<html>"),
            ("application/json", b"{\"partialSuccess\":"),
            ("application/json", br#"{"partialSuccess":"none"}"#),
            ("application/json", br#"{"partialSuccess":[]}"#),
            ("application/json", b"\x0a\x00"),
            ("application/x-protobuf", b"<html>"),
            ("application/x-protobuf", b"{}"),
            ("application/x-protobuf", b"\x0a\x05\x08"),
            ("", b"hi"),
            ("", b"<html>"),
            ("application/octet-stream", b"ok"),
            ("text/plain", b"OK"),
            ("text/html; charset=utf-8", b"<html>Sign in</html>"),
            ("text/html", b"{}"),
            ("application/xml", b"<ok/>"),
        ];
        for (content_type, body) in refused {
            let outcome = judged(content_type, body);
            let is_refused =
                matches!(&outcome, Outcome::Refused { reason } if reason.contains("not an OTLP receiver"));
            assert!(is_refused, "{content_type}: {}: {outcome:?}", body.escape_ascii());
        }
    }

    #[test]
    fn what_was_rejected_is_read_in_every_spelling_and_never_called_delivered() {
        let all = |message: &str| some(u64::MAX, message);
        // In both spellings, or with counts of two signals: the largest.
        let twice = [
            r#"{"partialSuccess":null,"partial_success":{"rejected_spans":3}}"#,
            r#"{"partialSuccess":{"rejectedSpans":0,"rejectedDataPoints":3}}"#,
            r#"{"partialSuccess":{"rejectedSpans":0,"rejected_spans":"3"}}"#,
        ];
        for body in twice {
            assert_eq!(judged("application/json", body.as_bytes()), some(3, ""), "{body}");
        }
        let unreadable = "the number that it rejected cannot be read";
        let cases = [
            (r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#, some(2, "too old")),
            (r#"{"partialSuccess":{"rejectedDataPoints":3}}"#, some(3, "")),
            (r#"{"partialSuccess":{"rejectedLogRecords":"1"}}"#, some(1, "")),
            (r#"{"partial_success":{"rejected_spans":4,"error_message":"late"}}"#, some(4, "late")),
            (r#"{"partial_success":{"rejected_data_points":" 5 "}}"#, some(5, "")),
            (r#"{"partialSuccess":{"rejected_log_records":6}}"#, some(6, "")),
            (r#"{"partialSuccess":{"rejectedSpans":3.0}}"#, some(3, "")),
            (r#"{"partialSuccess":{"rejectedSpans":"3.0"}}"#, some(3, "")),
            (r#"{"partialSuccess":{"rejectedSpans":9223372036854775808}}"#, some(1 << 63, "")),
            (r#"{"partialSuccess":{"rejectedSpans":1e300}}"#, all("")),
            (r#"{"partialSuccess":{"rejectedSpans":"99999999999999999999999"}}"#, all("")),
            (r#"{"partialSuccess":{"rejectedSpans":-1}}"#, all(unreadable)),
            (r#"{"partialSuccess":{"rejectedSpans":2.5}}"#, all(unreadable)),
            (r#"{"partialSuccess":{"rejectedSpans":"NaN"}}"#, all(unreadable)),
            (
                r#"{"partialSuccess":{"rejectedSpans":"two","errorMessage":"why"}}"#,
                all(&format!("{unreadable}: why")),
            ),
            (r#"{"partialSuccess":{"rejectedSpans":true}}"#, all(unreadable)),
            (r#"{"partialSuccess":{"rejectedSpans":0,"errorMessage":"a warning"}}"#, Outcome::Accepted),
            (r#"{"partialSuccess":{"rejectedSpans":null}}"#, Outcome::Accepted),
        ];
        for (body, expected) in cases {
            assert_eq!(judged("application/json; charset=utf-8", body.as_bytes()), expected, "{body}");
        }
        let minus_one = [&b"\x0a\x0b\x08"[..], &[0xff; 9], &[1]].concat();
        assert_eq!(judged("application/x-protobuf", &minus_one), all(unreadable));
        assert_eq!(judged("application/x-protobuf", b"\x0a\x04\x08\x07\x12\x00"), some(7, ""));
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
