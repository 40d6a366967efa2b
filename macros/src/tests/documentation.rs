//! The documentation tables list the arguments of the attribute. The guide's tables are generated from [`KEYS`]; the
//! other tables are compared with it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::vocabulary::{KEYS, Key, Kind, Kinds, Shape};

const GUIDE: &str = "../docs/guide/arguments.md";
const REWRITE: &str = "UPDATE_DOCS=1 cargo test -p llm-trace-macros documentation";

/// The effect of each key. Its kinds and its syntax come from code.
const MEANINGS: &[(&str, &str)] = &[
    ("provider", "`gen_ai.provider.name`: `openai`, `anthropic`, `gcp.gemini`, `aws.bedrock`, …"),
    ("model", "`gen_ai.request.model`"),
    ("request", "Reads a request body; arguments win over it. See [Requests and responses][requests]"),
    (
        "response",
        "Path or closure from `&Output` (the value inside `Ok`) to a `Response`; of a stream, from each item",
    ),
    ("server", "`server.address`, `server.port`: a URL, `host:port` or a host"),
    ("client", "`client.address`, `client.port`: the peer of an MCP server"),
    ("method", "`mcp.method.name`: `tools/call`, …; read from `request` unless given"),
    ("transport", "`network.transport`: `pipe`, `tcp`, …"),
    ("protocol_version", "`mcp.protocol.version`"),
    ("session", "`mcp.session.id`"),
    ("uri", "`mcp.resource.uri`"),
    ("temperature", "`gen_ai.request.temperature`"),
    ("top_p", "`gen_ai.request.top_p`"),
    ("data_source", "`gen_ai.data_source.id`: index, collection or table"),
    ("top_k", "`gen_ai.request.top_k`; of a retrieval `gen_ai.retrieval.top_k`"),
    ("max_tokens", "`gen_ai.request.max_tokens`"),
    ("stop", "`gen_ai.request.stop_sequences`"),
    ("seed", "`gen_ai.request.seed`"),
    ("frequency_penalty", "`gen_ai.request.frequency_penalty`"),
    ("presence_penalty", "`gen_ai.request.presence_penalty`"),
    ("choice_count", "`gen_ai.request.choice.count`, recorded if not 1"),
    ("reasoning_level", "`gen_ai.request.reasoning.level`: the string as sent"),
    ("output_type", "`gen_ai.output.type`: `text`, `json`, `image`, `speech`"),
    ("stream", "`gen_ai.request.stream`, recorded if `true`"),
    ("prompt_name", "`gen_ai.prompt.name`: the prompt template"),
    ("prompt_version", "`gen_ai.prompt.version`"),
    ("prompt_variables", "Content: `gen_ai.prompt.variable.{name}`, one attribute for each"),
    ("compacted", "`gen_ai.conversation.compacted`, recorded if `true`"),
    ("dimensions", "`gen_ai.embeddings.dimension.count`"),
    ("encoding_formats", "`gen_ai.request.encoding_formats`"),
    (
        "name",
        "Name of the tool, agent, workflow or task; default: the function's name. Of an MCP message its tool or prompt",
    ),
    ("description", "`gen_ai.tool.description` or `gen_ai.agent.description`"),
    (
        "id",
        "`gen_ai.agent.id`; of a fetched response `gen_ai.response.id`; of an MCP request `jsonrpc.request.id`",
    ),
    ("version", "`gen_ai.agent.version`"),
    ("stream_cursor", "`gen_ai.request.stream_cursor`"),
    ("store", "`gen_ai.memory.store.id`"),
    ("record", "`gen_ai.memory.record.id`"),
    ("record_count", "`gen_ai.memory.record.count`"),
    ("call_id", "`gen_ai.tool.call.id`: the id that the model gave the call"),
    ("tool_type", "`gen_ai.tool.type`: `function`, `extension`, `datastore`"),
    ("skill", "`gen_ai.skill.name`, October 2026 conventions only, as the next four"),
    ("skill_description", "`gen_ai.skill.description`"),
    ("skill_source", "`gen_ai.skill.source.uri`, without credentials, query and fragment"),
    ("skill_resource", "`gen_ai.skill.resource.name`"),
    ("executable", "`process.executable.name`; given as a path also `process.executable.path`"),
    ("system", "Content: `gen_ai.system_instructions`"),
    ("input", "Content: `gen_ai.input.messages`"),
    ("tools", "Content: `gen_ai.tool.definitions`"),
    ("query", "Content: `gen_ai.retrieval.query.text` or `gen_ai.memory.query.text`"),
    ("records", "Content: `gen_ai.memory.records`"),
    ("arguments", "Content: `gen_ai.tool.call.arguments`"),
    ("skip", "Content that this function does not record. See [Content][content]"),
    ("conversation", "`gen_ai.conversation.id`, inherited by calls inside"),
    ("user", "`user.id`, inherited by calls inside"),
    ("tags", "Attributes of your own, inherited by calls inside. See [Tags and baggage][tags]"),
    ("attributes", "Attributes of your own, on this span only"),
    ("parent", "`opentelemetry::Context` of the parent; default: the current context"),
    ("links", "Collection of `SpanContext`s to link to"),
    ("crate", "Path of the `llm_trace` crate, where it is re-exported"),
];

