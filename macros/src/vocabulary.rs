//! The words of the attribute: kinds, keys and their synonyms. In: a word. Out: its kind or key.

use std::fmt::Write as _;

/// The operation of a function, the first argument of the attribute. Same variants as the runtime's `Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    TextCompletion,
    GenerateContent,
    Embeddings,
    Rerank,
    Retrieval,
    FetchResponse,
    SearchMemory,
    CreateMemory,
    UpdateMemory,
    UpsertMemory,
    DeleteMemory,
    CreateMemoryStore,
    DeleteMemoryStore,
    Agent,
    RemoteAgent,
    CreateAgent,
    Plan,
    Tool,
    McpClient,
    McpServer,
    Workflow,
    Guardrail,
    Evaluator,
    Task,
}

// The words of the attribute, in the order in which messages list them.
const WORDS: &[(Kind, &str)] = &[
    (Kind::Chat, "chat"),
    (Kind::TextCompletion, "text_completion"),
    (Kind::GenerateContent, "generate_content"),
    (Kind::Embeddings, "embeddings"),
    (Kind::Rerank, "rerank"),
    (Kind::Retrieval, "retrieval"),
    (Kind::FetchResponse, "fetch_response"),
    (Kind::SearchMemory, "memory(search)"),
    (Kind::CreateMemory, "memory(create)"),
    (Kind::UpdateMemory, "memory(update)"),
    (Kind::UpsertMemory, "memory(upsert)"),
    (Kind::DeleteMemory, "memory(delete)"),
    (Kind::CreateMemoryStore, "memory(create_store)"),
    (Kind::DeleteMemoryStore, "memory(delete_store)"),
    (Kind::Agent, "agent"),
    (Kind::RemoteAgent, "agent(remote)"),
    (Kind::CreateAgent, "create_agent"),
    (Kind::Plan, "plan"),
    (Kind::Tool, "tool"),
    (Kind::McpClient, "mcp(client)"),
    (Kind::McpServer, "mcp(server)"),
    (Kind::Workflow, "workflow"),
    (Kind::Guardrail, "guardrail"),
    (Kind::Evaluator, "evaluator"),
    (Kind::Task, "task"),
];

impl Kind {
    pub(crate) fn all() -> impl Iterator<Item = Kind> + Clone {
        WORDS.iter().map(|(kind, _)| *kind)
    }

    /// The kind written as `word`, with its form in parentheses if it has one: `memory(search)`.
    pub(crate) fn from_word(word: &str) -> Option<Kind> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }

    /// The kinds written as `word` with a form in parentheses.
    pub(crate) fn forms_of(word: &str) -> Vec<Kind> {
        let is_form = |known: &str| known.strip_prefix(word).is_some_and(|rest| rest.starts_with('('));
        WORDS.iter().filter(|(_, known)| is_form(known)).map(|(kind, _)| *kind).collect()
    }

    /// The word of the attribute.
    pub(crate) fn word(self) -> &'static str {
        WORDS.iter().find(|(kind, _)| *kind == self).map_or("task", |(_, word)| *word)
    }

    /// The variant of the runtime's `__private::Kind`.
    pub(crate) fn variant(self) -> String {
        format!("{self:?}")
    }

    /// Whether the semantic conventions require `gen_ai.provider.name`: for calls of a model or a provider's agent.
    pub(crate) fn requires_provider(self) -> bool {
        PROVIDED.contains(&self)
    }

    /// The keys of which one must be given, because the semantic conventions require `mcp.method.name`.
    pub(crate) fn requires_one_of(self) -> &'static [&'static str] {
        if MCP.contains(&self) { &["method", "request"] } else { &[] }
    }

    /// Whether the output may be a stream.
    pub(crate) fn generates(self) -> bool {
        INFERENCE.contains(&self)
    }

    /// The content recorded for this kind if the application captures content; also the words of `skip(…)`.
    pub(crate) fn content(self) -> &'static [&'static str] {
        match self {
            Kind::Chat | Kind::TextCompletion | Kind::GenerateContent => {
                &["prompt_variables", "system", "input", "tools", "output"]
            }
            Kind::Agent | Kind::RemoteAgent => &["system", "input", "tools", "output"],
            Kind::FetchResponse => &["system", "tools", "output"],
            Kind::CreateAgent => &["system"],
            Kind::Retrieval | Kind::SearchMemory => &["query", "output"],
            Kind::CreateMemory | Kind::UpdateMemory | Kind::UpsertMemory => &["records"],
            Kind::Tool | Kind::McpClient | Kind::McpServer => &["arguments", "output"],
            Kind::Workflow => &["input", "output"],
            _ => &[],
        }
    }

    pub(crate) fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.kinds.takes(self))
    }
}

