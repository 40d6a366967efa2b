//! Tokens used, with the conventions' meaning.

use crate::value::bounds::Number;

/// Tokens used by a call. As the conventions define it, the input *includes* tokens read from and written to the
/// provider's cache, and the output *includes* reasoning.
///
/// A count above 1,000,000,000 is not recorded, and counted in `llm_trace.implausible`; the call then has no cost.
///
/// ```
/// use llm_trace::Usage;
///
/// // Anthropic reports 20 input tokens beside 100 read from its cache: together the input is 120.
/// let usage = Usage::new(20 + 100, 43).with_cache_read(100);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "usage counts nothing until it is part of a `Response`"]
pub struct Usage {
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) cache_read_input_tokens: Option<u64>,
    pub(crate) cache_creation_input_tokens: Option<u64>,
    pub(crate) reasoning_output_tokens: Option<u64>,
    pub(crate) by_modality: ByModality,
    pub(crate) priced_apart: PricedApart,
    /// A count was left out that cannot be: what the rest costs is not what the call costs.
    pub(crate) is_partial: bool,
}

/// Modality of tokens; see [`Usage::with_input_of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modality {
    /// Text.
    Text,
    /// Images.
    Image,
    /// Audio.
    Audio,
}

impl Modality {
    /// In the order of [`ByModality`]'s counts.
    pub(crate) const ALL: [Modality; 3] = [Modality::Text, Modality::Image, Modality::Audio];

    /// The conventions' word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Modality::Text => "text",
            Modality::Image => "image",
            Modality::Audio => "audio",
        }
    }
}

/// The part that each modality has in a count, as far as it is known. In four bytes each: a response is moved often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts([u32; Modality::ALL.len()]);

const UNKNOWN: u32 = u32::MAX;

impl Parts {
    pub(crate) const NONE: Parts = Parts([UNKNOWN; Modality::ALL.len()]);

    pub(crate) const fn get(&self, modality: Modality) -> Option<u64> {
        match self.0[modality as usize] {
            UNKNOWN => None,
            count => Some(count as u64),
        }
    }

    /// A count that does not fit is not believed, and stays one that is not.
    #[expect(clippy::cast_possible_truncation, reason = "compared before")]
    pub(crate) const fn set(&mut self, modality: Modality, count: Option<u64>) {
        self.0[modality as usize] = match count {
            None => UNKNOWN,
            Some(count) if count < UNKNOWN as u64 => count as u32,
            Some(_) => UNKNOWN - 1,
        };
    }

    /// In the order of [`Modality::ALL`].
    pub(crate) fn all(&self) -> [Option<u64>; Modality::ALL.len()] {
        Modality::ALL.map(|modality| self.get(modality))
    }
}

impl Default for Parts {
    fn default() -> Self {
        Parts::NONE
    }
}

/// Counts by modality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByModality {
    pub(crate) input: Parts,
    pub(crate) cache_read: Parts,
    pub(crate) output: Parts,
}

/// Parts of the counts that some providers charge at a separate rate. They are not on the span: the conventions have no names for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PricedApart {
    /// Cache writes that live for an hour.
    pub(crate) cache_write_1h: Option<u64>,
    pub(crate) web_searches: Option<u64>,
}