#[test]
fn the_guide_lists_the_keys_of_every_kind_and_the_kinds_of_every_key() {
    let Some((path, text)) = read(GUIDE) else { return };
    let expected = with_table(&with_table(&text, "kinds", &kinds_table()), "keys", &keys_table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == expected, "{} is out of date: {REWRITE}", path.display());
}

#[test]
fn every_key_of_the_guide_has_a_meaning() {
    let explained: Vec<&str> = MEANINGS.iter().map(|(word, _)| *word).collect();
    let words: Vec<&str> = KEYS.iter().map(|key| key.word).collect();
    assert_eq!(explained, words, "in the order of `KEYS`");
}

#[test]
fn the_readme_lists_every_kind_once() {
    let Some((_, text)) = read("../README.md") else { return };
    let rows = table(&text, "| kind | for | span |", "| ");
    assert_eq!(kinds_of(&rows), all_kinds());
}

#[test]
fn the_documentation_of_the_attribute_lists_the_keys_of_every_kind() {
    let (_, text) = read("src/lib.rs").expect("the crate's own source");
    let rows = table(&text, "/// | kind | is for | keys |", "/// | ");
    for line in &rows {
        let cells = cells(line);
        let listed: BTreeSet<&str> = code(cells[cells.len() - 1]).map(without_parentheses).collect();
        if cells[0].starts_with("all of them") {
            assert_eq!(listed, keys(|kinds| matches!(kinds, Kinds::All)), "{line}");
        }
        for word in code(cells[0]) {
            let kind = kind(word, line);
            let taken = keys(|kinds| !matches!(kinds, Kinds::All) && kinds.takes(kind));
            assert_eq!(listed, taken, "{word}");
            assert_eq!(line.contains("`provider` (required)"), kind.requires_provider(), "{word}");
        }
    }
    assert_eq!(kinds_of(&rows), all_kinds());
}

/// `| kind | arguments |`: kinds with the same keys share a row.
fn kinds_table() -> String {
    let mut rows: Vec<(Vec<Kind>, String)> = Vec::new();
    for kind in Kind::all() {
        let taken = arguments_of(kind);
        match rows.last_mut() {
            Some((kinds, arguments)) if *arguments == taken => kinds.push(kind),
            _ => rows.push((vec![kind], taken)),
        }
    }
    let mut table = String::from("| kind | arguments |\n| --- | --- |\n");
    for (kinds, arguments) in rows {
        let kinds = kinds.into_iter().map(|kind| format!("`{}`", kind.word())).collect::<Vec<_>>().join(", ");
        writeln!(table, "| {kinds} | {arguments} |").unwrap();
    }
    let everywhere = KEYS.iter().filter(|key| matches!(key.kinds, Kinds::All)).map(written);
    writeln!(table, "| all kinds | {} |", everywhere.collect::<Vec<_>>().join(" ")).unwrap();
    table
}

