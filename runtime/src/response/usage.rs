//! Tokens used, with the conventions' meaning.

/// Tokens used by a call. As the conventions define it, the input *includes* tokens read from and written to the
/// provider's cache, and the output *includes* reasoning.
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
    pub(crate) priced_apart: PricedApart,
}

/// Parts of the counts that some providers charge at a rate of their own. They are not on the span: the conventions
/// have no names for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PricedApart {
    /// Cache writes that live for an hour.
    pub(crate) cache_write_1h: Option<u64>,
    pub(crate) input_audio: Option<u64>,
    pub(crate) output_audio: Option<u64>,
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
            priced_apart: PricedApart {
                cache_write_1h: None,
                input_audio: None,
                output_audio: None,
                web_searches: None,
            },
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
}
