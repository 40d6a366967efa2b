//! Which keys of a response body mean what, for every provider shape we know.
//!
//! The conventions count cached tokens as part of the input and reasoning as part of the output. Providers
//! disagree, so the reader keeps apart what was reported inside a total and what beside it, and adds up at the
//! end:
//!
//! | shape | input | beside the input | output | beside the output |
//! | --- | --- | --- | --- | --- |
//! | OpenAI chat, embeddings; Mistral, Groq, DeepSeek | `prompt_tokens` | | `completion_tokens` | |
//! | OpenAI responses | `input_tokens` | | `output_tokens` | |
//! | Anthropic | `input_tokens` | cache reads and writes | `output_tokens` | |
//! | Bedrock Converse | `inputTokens` | cache reads and writes | `outputTokens` | |
//! | Gemini | `promptTokenCount` | tool use prompt | `candidatesTokenCount` | thoughts |
//! | Ollama | `prompt_eval_count` | | `eval_count` | |
//! | xAI | `prompt_tokens` | | `completion_tokens` | reasoning, seen from the total |

use serde::Serialize;

use super::{Reader, Scalar, walk};
use crate::response::{Response, Usage};

/// Reads what a response body tells about the call.
pub(crate) fn read_response<T: Serialize + ?Sized>(body: &T) -> Response {
    let mut reader = ResponseReader::default();
    walk(&mut reader, Place::Root, body);
    reader.finish()
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Root,
    Usage,
    InputDetails,
    OutputDetails,
    Choice,
    Incomplete,
    OutputItem,
    Embedding,
    Leaf(Field),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field {
    Object,
    Model,
    Id,
    FinishReason,
    Status,
    IncompleteReason,
    OutputItemType,
    ServiceTier,
    SystemFingerprint,
    Dimensions,
    Input,
    Output,
    Total,
    CacheReadWithin,
    CacheReadBeside,
    CacheWriteWithin,
    CacheWriteBeside,
    ReasoningWithin,
    ThoughtsBeside,
    ToolPromptBeside,
}

/// Token counts as reported, before they are brought to the conventions' meaning.
#[derive(Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cache_read_within: Option<u64>,
    cache_read_beside: Option<u64>,
    cache_write_within: Option<u64>,
    cache_write_beside: Option<u64>,
    reasoning_within: Option<u64>,
    thoughts_beside: Option<u64>,
    tool_prompt_beside: Option<u64>,
}

#[derive(Default)]
pub(super) struct ResponseReader {
    pub(super) response: Response,
    counts: Counts,
    /// `object: "response"`, OpenAI's responses API: its `status` says how the generation ended.
    is_responses_api: bool,
    status: Option<String>,
    incomplete_reason: Option<String>,
    calls_tool: bool,
}

impl Reader for ResponseReader {
    type Place = Place;

    #[expect(clippy::match_same_arms, reason = "a table, in the order of the bodies it describes")]
    fn key(&self, at: Place, key: &str) -> Option<Place> {
        use Field as F;
        use Place::Leaf;
        Some(match (at, key) {
            (Place::Root, "object") => Leaf(F::Object),
            (Place::Root, "model" | "modelVersion" | "model_version") => Leaf(F::Model),
            (Place::Root, "id" | "responseId" | "response_id") => Leaf(F::Id),
            (Place::Root, "choices" | "candidates") => Place::Choice,
            (
                Place::Root | Place::Choice,
                "finish_reason" | "finishReason" | "stop_reason" | "stopReason" | "done_reason",
            ) => Leaf(F::FinishReason),
            (Place::Root, "status") => Leaf(F::Status),
            (Place::Root, "incomplete_details") => Place::Incomplete,
            (Place::Root, "output") => Place::OutputItem,
            (Place::Root | Place::Usage, "service_tier") => Leaf(F::ServiceTier),
            (Place::Root, "system_fingerprint") => Leaf(F::SystemFingerprint),
            (Place::Root, "usage" | "usageMetadata" | "usage_metadata") => Place::Usage,
            (Place::Root, "data") => Place::Embedding,
            (Place::Root, "prompt_eval_count") => Leaf(F::Input),
            (Place::Root, "eval_count") => Leaf(F::Output),
            (Place::Incomplete, "reason") => Leaf(F::IncompleteReason),
            (Place::OutputItem, "type") => Leaf(F::OutputItemType),
            (Place::Embedding, "embedding") => Leaf(F::Dimensions),

            // Cohere reports used and billed tokens; the conventions prefer what is billed.
            (Place::Usage, "billed_units") => Place::Usage,
            (
                Place::Usage,
                "prompt_tokens" | "input_tokens" | "inputTokens" | "promptTokenCount" | "prompt_token_count",
            ) => Leaf(F::Input),
            (
                Place::Usage,
                "completion_tokens"
                | "output_tokens"
                | "outputTokens"
                | "candidatesTokenCount"
                | "candidates_token_count",
            ) => Leaf(F::Output),
            (Place::Usage, "total_tokens" | "totalTokens" | "totalTokenCount" | "total_token_count") => {
                Leaf(F::Total)
            }
            (Place::Usage, "prompt_tokens_details" | "input_tokens_details") => Place::InputDetails,
            (Place::Usage, "completion_tokens_details" | "output_tokens_details") => Place::OutputDetails,
            (Place::InputDetails, "cached_tokens")
            | (
                Place::Usage,
                "prompt_cache_hit_tokens" | "cachedContentTokenCount" | "cached_content_token_count",
            ) => Leaf(F::CacheReadWithin),
            (Place::InputDetails, "cache_write_tokens" | "cache_creation_tokens") => {
                Leaf(F::CacheWriteWithin)
            }
            (Place::OutputDetails, "reasoning_tokens") => Leaf(F::ReasoningWithin),
            (
                Place::Usage,
                "cache_read_input_tokens" | "cacheReadInputTokens" | "cacheReadInputTokenCount",
            ) => Leaf(F::CacheReadBeside),
            (
                Place::Usage,
                "cache_creation_input_tokens"
                | "cache_write_input_tokens"
                | "cacheWriteInputTokens"
                | "cacheWriteInputTokenCount",
            ) => Leaf(F::CacheWriteBeside),
            (Place::Usage, "thoughtsTokenCount" | "thoughts_token_count") => Leaf(F::ThoughtsBeside),
            (Place::Usage, "toolUsePromptTokenCount" | "tool_use_prompt_token_count") => {
                Leaf(F::ToolPromptBeside)
            }
            _ => return None,
        })
    }

