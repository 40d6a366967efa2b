//! Meanings of the keys of a response body, for every known provider shape.
//!
//! A function may return anything that is `Serialize`: a `Car { make, model, id }` that the model filled in is
//! content. So names are only believed of a body that proves itself a provider's, by usage, by choices, or by saying
//! what object it is.

use serde::Serialize;
use smol_str::SmolStr;

use super::counts::{Count, Counts};
use crate::model::response::{Modality, Response};
use crate::value::bounds;
use crate::value::reader::{Reader, Scalar, walk};

/// OpenAI's responses API: its `status` is the finish reason.
const RESPONSES_API: &str = "responses";

/// Name of a compaction in the APIs of `OpenAI` and Anthropic: an item of the output, an iteration of the usage.
const COMPACTION: &str = "compaction";

/// Reads the facts of a response body.
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
    /// The message of a choice, for its refusal only.
    Message,
    PromptFeedback,
    Incomplete,
    /// The iterations of Anthropic's usage.
    Iteration,
    OutputItem,
    OutputPart,
    Embedding,
    CacheCreation,
    ServerTools,
    Meta,
    /// Cached tokens of each modality, in `OpenAI`'s API.
    CacheDetails,
    /// A list of `{modality, tokenCount}`.
    Modalities(Count),
    Leaf(Field),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field {
    Object,
    Model,
    Id,
    FinishReason,
    ChoiceFinishReason,
    /// A refusal of the model. Only its presence is read.
    Refusal,
    BlockReason,
    OutputPartType,
    IterationType,
    Status,
    IncompleteReason,
    OutputItemType,
    ServiceTier,
    SystemFingerprint,
    Dimensions,
    /// A count that includes what was cached.
    InputWhole,
    /// A count beside which some providers report what was cached.
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
    /// `reasoning_tokens` among the totals: inside the output or beside it.
    Reasoning,
    CitationsBeside,
    WebSearches,
    CacheWrite1h,
    PartOf(Count, Modality),
    /// In an element of [`Place::Modalities`].
    Modality,
    ModalityCount,
}

impl Place {
    /// The place behind `key`, which nothing else decides.
    #[expect(clippy::match_same_arms, reason = "a table, in the order of the bodies it describes")]
    pub(super) fn behind(self, key: &str) -> Option<Place> {
        use Field as F;
        use Place::Leaf;
        Some(match (self, key) {
            (Place::Root, "object") => Leaf(F::Object),
            (Place::Root, "model" | "modelVersion" | "model_version") => Leaf(F::Model),
            (Place::Root, "id" | "responseId" | "response_id") => Leaf(F::Id),
            (Place::Root, "choices" | "candidates") => Place::Choice,
            (Place::Root, "finish_reason" | "stop_reason" | "stopReason" | "done_reason") => {
                Leaf(F::FinishReason)
            }
            (Place::Choice, "finish_reason" | "finishReason") => Leaf(F::ChoiceFinishReason),
            (Place::Choice, "message") => Place::Message,
            (Place::Message, "refusal") => Leaf(F::Refusal),
            (Place::Root, "promptFeedback" | "prompt_feedback") => Place::PromptFeedback,
            (Place::PromptFeedback, "blockReason" | "block_reason") => Leaf(F::BlockReason),
            (Place::Root, "status") => Leaf(F::Status),
            (Place::Root, "incomplete_details") => Place::Incomplete,
            (Place::Root, "output") => Place::OutputItem,
            (Place::Root | Place::Usage, "service_tier") => Leaf(F::ServiceTier),
            (Place::Root, "system_fingerprint") => Leaf(F::SystemFingerprint),
            (Place::Root, "usage" | "usageMetadata" | "usage_metadata") => Place::Usage,
            (Place::Root, "data") => Place::Embedding,
            (Place::Root, "prompt_eval_count") => Leaf(F::Input),
            (Place::Root, "meta") => Place::Meta,
            (Place::Meta, "billed_units") => Place::Usage,
            (Place::Root, "eval_count") => Leaf(F::Output),
            (Place::Incomplete, "reason") => Leaf(F::IncompleteReason),
            (Place::Usage, "iterations") => Place::Iteration,
            (Place::Iteration, "type") => Leaf(F::IterationType),
            (Place::OutputItem, "type") => Leaf(F::OutputItemType),
            (Place::OutputItem, "content") => Place::OutputPart,
            (Place::OutputPart, "type") => Leaf(F::OutputPartType),
            (Place::Embedding, "embedding") => Leaf(F::Dimensions),

            // Cohere reports used and billed tokens; the conventions prefer what is billed.
            (Place::Usage, "billed_units") => Place::Usage,
            (Place::Usage, "prompt_tokens") => Leaf(F::InputWhole),
            (Place::Usage, "input_tokens" | "inputTokens" | "promptTokenCount" | "prompt_token_count") => {
                Leaf(F::Input)
            }
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
            (Place::Usage, "prompt_tokens_details" | "input_tokens_details" | "input_token_details") => {
                Place::InputDetails
            }
            (
                Place::Usage,
                "completion_tokens_details" | "output_tokens_details" | "output_token_details",
            ) => Place::OutputDetails,
            (Place::InputDetails, "cached_tokens" | "cache_read_input_tokens")
            | (
                Place::Usage,
                "cached_tokens"
                | "prompt_cache_hit_tokens"
                | "cached_prompt_text_tokens"
                | "cachedContentTokenCount"
                | "cached_content_token_count",
            ) => Leaf(F::CacheReadWithin),
            (Place::InputDetails, "cache_write_tokens" | "cache_creation_tokens") => {
                Leaf(F::CacheWriteWithin)
            }
            (Place::OutputDetails, "reasoning_tokens" | "thinking_tokens") => Leaf(F::ReasoningWithin),
            (Place::Usage, "reasoning_tokens") => Leaf(F::Reasoning),
            (Place::Usage, "citation_tokens") => Leaf(F::CitationsBeside),
            (Place::Usage, "num_search_queries") | (Place::ServerTools, "web_search_requests") => {
                Leaf(F::WebSearches)
            }
            (Place::Usage, "server_tool_use") => Place::ServerTools,
            (Place::Usage, "cache_creation") => Place::CacheCreation,
            (Place::CacheCreation, "ephemeral_1h_input_tokens") => Leaf(F::CacheWrite1h),
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
            _ => return broken_down(self, key),
        })
    }
}

