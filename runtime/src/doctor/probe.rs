//! Sends an empty export.

use std::time::{Duration, Instant, SystemTime};

use opentelemetry_http::Bytes;

use super::{Check, Problem, explain};
#[cfg(feature = "grpc")]
use crate::delivery::Protocol;
use crate::delivery::TransportConfig;
use crate::delivery::client::HttpClient;
#[cfg(feature = "grpc")]
use crate::delivery::grpc;
use crate::delivery::http::{Answer, ask};
use crate::delivery::{ExportRequest, Signal};
use crate::settings::shown;

pub(super) fn check(signal: Signal, settings: &TransportConfig, is_needed: bool) -> Check {
    let started = Instant::now();
    let problem = problem(signal, settings);
    let took = started.elapsed();
    let signal = match signal {
        Signal::Logs => "events",
        other => other.as_str(),
    };
    Check { signal, destination: shown(&settings.endpoint), is_needed, took, problem }
}

fn problem(signal: Signal, settings: &TransportConfig) -> Option<Problem> {
    match settings.protocol {
        #[cfg(feature = "grpc")]
        Protocol::Grpc => explain::grpc(settings, grpc::probe(settings, signal)),
        _ => explain::http(settings, send(signal, settings)),
    }
}

/// Of no items, so that nobody's data gets anything it should not have. Sent and read as every export is.
fn send(signal: Signal, settings: &TransportConfig) -> Result<Answer, ureq::Error> {
    let nothing = ExportRequest { signal, body: Bytes::new(), item_count: 0, created: SystemTime::now() };
    ask(&HttpClient::new(settings), &nothing, settings.timeout)
}

/// How long the first bytes of a server are waited for, when it is looked at again.
pub(super) const SECOND_LOOK: Duration = Duration::from_secs(2);