/// The kinds that take a key.
#[derive(Debug)]
pub(crate) enum Kinds {
    All,
    Only(&'static [&'static [Kind]]),
}

impl Kinds {
    pub(crate) fn takes(&self, kind: Kind) -> bool {
        match self {
            Kinds::All => true,
            Kinds::Only(groups) => groups.iter().any(|group| group.contains(&kind)),
        }
    }

    /// In the order in which messages list them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Kind> + Clone + '_ {
        Kind::all().filter(|kind| self.takes(*kind))
    }
}

/// A key of the attribute, the kinds that take it and the form of its value.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) word: &'static str,
    pub(crate) kinds: Kinds,
    pub(crate) shape: Shape,
}

/// The form of a value, which determines its expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `key = expression`: calls the setter of the same name.
    Setter,
    /// `request = expression`: read first, overridden by every other argument.
    Request,
    /// `response = path` or a closure: reads the function's result.
    Adapter,
    /// `key = expression`: evaluated only if the runtime records this content.
    Content,
    /// As `Content`, or `key(parameter, name = expression, …)`, which becomes an object.
    Named,
    /// `skip(input, …)`: the content that is not recorded.
    Skip,
    /// `attributes(variable, name = expression, "any name" = expression, …)`: calls the setter named by the singular of
    /// the key, once per value.
    Pairs,
    /// `crate = ::path`: the path of the runtime crate.
    Root,
}

impl Key {
    pub(crate) fn from_word(word: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.word == word)
    }

    /// An example for messages.
    pub(crate) fn example(&self) -> String {
        match self.shape {
            Shape::Setter | Shape::Request | Shape::Content | Shape::Named => {
                format!("{} = expression", self.word)
            }
            Shape::Skip => format!("{}({ALL_CONTENT})", self.word),
            Shape::Adapter => format!("{} = path::to::adapter", self.word),
            Shape::Pairs => self.named_example(),
            Shape::Root => format!("{} = ::path::to::llm_trace", self.word),
        }
    }

    /// An example with several named values, for messages.
    pub(crate) fn named_example(&self) -> String {
        let values = if self.shape == Shape::Pairs { "\"app.tier\" = tier" } else { "city, days = 3" };
        format!("{}({values})", self.word)
    }
}

const INFERENCE: &[Kind] = &[Kind::Chat, Kind::TextCompletion, Kind::GenerateContent];
const VECTORS: &[Kind] = &[Kind::Embeddings, Kind::Rerank];
const MEMORY: &[Kind] = &[
    Kind::SearchMemory,
    Kind::CreateMemory,
    Kind::UpdateMemory,
    Kind::UpsertMemory,
    Kind::DeleteMemory,
    Kind::CreateMemoryStore,
    Kind::DeleteMemoryStore,
];
// Kinds with `records`.
const STORING: &[Kind] = &[Kind::CreateMemory, Kind::UpdateMemory, Kind::UpsertMemory];
const AGENTS: &[Kind] = &[Kind::Agent, Kind::RemoteAgent];
// Kinds of agents that have an id at a provider.
const PROVIDED_AGENTS: &[Kind] = &[Kind::RemoteAgent, Kind::CreateAgent];
const PROVIDED: &[Kind] = &[
    Kind::Chat,
    Kind::TextCompletion,
    Kind::GenerateContent,
    Kind::Embeddings,
    Kind::Rerank,
    Kind::FetchResponse,
    Kind::RemoteAgent,
    Kind::CreateAgent,
];
// Kinds named by the user; default: the name of the function.
const NAMED: &[Kind] = &[
    Kind::Agent,
    Kind::RemoteAgent,
    Kind::CreateAgent,
    Kind::Plan,
    Kind::Tool,
    Kind::Workflow,
    Kind::Guardrail,
    Kind::Evaluator,
    Kind::Task,
];

