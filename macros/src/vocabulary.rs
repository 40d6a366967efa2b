//! The words of the attribute: kinds, keys and what people write instead. In: a word. Out: what it means.

use std::fmt::Write as _;

/// What a function does, written first in the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    TextCompletion,
    GenerateContent,
    Embeddings,
    Retrieval,
    Tool,
    Workflow,
    Task,
}

impl Kind {
    pub(crate) const ALL: &[Kind] = &[
        Kind::Chat,
        Kind::TextCompletion,
        Kind::GenerateContent,
        Kind::Embeddings,
        Kind::Retrieval,
        Kind::Tool,
        Kind::Workflow,
        Kind::Task,
    ];

    pub(crate) fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// The word in the attribute.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Chat => "chat",
            Kind::TextCompletion => "text_completion",
            Kind::GenerateContent => "generate_content",
            Kind::Embeddings => "embeddings",
            Kind::Retrieval => "retrieval",
            Kind::Tool => "tool",
            Kind::Workflow => "workflow",
            Kind::Task => "task",
        }
    }

    /// The variant of the runtime's `__private::Kind`.
    pub(crate) fn variant(self) -> &'static str {
        match self {
            Kind::Chat => "Chat",
            Kind::TextCompletion => "TextCompletion",
            Kind::GenerateContent => "GenerateContent",
            Kind::Embeddings => "Embeddings",
            Kind::Retrieval => "Retrieval",
            Kind::Tool => "Tool",
            Kind::Workflow => "Workflow",
            Kind::Task => "Task",
        }
    }

    /// The semantic conventions require `gen_ai.provider.name` on calls to a model.
    pub(crate) fn requires_provider(self) -> bool {
        REQUEST.contains(&self)
    }

    /// The content that is recorded of this kind, if the application captures content; the words of `skip(…)`.
    pub(crate) fn content(self) -> &'static [&'static str] {
        match self {
            Kind::Chat | Kind::TextCompletion | Kind::GenerateContent => {
                &["system", "input", "tools", "output"]
            }
            Kind::Retrieval => &["query"],
            Kind::Tool => &["arguments", "result"],
            Kind::Workflow => &["input", "output"],
            Kind::Embeddings | Kind::Task => &[],
        }
    }

    pub(crate) fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.kinds.contains(&self))
    }
}

/// A key of the attribute: where it is allowed and what its value looks like.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) word: &'static str,
    pub(crate) kinds: &'static [Kind],
    pub(crate) shape: Shape,
}

/// The form of a value, which is also what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `key = expression`, a call of the setter with the key's name.
    Setter,
    /// `request = expression`, the value every other argument overrides.
    Request,
    /// `response = path` or a closure, which reads the function's result.
    Adapter,
    /// `key = expression`, of which the runtime first asks whether it may be recorded.
    Content,
    /// The same, or `key(parameter, name = expression, …)`, which makes an object of them.
    Named,
    /// `skip(input, …)`, the content that is not recorded.
    Skip,
    /// `attributes("name" = expression, …)`.
    Pairs,
    /// `crate = ::path`, where the runtime lives.
    Root,
}

impl Key {
    pub(crate) fn from_word(word: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.word == word)
    }

    /// How to write it, for messages.
    pub(crate) fn example(&self) -> String {
        match self.shape {
            Shape::Setter | Shape::Request | Shape::Content | Shape::Named => {
                format!("{} = expression", self.word)
            }
            Shape::Skip => format!("{}({ALL_CONTENT})", self.word),
            Shape::Adapter => format!("{} = path::to::adapter", self.word),
            Shape::Pairs => format!("{}(\"app.tier\" = tier)", self.word),
            Shape::Root => format!("{} = ::path::to::llm_trace", self.word),
        }
    }
}

