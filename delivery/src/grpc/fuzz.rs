//! Responses of gRPC receivers.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use llm_trace_fuzz::fuzz;

use super::status::Reply;
use crate::answer_fuzz::assert_bounded;

/// `name: value` lines up to an empty one are the trailers; the body is behind it.
fn parts(input: &[u8]) -> (HeaderMap, &[u8]) {
    let mut trailers = HeaderMap::new();
    let mut rest = input;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, behind) = (&rest[..end], &rest[end + 1..]);
        rest = behind;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&line[colon + 1..])) {
            trailers.insert(name, value);
        }
    }
    (trailers, rest)
}

#[test]
fn fuzz_grpc() {
    fuzz("grpc", |input| {
        let (trailers, body) = parts(input);
        let Ok(reply) = Reply::read(StatusCode::OK, &HeaderMap::new(), Some(&trailers), body) else {
            return "no gRPC".to_owned();
        };
        let outcome = reply.outcome();
        assert_bounded(&outcome);
        // With no trailers at all, the status is among the headers.
        let alone = Reply::read(StatusCode::OK, &trailers, None, body).expect("the same status");
        assert_eq!(alone.outcome(), outcome);
        format!("{outcome:?}")
    });
}