const RETRIEVAL: &[Kind] = &[Kind::Retrieval];
const RERANK: &[Kind] = &[Kind::Rerank];
const EMBEDDINGS: &[Kind] = &[Kind::Embeddings];
const SEARCH: &[Kind] = &[Kind::SearchMemory];
const FETCH: &[Kind] = &[Kind::FetchResponse];
const REMOTE_AGENT: &[Kind] = &[Kind::RemoteAgent];
const LOCAL_AGENT: &[Kind] = &[Kind::Agent];
const TOOL: &[Kind] = &[Kind::Tool];
const WORKFLOW: &[Kind] = &[Kind::Workflow];
const MCP: &[Kind] = &[Kind::McpClient, Kind::McpServer];
const MCP_CLIENT: &[Kind] = &[Kind::McpClient];
const MCP_SERVER: &[Kind] = &[Kind::McpServer];

const REMOTE: Kinds = Kinds::Only(&[PROVIDED, RETRIEVAL, MEMORY]);
const SERVED: Kinds = Kinds::Only(&[PROVIDED, RETRIEVAL, MEMORY, MCP_CLIENT]);
const MODELS: Kinds = Kinds::Only(&[INFERENCE, VECTORS, RETRIEVAL, AGENTS, PROVIDED_AGENTS]);
const REQUESTS: Kinds = Kinds::Only(&[INFERENCE, VECTORS, REMOTE_AGENT, MCP]);
const RESPONSES: Kinds = Kinds::Only(&[INFERENCE, VECTORS, REMOTE_AGENT, FETCH, RETRIEVAL]);
const GENERATION: Kinds = Kinds::Only(&[INFERENCE, AGENTS]);
const RANKED: Kinds = Kinds::Only(&[INFERENCE, RETRIEVAL, RERANK]);
const PROMPTED: Kinds = Kinds::Only(&[INFERENCE]);
const CONVERSING: Kinds = Kinds::Only(&[INFERENCE, AGENTS, WORKFLOW]);
// The kinds with content.
const RECORDED: Kinds = Kinds::Only(&[
    INFERENCE,
    RETRIEVAL,
    SEARCH,
    STORING,
    FETCH,
    AGENTS,
    PROVIDED_AGENTS,
    TOOL,
    MCP,
    WORKFLOW,
]);
const INSTRUCTED: Kinds = Kinds::Only(&[INFERENCE, AGENTS, PROVIDED_AGENTS]);

// One line per key, in the order in which messages list them.
pub(crate) const KEYS: &[Key] = &[
    key("provider", REMOTE, Shape::Setter),
    key("model", MODELS, Shape::Setter),
    key("request", REQUESTS, Shape::Request),
    key("response", RESPONSES, Shape::Adapter),
    key("server", SERVED, Shape::Setter),
    key("client", Kinds::Only(&[MCP_SERVER]), Shape::Setter),
    key("method", Kinds::Only(&[MCP]), Shape::Setter),
    key("transport", Kinds::Only(&[MCP]), Shape::Setter),
    key("protocol_version", Kinds::Only(&[MCP]), Shape::Setter),
    key("session", Kinds::Only(&[MCP]), Shape::Setter),
    key("uri", Kinds::Only(&[MCP]), Shape::Setter),
    key("temperature", GENERATION, Shape::Setter),
    key("top_p", GENERATION, Shape::Setter),
    key("data_source", Kinds::Only(&[RETRIEVAL, AGENTS]), Shape::Setter),
    key("top_k", RANKED, Shape::Setter),
    key("max_tokens", GENERATION, Shape::Setter),
    key("stop", GENERATION, Shape::Setter),
    key("seed", GENERATION, Shape::Setter),
    key("frequency_penalty", GENERATION, Shape::Setter),
    key("presence_penalty", GENERATION, Shape::Setter),
    key("choice_count", GENERATION, Shape::Setter),
    key("reasoning_level", PROMPTED, Shape::Setter),
    key("output_type", GENERATION, Shape::Setter),
    key("stream", PROMPTED, Shape::Setter),
    key("prompt_name", PROMPTED, Shape::Setter),
    key("prompt_version", PROMPTED, Shape::Setter),
    key("prompt_variables", PROMPTED, Shape::Named),
    key("compacted", PROMPTED, Shape::Setter),
    key("dimensions", Kinds::Only(&[EMBEDDINGS]), Shape::Setter),
    key("encoding_formats", Kinds::Only(&[EMBEDDINGS]), Shape::Setter),
    key("name", Kinds::Only(&[NAMED, MCP]), Shape::Setter),
    key("description", Kinds::Only(&[TOOL, LOCAL_AGENT, PROVIDED_AGENTS]), Shape::Setter),
    key("id", Kinds::Only(&[PROVIDED_AGENTS, FETCH, MCP]), Shape::Setter),
    key("version", Kinds::Only(&[PROVIDED_AGENTS]), Shape::Setter),
    key("stream_cursor", Kinds::Only(&[FETCH]), Shape::Setter),
    key("store", Kinds::Only(&[MEMORY]), Shape::Setter),
    key("record", Kinds::Only(&[MEMORY]), Shape::Setter),
    key("record_count", Kinds::Only(&[MEMORY]), Shape::Setter),
    key("call_id", Kinds::Only(&[TOOL]), Shape::Setter),
    key("tool_type", Kinds::Only(&[TOOL]), Shape::Setter),
    key("skill", Kinds::Only(&[TOOL]), Shape::Setter),
    key("skill_description", Kinds::Only(&[TOOL]), Shape::Setter),
    key("skill_source", Kinds::Only(&[TOOL]), Shape::Setter),
    key("skill_resource", Kinds::Only(&[TOOL]), Shape::Setter),
    key("executable", Kinds::Only(&[TOOL]), Shape::Setter),
    key("system", INSTRUCTED, Shape::Content),
    key("input", CONVERSING, Shape::Content),
    key("tools", GENERATION, Shape::Content),
    key("query", Kinds::Only(&[RETRIEVAL, SEARCH]), Shape::Content),
    key("records", Kinds::Only(&[STORING]), Shape::Content),
    key("arguments", Kinds::Only(&[TOOL, MCP]), Shape::Named),
    key("skip", RECORDED, Shape::Skip),
    key("conversation", Kinds::All, Shape::Setter),
    key("user", Kinds::All, Shape::Setter),
    key("tags", Kinds::All, Shape::Pairs),
    key("attributes", Kinds::All, Shape::Pairs),
    key("parent", Kinds::All, Shape::Setter),
    key("links", Kinds::All, Shape::Setter),
    key("crate", Kinds::All, Shape::Root),
];

