//! Whether content is recorded, and by which rules.

use regex_automata::meta::Regex;

use super::builder::Salt;
use super::env::{Source, invalid};
use super::{Builder, ConfigError, range};
use crate::content::{self, CAPTURE_CONTENT, ContentCapture, Rules};

/// The key of digests.
pub(crate) const HASH_SALT: &str = "LLM_TRACE_HASH_SALT";

/// As many bits as are shown of a digest.
const MIN_SALT: usize = 16;

pub(super) fn capture(builder: &Builder, source: &dyn Source) -> Result<ContentCapture, ConfigError> {
    if let Some(capture) = builder.content {
        return Ok(capture);
    }
    let Some(word) = source.get(CAPTURE_CONTENT)? else { return Ok(ContentCapture::default()) };
    ContentCapture::from_word(&word).ok_or_else(|| invalid(CAPTURE_CONTENT, word, content::CONTENT_WORDS))
}

/// Patterns are compiled here, where a mistake in one can still be returned as an error.
///
/// Content is fitted into `limit` too, which otherwise would cut its JSON anywhere.
pub(super) fn rules(
    builder: &Builder,
    source: &dyn Source,
    limit: Option<usize>,
) -> Result<Rules, ConfigError> {
    let mut redaction = builder.redaction.clone();
    for (pattern, label) in &builder.patterns {
        let compiled = Regex::new(pattern).map_err(|why| {
            let why = why.syntax_error().map_or_else(|| why.to_string(), ToString::to_string);
            invalid("with_redaction", pattern.clone(), format!("expected a regular expression: {why}"))
        })?;
        redaction.patterns.push((compiled, label.clone()));
    }
    if let Some((per_attribute, per_span)) = builder.content_budget {
        range::CONTENT_BYTES.check_size("with_content_budget", per_attribute)?;
        range::CONTENT_BYTES.check_size("with_content_budget", per_span)?;
    }
    let per_request = builder.content_rules.per_request;
    if let Some(bytes) = per_request {
        range::CONTENT_BYTES.check_size("with_request_content_budget", bytes)?;
    }
    let rules = Rules::new(redaction, builder.content_budget).within(limit).with_request_budget(per_request);
    Ok(match salt(builder, source)? {
        Some(salt) => rules.with_hash_salt(&salt),
        None => rules,
    })
}

fn salt(builder: &Builder, source: &dyn Source) -> Result<Option<String>, ConfigError> {
    let (parameter, salt) = match &builder.content_rules.salt {
        Some(Salt(salt)) => ("with_hash_salt", Some(salt.clone())),
        None => (HASH_SALT, source.get(HASH_SALT)?),
    };
    match salt {
        Some(salt) if salt.len() < MIN_SALT => {
            let expected = format!("expected at least {MIN_SALT} bytes, which nobody can guess");
            Err(invalid(parameter, "***".to_owned(), expected))
        }
        salt => Ok(salt),
    }
}
