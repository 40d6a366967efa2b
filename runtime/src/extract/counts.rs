//! Token counts as reported → as the conventions mean them.
//!
//! The conventions count cached tokens as part of the input and reasoning as part of the output. Providers
//! disagree, so the reader keeps apart what was reported inside a total and what beside it, and adds up at the
//! end:
//!
//! | shape | input | beside the input | output | beside the output |
//! | --- | --- | --- | --- | --- |
//! | OpenAI chat, embeddings; Mistral, Groq, `DeepSeek`, `LiteLLM`, Databricks | `prompt_tokens` | | `completion_tokens` | |
//! | OpenAI responses | `input_tokens` | | `output_tokens` | |
//! | Anthropic | `input_tokens` | cache reads and writes | `output_tokens` | |
//! | Bedrock Converse | `inputTokens` | cache reads and writes | `outputTokens` | |
//! | Gemini | `promptTokenCount` | tool use prompt | `candidatesTokenCount` | thoughts |
//! | Ollama | `prompt_eval_count` | | `eval_count` | |
//! | xAI | `prompt_tokens` | | `completion_tokens` | reasoning, seen from the total |
//! | Perplexity | `prompt_tokens` | | `completion_tokens` | reasoning, citations |
//! | Cohere | `billed_units.input_tokens` | | `billed_units.output_tokens` | |

use crate::model::response::{ByModality, Modality, Parts, PricedApart, Usage};

/// A count that is broken down by modality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Count {
    Input,
    CacheRead,
    Output,
    /// Beside the input.
    ToolPrompt,
}

/// Token counts as reported, before they are brought to the conventions' meaning.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) cache_read_within: Option<u64>,
    pub(super) cache_read_beside: Option<u64>,
    pub(super) cache_write_within: Option<u64>,
    pub(super) cache_write_beside: Option<u64>,
    pub(super) reasoning_within: Option<u64>,
    pub(super) thoughts_beside: Option<u64>,
    pub(super) tool_prompt_beside: Option<u64>,
    /// Whether `input` includes cached tokens, as `prompt_tokens` always does.
    pub(super) input_is_whole: bool,
    pub(super) reasoning: Option<u64>,
    pub(super) citations_beside: Option<u64>,
    pub(super) by_modality: ByModality,
    pub(super) tool_prompt_by_modality: Parts,
    pub(super) priced_apart: PricedApart,
    /// An implausible count was left out.
    pub(super) is_partial: bool,
}

impl Modality {
    /// The modality that a provider calls so. Gemini's `VIDEO` and `DOCUMENT` have no word in the conventions.
    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|modality| word.eq_ignore_ascii_case(modality.word()))
    }
}

impl Counts {
    pub(super) fn part(&mut self, count: Count, modality: Modality, tokens: Option<u64>) {
        let parts = match count {
            Count::Input => &mut self.by_modality.input,
            Count::CacheRead => &mut self.by_modality.cache_read,
            Count::Output => &mut self.by_modality.output,
            Count::ToolPrompt => &mut self.tool_prompt_by_modality,
        };
        // Most calls use text only, and some APIs report 0 for each other modality.
        parts.set(modality, tokens.filter(|tokens| *tokens > 0));
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        let cache_beside =
            if self.input_is_whole { [None; 2] } else { [self.cache_read_beside, self.cache_write_beside] };
        let input = add(self.input, cache_beside);
        let input = add(input, [self.tool_prompt_beside]);
        // Only Perplexity counts citations, and it counts reasoning beside the completion too.
        let reasoning_beside = self.reasoning.filter(|_| self.citations_beside.is_some());
        let mut output = add(self.output, [self.thoughts_beside, self.citations_beside, reasoning_beside]);
        // xAI counts reasoning beside the completion, which only its total shows.
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
            reasoning_output_tokens: self.reasoning_within.or(self.thoughts_beside).or(self.reasoning),
            by_modality: ByModality { input: self.input_by_modality(), ..self.by_modality },
            priced_apart: self.priced_apart,
            is_partial: self.is_partial,
        })
    }

    fn input_by_modality(&self) -> Parts {
        let mut input = self.by_modality.input;
        for modality in Modality::ALL {
            input.set(modality, add(input.get(modality), [self.tool_prompt_by_modality.get(modality)]));
        }
        input
    }
}

/// `base` plus the counts reported beside it; `None` if nothing at all was reported.
fn add<const N: usize>(base: Option<u64>, beside: [Option<u64>; N]) -> Option<u64> {
    beside
        .into_iter()
        .fold(base, |sum, more| more.map_or(sum, |more| Some(sum.unwrap_or(0).saturating_add(more))))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::extract::read_response;

    fn by_modality(usage: &Value) -> ByModality {
        read_response(&json!({"object": "response", "usage": usage})).usage.unwrap().by_modality
    }

    #[test]
    fn what_a_count_has_of_each_modality_is_read_where_providers_say_it() {
        let openai = by_modality(&json!({
            "input_tokens": 100, "output_tokens": 50,
            "input_tokens_details": {
                "text_tokens": 10, "image_tokens": 60, "audio_tokens": 30, "cached_tokens": 9,
                "cached_tokens_details": {"text_tokens": 4, "image_tokens": 0, "audio_tokens": 5},
            },
            "output_tokens_details": {"text_tokens": 20, "audio_tokens": 30},
        }));
        assert_eq!(openai.input.all(), [Some(10), Some(60), Some(30)]);
        assert_eq!(openai.cache_read.all(), [Some(4), None, Some(5)]);
        assert_eq!(openai.output.all(), [Some(20), None, Some(30)]);

        // The count may stand before what it is of.
        let text = r#"{"promptTokenCount": 20, "promptTokensDetails": [
            {"tokenCount": 7, "modality": "TEXT"}, {"tokenCount": 9, "modality": "VIDEO"}, {"tokenCount": 3}
        ], "toolUsePromptTokenCount": 2, "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 2}]}"#;
        let gemini = by_modality(&serde_json::from_str(text).unwrap());
        assert_eq!(gemini.input.all(), [Some(9), None, None]);
        assert_eq!(gemini.output.all(), [None; 3]);

        let in_words_of_openai = json!([{"modality": "AUDIO", "token_count": 7}]);
        let snake =
            by_modality(&json!({"prompt_token_count": 7, "prompt_tokens_details": in_words_of_openai}));
        assert_eq!(snake.input.all(), [None, None, Some(7)]);
    }
}
