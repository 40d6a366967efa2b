//! Errors of a configuration.

use llm_trace_delivery::printable;

use super::{Origin, endpoint};

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

/// An error that can be printed: what steers a terminal is escaped, of what may be a URL only scheme, host and port are shown, and
/// of what is very long the beginning.
pub(super) fn invalid(parameter: &'static str, value: String, expected: impl Into<String>) -> ConfigError {
    let may_be_url = value.contains("://") || value.contains('@');
    let value = if may_be_url { endpoint::shown(&value) } else { value };
    let value = beginning(&printable(&value), MAX_SHOWN);
    ConfigError::InvalidValue {
        parameter,
        value,
        expected: beginning(&printable(&expected.into()), MAX_EXPECTED),
    }
}

/// Characters of a value in an error, and of its explanation, which may quote another.
const MAX_SHOWN: usize = 200;
const MAX_EXPECTED: usize = 1000;

fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::env::{choice, flag};

    #[test]
    fn an_error_steers_no_terminal_and_shows_no_password_of_a_url() {
        let cases = [
            ("\x1b[2J\x1b]0;x\x07red", "\\u{1b}[2J\\u{1b}]0;x\\u{7}red"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("http://me:SECRET@host/SECRET?k=SECRET", "http://***@host/…"),
            ("otlp,http://me:SECRET@host", "otlp,http://***@host"),
            ("me:SECRET@host:4318", "***@host:4318"),
            ("me:SEC/RET@host", "…"),
        ];
        for (value, shown) in cases {
            for error in [
                flag("LLM_TRACE_X", value.into()).expect_err("not a flag"),
                choice(&[("a", 1)])("LLM_TRACE_X", value.into()).expect_err("none of them"),
            ] {
                let (message, debug) = (error.to_string(), format!("{error:?}"));
                assert!(message.starts_with(&format!("LLM_TRACE_X: `{shown}` is not valid")), "{message}");
                for text in [message, debug] {
                    assert!(!text.contains("SEC") && !text.contains('\x1b'), "{text}");
                }
            }
        }
        let long = invalid("X", "x".repeat(1 << 20), "y".repeat(1 << 20)).to_string();
        assert!(long.len() < 2_000, "{}", long.len());
    }
}
