//! Sends an empty export.

use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Request, StatusCode};

use super::{Check, explain};
use crate::config::{SignalSettings, shown};
use crate::export;

/// What is wrong is at the beginning of an answer.
const MAX_BODY: u64 = 64 * 1024;

/// A receiver's answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: String,
    pub(super) location: String,
    pub(super) body: Vec<u8>,
}

pub(super) fn check(signal: &'static str, settings: &SignalSettings, is_needed: bool) -> Check {
    let started = Instant::now();
    let answer = send(settings);
    let took = started.elapsed();
    let problem = explain::problem(settings, answer);
    Check { signal, destination: shown(&settings.endpoint), is_needed, took, problem }
}

/// Of no items, so that nobody's data gets anything it should not have.
fn send(settings: &SignalSettings) -> Result<Answer, ureq::Error> {
    let agent = export::agent(&settings.endpoint, settings.tls.clone());
    let mut request = Request::post(settings.endpoint.clone());
    if let Some(headers) = request.headers_mut() {
        headers.extend(settings.headers.clone());
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/x-protobuf"));
    }
    let request = request.body(&[][..])?;
    let request = agent.configure_request(request).timeout_global(Some(settings.timeout)).build();
    let mut response = agent.run(request)?;
    // Half a page tells as much as a whole one.
    let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec().unwrap_or_default();
    let (status, headers) = (response.status(), response.headers());
    Ok(Answer { status, content_type: text(headers, CONTENT_TYPE), location: text(headers, LOCATION), body })
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// How long the first bytes of a server are waited for, when it is looked at again.
pub(super) const SECOND_LOOK: Duration = Duration::from_secs(2);