#[derive(Default)]
pub(super) struct ResponseReader {
    pub(super) response: Response,
    counts: Counts,
    incomplete_reason: Option<SmolStr>,
    calls_tool: bool,
    /// The body has a provider's type name, or a provider's list of choices.
    pub(super) proves_itself: bool,
    /// Fields of the list element being read, in any order.
    modality: Option<Modality>,
    modality_count: Option<u64>,
}

impl Reader for ResponseReader {
    type Place = Place;

    fn key(&self, at: Place, key: &str) -> Option<Place> {
        at.behind(key)
    }

    fn element(&mut self, at: Place, len: Option<usize>) -> Option<Place> {
        match at {
            Place::Leaf(Field::Dimensions) => {
                if let Some(len) = len {
                    self.counted(at, len);
                }
                None // the numbers themselves are of no interest
            }
            Place::Choice
            | Place::Iteration
            | Place::OutputItem
            | Place::OutputPart
            | Place::Modalities(_) => Some(at),
            // Gemini's, where its names are written like `OpenAI`'s.
            Place::InputDetails => Some(Place::Modalities(Count::Input)),
            // All vectors of a response have one length.
            Place::Embedding if self.response.rest().dimensions.is_none() => Some(at),
            _ => None,
        }
    }

    fn counted(&mut self, at: Place, len: usize) {
        if at == Place::Leaf(Field::Dimensions) && self.response.rest().dimensions.is_none() {
            self.response.rest_mut().dimensions = i64::try_from(len).ok();
        }
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        let Place::Leaf(field) = at else { return };
        match field {
            Field::InputWhole => {
                self.counts.input = self.tokens(value);
                self.counts.input_is_whole = true;
            }
            Field::Input => {
                let tokens = self.tokens(value);
                self.counts.input = self.counts.input.or(tokens);
            }
            Field::Output => self.counts.output = self.tokens(value),
            Field::Total => self.counts.total = self.tokens(value),
            Field::CacheReadWithin => self.counts.cache_read_within = self.tokens(value),
            Field::CacheReadBeside => self.counts.cache_read_beside = self.tokens(value),
            Field::CacheWriteWithin => self.counts.cache_write_within = self.tokens(value),
            Field::CacheWriteBeside => self.counts.cache_write_beside = self.tokens(value),
            Field::ReasoningWithin => self.counts.reasoning_within = self.tokens(value),
            Field::ThoughtsBeside => self.counts.thoughts_beside = self.tokens(value),
            Field::ToolPromptBeside => self.counts.tool_prompt_beside = self.tokens(value),
            Field::Reasoning => self.counts.reasoning = self.tokens(value),
            Field::CitationsBeside => self.counts.citations_beside = self.tokens(value),
            Field::WebSearches => self.counts.priced_apart.web_searches = self.tokens(value),
            Field::CacheWrite1h => self.counts.priced_apart.cache_write_1h = self.tokens(value),
            Field::PartOf(count, modality) => {
                let tokens = self.tokens(value);
                self.counts.part(count, modality, tokens);
            }
            Field::ModalityCount => self.modality_count = self.tokens(value),
            Field::Dimensions => {}
            _ => {
                if let Scalar::Text(text) = value {
                    self.text(field, text);
                }
            }
        }
    }

    fn end(&mut self, at: Place) {
        if let Place::Modalities(count) = at {
            let (modality, tokens) = (self.modality.take(), self.modality_count.take());
            if let Some(modality) = modality {
                self.counts.part(count, modality, tokens);
            }
        }
    }
}

impl ResponseReader {
    /// A count of tokens, if it can be one.
    fn tokens(&mut self, value: Scalar<'_>) -> Option<u64> {
        let tokens = value.tokens();
        self.counts.is_partial |= tokens.is_none() && value.double().is_some();
        tokens
    }

