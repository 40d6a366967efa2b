//! The response: model, id, finish reasons and usage, or the error.
//!
//! Types are read by a ladder, most specific first: [`LlmResponse`] → `Serialize`, by the keys every provider
//! uses → nothing (the call still has its duration and outcome). See [`crate::__private`] for how a value
//! finds its step.

mod usage;

pub(crate) use usage::{ByModality, Parts, PricedApart};
pub use usage::{Modality, Usage};

use smol_str::SmolStr;

use crate::model::content::{Captured, Measured};
use crate::model::retrieved::Retrieved;
use crate::value::bounds;

/// The response side of a call. Names have at most 256 bytes and one line; longer ones are not recorded, and counted in
/// `llm_trace.implausible`.
///
/// ```
/// use llm_trace::{Response, Usage};
///
/// let response = Response::new()
///     .with_model("gpt-4o-mini-2024-07-18")
///     .with_finish_reason("stop")
///     .with_usage(Usage::new(812, 43).with_cache_read(512));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a response says nothing until it is returned from `LlmResponse::describe` or recorded"]
pub struct Response {
    pub(crate) model: Option<SmolStr>,
    pub(crate) id: Option<SmolStr>,
    pub(crate) finish_reasons: Vec<SmolStr>,
    pub(crate) usage: Option<Usage>,
    /// What few responses have: a response is moved often.
    rest: Option<Box<ResponseRest>>,
}

/// What few responses have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ResponseRest {
    /// Why a choice ended, in words of the provider's own: content.
    pub(crate) free_reason: Option<String>,
    pub(crate) service_tier: Option<SmolStr>,
    pub(crate) system_fingerprint: Option<SmolStr>,
    pub(crate) api_type: Option<SmolStr>,
    pub(crate) status: Option<SmolStr>,
    pub(crate) dimensions: Option<i64>,
    /// The model refused in a separate field or item, whatever the finish reason.
    pub(crate) is_refusal: bool,
    /// The provider has compacted the conversation.
    pub(crate) is_compacted: bool,
    pub(crate) retrieved: Option<Retrieved>,
    pub(crate) verdict: Option<EvaluationResult>,
    pub(crate) mcp: Option<McpAnswer>,
    /// The output or results, to be measured.
    pub(crate) text: Option<Measured>,
    pub(crate) content: Captured,
}

/// The response to an MCP message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct McpAnswer {
    /// The error code of JSON-RPC.
    pub(crate) status_code: Option<i64>,
    /// The original error message, before the policy on error messages is applied.
    pub(crate) message: Option<String>,
    /// The tool ran, and failed.
    pub(crate) is_tool_error: bool,
    pub(crate) protocol_version: Option<String>,
}

/// The result of an evaluator.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EvaluationResult {
    pub(crate) value: Option<f64>,
    pub(crate) label: Option<String>,
    pub(crate) passed: Option<bool>,
}

/// A response type that describes itself; the alternative to being `Serialize`, and the way to correct what would be read from a
/// `Serialize` type.
///
/// ```
/// use llm_trace::{LlmResponse, Response, Usage};
///
/// struct Reply { text: String, tokens_in: u64, tokens_out: u64 }
///
/// impl LlmResponse for Reply {
///     fn describe(&self) -> Response {
///         Response::new().with_usage(Usage::new(self.tokens_in, self.tokens_out))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe itself as an LLM response",
    note = "implement `llm_trace::LlmResponse`, or derive `serde::Serialize` on a type with the provider's field names"
)]
pub trait LlmResponse {
    /// Describes this response.
    fn describe(&self) -> Response;
}

impl<T: LlmResponse + ?Sized> LlmResponse for &T {
    fn describe(&self) -> Response {
        (**self).describe()
    }
}

impl<T: LlmResponse + ?Sized> LlmResponse for Box<T> {
    fn describe(&self) -> Response {
        (**self).describe()
    }
}

impl<T: LlmResponse + ?Sized> LlmResponse for std::sync::Arc<T> {
    fn describe(&self) -> Response {
        (**self).describe()
    }
}

impl<T: LlmResponse> LlmResponse for Option<T> {
    fn describe(&self) -> Response {
        self.as_ref().map_or_else(Response::new, LlmResponse::describe)
    }
}

impl LlmResponse for Response {
    fn describe(&self) -> Response {
        self.clone()
    }
}

impl Response {
    /// Creates an empty response.
    pub fn new() -> Self {
        Response::default()
    }

    /// The model that answered.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The provider's id of the response.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Why each choice ended.
    pub fn finish_reasons(&self) -> impl Iterator<Item = &str> {
        self.finish_reasons.iter().map(SmolStr::as_str)
    }

    /// Tokens used.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// The model that answered, with its version: `gen_ai.response.model`.
    pub fn with_model(mut self, model: impl AsRef<str>) -> Self {
        self.model = bounds::kept(model.as_ref());
        self
    }

    /// The provider's id of the response: `gen_ai.response.id`.
    pub fn with_id(mut self, id: impl AsRef<str>) -> Self {
        self.id = bounds::kept(id.as_ref());
        self
    }

