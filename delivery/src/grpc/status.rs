//! In: a receiver's gRPC answer. Out: what became of what it was sent.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use prost::Message;

use super::connect::Failure;
use crate::Outcome;
use crate::answer;

/// Headers in binary come with padding or without.
const BINARY: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The outcome of a call, as gRPC numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// `OK`.
    pub const OK: Code = Code(0);
    /// `PERMISSION_DENIED`.
    pub const PERMISSION_DENIED: Code = Code(7);
    /// `RESOURCE_EXHAUSTED`.
    pub const RESOURCE_EXHAUSTED: Code = Code(8);
    /// `UNIMPLEMENTED`.
    pub const UNIMPLEMENTED: Code = Code(12);
    /// `UNAVAILABLE`.
    pub const UNAVAILABLE: Code = Code(14);
    /// `UNAUTHENTICATED`.
    pub const UNAUTHENTICATED: Code = Code(16);

    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];

    /// Returns whether the OTLP specification allows a retry, regardless of details.
    fn may_be_tried_again(self) -> bool {
        matches!(self.0, 1 | 4 | 10 | 11 | 14 | 15)
    }
}

/// Response of a receiver.
#[derive(Debug)]
pub struct Reply {
    /// The status of the call.
    pub code: Code,
    message: String,
    /// Pause that the receiver requests before the next attempt.
    pause: Option<Duration>,
    body: Vec<u8>,
}

