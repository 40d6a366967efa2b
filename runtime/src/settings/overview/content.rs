//! Settings of content: destinations, limits, derived values.

use super::Rows;
use crate::content::openinference::OPENINFERENCE;
use crate::content::{CAPTURE_CONTENT, CAPTURE_ERROR_MESSAGES};
use crate::enrich::quality::{QualitySignals, Topics};
use crate::settings::content::HASH_SALT;
use crate::settings::{Builder, ConfigError, Settings};

pub(super) fn rows(rows: &mut Rows<'_>, builder: &Builder, settings: &Settings) -> Result<(), ConfigError> {
    let method = builder.content.map(|_| "with_content_capture");
    rows.push("content", format!("{:?}", settings.content), method, &[CAPTURE_CONTENT])?;
    let rules = &settings.content_rules;
    let budget = format!("{} bytes per attribute, {} per span", rules.per_attribute, rules.per_span);
    rows.push("content budget", budget, builder.content_budget.map(|_| "with_content_budget"), &[])?;
    let method = builder.content_rules.per_request.map(|_| "with_request_content_budget");
    rows.push("content of a request", format!("{} bytes", rules.per_request), method, &[])?;
    let upload = settings.content_upload.as_ref();
    let shown = upload.map_or_else(|| "none".to_owned(), |upload| format!("{upload:?}"));
    rows.push("content upload", shown, upload.map(|_| "with_content_upload"), &[])?;
    let salt = builder.content_rules.salt.as_ref().map(|_| "with_hash_salt");
    let is_salted = salt.is_some() || rows.first(&[HASH_SALT])?.is_some();
    let shown = if is_salted { "***" } else { "random" };
    rows.push("salt of digests", shown, salt, &[HASH_SALT])?;
    let patterns = builder.patterns.len();
    let method = (patterns > 0).then_some("with_redaction");
    rows.push("redaction patterns", patterns.to_string(), method, &[])?;
    let method = builder.error_messages.map(|_| "with_error_messages");
    rows.push("error messages", settings.error_messages.to_string(), method, &[CAPTURE_ERROR_MESSAGES])?;
    let method = (settings.quality != QualitySignals::default()).then_some("with_quality_signals");
    rows.push("quality signals", format!("{:?}", settings.quality), method, &[])?;
    let topics = match &settings.topics {
        None => "none",
        Some(Topics::PromptName) => "name of the prompt",
        Some(Topics::QuestionHash { .. }) => "hash of the question",
    };
    rows.push("topics", topics, builder.topics.as_ref().map(|_| "with_topics"), &[])?;
    let method = builder.openinference.map(|_| "with_openinference");
    rows.push("openinference", settings.openinference.to_string(), method, &[OPENINFERENCE])
}