const INFERENCE: &[Kind] = &[Kind::Chat, Kind::TextCompletion, Kind::GenerateContent];
const REQUEST: &[Kind] = &[Kind::Chat, Kind::TextCompletion, Kind::GenerateContent, Kind::Embeddings];
const REMOTE: &[Kind] =
    &[Kind::Chat, Kind::TextCompletion, Kind::GenerateContent, Kind::Embeddings, Kind::Retrieval];
const RANKED: &[Kind] = &[Kind::Chat, Kind::TextCompletion, Kind::GenerateContent, Kind::Retrieval];
const CONVERSING: &[Kind] = &[Kind::Chat, Kind::TextCompletion, Kind::GenerateContent, Kind::Workflow];
/// The kinds that have content.
const RECORDED: &[Kind] =
    &[Kind::Chat, Kind::TextCompletion, Kind::GenerateContent, Kind::Retrieval, Kind::Tool, Kind::Workflow];
const NAMED: &[Kind] = &[Kind::Tool, Kind::Workflow, Kind::Task];

// One line per key, in the order messages list them.
const KEYS: &[Key] = &[
    key("provider", REMOTE, Shape::Setter),
    key("model", REMOTE, Shape::Setter),
    key("request", REQUEST, Shape::Request),
    key("response", REQUEST, Shape::Adapter),
    key("server", REMOTE, Shape::Setter),
    key("temperature", INFERENCE, Shape::Setter),
    key("top_p", INFERENCE, Shape::Setter),
    key("data_source", &[Kind::Retrieval], Shape::Setter),
    key("top_k", RANKED, Shape::Setter),
    key("max_tokens", INFERENCE, Shape::Setter),
    key("stop", INFERENCE, Shape::Setter),
    key("seed", INFERENCE, Shape::Setter),
    key("frequency_penalty", INFERENCE, Shape::Setter),
    key("presence_penalty", INFERENCE, Shape::Setter),
    key("choice_count", INFERENCE, Shape::Setter),
    key("reasoning_level", INFERENCE, Shape::Setter),
    key("output_type", INFERENCE, Shape::Setter),
    key("stream", INFERENCE, Shape::Setter),
    key("prompt_name", INFERENCE, Shape::Setter),
    key("prompt_version", INFERENCE, Shape::Setter),
    key("dimensions", &[Kind::Embeddings], Shape::Setter),
    key("encoding_formats", &[Kind::Embeddings], Shape::Setter),
    key("name", NAMED, Shape::Setter),
    key("description", &[Kind::Tool], Shape::Setter),
    key("call_id", &[Kind::Tool], Shape::Setter),
    key("tool_type", &[Kind::Tool], Shape::Setter),
    key("system", INFERENCE, Shape::Content),
    key("input", CONVERSING, Shape::Content),
    key("tools", INFERENCE, Shape::Content),
    key("query", &[Kind::Retrieval], Shape::Content),
    key("arguments", &[Kind::Tool], Shape::Named),
    key("skip", RECORDED, Shape::Skip),
    key("conversation", Kind::ALL, Shape::Setter),
    key("user", Kind::ALL, Shape::Setter),
    key("attributes", Kind::ALL, Shape::Pairs),
    key("parent", Kind::ALL, Shape::Setter),
    key("links", Kind::ALL, Shape::Setter),
    key("crate", Kind::ALL, Shape::Root),
];

/// The word of `skip(…)` for everything.
pub(crate) const ALL_CONTENT: &str = "all";

/// The variant of the runtime's `__private::Piece`.
pub(crate) fn piece(content: &str) -> &'static str {
    match content {
        "system" => "System",
        "input" => "Input",
        "tools" => "Tools",
        "query" => "Query",
        "arguments" => "Arguments",
        // What a tool returns is its result.
        _ => "Output",
    }
}

const fn key(word: &'static str, kinds: &'static [Kind], shape: Shape) -> Key {
    Key { word, kinds, shape }
}

