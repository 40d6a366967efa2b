//! Where telemetry waits on disk, how much of it, and from when on.

#[cfg(not(feature = "spool"))]
mod none;
#[cfg(feature = "spool")]
mod settings;

#[cfg(feature = "spool")]
pub(crate) use llm_trace_delivery::SpoolSettings;
#[cfg(not(feature = "spool"))]
pub(crate) use none::SpoolSettings;
#[cfg(not(feature = "spool"))]
pub(super) use none::{of_service, parameter, resolve, rows};
#[cfg(feature = "spool")]
pub(super) use settings::{Wanted, of_service, parameter, resolve, rows};

use super::ConfigError;

/// Takes a row of the overview: what it is, its value, the builder method that set it, or else the variables that may have.
type Push<'a> =
    dyn FnMut(&'static str, String, Option<&'static str>, &'static str) -> Result<(), ConfigError> + 'a;

const DIR: &str = "LLM_TRACE_SPOOL_DIR";
const MAX_BYTES: &str = "LLM_TRACE_SPOOL_MAX_BYTES";
const MAX_AGE: &str = "LLM_TRACE_SPOOL_MAX_AGE";
const MODE: &str = "LLM_TRACE_SPOOL_MODE";
