//! Which tags are labels of metrics, which travel to other processes, and in which formats.

use std::fmt;

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::{Key, global};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use super::env::Source;
use super::error::invalid;
use super::{Builder, Parameter, Resolved, Result};
use crate::runtime::TagRules;

const TAG_LABELS: &str = "with_tag_labels";
const BAGGAGE_KEYS: &str = "with_baggage_keys";
const PROPAGATORS: Parameter = Parameter::of_variables(&["OTEL_PROPAGATORS"]);

/// Reserved prefixes: of the conventions and of llm-trace.
const TAKEN: &[&str] = &["gen_ai.", "llm_trace.", "error.", "server.", "mcp."];

/// Destinations of tags besides spans.
pub(crate) struct TagSettings {
    pub(super) labels: Resolved<Vec<Key>>,
    pub(super) baggage: Resolved<Vec<Key>>,
    pub(crate) propagators: Resolved<Propagators>,
}

impl TagSettings {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Self> {
        let labels = keys(TAG_LABELS, &builder.tag_labels, check_label)?;
        let baggage = keys(BAGGAGE_KEYS, &builder.baggage_keys, check_baggage)?;
        let mut propagators = PROPAGATORS.resolve(None, source, propagators, Propagators::default())?;
        if !baggage.value.is_empty() && !propagators.value.baggage {
            propagators = Resolved {
                value: Propagators { baggage: true, ..propagators.value },
                origin: baggage.origin,
            };
        }
        Ok(TagSettings { labels, baggage, propagators })
    }

    pub(crate) fn rules(&self) -> TagRules {
        TagRules { labels: self.labels.value.clone(), baggage: self.baggage.value.clone() }
    }
}

/// Propagation formats, as configured by `OTEL_PROPAGATORS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Propagators {
    pub(crate) trace_context: bool,
    /// Off unless asked for: baggage goes to every service that is called, whoever runs it.
    pub(crate) baggage: bool,
}

/// As the variable would say it.
impl fmt::Display for Propagators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.trace_context, self.baggage) {
            (true, true) => "tracecontext, baggage",
            (true, false) => "tracecontext",
            (false, true) => "baggage",
            (false, false) => "none",
        })
    }
}

impl Default for Propagators {
    fn default() -> Self {
        Propagators { trace_context: true, baggage: false }
    }
}

impl Propagators {
    /// Makes them the process's global propagators.
    pub(crate) fn install(self) {
        let mut chosen: Vec<Box<dyn TextMapPropagator + Send + Sync>> = Vec::new();
        if self.trace_context {
            chosen.push(Box::new(TraceContextPropagator::new()));
        }
        if self.baggage {
            chosen.push(Box::new(BaggagePropagator::new()));
        }
        global::set_text_map_propagator(TextMapCompositePropagator::new(chosen));
    }
}

/// Each name once.
fn keys(method: &'static str, names: &[String], check: fn(&str) -> Result<()>) -> Result<Resolved<Vec<Key>>> {
    let mut keys: Vec<Key> = Vec::new();
    for name in names {
        check(name)?;
        if keys.iter().all(|key| key.as_str() != name) {
            keys.push(Key::from(name.clone()));
        }
    }
    Ok(Resolved::list(method, keys))
}

fn check_label(name: &str) -> Result<()> {
    if !name.is_empty() && TAKEN.iter().all(|taken| !name.starts_with(taken)) {
        return Ok(());
    }
    let taken: Vec<_> = TAKEN.iter().map(|taken| format!("`{taken}`")).collect();
    let expected = format!("expected the name of a tag, which does not begin with {}", taken.join(", "));
    Err(invalid(TAG_LABELS, name.to_owned(), expected))
}

/// A name is a token as RFC 7230 defines it.
fn check_baggage(name: &str) -> Result<()> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_token) {
        return Ok(());
    }
    let expected = "expected a name that fits into a header: letters, digits and `!#$%&'*+-.^_`|~`";
    Err(invalid(BAGGAGE_KEYS, name.to_owned(), expected))
}

/// A list of propagators, or `none`.
#[expect(clippy::needless_pass_by_value, reason = "as every parser of a variable")]
fn propagators(variable: &'static str, list: String) -> Result<Propagators> {
    let mut chosen = Propagators { trace_context: false, baggage: false };
    for word in list.split(',').map(str::trim) {
        match word {
            "tracecontext" => chosen.trace_context = true,
            "baggage" => chosen.baggage = true,
            "none" => {}
            other => {
                let expected = "expected a list of `tracecontext` and `baggage`, or `none`";
                return Err(invalid(variable, other.to_owned(), expected));
            }
        }
    }
    Ok(chosen)
}
