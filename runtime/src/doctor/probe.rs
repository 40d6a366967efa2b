//! Sends an empty export.

use std::time::{Duration, Instant};

#[cfg(feature = "grpc")]
use llm_trace_delivery::Protocol;
use llm_trace_delivery::{Signal, TransportConfig, probe};

use super::{Check, Problem, explain};
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
        Protocol::Grpc => explain::grpc(settings, probe::grpc(settings, signal)),
        _ => explain::http(settings, probe::http(settings, signal)),
    }
}

/// Time limit of the second probe for the server's first bytes.
pub(super) const SECOND_LOOK: Duration = Duration::from_secs(2);
