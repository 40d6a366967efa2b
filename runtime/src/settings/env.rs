//! Reading the environment, one parser per form of value.

use std::borrow::Cow;
#[cfg(test)]
use std::cell::RefCell;
#[cfg(test)]
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::Result;
use super::error::invalid;

/// Where settings come from when the builder does not give them. A trait so that tests need not change the
/// process's environment, which other threads read.
pub(crate) trait Source {
    /// The value of a variable, if it is set.
    fn get(&self, variable: &'static str) -> Result<Option<String>>;

    /// Whether a person is looking at what is printed.
    fn stderr_is_terminal(&self) -> bool;
}

/// The process's environment. As the specification says, an empty value counts as not set.
pub(crate) struct Environment;

impl Source for Environment {
    fn get(&self, variable: &'static str) -> Result<Option<String>> {
        text(variable, std::env::var_os(variable))
    }

    fn stderr_is_terminal(&self) -> bool {
        std::io::IsTerminal::is_terminal(&std::io::stderr())
    }
}

/// Variables of a test, which records those that are asked for.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Variables {
    pub(super) values: HashMap<String, String>,
    pub(super) is_terminal: bool,
    pub(super) read: RefCell<BTreeSet<&'static str>>,
}

#[cfg(test)]
impl<S: Into<String>> FromIterator<(S, S)> for Variables {
    fn from_iter<I: IntoIterator<Item = (S, S)>>(pairs: I) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Variables { values, ..Variables::default() }
    }
}

#[cfg(test)]
impl Source for Variables {
    fn get(&self, variable: &'static str) -> Result<Option<String>> {
        self.read.borrow_mut().insert(variable);
        Ok(self.values.get(variable).filter(|value| !value.trim().is_empty()).cloned())
    }

    fn stderr_is_terminal(&self) -> bool {
        self.is_terminal
    }
}

fn text(variable: &'static str, value: Option<std::ffi::OsString>) -> Result<Option<String>> {
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
pub(super) fn flag(variable: &'static str, text: String) -> Result<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(variable, text, "expected `true` or `false`")),
    }
}

/// One of a few words, in any case; the error names them all.
pub(super) fn choice<T: Clone>(choices: &[(&str, T)]) -> impl Fn(&'static str, String) -> Result<T> {
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
pub(super) fn pairs(variable: &'static str, text: String) -> Result<Vec<(String, String)>> {
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
