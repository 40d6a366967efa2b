//! What is known about an annotated function before it runs.

use opentelemetry::trace::SpanKind;

/// The kind of step a function performs; it decides the operation name, the span kind and the span's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A chat completion.
    Chat,
    /// A text completion (the older completions APIs).
    TextCompletion,
    /// Multimodal generation, Gemini's `generateContent`.
    GenerateContent,
    /// Embedding vectors.
    Embeddings,
    /// A search in a data source.
    Retrieval,
    /// A tool the model asked for.
    Tool,
    /// A user's entry point: a process made of several steps.
    Workflow,
    /// Any other step worth a span of its own.
    Task,
}

impl Kind {
    /// The value of `gen_ai.operation.name`; a task has none.
    pub fn operation(self) -> Option<&'static str> {
        Some(match self {
            Kind::Chat => "chat",
            Kind::TextCompletion => "text_completion",
            Kind::GenerateContent => "generate_content",
            Kind::Embeddings => "embeddings",
            Kind::Retrieval => "retrieval",
            Kind::Tool => "execute_tool",
            Kind::Workflow => "invoke_workflow",
            Kind::Task => return None,
        })
    }

    pub(crate) fn span_kind(self) -> SpanKind {
        if self.is_client() { SpanKind::Client } else { SpanKind::Internal }
    }

    /// Calls to a service outside the process; they have a duration metric.
    pub(crate) fn is_client(self) -> bool {
        self.calls_model() || self == Kind::Retrieval
    }

    /// Calls whose response tells usage. A workflow may return its last response too, but counting that would
    /// count the tokens of the call inside it twice.
    pub(crate) fn calls_model(self) -> bool {
        matches!(self, Kind::Chat | Kind::TextCompletion | Kind::GenerateContent | Kind::Embeddings)
    }
}

/// One annotated function.
#[derive(Debug)]
pub struct CallSite {
    pub(crate) kind: Kind,
    pub(crate) function: &'static str,
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

impl CallSite {
    /// Made in a `static` by the macro, so that nothing about the function is computed per call.
    pub const fn new(
        kind: Kind,
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        CallSite { kind, function, module, file, line }
    }
}
