//! What travels with requests to other processes.

use super::ConfigError;
use super::env::{Source, invalid};
use crate::propagation::Propagators;

const VARIABLE: &str = "OTEL_PROPAGATORS";

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