fn arguments_of(kind: Kind) -> String {
    let own = kind.keys().filter(|key| !matches!(key.kinds, Kinds::All));
    let argument = |key: &Key| {
        let alternatives = kind.requires_one_of();
        let mark = if key.word == "provider" && kind.requires_provider() {
            " (required)".to_owned()
        } else if alternatives.contains(&key.word) {
            let others =
                alternatives.iter().filter(|other| **other != key.word).map(|other| format!("`{other}`"));
            format!(" (required without {})", others.collect::<Vec<_>>().join(" or "))
        } else {
            String::new()
        };
        written(key) + &mark
    };
    own.map(argument).collect::<Vec<_>>().join(" ")
}

/// `| key | kinds | meaning |`.
fn keys_table() -> String {
    let mut table = String::from("| key | kinds | meaning |\n| --- | --- | --- |\n");
    for (key, (_, meaning)) in KEYS.iter().zip(MEANINGS) {
        let kinds = match key.kinds {
            Kinds::All => "all".to_owned(),
            Kinds::Only(_) => {
                key.kinds.iter().map(|kind| format!("`{}`", kind.word())).collect::<Vec<_>>().join(" ")
            }
        };
        writeln!(table, "| {} | {kinds} | {meaning} |", written(key)).unwrap();
    }
    table
}

fn written(key: &Key) -> String {
    match key.shape {
        Shape::Setter | Shape::Request | Shape::Adapter | Shape::Content | Shape::Root => {
            format!("`{}`", key.word)
        }
        Shape::Named | Shape::Pairs | Shape::Skip => format!("`{}(…)`", key.word),
    }
}

/// `text` with `table` between the markers called `name`.
#[track_caller]
fn with_table(text: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once("<!-- end -->").expect("an end of the table");
    format!("{before}{begin}\n{table}\n<!-- end -->{after}")
}

/// `None` in a published package, which does not contain the documents of the workspace.
fn read(path: &str) -> Option<(PathBuf, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((path, text)),
        Err(error) => {
            let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
            assert!(!workspace.exists(), "{}: {error}", path.display());
            eprintln!("SKIPPED: there is no {}", path.display());
            None
        }
    }
}

/// The rows below `head`.
fn table<'a>(text: &'a str, head: &str, row: &str) -> Vec<&'a str> {
    text.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with(row)).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches(|c| "/ |".contains(c)).split(" | ").collect()
}

/// The kinds in the first column, without duplicates.
#[track_caller]
fn kinds_of<'a>(rows: &[&'a str]) -> BTreeSet<&'a str> {
    let words: Vec<&str> = rows.iter().flat_map(|line| code(cells(line)[0])).collect();
    for word in &words {
        kind(word, "");
    }
    let kinds: BTreeSet<&str> = words.iter().copied().collect();
    assert_eq!(kinds.len(), words.len(), "each kind once: {words:?}");
    kinds
}

fn kind(word: &str, line: &str) -> Kind {
    Kind::from_word(word).unwrap_or_else(|| panic!("no kind {word}: {line}"))
}

fn all_kinds() -> BTreeSet<&'static str> {
    Kind::all().map(Kind::word).collect()
}

fn keys(wanted: impl Fn(&Kinds) -> bool) -> BTreeSet<&'static str> {
    KEYS.iter().filter(|key| wanted(&key.kinds)).map(|key| key.word).collect()
}

/// The text between backticks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn without_parentheses(key: &str) -> &str {
    key.split('(').next().unwrap_or(key)
}
