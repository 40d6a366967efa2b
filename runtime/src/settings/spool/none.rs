//! Without the feature: who asks for a spool must not be left to believe in one.

use opentelemetry::KeyValue;

use super::{DIR, MAX_AGE, MAX_BYTES, MODE, Push};
use crate::settings::env::{Source, invalid};
use crate::settings::{Builder, ConfigError};

/// There are none.
#[derive(Debug)]
pub(crate) enum SpoolSettings {}

impl SpoolSettings {
    pub(crate) fn writes_ahead(&self) -> bool {
        match *self {}
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as with the feature")]
pub(in crate::settings) fn of_service(
    settings: SpoolSettings,
    _resource: &[KeyValue],
    _parameter: &'static str,
) -> Result<SpoolSettings, ConfigError> {
    match settings {}
}

pub(in crate::settings) fn resolve(
    _builder: &Builder,
    source: &dyn Source,
) -> Result<Option<SpoolSettings>, ConfigError> {
    for variable in [DIR, MAX_BYTES, MAX_AGE, MODE] {
        if let Some(value) = source.get(variable)? {
            let expected = "this program was built without llm-trace's feature `spool`";
            return Err(invalid(variable, value, expected));
        }
    }
    Ok(None)
}

pub(in crate::settings) fn parameter(_builder: &Builder) -> &'static str {
    DIR
}

pub(in crate::settings) fn rows(
    _builder: &Builder,
    _settings: Option<&SpoolSettings>,
    push: &mut Push<'_>,
) -> Result<(), ConfigError> {
    push("spool", "none: built without the feature `spool`".to_owned(), None, DIR)
}
