//! Without the feature: who asks for a spool must not be left to believe in one.

use super::{DIR, MAX_AGE, MAX_BYTES, MODE};
use crate::settings::env::{Source, invalid};
use crate::settings::{Builder, ConfigError, Origin, Parameter, Resolved};

const SPOOL: Parameter = Parameter::of_variables(&[DIR, MAX_BYTES, MAX_AGE, MODE]);

/// There are none.
#[derive(Debug)]
pub(crate) enum SpoolSettings {}

impl SpoolSettings {
    pub(in crate::settings) fn resolve(
        _builder: &Builder,
        source: &dyn Source,
    ) -> Result<Option<Self>, ConfigError> {
        let expected = "this program was built without llm-trace's feature `spool`";
        SPOOL
            .find(None, source, |variable, value| Err(invalid(variable, value, expected)))
            .map(|spool| spool.map(|spool: Resolved<Self>| spool.value))
    }

    pub(in crate::settings) fn of_service(self, _service: &str) -> Result<Self, ConfigError> {
        match self {}
    }

    pub(in crate::settings) fn write_ahead(&self) -> Option<Origin> {
        match *self {}
    }
}