// What providers, other tracing libraries and older conventions call the same thing.
const KIND_SYNONYMS: &[(&str, Kind)] = &[
    ("chain", Kind::Workflow),
    ("chat_completion", Kind::Chat),
    ("chat_completions", Kind::Chat),
    ("completion", Kind::TextCompletion),
    ("embed", Kind::Embeddings),
    ("embedding", Kind::Embeddings),
    ("execute_tool", Kind::Tool),
    ("function", Kind::Tool),
    ("generation", Kind::Chat),
    ("invoke_workflow", Kind::Workflow),
    ("llm", Kind::Chat),
    ("pipeline", Kind::Workflow),
    ("retrieve", Kind::Retrieval),
    ("retriever", Kind::Retrieval),
    ("search", Kind::Retrieval),
    ("span", Kind::Task),
    ("step", Kind::Task),
];

const KEY_SYNONYMS: &[(&str, &str)] = &[
    ("address", "server"),
    ("args", "arguments"),
    ("base_url", "server"),
    ("collection", "data_source"),
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
    ("response_format", "output_type"),
    ("session", "conversation"),
    ("session_id", "conversation"),
    ("stop_sequences", "stop"),
    ("system_instructions", "system"),
    ("system_prompt", "system"),
    ("tags", "attributes"),
    ("text", "query"),
    ("thread_id", "conversation"),
    ("tool_call_id", "call_id"),
    ("tool_description", "description"),
    ("tool_name", "name"),
    ("user_id", "user"),
    ("vendor", "provider"),
    ("workflow_name", "name"),
];

/// The kind somebody who wrote `word` probably meant.
pub(crate) fn similar_kind(word: &str) -> Option<Kind> {
    let synonym = KIND_SYNONYMS.iter().find(|(wrong, _)| *wrong == word).map(|(_, kind)| *kind);
    synonym.or_else(|| closest(word, Kind::ALL.iter().copied(), Kind::word))
}

/// The key somebody who wrote `word` probably meant, among those that `kind` takes.
pub(crate) fn similar_key(word: &str, kind: Option<Kind>) -> Option<&'static Key> {
    let allowed = |key: &&'static Key| kind.is_none_or(|kind| key.kinds.contains(&kind));
    let synonym = KEY_SYNONYMS.iter().find(|(wrong, _)| *wrong == word);
    synonym
        .and_then(|(_, right)| Key::from_word(right))
        .filter(allowed)
        .or_else(|| closest(word, KEYS.iter().filter(allowed), |key| key.word))
}

/// The content somebody who wrote `word` probably meant, among what is recorded of `kind`.
pub(crate) fn similar_content(word: &str, kind: Kind) -> Option<&'static str> {
    let synonym = CONTENT_SYNONYMS.iter().find(|(wrong, _)| *wrong == word).map(|(_, right)| *right);
    synonym
        .filter(|right| kind.content().contains(right))
        .or_else(|| closest(word, kind.content().iter().copied().chain([ALL_CONTENT]), |name| name))
}

const CONTENT_SYNONYMS: &[(&str, &str)] = &[
    ("args", "arguments"),
    ("completion", "output"),
    ("instructions", "system"),
    ("messages", "input"),
    ("output", "result"),
    ("prompt", "input"),
    ("question", "query"),
    ("request", "input"),
    ("response", "output"),
    ("result", "output"),
];

/// The content that is recorded of a kind, for messages.
pub(crate) fn content_of(kind: Kind) -> String {
    list(kind.content().iter().copied())
}

/// The keys of a kind, for messages.
pub(crate) fn keys_of(kind: Kind) -> String {
    list(kind.keys().map(|key| key.word))
}

/// Kinds, for messages.
pub(crate) fn kinds(kinds: &[Kind]) -> String {
    list(kinds.iter().map(|kind| kind.word()))
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
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}`{word}`");
    }
    text
}

fn closest<T>(word: &str, candidates: impl Iterator<Item = T>, name: fn(T) -> &'static str) -> Option<T>
where
    T: Copy,
{
    let length = word.chars().count();
    // A third of the letters wrong is still a slip of the finger; more is another word.
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

// Insertions, deletions, replacements and swaps of neighbours between two words.
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
