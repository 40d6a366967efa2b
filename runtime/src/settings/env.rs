//! Reading the environment, one parser per form of value.

use std::borrow::Cow;
use std::time::Duration;

use llm_trace_delivery::printable;
use percent_encoding::percent_decode_str;

use super::{ConfigError, endpoint};

/// Where settings come from when the builder does not give them. A trait so that tests need not change the
/// process's environment, which other threads read.
pub(crate) trait Source {
    /// The value of a variable, if it is set.
    fn get(&self, variable: &'static str) -> Result<Option<String>, ConfigError>;

    /// Whether a person is looking at what is printed.
    fn stderr_is_terminal(&self) -> bool;
}

/// The process's environment. As the specification says, an empty value counts as not set.
pub(crate) struct Environment;

impl Source for Environment {
    fn get(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        text(variable, std::env::var_os(variable))
    }

    fn stderr_is_terminal(&self) -> bool {
        std::io::IsTerminal::is_terminal(&std::io::stderr())
    }
}

fn text(variable: &'static str, value: Option<std::ffi::OsString>) -> Result<Option<String>, ConfigError> {
    match value.map(std::ffi::OsString::into_string).transpose() {
        Ok(value) => Ok(value.filter(|value| !value.trim().is_empty())),
        // Not the value: half of a token may be readable.
        Err(_) => Err(invalid(variable, "…".to_owned(), "expected UTF-8")),
    }
}

/// A whole number above 0 and a unit: `90s`, `30m`, `24h`, `7d`.
pub(super) fn with_unit(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.parse::<u64>().ok().filter(|number| *number > 0)?.checked_mul(seconds).map(Duration::from_secs)
}

/// `true` or `false`, in any case.
pub(super) fn flag(variable: &'static str, text: String) -> Result<bool, ConfigError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(variable, text, "expected `true` or `false`")),
    }
}

/// One of a few words, in any case; the error names them all.
pub(super) fn choice<T: Clone>(
    choices: &[(&str, T)],
) -> impl Fn(&'static str, String) -> Result<T, ConfigError> {
    |variable, text| {
        if let Some((_, choice)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim())) {
            return Ok(choice.clone());
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        Err(invalid(variable, text, format!("expected one of {}", words.join(", "))))
    }
}

/// `key=value,key=value` with percent-encoded values, the form of headers and resource attributes.
#[expect(clippy::needless_pass_by_value, reason = "as every parser of a variable")]
pub(super) fn pairs(variable: &'static str, text: String) -> Result<Vec<(String, String)>, ConfigError> {
    let mut pairs = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let Some((key, value)) = entry.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
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

/// Decodes `%20`; what is not a valid escape stays as it is, since tokens contain bare percent signs.
fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_percent_decoded() {
        let pairs = pairs("H", "Authorization=Basic%20YWJj%3D%3D, x-scope=a%2Cb".into()).expect("valid");
        assert_eq!(
            pairs,
            [("Authorization".into(), "Basic YWJj==".into()), ("x-scope".into(), "a,b".into())]
        );
    }

    #[test]
    fn what_is_no_escape_stays() {
        let pairs = pairs("H", "k=100%,t=%zz,u=%".into()).expect("valid");
        assert_eq!(
            pairs,
            [("k".into(), "100%".into()), ("t".into(), "%zz".into()), ("u".into(), "%".into())]
        );
    }

    #[test]
    fn a_pair_without_a_key_is_an_error_that_does_not_show_it() {
        for text in ["glc_secret_token", "a=b,=glc_secret_token", " =glc_secret_token"] {
            let error = pairs("OTEL_EXPORTER_OTLP_HEADERS", text.into()).expect_err("no key");
            let message = error.to_string();
            assert!(message.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{message}");
            assert!(!message.contains("glc_secret"), "{message}");
        }
    }

    #[test]
    fn wrong_forms_name_the_variable_the_value_and_what_is_allowed() {
        let error = flag("LLM_TRACE_X", "yes".into()).expect_err("not a flag");
        assert_eq!(error.to_string(), "LLM_TRACE_X: `yes` is not valid: expected `true` or `false`");
        let error = choice(&[("a", 1), ("b", 2)])("X", "bogus".into()).expect_err("none of them");
        assert_eq!(error.to_string(), "X: `bogus` is not valid: expected one of `a`, `b`");
    }

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

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf_8_is_an_error_that_does_not_show_it() {
        use std::os::unix::ffi::OsStringExt as _;
        let value = std::ffi::OsString::from_vec(b"secret\xff".to_vec());
        let error = text("OTEL_SERVICE_NAME", Some(value)).expect_err("not UTF-8").to_string();
        assert_eq!(error, "OTEL_SERVICE_NAME: `…` is not valid: expected UTF-8");
        assert_eq!(text("X", Some(" ".into())).expect("valid"), None);
    }
}