impl Usage {
    /// Tokens in the prompt and tokens generated.
    pub const fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Usage {
            input_tokens: Some(input_tokens),
            output_tokens: Some(output_tokens),
            cache_read_input_tokens: None,
            cache_creation_input_tokens: None,
            reasoning_output_tokens: None,
            by_modality: ByModality { input: Parts::NONE, cache_read: Parts::NONE, output: Parts::NONE },
            priced_apart: PricedApart { cache_write_1h: None, web_searches: None },
            is_partial: false,
        }
    }

    /// Tokens in the prompt of a call that generates none: an embedding.
    pub const fn input(input_tokens: u64) -> Self {
        Usage { output_tokens: None, ..Usage::new(input_tokens, 0) }
    }

    /// The part of the input that was read from the provider's cache.
    pub const fn with_cache_read(mut self, tokens: u64) -> Self {
        self.cache_read_input_tokens = Some(tokens);
        self
    }

    /// The part of the input that was written to the provider's cache.
    pub const fn with_cache_creation(mut self, tokens: u64) -> Self {
        self.cache_creation_input_tokens = Some(tokens);
        self
    }

    /// The part of the output that was spent on reasoning.
    pub const fn with_reasoning(mut self, tokens: u64) -> Self {
        self.reasoning_output_tokens = Some(tokens);
        self
    }

    /// Sets the part of the input that is of a modality. In the October version of the conventions it is
    /// `gen_ai.usage.{modality}.input_tokens`, and a dimension of the token counters; in August it affects the price only.
    ///
    /// ```
    /// use llm_trace::{Modality, Usage};
    ///
    /// // Half a minute of speech, and a sentence about it.
    /// let usage = Usage::new(312, 20).with_input_of(Modality::Audio, 300).with_input_of(Modality::Text, 12);
    /// ```
    pub const fn with_input_of(mut self, modality: Modality, tokens: u64) -> Self {
        self.by_modality.input.set(modality, Some(tokens));
        self
    }

    /// The part of what was read from the provider's cache that is of a modality: `gen_ai.usage.{modality}.cache_read.input_tokens`,
    /// in October.
    pub const fn with_cache_read_of(mut self, modality: Modality, tokens: u64) -> Self {
        self.by_modality.cache_read.set(modality, Some(tokens));
        self
    }

    /// The part of the output that is of a modality: `gen_ai.usage.{modality}.output_tokens`, in October.
    pub const fn with_output_of(mut self, modality: Modality, tokens: u64) -> Self {
        self.by_modality.output.set(modality, Some(tokens));
        self
    }

    /// Keeps the counts that can be.
    pub(crate) fn keep_plausible(&mut self) {
        let Usage {
            input_tokens,
            output_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
            reasoning_output_tokens,
            by_modality: ByModality { input, cache_read, output },
            priced_apart: PricedApart { cache_write_1h, web_searches },
            is_partial,
        } = self;
        let whole = [
            input_tokens,
            output_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
            reasoning_output_tokens,
            cache_write_1h,
            web_searches,
        ];
        let mut checked = |count: Option<u64>| {
            let checked = count.and_then(|count| Number::Tokens.check_count(count));
            *is_partial |= checked.is_none() && count.is_some();
            checked
        };
        for count in whole {
            *count = checked(*count);
        }
        for parts in [input, cache_read, output] {
            for modality in Modality::ALL {
                parts.set(modality, checked(parts.get(modality)));
            }
        }
    }

    /// Tokens in the prompt, cached ones included.
    pub const fn input_tokens(&self) -> Option<u64> {
        self.input_tokens
    }

    /// Tokens generated, reasoning included.
    pub const fn output_tokens(&self) -> Option<u64> {
        self.output_tokens
    }

    /// The part of the input that was read from the provider's cache.
    pub const fn cache_read_input_tokens(&self) -> Option<u64> {
        self.cache_read_input_tokens
    }

    /// The part of the input that was written to the provider's cache.
    pub const fn cache_creation_input_tokens(&self) -> Option<u64> {
        self.cache_creation_input_tokens
    }

    /// The part of the output that was spent on reasoning.
    pub const fn reasoning_output_tokens(&self) -> Option<u64> {
        self.reasoning_output_tokens
    }

    /// The part of the input that is of a modality.
    pub const fn input_tokens_of(&self, modality: Modality) -> Option<u64> {
        self.by_modality.input.get(modality)
    }

    /// The part of what was read from the provider's cache that is of a modality.
    pub const fn cache_read_input_tokens_of(&self, modality: Modality) -> Option<u64> {
        self.by_modality.cache_read.get(modality)
    }

    /// The part of the output that is of a modality.
    pub const fn output_tokens_of(&self, modality: Modality) -> Option<u64> {
        self.by_modality.output.get(modality)
    }
}
