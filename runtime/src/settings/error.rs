//! Errors of a configuration.

use super::Origin;

/// A configuration that cannot work, with the parameter or variable and the value at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value is not of the form its parameter takes.
    #[error("{parameter}: `{value}` is not valid: {expected}")]
    InvalidValue {
        /// The builder method or environment variable.
        parameter: &'static str,
        /// The value; secrets are masked.
        value: String,
        /// Valid values.
        expected: String,
    },
    /// `init()` was called while an earlier [`Telemetry`](crate::Telemetry) is still alive.
    #[error("llm-trace is already initialised: keep the first `Telemetry` until the program ends")]
    AlreadyInitialised,
    /// An exporter could not be built from valid settings.
    #[error("the OTLP exporter could not be built")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// The system has no threads to export with.
    #[error("the threads that export could not be started")]
    Thread(#[source] std::io::Error),
}

impl ConfigError {
    /// What is at fault.
    pub(super) fn origin(&self) -> Origin {
        match self {
            ConfigError::InvalidValue { parameter, .. } if parameter.starts_with("with_") => {
                Origin::Builder(parameter)
            }
            ConfigError::InvalidValue { parameter, .. } => Origin::Variable(parameter),
            _ => Origin::Default,
        }
    }
}
