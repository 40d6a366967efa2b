//! Propagation formats of requests to other processes.

use std::fmt;

use opentelemetry::global;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use super::ConfigError;
use super::env::{Source, invalid};

const VARIABLE: &str = "OTEL_PROPAGATORS";

/// Propagation formats, as configured by `OTEL_PROPAGATORS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Propagators {
    pub(crate) trace_context: bool,
    /// Off unless asked for: baggage goes to every service that is called, whoever runs it.
    pub(crate) baggage: bool,
}

/// As the variable would say it.
impl fmt::Display for Propagators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.trace_context, self.baggage) {
            (true, true) => "tracecontext, baggage",
            (true, false) => "tracecontext",
            (false, true) => "baggage",
            (false, false) => "none",
        })
    }
}

impl Default for Propagators {
    fn default() -> Self {
        Propagators { trace_context: true, baggage: false }
    }
}

impl Propagators {
    /// Makes them the process's global propagators.
    pub(crate) fn install(self) {
        let mut chosen: Vec<Box<dyn TextMapPropagator + Send + Sync>> = Vec::new();
        if self.trace_context {
            chosen.push(Box::new(TraceContextPropagator::new()));
        }
        if self.baggage {
            chosen.push(Box::new(BaggagePropagator::new()));
        }
        global::set_text_map_propagator(TextMapCompositePropagator::new(chosen));
    }
}

/// A list of propagators, or `none`.
pub(super) fn resolve(source: &dyn Source) -> Result<Propagators, ConfigError> {
    let Some(list) = source.get(VARIABLE)? else { return Ok(Propagators::default()) };
    let mut chosen = Propagators { trace_context: false, baggage: false };
    for word in list.split(',').map(str::trim) {
        match word {
            "tracecontext" => chosen.trace_context = true,
            "baggage" => chosen.baggage = true,
            "none" => {}
            other => {
                let expected = "expected a list of `tracecontext` and `baggage`, or `none`";
                return Err(invalid(VARIABLE, other.to_owned(), expected));
            }
        }
    }
    Ok(chosen)
}
