//! OpenAI's rate-limit headers, sent with every response. They are enforced only by `Failure::RateLimited`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

/// Requests per day and tokens per minute of OpenAI's first paid tier, for gpt-4o-mini.
const REQUESTS: u64 = 10_000;
const TOKENS: u64 = 200_000;

/// The usage since the start. Windows never end: a stand-in does not live long enough.
#[derive(Debug, Default)]
pub(super) struct Limits {
    requests: AtomicU64,
    tokens: AtomicU64,
}

impl Limits {
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Counts the tokens of one response.
    pub(super) fn spend(&self, tokens: usize) {
        self.tokens.fetch_add(u64::try_from(tokens).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Adds OpenAI's headers to each response, unless the handler already set them.
pub(super) async fn report(State(state): State<Arc<super::State>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let number = state.limits.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if !headers.contains_key("x-ratelimit-limit-requests") {
        let tokens = state.limits.tokens.load(Ordering::Relaxed);
        write(headers, REQUESTS.saturating_sub(number), TOKENS.saturating_sub(tokens), "8.64s", "6ms");
    }
    insert(headers, "x-request-id", &format!("req_{number:032x}"));
    insert(headers, "openai-processing-ms", &started.elapsed().as_millis().to_string());
    response
}

/// The headers of a response refused because no requests are left.
pub(super) fn exhausted(headers: &mut HeaderMap) {
    write(headers, 0, TOKENS, "1s", "0s");
}

fn write(headers: &mut HeaderMap, requests: u64, tokens: u64, reset_requests: &str, reset_tokens: &str) {
    insert(headers, "x-ratelimit-limit-requests", &REQUESTS.to_string());
    insert(headers, "x-ratelimit-limit-tokens", &TOKENS.to_string());
    insert(headers, "x-ratelimit-remaining-requests", &requests.to_string());
    insert(headers, "x-ratelimit-remaining-tokens", &tokens.to_string());
    insert(headers, "x-ratelimit-reset-requests", reset_requests);
    insert(headers, "x-ratelimit-reset-tokens", reset_tokens);
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