    /// Why a choice ended: `gen_ai.response.finish_reasons`. Call it once per choice, in order,
    /// at most 128 times. A reason that is not one word (`stop`, `max_tokens`) is content.
    pub fn with_finish_reason(mut self, reason: impl AsRef<str>) -> Self {
        self.add_finish_reason(reason.as_ref());
        self
    }

    /// Records that the model refused to answer, where no finish reason does (`content_filter`, `refusal`, `SAFETY`, …):
    /// `llm_trace.answer.refused`.
    pub fn with_refusal(mut self) -> Self {
        self.rest_mut().is_refusal = true;
        self
    }

    /// Tokens used.
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// The tier that served the request; it selects the price: `openai.response.service_tier`.
    pub fn with_service_tier(mut self, tier: impl AsRef<str>) -> Self {
        self.rest_mut().service_tier = bounds::kept(tier.as_ref());
        self
    }

    /// Sets the result of a retrieval or a reranking: the number of documents, and their scores in any order, as far as they have some.
    /// Higher scores must be better: turn a distance into a similarity, or leave it out. `llm_trace.retrieval.documents`, `.top_score`,
    /// `.score_gap`.
    ///
    /// ```
    /// use llm_trace::{LlmResponse, Response};
    ///
    /// struct Hits(Vec<(f32, String)>);
    ///
    /// impl LlmResponse for Hits {
    ///     fn describe(&self) -> Response {
    ///         Response::new().with_retrieved(self.0.len(), self.0.iter().map(|(score, _)| *score))
    ///     }
    /// }
    /// ```
    pub fn with_retrieved<S: Into<f64>>(
        mut self,
        documents: usize,
        scores: impl IntoIterator<Item = S>,
    ) -> Self {
        self.rest_mut().retrieved = Some(Retrieved::new(documents, scores));
        self
    }

    /// A reason that is no word is free text.
    pub(crate) fn add_finish_reason(&mut self, reason: &str) {
        if !bounds::is_word(reason) {
            let free_reason = &mut self.rest_mut().free_reason;
            *free_reason = free_reason.take().or_else(|| bounds::name(reason).map(str::to_owned));
        } else if self.finish_reasons.len() < bounds::MAX_ITEMS {
            self.finish_reasons.push(SmolStr::new(reason));
        }
    }

    /// What few responses have.
    pub(crate) fn rest(&self) -> &ResponseRest {
        static NOTHING: ResponseRest = ResponseRest::NOTHING;
        self.rest.as_deref().unwrap_or(&NOTHING)
    }

    /// The same, to set some of it.
    pub(crate) fn rest_mut(&mut self) -> &mut ResponseRest {
        self.rest.get_or_insert_default()
    }

    /// One that has only this.
    pub(crate) fn of_rest(rest: ResponseRest) -> Self {
        Response { rest: Some(Box::new(rest)), ..Response::new() }
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn drop_content(&mut self) {
        if let Some(rest) = self.rest.as_deref_mut() {
            (rest.content, rest.text) = (Captured::default(), None);
        }
    }

    /// Takes out what few responses have.
    pub(crate) fn take_rest(&mut self) -> Option<ResponseRest> {
        self.rest.take().map(|rest| *rest)
    }

    /// Fills values that this response lacks from `other`.
    pub(crate) fn fill_from(&mut self, other: Response) {
        let Response { model, id, finish_reasons, usage, rest } = other;
        fill(&mut self.model, model);
        fill(&mut self.id, id);
        fill(&mut self.usage, usage);
        if self.finish_reasons.is_empty() {
            self.finish_reasons = finish_reasons;
        }
        match (&mut self.rest, rest) {
            (Some(own), Some(rest)) => own.fill_from(*rest),
            (own @ None, rest) => *own = rest,
            (Some(_), None) => {}
        }
    }
}

impl ResponseRest {
    const NOTHING: ResponseRest = ResponseRest {
        free_reason: None,
        service_tier: None,
        system_fingerprint: None,
        api_type: None,
        status: None,
        dimensions: None,
        is_refusal: false,
        is_compacted: false,
        retrieved: None,
        verdict: None,
        mcp: None,
        text: None,
        content: Captured { pieces: Vec::new(), skipped: Vec::new() },
    };

    fn fill_from(&mut self, other: ResponseRest) {
        let ResponseRest {
            free_reason,
            service_tier,
            system_fingerprint,
            api_type,
            status,
            dimensions,
            is_refusal,
            is_compacted,
            retrieved,
            verdict,
            mcp,
            text,
            content,
        } = other;
        fill(&mut self.free_reason, free_reason);
        fill(&mut self.service_tier, service_tier);
        fill(&mut self.system_fingerprint, system_fingerprint);
        fill(&mut self.api_type, api_type);
        fill(&mut self.status, status);
        fill(&mut self.dimensions, dimensions);
        fill(&mut self.retrieved, retrieved);
        fill(&mut self.verdict, verdict);
        fill(&mut self.mcp, mcp);
        fill(&mut self.text, text);
        self.is_refusal |= is_refusal;
        self.is_compacted |= is_compacted;
        self.content.fill_from(content);
    }
}

fn fill<T>(slot: &mut Option<T>, other: Option<T>) {
    if slot.is_none() {
        *slot = other;
    }
}
