//! Where telemetry waits on disk, how much of it, and from when on.

#[cfg(not(feature = "spool"))]
mod none;
#[cfg(feature = "spool")]
mod settings;

#[cfg(not(feature = "spool"))]
pub(crate) use none::SpoolSettings;
#[cfg(feature = "spool")]
pub(crate) use settings::SpoolSettings;
#[cfg(feature = "spool")]
pub(super) use settings::Wanted;

const DIR: &str = "LLM_TRACE_SPOOL_DIR";
const MAX_BYTES: &str = "LLM_TRACE_SPOOL_MAX_BYTES";
const MAX_AGE: &str = "LLM_TRACE_SPOOL_MAX_AGE";
const MODE: &str = "LLM_TRACE_SPOOL_MODE";
