//! Versions of the GenAI conventions, and the names that differ between them.

use crate::semconv::{attribute, metric};

/// The variable by which OpenTelemetry's instrumentations opt into newer conventions: a list, of which
/// `gen_ai_latest_experimental` is ours.
pub(crate) const OPT_IN: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";

/// A state of the OpenTelemetry conventions for generative AI, which are still changing.
///
/// Most names are the same in all. `docs/semconv.md` has both columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SemconvVersion {
    /// August 2026: what backends, dashboards and OpenTelemetry's Python instrumentations know.
    #[default]
    August2026,
    /// October 2026: inference has a separate duration metric, and tokens are counters.
    October2026,
}

/// The names that differ between versions, in one table.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a column of a table")]
pub(crate) struct Names {
    pub(crate) usage_cache_write: &'static str,
    pub(crate) inference_duration: &'static str,
    pub(crate) workflow_duration: &'static str,
    pub(crate) time_to_first_chunk: &'static str,
    pub(crate) time_per_output_chunk: &'static str,
    /// One histogram by token type, or counters.
    pub(crate) token_histogram: Option<&'static str>,
    /// Whether tools have attributes of skills, and of the programs they run.
    pub(crate) has_skills: bool,
    /// Whether token counts are split by modality.
    pub(crate) has_modalities: bool,
    /// Whether a local agent has counts of tokens read from caches and written to them.
    pub(crate) agent_has_cache_tokens: bool,
    /// Whether an MCP server's span is failed for a mistake of the caller.
    pub(crate) mcp_server_fails_for_callers_mistakes: bool,
    /// Whether the event with the details of an inference is recommended, or opt-in for its content.
    pub(crate) details_recommended: bool,
}

const AUGUST: Names = Names {
    usage_cache_write: attribute::USAGE_CACHE_CREATION_INPUT_TOKENS,
    inference_duration: metric::OPERATION_DURATION,
    workflow_duration: metric::WORKFLOW_DURATION,
    time_to_first_chunk: metric::TIME_TO_FIRST_CHUNK,
    time_per_output_chunk: metric::TIME_PER_OUTPUT_CHUNK,
    token_histogram: Some(metric::TOKEN_USAGE),
    has_skills: false,
    has_modalities: false,
    agent_has_cache_tokens: true,
    mcp_server_fails_for_callers_mistakes: true,
    details_recommended: false,
};

const OCTOBER: Names = Names {
    usage_cache_write: attribute::USAGE_CACHE_WRITE_INPUT_TOKENS,
    inference_duration: metric::INFERENCE_DURATION,
    workflow_duration: metric::INVOKE_WORKFLOW_DURATION,
    time_to_first_chunk: metric::INFERENCE_TIME_TO_FIRST_CHUNK,
    time_per_output_chunk: metric::INFERENCE_TIME_PER_OUTPUT_CHUNK,
    token_histogram: None,
    has_skills: true,
    has_modalities: true,
    agent_has_cache_tokens: false,
    mcp_server_fails_for_callers_mistakes: false,
    details_recommended: true,
};

impl SemconvVersion {
    /// Returns the names of this version.
    pub(crate) fn names(self) -> &'static Names {
        match self {
            SemconvVersion::August2026 => &AUGUST,
            SemconvVersion::October2026 => &OCTOBER,
        }
    }

    /// Without `init()` the variable alone decides.
    pub(crate) fn from_environment() -> Self {
        std::env::var(OPT_IN).map(|value| from_opt_in(&value)).unwrap_or_default()
    }
}

/// Returns the version that the value of [`OPT_IN`] selects. Words of other instrumentations are ignored.
pub(crate) fn from_opt_in(value: &str) -> SemconvVersion {
    let latest = value.split(',').any(|word| word.trim() == "gen_ai_latest_experimental");
    if latest { SemconvVersion::October2026 } else { SemconvVersion::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opt_in_is_one_word_of_a_list() {
        assert_eq!(from_opt_in("http/dup, gen_ai_latest_experimental"), SemconvVersion::October2026);
        assert_eq!(from_opt_in("http,database"), SemconvVersion::August2026);
    }
}