/// `google.rpc.Status`, of which only the details have no header.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Reply {
    /// The status is in the trailers, or, in a trailers-only response, in the headers.
    pub(super) fn read(
        http: StatusCode,
        headers: &HeaderMap,
        trailers: Option<&HeaderMap>,
        body: &[u8],
    ) -> Result<Self, Failure> {
        let content_type = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        let mut told = [trailers, Some(headers)].into_iter().flatten();
        let told = told.find_map(|told| Some((told, text(told, "grpc-status")?.parse().ok()?)));
        let Some((told, code)) = told else {
            // A gateway in between, which answers in HTTP.
            return Err(Failure::NotGrpc { status: http, content_type: content_type.to_owned() });
        };
        let message = text(told, "grpc-message").unwrap_or_default();
        let details = text(told, "grpc-status-details-bin").and_then(|text| BINARY.decode(text).ok());
        Ok(Reply {
            code: Code(code),
            message: percent_decode_str(message).decode_utf8_lossy().into_owned(),
            pause: details.and_then(|details| pause(&details)),
            body: body.to_vec(),
        })
    }

    /// By the OTLP specification. As over HTTP, what is wrong with the way to the receiver is not wrong with the data.
    pub fn outcome(&self) -> Outcome {
        let reason = self.reason();
        match self.code {
            Code::OK => self.message().and_then(answer::in_protobuf).unwrap_or_else(|| Outcome::Refused {
                reason: format!("{reason} without a response that can be read: this is not an OTLP receiver"),
            }),
            Code::RESOURCE_EXHAUSTED if self.pause.is_none() => Outcome::Split { reason },
            Code::RESOURCE_EXHAUSTED => Outcome::Retry { after: self.pause, reason },
            code if code.may_be_tried_again() => Outcome::Retry { after: self.pause, reason },
            Code::UNAUTHENTICATED | Code::PERMISSION_DENIED | Code::UNIMPLEMENTED => {
                Outcome::Refused { reason }
            }
            _ => Outcome::Rejected { reason },
        }
    }

    /// The one message of the response: compression flag (compression is not requested), length, and as many bytes.
    fn message(&self) -> Option<&[u8]> {
        let (prefix, message) = self.body.split_first_chunk::<5>()?;
        let [0, length @ ..] = *prefix else { return None };
        (u32::from_be_bytes(length) as usize == message.len()).then_some(message)
    }

    /// The status in words, of one line.
    pub fn reason(&self) -> String {
        let name = Code::NAMES.get(self.code.0 as usize).copied().unwrap_or("of a number that is not known");
        let message = answer::short(&self.message);
        let colon = if message.is_empty() { "" } else { ": " };
        format!("gRPC status {name}{colon}{message}")
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn pause(details: &[u8]) -> Option<Duration> {
    let status = Status::decode(details).ok()?;
    let info = status.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&info.value[..]).ok()?.retry_delay?;
    let (seconds, nanos) = (u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?);
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into())))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn reply(code: u32, details: &[u8]) -> Reply {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", code.into());
        trailers.insert("grpc-message", HeaderValue::from_static("too%20much%1b[31m"));
        if !details.is_empty() {
            let details = BINARY.encode(details);
            trailers.insert("grpc-status-details-bin", details.parse().expect("a value"));
        }
        Reply::read(StatusCode::OK, &HeaderMap::new(), Some(&trailers), &[0; 5]).expect("gRPC")
    }

    /// `google.rpc.Status` with a `RetryInfo` of so many seconds, and something else before it.
    fn retry_info(seconds: i64, nanos: i32) -> Vec<u8> {
        let info = RetryInfo { retry_delay: Some(Delay { seconds, nanos }) };
        let detail = |name: &str, value| Any { type_url: format!("type.googleapis.com/{name}"), value };
        let details =
            vec![detail("google.rpc.Help", vec![1, 2]), detail("google.rpc.RetryInfo", info.encode_to_vec())];
        Status { details }.encode_to_vec()
    }

    #[test]
    fn codes_are_told_apart_as_the_specification_has_it() {
        let kind = |code, details: &[u8]| match reply(code, details).outcome() {
            Outcome::Accepted | Outcome::Partial { .. } => "fine",
            Outcome::Retry { .. } | Outcome::Unreachable { .. } => "wait",
            Outcome::Split { .. } => "split",
            Outcome::Refused { .. } => "mend the way",
            Outcome::Rejected { .. } => "drop",
        };
        let cases = [
            ("fine", &[0][..]),
            ("wait", &[1, 4, 10, 11, 14, 15]),
            ("split", &[8]),
            ("mend the way", &[7, 12, 16]),
            ("drop", &[2, 3, 5, 6, 9, 13, 17, 99]),
        ];
        for (expected, codes) in cases {
            for code in codes {
                assert_eq!(kind(*code, &[]), expected, "{code}");
            }
        }
        assert_eq!(kind(8, &retry_info(1, 0)), "wait");
    }

    #[test]
    fn a_status_of_ok_without_a_readable_response_is_no_delivery() {
        let outcome = |body: &[u8]| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", 0.into());
            let reply = Reply::read(StatusCode::OK, &HeaderMap::new(), Some(&trailers), body);
            reply.expect("gRPC").outcome()
        };
        assert_eq!(outcome(&[0; 5]), Outcome::Accepted);
        assert_eq!(outcome(b"\0\0\0\0\x02\x10\x01"), Outcome::Accepted, "a field of a later version");
        let rejected = Outcome::Partial { rejected: 2, message: String::new() };
        assert_eq!(outcome(b"\0\0\0\0\x04\x0a\x02\x08\x02"), rejected);
        let unreadable: [&[u8]; 5] =
            [b"", b"\0\0\0\0", b"\x01\0\0\0\0", b"\0\0\0\0\x02\x08", b"\0\0\0\0\x06<html>"];
        for body in unreadable {
            let outcome = outcome(body);
            assert!(matches!(outcome, Outcome::Refused { .. }), "{}: {outcome:?}", body.escape_ascii());
        }
    }

    #[test]
    fn a_busy_receiver_says_how_long() {
        for code in [8, 14] {
            let Outcome::Retry { after, reason } = reply(code, &retry_info(30, 500_000_000)).outcome() else {
                panic!("{code}")
            };
            assert_eq!(after, Some(Duration::from_millis(30_500)), "{reason}");
        }
        assert!(matches!(reply(14, &retry_info(-1, 0)).outcome(), Outcome::Retry { after: None, .. }));
        assert!(matches!(reply(14, b"no message").outcome(), Outcome::Retry { after: None, .. }));
    }

    #[test]
    fn a_message_is_decoded_and_cannot_steer_a_terminal() {
        assert_eq!(reply(3, &[]).reason(), "gRPC status INVALID_ARGUMENT: too much\\u{1b}[31m");
        assert!(reply(99, &[]).reason().starts_with("gRPC status of a number that is not known: "));
    }

    #[test]
    fn what_has_no_status_of_grpc_is_a_gateway() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        let failure = Reply::read(StatusCode::BAD_GATEWAY, &headers, None, b"<html>").expect_err("no gRPC");
        assert_eq!(
            failure.to_string(),
            "HTTP status 502 Bad Gateway with text/html: this is not a gRPC receiver"
        );
    }
}