    fn text(&mut self, field: Field, text: &str) {
        if text.is_empty() {
            return;
        }
        match field {
            Field::Modality => self.modality = Modality::named(text),
            Field::Object => {
                self.proves_itself = self.proves_itself
                    || matches!(
                        text,
                        "response"
                            | "chat.completion"
                            | "chat.completion.chunk"
                            | "text_completion"
                            | "list"
                            | "embedding"
                    );
                self.response.rest_mut().api_type = match text {
                    "response" => Some(SmolStr::new_static(RESPONSES_API)),
                    "chat.completion" | "chat.completion.chunk" => {
                        Some(SmolStr::new_static("chat_completions"))
                    }
                    _ => None,
                };
            }
            Field::Model => keep(&mut self.response.model, text),
            Field::Id => keep(&mut self.response.id, text),
            Field::FinishReason => self.response.add_finish_reason(text),
            Field::ChoiceFinishReason => {
                self.response.add_finish_reason(text);
                self.proves_itself = true;
            }
            Field::Refusal => self.response.rest_mut().is_refusal = true,
            Field::BlockReason => {
                self.response.rest_mut().is_refusal = true;
                self.proves_itself = true;
            }
            Field::OutputPartType => self.response.rest_mut().is_refusal |= text == "refusal",
            Field::Status => {
                self.response.rest_mut().status = bounds::is_word(text).then(|| SmolStr::new(text));
            }
            Field::IncompleteReason => self.incomplete_reason = bounds::kept(text),
            Field::OutputItemType => {
                self.calls_tool |= text == "function_call";
                self.response.rest_mut().is_compacted |= text == COMPACTION;
            }
            Field::IterationType => self.response.rest_mut().is_compacted |= text == COMPACTION,
            Field::ServiceTier => keep(&mut self.response.rest_mut().service_tier, text),
            Field::SystemFingerprint => keep(&mut self.response.rest_mut().system_fingerprint, text),
            _ => {}
        }
    }

    /// Returns whether the keys read so far can only be those of a provider's body.
    pub(super) fn is_providers(&self) -> bool {
        self.proves_itself || self.counts.usage().is_some() || self.response.rest().dimensions.is_some()
    }

    pub(super) fn finish(mut self) -> Response {
        self.response.usage = self.counts.usage();
        if !self.is_providers() {
            return Response::new();
        }
        if self.response.rest().api_type.as_deref() == Some(RESPONSES_API)
            && self.response.finish_reasons.is_empty()
        {
            match self.responses_api_finish_reason() {
                Some(Reason::Word(word)) => self.response.add_finish_reason(word),
                Some(Reason::Text(text)) => self.response.rest_mut().free_reason = Some(text),
                None => {}
            }
        }
        self.response
    }

    /// The responses API has a status instead of finish reasons; these are the conventions' words for it.
    fn responses_api_finish_reason(&mut self) -> Option<Reason> {
        Some(Reason::Word(match (self.response.rest().status.as_deref()?, self.incomplete_reason.take()) {
            ("completed", _) if self.calls_tool => "tool_call",
            ("completed", _) => "stop",
            ("incomplete", Some(reason)) => match reason.as_str() {
                "max_output_tokens" => "length",
                "content_filter" => "content_filter",
                _ => return Some(Reason::Text(reason.to_string())),
            },
            ("failed" | "cancelled", _) => "error",
            _ => return None,
        }))
    }
}

/// Why a response ended.
enum Reason {
    Word(&'static str),
    /// In words of the provider's own, which can be anything.
    Text(String),
}

/// Returns the place of usage by modality.
fn broken_down(at: Place, key: &str) -> Option<Place> {
    let of_usage = |count| Some(Place::Modalities(count));
    let part_of = |count| {
        let modality = Modality::named(key.strip_suffix("_tokens")?)?;
        Some(Place::Leaf(Field::PartOf(count, modality)))
    };
    match (at, key) {
        (Place::InputDetails, "cached_tokens_details") => Some(Place::CacheDetails),
        (Place::InputDetails, _) => part_of(Count::Input),
        (Place::CacheDetails, _) => part_of(Count::CacheRead),
        (Place::OutputDetails, _) => part_of(Count::Output),
        (Place::Usage, "promptTokensDetails") => of_usage(Count::Input),
        (Place::Usage, "cacheTokensDetails" | "cache_tokens_details") => of_usage(Count::CacheRead),
        (Place::Usage, "candidatesTokensDetails" | "candidates_tokens_details") => of_usage(Count::Output),
        (Place::Usage, "toolUsePromptTokensDetails" | "tool_use_prompt_tokens_details") => {
            of_usage(Count::ToolPrompt)
        }
        (Place::Modalities(_), "modality") => Some(Place::Leaf(Field::Modality)),
        (Place::Modalities(_), "tokenCount" | "token_count") => Some(Place::Leaf(Field::ModalityCount)),
        _ => None,
    }
}

/// Copies a name, unless it is there already: every chunk of a stream may repeat it.
fn keep(slot: &mut Option<SmolStr>, text: &str) {
    if slot.as_deref() != Some(text) {
        *slot = bounds::kept(text);
    }
}
