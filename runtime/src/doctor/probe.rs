//! Sends an empty export.

use std::time::{Duration, Instant, SystemTime};

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use opentelemetry_http::Bytes;

use super::{Check, Problem, explain};
#[cfg(feature = "grpc")]
use crate::config::Protocol;
use crate::config::{SignalSettings, shown};
#[cfg(feature = "grpc")]
use crate::export;
use crate::export::{HttpClient, Parcel, Signal};

/// What is wrong is at the beginning of an answer.
const MAX_BODY: u64 = 64 * 1024;

/// A receiver's answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: String,
    pub(super) location: String,
    pub(super) body: Vec<u8>,
}

pub(super) fn check(signal: Signal, settings: &SignalSettings, is_needed: bool) -> Check {
    let started = Instant::now();
    let problem = problem(signal, settings);
    let took = started.elapsed();
    let signal = match signal {
        Signal::Logs => "events",
        other => other.as_str(),
    };
    Check { signal, destination: shown(&settings.endpoint), is_needed, took, problem }
}

fn problem(signal: Signal, settings: &SignalSettings) -> Option<Problem> {
    match settings.protocol {
        #[cfg(feature = "grpc")]
        Protocol::Grpc => explain::grpc(settings, export::grpc::probe(settings, signal)),
        _ => explain::http(settings, send(signal, settings)),
    }
}

/// Of no items, so that nobody's data gets anything it should not have.
fn send(signal: Signal, settings: &SignalSettings) -> Result<Answer, ureq::Error> {
    let nothing = Parcel { signal, body: Bytes::new(), item_count: 0, created: SystemTime::now() };
    let client = HttpClient::new(settings);
    let body = client.encoding().encode(&nothing)?;
    let mut response = client.post(&body, settings.timeout)?;
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
