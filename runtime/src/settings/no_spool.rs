//! Without the feature `spool`: who asks for a spool must not be left to believe in one.

use super::env::Source;
use super::error::invalid;
use super::{Builder, Origin, Parameter, Resolved, Result};

const SPOOL: Parameter = Parameter::of_variables(&[
    "LLM_TRACE_SPOOL_DIR",
    "LLM_TRACE_SPOOL_MAX_BYTES",
    "LLM_TRACE_SPOOL_MAX_AGE",
    "LLM_TRACE_SPOOL_MODE",
]);

/// There are none.
#[derive(Debug)]
pub(crate) enum SpoolSettings {}

impl SpoolSettings {
    pub(super) fn resolve(_builder: &Builder, source: &dyn Source) -> Result<Option<Self>> {
        let expected = "this program was built without llm-trace's feature `spool`";
        SPOOL
            .find(None, source, |variable, value| Err(invalid(variable, value, expected)))
            .map(|spool| spool.map(|spool: Resolved<Self>| spool.value))
    }

    pub(super) fn of_service(self, _service: &str) -> Result<Self> {
        match self {}
    }

    pub(super) fn write_ahead(&self) -> Option<Origin> {
        match *self {}
    }
}
