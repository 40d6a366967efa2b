//! Reading the environment, one parser per form of value.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::ConfigError;

/// Where settings come from when the builder does not give them. A trait so that tests need not change the
/// process's environment, which other threads read.
pub(crate) trait Source {
    fn get(&self, variable: &'static str) -> Option<String>;
}

/// The process's environment. As the specification says, an empty value counts as not set.
pub(crate) struct Environment;

impl Source for Environment {
    fn get(&self, variable: &'static str) -> Option<String> {
        std::env::var(variable).ok().filter(|value| !value.trim().is_empty())
    }
}

/// `true` or `false`, in any case.
pub(super) fn flag(source: &dyn Source, variable: &'static str) -> Result<Option<bool>, ConfigError> {
    let Some(value) = source.get(variable) else { return Ok(None) };
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(invalid(variable, value, "expected `true` or `false`")),
    }
}

/// A number of milliseconds.
pub(super) fn milliseconds(
    source: &dyn Source,
    variable: &'static str,
) -> Result<Option<Duration>, ConfigError> {
    let Some(value) = source.get(variable) else { return Ok(None) };
    match value.trim().parse() {
        Ok(milliseconds) => Ok(Some(Duration::from_millis(milliseconds))),
        Err(_) => Err(invalid(variable, value, "expected a number of milliseconds")),
    }
}

/// `key=value,key=value` with percent-encoded values, the form of headers and resource attributes.
pub(super) fn pairs(
    source: &dyn Source,
    variable: &'static str,
) -> Result<Vec<(String, String)>, ConfigError> {
    let Some(text) = source.get(variable) else { return Ok(Vec::new()) };
    let mut pairs = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let Some((key, value)) = entry.split_once('=') else {
            // Not the entry itself: it may be a token that lost its key.
            return Err(invalid(
                variable,
                "…".to_owned(),
                "expected `key=value` pairs separated by commas; encode a comma in a value as `%2C`",
            ));
        };
        pairs.push((percent_decoded(key.trim()), percent_decoded(value.trim())));
    }
    Ok(pairs)
}

pub(super) fn invalid(parameter: &'static str, value: String, expected: impl Into<String>) -> ConfigError {
    ConfigError::InvalidValue { parameter, value, expected: expected.into() }
}

/// Decodes `%20`; what is not a valid escape stays as it is, since tokens contain bare percent signs.
fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str);

    impl Source for One {
        fn get(&self, _variable: &'static str) -> Option<String> {
            Some(self.0.to_owned())
        }
    }

    #[test]
    fn header_values_are_percent_decoded() {
        let pairs = pairs(&One("Authorization=Basic%20YWJj%3D%3D, x-scope=a%2Cb"), "H").expect("valid");
        assert_eq!(
            pairs,
            [("Authorization".into(), "Basic YWJj==".into()), ("x-scope".into(), "a,b".into())]
        );
    }

    #[test]
    fn what_is_no_escape_stays() {
        let pairs = pairs(&One("k=100%,t=%zz,u=%"), "H").expect("valid");
        assert_eq!(
            pairs,
            [("k".into(), "100%".into()), ("t".into(), "%zz".into()), ("u".into(), "%".into())]
        );
    }

    #[test]
    fn a_pair_without_a_key_is_an_error_that_does_not_show_it() {
        let error = pairs(&One("glc_secret_token"), "OTEL_EXPORTER_OTLP_HEADERS").expect_err("no key");
        let message = error.to_string();
        assert!(
            message.contains("OTEL_EXPORTER_OTLP_HEADERS") && !message.contains("glc_secret"),
            "{message}"
        );
    }

    #[test]
    fn wrong_forms_name_the_variable_the_value_and_what_is_allowed() {
        let error = flag(&One("yes"), "OTEL_SDK_DISABLED").expect_err("not a flag");
        assert_eq!(error.to_string(), "OTEL_SDK_DISABLED: `yes` is not valid: expected `true` or `false`");
        assert!(milliseconds(&One("10s"), "OTEL_EXPORTER_OTLP_TIMEOUT").is_err());
    }
}
