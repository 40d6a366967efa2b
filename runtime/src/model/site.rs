//! Static facts about an annotated function.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

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
    /// Ordering documents by relevance with a model.
    Rerank,
    /// A search in a data source.
    Retrieval,
    /// Fetching a response that was generated earlier, by its id.
    FetchResponse,
    /// Searching a memory.
    SearchMemory,
    /// Adding a record to a memory.
    CreateMemory,
    /// Changing a record of a memory.
    UpdateMemory,
    /// Adding or changing a record of a memory.
    UpsertMemory,
    /// Removing a record from a memory.
    DeleteMemory,
    /// Creating a memory.
    CreateMemoryStore,
    /// Removing a memory.
    DeleteMemoryStore,
    /// Creating an agent at a provider.
    CreateAgent,
    /// An agent that runs in this process.
    Agent,
    /// An agent that runs at a provider.
    RemoteAgent,
    /// An agent's planning.
    Plan,
    /// A tool that the model called.
    Tool,
    /// A message to an MCP server or client, from the side that sends it.
    McpClient,
    /// A message from an MCP client or server, on the side that handles it.
    McpServer,
    /// A user's entry point: a process made of several steps.
    Workflow,
    /// A check of what goes into or comes out of a model.
    Guardrail,
    /// A judgement of an answer.
    Evaluator,
    /// Any other step that deserves a span.
    Task,
}

impl Kind {
    /// The value of `gen_ai.operation.name`. A task has none, and an MCP message only if it calls a tool.
    pub fn operation(self) -> Option<&'static str> {
        Some(match self {
            Kind::Chat => "chat",
            Kind::TextCompletion => "text_completion",
            Kind::GenerateContent => "generate_content",
            Kind::Embeddings => "embeddings",
            Kind::Rerank => "rerank",
            Kind::Retrieval => "retrieval",
            Kind::FetchResponse => "fetch_response",
            Kind::SearchMemory => "search_memory",
            Kind::CreateMemory => "create_memory",
            Kind::UpdateMemory => "update_memory",
            Kind::UpsertMemory => "upsert_memory",
            Kind::DeleteMemory => "delete_memory",
            Kind::CreateMemoryStore => "create_memory_store",
            Kind::DeleteMemoryStore => "delete_memory_store",
            Kind::CreateAgent => "create_agent",
            Kind::Agent | Kind::RemoteAgent => "invoke_agent",
            Kind::Plan => "plan",
            Kind::Tool => "execute_tool",
            Kind::Workflow => "invoke_workflow",
            Kind::Guardrail => "apply_guardrail",
            Kind::Evaluator => "evaluate",
            Kind::Task | Kind::McpClient | Kind::McpServer => return None,
        })
    }

    pub(crate) fn span_kind(self) -> SpanKind {
        match self {
            Kind::McpServer => SpanKind::Server,
            Kind::McpClient => SpanKind::Client,
            kind if kind.is_client() => SpanKind::Client,
            _ => SpanKind::Internal,
        }
    }

    /// Returns whether it is a message of the Model Context Protocol, which has separate conventions.
    pub(crate) fn is_mcp(self) -> bool {
        matches!(self, Kind::McpClient | Kind::McpServer)
    }

    /// Calls to a service outside the process; they have the client metrics.
    pub(crate) fn is_client(self) -> bool {
        !matches!(
            self,
            Kind::Agent
                | Kind::Plan
                | Kind::Tool
                | Kind::Workflow
                | Kind::Guardrail
                | Kind::Evaluator
                | Kind::Task
                | Kind::McpClient
                | Kind::McpServer
        )
    }

    /// A request to a model to generate something.
    pub(crate) fn is_inference(self) -> bool {
        matches!(self, Kind::Chat | Kind::TextCompletion | Kind::GenerateContent)
    }

    /// Calls that use a model's tokens, which are counted and priced. A workflow or an agent may return its last
    /// response too, but counting that would count the tokens of the call inside it twice.
    pub(crate) fn counts_usage(self) -> bool {
        self.is_inference() || matches!(self, Kind::Embeddings | Kind::Rerank | Kind::RemoteAgent)
    }

    /// Calls that return documents with scores.
    pub(crate) fn returns_documents(self) -> bool {
        matches!(self, Kind::Retrieval | Kind::Rerank)
    }

    /// Calls whose return value is read. A fetched response was counted when it was generated, so that only its
    /// identity is of interest.
    pub(crate) fn reads_response(self) -> bool {
        self.counts_usage() || self == Kind::FetchResponse
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
    /// An argument names the parent.
    pub(crate) has_parent: bool,
    path: OnceLock<Arc<str>>,
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
        CallSite { kind, function, module, file, line, has_parent: false, path: OnceLock::new() }
    }

    /// Marks calls that set their parent, which is propagated even if they are not recorded.
    #[must_use]
    pub const fn with_parent(mut self) -> Self {
        self.has_parent = true;
        self
    }

    /// Identifies the function and its place among others.
    pub(crate) fn place(&self) -> (&'static str, u32, &'static str) {
        (self.file, self.line, self.function)
    }

    /// `module::function`, put together once; of a place in the code, which is all there is of a call that is made by hand, none.
    pub(crate) fn path(&self) -> Option<Arc<str>> {
        let path = || format!("{}::{}", self.module, self.function).into();
        (!self.module.is_empty()).then(|| Arc::clone(self.path.get_or_init(path)))
    }
}

/// The site of a call: static, or built at run time.
#[derive(Clone, Debug)]
pub(crate) enum Site {
    /// An annotated function.
    Function(&'static CallSite),
    /// A place in the code that makes the call by hand.
    Place(Arc<CallSite>),
}

impl Deref for Site {
    type Target = CallSite;

    fn deref(&self) -> &CallSite {
        match self {
            Site::Function(site) => site,
            Site::Place(site) => site,
        }
    }
}