    fn element(&mut self, at: Place, len: Option<usize>) -> Option<Place> {
        match at {
            Place::Leaf(Field::Dimensions) => {
                if self.response.dimensions.is_none() {
                    self.response.dimensions = len.and_then(|len| i64::try_from(len).ok());
                }
                None // the numbers themselves are of no interest
            }
            Place::Choice | Place::OutputItem => Some(at),
            // All vectors of a response have one length.
            Place::Embedding if self.response.dimensions.is_none() => Some(at),
            _ => None,
        }
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        let Place::Leaf(field) = at else { return };
        match field {
            Field::Input => self.counts.input = value.count(),
            Field::Output => self.counts.output = value.count(),
            Field::Total => self.counts.total = value.count(),
            Field::CacheReadWithin => self.counts.cache_read_within = value.count(),
            Field::CacheReadBeside => self.counts.cache_read_beside = value.count(),
            Field::CacheWriteWithin => self.counts.cache_write_within = value.count(),
            Field::CacheWriteBeside => self.counts.cache_write_beside = value.count(),
            Field::ReasoningWithin => self.counts.reasoning_within = value.count(),
            Field::ThoughtsBeside => self.counts.thoughts_beside = value.count(),
            Field::ToolPromptBeside => self.counts.tool_prompt_beside = value.count(),
            Field::Dimensions => {}
            _ => {
                if let Scalar::Text(text) = value {
                    self.text(field, text);
                }
            }
        }
    }
}

impl ResponseReader {
    fn text(&mut self, field: Field, text: &str) {
        if text.is_empty() {
            return;
        }
        match field {
            Field::Object => self.is_responses_api = text == "response",
            Field::Model => self.response.model = Some(text.to_owned()),
            Field::Id => self.response.id = Some(text.to_owned()),
            Field::FinishReason => self.response.finish_reasons.push(text.to_owned()),
            Field::Status => self.status = Some(text.to_owned()),
            Field::IncompleteReason => self.incomplete_reason = Some(text.to_owned()),
            Field::OutputItemType => self.calls_tool |= text == "function_call",
            Field::ServiceTier => self.response.service_tier = Some(text.to_owned()),
            Field::SystemFingerprint => self.response.system_fingerprint = Some(text.to_owned()),
            _ => {}
        }
    }

    pub(super) fn finish(mut self) -> Response {
        if self.is_responses_api && self.response.finish_reasons.is_empty() {
            self.response.finish_reasons.extend(self.responses_api_finish_reason());
        }
        self.response.usage = self.counts.usage();
        self.response
    }

    /// The responses API has a status instead of finish reasons; these are the conventions' words for it.
    fn responses_api_finish_reason(&self) -> Option<String> {
        let reason = match (self.status.as_deref()?, self.incomplete_reason.as_deref()) {
            ("completed", _) if self.calls_tool => "tool_call",
            ("completed", _) => "stop",
            ("incomplete", Some("max_output_tokens")) => "length",
            ("incomplete", Some(reason)) => reason,
            ("failed" | "cancelled", _) => "error",
            _ => return None,
        };
        Some(reason.to_owned())
    }
}

impl Counts {
    fn usage(&self) -> Option<Usage> {
        let input =
            add(self.input, [self.cache_read_beside, self.cache_write_beside, self.tool_prompt_beside]);
        let mut output = add(self.output, [self.thoughts_beside]);
        // xAI counts reasoning beside the completion: only its total tells.
        if let (Some(total), Some(input), Some(visible), Some(reasoning)) =
            (self.total, input, output, self.reasoning_within)
            && reasoning > 0
            && total == input.saturating_add(visible).saturating_add(reasoning)
        {
            output = Some(visible + reasoning);
        }
        if input.is_none() && output.is_none() {
            return None;
        }
        Some(Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_input_tokens: self.cache_read_within.or(self.cache_read_beside),
            cache_creation_input_tokens: self.cache_write_within.or(self.cache_write_beside),
            reasoning_output_tokens: self.reasoning_within.or(self.thoughts_beside),
        })
    }
}

/// `base` plus the counts reported beside it; `None` if nothing at all was reported.
fn add<const N: usize>(base: Option<u64>, beside: [Option<u64>; N]) -> Option<u64> {
    beside
        .into_iter()
        .fold(base, |sum, more| more.map_or(sum, |more| Some(sum.unwrap_or(0).saturating_add(more))))
}