/// The word of `skip(…)` that skips all content.
pub(crate) const ALL_CONTENT: &str = "all";

/// The variant of the runtime's `__private::ContentKind`.
pub(crate) fn content_kind(content: &str) -> &'static str {
    match content {
        "system" => "System",
        "input" => "Input",
        "tools" => "Tools",
        "query" => "Query",
        "arguments" => "Arguments",
        "prompt_variables" => "Variables",
        "records" => "Records",
        // The result of a tool is its output.
        _ => "Output",
    }
}

const fn key(word: &'static str, kinds: Kinds, shape: Shape) -> Key {
    Key { word, kinds, shape }
}

// Synonyms used by providers, other tracing libraries and older conventions.
const KIND_SYNONYMS: &[(&str, Kind)] = &[
    ("chain", Kind::Workflow),
    ("chat_completion", Kind::Chat),
    ("chat_completions", Kind::Chat),
    ("completion", Kind::TextCompletion),
    ("embed", Kind::Embeddings),
    ("embedding", Kind::Embeddings),
    ("evaluate", Kind::Evaluator),
    ("evaluation", Kind::Evaluator),
    ("execute_tool", Kind::Tool),
    ("function", Kind::Tool),
    ("generation", Kind::Chat),
    ("guard", Kind::Guardrail),
    ("invoke_agent", Kind::Agent),
    ("invoke_workflow", Kind::Workflow),
    ("llm", Kind::Chat),
    ("pipeline", Kind::Workflow),
    ("reranker", Kind::Rerank),
    ("reranking", Kind::Rerank),
    ("retrieve", Kind::Retrieval),
    ("retriever", Kind::Retrieval),
    ("search", Kind::Retrieval),
    ("span", Kind::Task),
    ("step", Kind::Task),
];

