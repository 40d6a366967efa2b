//! Whether content is recorded, and by which rules.

use regex_automata::meta::Regex;

use super::env::{Source, invalid};
use super::{Builder, ConfigError};
use crate::privacy::{self, CAPTURE_CONTENT, ContentCapture, Rules};

pub(super) fn capture(builder: &Builder, source: &dyn Source) -> Result<ContentCapture, ConfigError> {
    if let Some(capture) = builder.content {
        return Ok(capture);
    }
    let Some(word) = source.get(CAPTURE_CONTENT)? else { return Ok(ContentCapture::default()) };
    ContentCapture::from_word(&word).ok_or_else(|| invalid(CAPTURE_CONTENT, word, privacy::CONTENT_WORDS))
}

/// Patterns are compiled here, where a mistake in one still has somebody to be told to.
///
/// Content is fitted into `limit` too, which otherwise would cut its JSON anywhere.
pub(super) fn rules(builder: &Builder, limit: Option<usize>) -> Result<Rules, ConfigError> {
    let mut redaction = builder.redaction.clone();
    for (pattern, label) in &builder.patterns {
        let compiled = Regex::new(pattern).map_err(|why| {
            let why = why.syntax_error().map_or_else(|| why.to_string(), ToString::to_string);
            invalid("with_redaction", pattern.clone(), format!("expected a regular expression: {why}"))
        })?;
        redaction.patterns.push((compiled, label.clone()));
    }
    Ok(Rules::new(redaction, builder.content_budget).within(limit))
}
