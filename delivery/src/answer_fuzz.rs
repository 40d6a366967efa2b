//! Answers of receivers.

use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use llm_trace_fuzz::fuzz;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use super::Outcome;
use super::answer::judge;

/// A message is one line of 200 characters, and what names a status before it.
const MAX_REASON_CHARS: usize = 400;

/// An answer as a corpus has it: `status`, `content-type`, `retry-after` and `date`, a line each, then the body.
fn judged(input: &[u8]) -> Outcome {
    let mut lines = input.splitn(5, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let status = std::str::from_utf8(line()).ok().and_then(|status| status.trim().parse().ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let mut headers = HeaderMap::new();
    for name in [CONTENT_TYPE, RETRY_AFTER, DATE] {
        if let Ok(value) = HeaderValue::from_bytes(line()) {
            headers.insert(name, value);
        }
    }
    judge(status, &headers, lines.next().unwrap_or_default())
}

pub(super) fn assert_bounded(outcome: &Outcome) {
    if let Outcome::Partial { rejected, .. } = outcome {
        assert!(*rejected > 0, "{outcome:?}");
    }
    if let Outcome::Partial { message: said, .. }
    | Outcome::Retry { reason: said, .. }
    | Outcome::Split { reason: said }
    | Outcome::Refused { reason: said }
    | Outcome::Rejected { reason: said } = outcome
    {
        assert!(said.chars().count() <= MAX_REASON_CHARS && !said.contains(char::is_control), "{said:?}");
    }
}

/// Returns a response in protobuf with that outcome, if it has a number for it.
fn encoded(rejected: u64, message: &str) -> Option<Vec<u8>> {
    let partial_success = Some(ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected).ok()?,
        error_message: message.to_owned(),
    });
    Some(ExportTraceServiceResponse { partial_success }.encode_to_vec())
}

#[test]
fn fuzz_answers() {
    fuzz("answers", |input| {
        let outcome = judged(input);
        assert_bounded(&outcome);
        if let Outcome::Partial { rejected, message } = &outcome
            && !message.ends_with('…')
            && let Some(body) = encoded(*rejected, message)
        {
            assert_eq!(judge(StatusCode::OK, &HeaderMap::new(), &body), outcome, "the same in protobuf");
        }
        format!("{outcome:?}")
    });
}