const KEY_SYNONYMS: &[(&str, &str)] = &[
    ("address", "server"),
    ("agent_id", "id"),
    ("agent_name", "name"),
    ("args", "arguments"),
    ("base_url", "server"),
    ("collection", "data_source"),
    ("command", "executable"),
    ("compaction", "compacted"),
    ("conversation_id", "conversation"),
    ("definitions", "tools"),
    ("effort", "reasoning_level"),
    ("endpoint", "server"),
    ("exclude", "skip"),
    ("fields", "attributes"),
    ("functions", "tools"),
    ("hide", "skip"),
    ("host", "server"),
    ("id", "call_id"),
    ("memories", "records"),
    ("memory", "store"),
    ("index", "data_source"),
    ("ignore", "skip"),
    ("instructions", "system"),
    ("k", "top_k"),
    ("limit", "top_k"),
    ("max_completion_tokens", "max_tokens"),
    ("max_output_tokens", "max_tokens"),
    ("messages", "input"),
    ("metadata", "attributes"),
    ("n", "choice_count"),
    ("output", "response"),
    ("parameters", "arguments"),
    ("prompt", "input"),
    ("q", "query"),
    ("question", "input"),
    ("reasoning_effort", "reasoning_level"),
    ("record_id", "record"),
    ("response_format", "output_type"),
    ("response_id", "id"),
    ("resource", "uri"),
    ("session_id", "conversation"),
    ("skill_name", "skill"),
    ("skill_uri", "skill_source"),
    ("stop_sequences", "stop"),
    ("store_id", "store"),
    ("system_instructions", "system"),
    ("system_prompt", "system"),
    ("tag", "tags"),
    ("text", "query"),
    ("thread_id", "conversation"),
    ("tool_call_id", "call_id"),
    ("tool_description", "description"),
    ("tool_name", "name"),
    ("user_id", "user"),
    ("variables", "prompt_variables"),
    ("vendor", "provider"),
    ("workflow_name", "name"),
];

/// The kind most similar to `word`.
pub(crate) fn similar_kind(word: &str) -> Option<Kind> {
    let synonym = KIND_SYNONYMS.iter().find(|(wrong, _)| *wrong == word).map(|(_, kind)| *kind);
    synonym.or_else(|| closest(word, Kind::all(), Kind::word))
}

/// The key most similar to `word`, among those that `kind` takes.
pub(crate) fn similar_key(word: &str, kind: Option<Kind>) -> Option<&'static Key> {
    let allowed = |key: &&'static Key| kind.is_none_or(|kind| key.kinds.takes(kind));
    let synonym = KEY_SYNONYMS.iter().find(|(wrong, _)| *wrong == word);
    synonym
        .and_then(|(_, right)| Key::from_word(right))
        .filter(allowed)
        .or_else(|| closest(word, KEYS.iter().filter(allowed), |key| key.word))
}

/// The content most similar to `word`, among the content recorded for `kind`.
pub(crate) fn similar_content(word: &str, kind: Kind) -> Option<&'static str> {
    let synonym = CONTENT_SYNONYMS.iter().find(|(wrong, _)| *wrong == word).map(|(_, right)| *right);
    synonym
        .filter(|right| kind.content().contains(right))
        .or_else(|| closest(word, kind.content().iter().copied().chain([ALL_CONTENT]), |name| name))
}

/// The most similar of `words`.
pub(crate) fn similar(word: &str, words: &[&'static str]) -> Option<&'static str> {
    closest(word, words.iter().copied(), |word| word)
}

const CONTENT_SYNONYMS: &[(&str, &str)] = &[
    ("args", "arguments"),
    ("completion", "output"),
    ("instructions", "system"),
    ("messages", "input"),
    ("memories", "records"),
    ("prompt", "input"),
    ("question", "query"),
    ("records", "output"),
    ("request", "input"),
    ("response", "output"),
    ("result", "output"),
    ("variables", "prompt_variables"),
];

/// The content of a kind, for messages.
pub(crate) fn content_of(kind: Kind) -> String {
    list(kind.content().iter().copied())
}

/// The keys of a kind, for messages.
pub(crate) fn keys_of(kind: Kind) -> String {
    list(kind.keys().map(|key| key.word))
}

/// Kinds, for messages.
pub(crate) fn kinds(kinds: impl IntoIterator<Item = Kind>) -> String {
    list(kinds.into_iter().map(Kind::word))
}

// `a`, `b` and `c`
fn list(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<_> = words.collect();
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        let separator = match index {
            0 => "",
            _ if index + 1 == words.len() => " and ",
            _ => ", ",
        };
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{separator}`{word}`");
    }
    text
}

fn closest<T>(word: &str, candidates: impl Iterator<Item = T>, name: fn(T) -> &'static str) -> Option<T>
where
    T: Copy,
{
    let length = word.chars().count();
    // With up to a third of the letters wrong it counts as a typing error.
    let limit = (length / 3).max(1);
    candidates
        .map(|candidate| {
            let half_typed = length >= 3 && name(candidate).starts_with(word);
            (if half_typed { 1 } else { distance(word, name(candidate)) }, candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

// The number of insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<_>, Vec<_>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i.max(j)
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[left.len()][right.len()]
}
