//! Whether content is recorded, and by which rules.

use regex_automata::meta::Regex;

use super::builder::{Salt, Upload};
use super::env::{self, Source};
use super::error::invalid;
use super::{Builder, Parameter, Resolved, Result, range};
use crate::content::openinference::OPENINFERENCE as OPENINFERENCE_VARIABLE;
use crate::content::{
    CAPTURE_CONTENT, CAPTURE_ERROR_MESSAGES, CONTENT_WORDS, ContentCapture, Hook, PER_ATTRIBUTE, PER_REQUEST,
    PER_SPAN, Redaction, Rules,
};

const CAPTURE: Parameter = Parameter::new("with_content_capture", &[CAPTURE_CONTENT]);
const REQUEST_BUDGET: Parameter = Parameter::new("with_request_content_budget", &[]);
const HASH_SALT: Parameter = Parameter::new("with_hash_salt", &["LLM_TRACE_HASH_SALT"]);
const ERROR_MESSAGES: Parameter = Parameter::new("with_error_messages", &[CAPTURE_ERROR_MESSAGES]);
const OPENINFERENCE: Parameter = Parameter::new("with_openinference", &[OPENINFERENCE_VARIABLE]);

/// As many bits as are shown of a digest.
const MIN_SALT: usize = 16;

/// Content, error messages, and what becomes of both.
pub(crate) struct ContentSettings {
    pub(crate) capture: Resolved<ContentCapture>,
    /// Of an attribute and of a span.
    pub(super) budget: Resolved<(usize, usize)>,
    pub(super) request_budget: Resolved<usize>,
    pub(crate) upload: Resolved<Option<Upload>>,
    pub(super) salt: Resolved<Option<Salt>>,
    pub(super) builtin_redaction: Resolved<bool>,
    pub(super) patterns: Resolved<Vec<(Regex, String)>>,
    pub(super) redactor: Resolved<Option<Hook>>,
    pub(crate) error_messages: Resolved<bool>,
    /// Whether spans speak OpenInference too.
    pub(crate) openinference: Resolved<bool>,
}

impl ContentSettings {
    /// `is_watched`: spans are printed where a person sees them. Content is fitted into `text_limit` too, which otherwise would cut its
    /// JSON anywhere.
    pub(super) fn resolve(
        builder: &Builder,
        source: &dyn Source,
        capture: Resolved<ContentCapture>,
        is_watched: bool,
        text_limit: Resolved<Option<usize>>,
    ) -> Result<Self> {
        let budget = budget(builder, text_limit)?;
        let given = builder.request_content_budget;
        let patterns = patterns(builder)?;
        let is_builtin = (!builder.redaction.builtin).then_some(false);
        Ok(ContentSettings {
            capture,
            budget,
            request_budget: range::CONTENT_BYTES.resolve(REQUEST_BUDGET, given, source, PER_REQUEST)?,
            upload: Resolved::of_builder("with_content_upload", builder.upload.clone().map(Some), None),
            salt: salt(builder, source)?,
            builtin_redaction: Resolved::of_builder("without_builtin_redaction", is_builtin, true),
            patterns,
            redactor: Resolved::of_builder("with_redactor", builder.redaction.hook.clone().map(Some), None),
            // On the developer's own terminal a message leaves for nowhere. Without one, stderr is likely collected.
            error_messages: ERROR_MESSAGES.resolve(builder.error_messages, source, env::flag, is_watched)?,
            openinference: OPENINFERENCE.resolve(builder.openinference, source, env::flag, false)?,
        })
    }

    pub(crate) fn rules(&self) -> Rules {
        let redaction = Redaction {
            builtin: self.builtin_redaction.value,
            patterns: self.patterns.value.clone(),
            hook: self.redactor.value.clone(),
        };
        let rules =
            Rules::new(redaction, Some(self.budget.value)).with_request_budget(self.request_budget.value);
        match &self.salt.value {
            Some(Salt(salt)) => rules.with_hash_salt(salt),
            None => rules,
        }
    }
}

pub(super) fn capture(builder: &Builder, source: &dyn Source) -> Result<Resolved<ContentCapture>> {
    let parse = |variable, word: String| {
        ContentCapture::from_word(&word).ok_or_else(|| invalid(variable, word, CONTENT_WORDS))
    };
    CAPTURE.resolve(builder.content, source, parse, ContentCapture::default())
}

fn budget(builder: &Builder, limit: Resolved<Option<usize>>) -> Result<Resolved<(usize, usize)>> {
    const METHOD: &str = "with_content_budget";
    if let Some((per_attribute, per_span)) = builder.content_budget {
        range::CONTENT_BYTES.check(METHOD, per_attribute)?;
        range::CONTENT_BYTES.check(METHOD, per_span)?;
    }
    let budget = Resolved::of_builder(METHOD, builder.content_budget, (PER_ATTRIBUTE, PER_SPAN));
    let (per_attribute, per_span) = budget.value;
    Ok(match limit {
        Resolved { value: Some(limit), origin } if limit < per_attribute => {
            Resolved { value: (limit, per_span), origin }
        }
        _ => budget,
    })
}

/// Compiled here, where a mistake can still be returned as an error.
fn patterns(builder: &Builder) -> Result<Resolved<Vec<(Regex, String)>>> {
    const METHOD: &str = "with_redaction";
    let mut patterns = Vec::new();
    for (pattern, label) in &builder.patterns {
        let compiled = Regex::new(pattern).map_err(|why| {
            let why = why.syntax_error().map_or_else(|| why.to_string(), ToString::to_string);
            invalid(METHOD, pattern.clone(), format!("expected a regular expression: {why}"))
        })?;
        patterns.push((compiled, label.clone()));
    }
    Ok(Resolved::list(METHOD, patterns))
}

fn salt(builder: &Builder, source: &dyn Source) -> Result<Resolved<Option<Salt>>> {
    let given = builder.salt.clone().map(Some);
    let salt = HASH_SALT.resolve(given, source, |_, salt| Ok(Some(Salt(salt))), None)?;
    match &salt.value {
        Some(Salt(text)) if text.len() < MIN_SALT => {
            let expected = format!("expected at least {MIN_SALT} bytes, which nobody can guess");
            Err(invalid(salt.origin.parameter(), "***".to_owned(), expected))
        }
        _ => Ok(salt),
    }
}
