//! Attribute keys and values of [OpenInference](https://github.com/Arize-ai/openinference), the conventions that Phoenix
//! and Arize were made for; only on spans, and only if switched on
//! ([`Builder::with_openinference`](crate::Builder::with_openinference)).

/// Kind of the call: one of [`span_kind`].
pub const SPAN_KIND: &str = "openinference.span.kind";
/// Content: what the call was given. Only if content is captured on spans.
pub const INPUT_VALUE: &str = "input.value";
/// The form of [`INPUT_VALUE`]: one of [`mime_type`].
pub const INPUT_MIME_TYPE: &str = "input.mime_type";
/// Content: what the call returned. Only if content is captured on spans.
pub const OUTPUT_VALUE: &str = "output.value";
/// The form of [`OUTPUT_VALUE`]: one of [`mime_type`].
pub const OUTPUT_MIME_TYPE: &str = "output.mime_type";

/// Content: what a retrieval found; one attribute for each [`document`] field: `retrieval.documents.0.document.id`. Only
/// if content is captured on spans.
pub const RETRIEVAL_DOCUMENTS: &str = "retrieval.documents";

/// Attributes of a document.
pub mod document {
    /// Its id.
    pub const ID: &str = "document.id";
    /// Relevance to the query (double).
    pub const SCORE: &str = "document.score";
    /// Its text.
    pub const CONTENT: &str = "document.content";
    /// Other fields of the document (JSON).
    pub const METADATA: &str = "document.metadata";
}

/// Values of [`SPAN_KIND`].
pub mod span_kind {
    /// A call to a model that generates.
    pub const LLM: &str = "LLM";
    /// Embedding vectors.
    pub const EMBEDDING: &str = "EMBEDDING";
    /// A search.
    pub const RETRIEVER: &str = "RETRIEVER";
    /// Ordering documents by relevance.
    pub const RERANKER: &str = "RERANKER";
    /// A tool.
    pub const TOOL: &str = "TOOL";
    /// An agent.
    pub const AGENT: &str = "AGENT";
    /// A process made of several steps, and any step that is nothing else.
    pub const CHAIN: &str = "CHAIN";
    /// A check of what goes into or comes out of a model.
    pub const GUARDRAIL: &str = "GUARDRAIL";
    /// A judgement of an answer.
    pub const EVALUATOR: &str = "EVALUATOR";
}

/// Values of the MIME types.
pub mod mime_type {
    /// A text as it is.
    pub const TEXT: &str = "text/plain";
    /// JSON in a text.
    pub const JSON: &str = "application/json";
}
