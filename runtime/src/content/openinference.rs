//! OpenInference attributes on spans, which some backends need to show workflows and retrievals: its span kind for each kind of call, and
//! copies of content under its names. The copies are made of the recorded content, so they are redacted and cut like it, and no copy is
//! longer than the original.

use std::borrow::Cow;

use opentelemetry::{KeyValue, StringValue, Value};

use super::policy::ContentPolicy;
use crate::model::content::ContentKind;
use crate::model::site::Kind;
use crate::semconv::openinference::{
    INPUT_MIME_TYPE, INPUT_VALUE, OUTPUT_MIME_TYPE, OUTPUT_VALUE, RETRIEVAL_DOCUMENTS, SPAN_KIND, document,
    mime_type, span_kind,
};
use crate::value::ContentValue;

/// The environment variable that switches it on: `true` or `false`.
pub(crate) const OPENINFERENCE: &str = "LLM_TRACE_OPENINFERENCE";

/// Without `init()` the variable alone decides.
pub(super) fn from_environment() -> bool {
    let value = std::env::var(OPENINFERENCE).unwrap_or_default();
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => true,
        "false" | "" => false,
        // Without `init()` no error can be returned.
        _ => {
            tracing::warn!(
                "{OPENINFERENCE}: `{value}` is not valid: expected `true` or `false`; it stays off"
            );
            false
        }
    }
}

/// Returns the OpenInference span kind of a call, as an attribute.
pub(crate) fn span_kind(kind: Kind) -> KeyValue {
    KeyValue::new(SPAN_KIND, name(kind))
}

/// A kind that OpenInference has no word for is a step of a chain.
pub(crate) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Chat | Kind::TextCompletion | Kind::GenerateContent | Kind::FetchResponse => span_kind::LLM,
        Kind::Embeddings => span_kind::EMBEDDING,
        Kind::Rerank => span_kind::RERANKER,
        Kind::Retrieval | Kind::SearchMemory => span_kind::RETRIEVER,
        Kind::Tool => span_kind::TOOL,
        Kind::Agent | Kind::RemoteAgent | Kind::CreateAgent => span_kind::AGENT,
        Kind::Guardrail => span_kind::GUARDRAIL,
        Kind::Evaluator => span_kind::EVALUATOR,
        Kind::Workflow
        | Kind::McpClient
        | Kind::McpServer
        | Kind::Task
        | Kind::Plan
        | Kind::CreateMemory
        | Kind::UpdateMemory
        | Kind::UpsertMemory
        | Kind::DeleteMemory
        | Kind::CreateMemoryStore
        | Kind::DeleteMemoryStore => span_kind::CHAIN,
    }
}

/// A span has room for 128 attributes, of which a document takes up to four: the best are shown.
const MAX_DOCUMENTS: usize = 16;

/// Returns the number of copies that [`copies`] makes of a piece of content, for the span's budget: 0 unless OpenInference is enabled.
pub(super) fn number_of_copies(policy: &ContentPolicy, kind: Kind, piece: ContentKind) -> usize {
    match keys(piece) {
        Some(_) if policy.openinference && policy.on_spans() => 1 + usize::from(is_documents(kind, piece)),
        _ => 0,
    }
}

/// Returns a piece of content under OpenInference's names: `tree` is the recorded content, and `text` is its JSON, or the tree's text.
pub(super) fn copies(kind: Kind, piece: ContentKind, tree: &ContentValue, text: &str) -> Vec<KeyValue> {
    let Some((value, mime)) = keys(piece) else { return Vec::new() };
    // The messages of a model stay messages, which backends show as a chat; elsewhere what is one text is shown as it is.
    let plain = if name(kind) == span_kind::LLM { None } else { plain_text(tree) };
    let (text, form) = match plain {
        Some(plain) => (plain, mime_type::TEXT),
        None => (Cow::Borrowed(text), mime_type::JSON),
    };
    let mut copies =
        vec![KeyValue::new(value, StringValue::from(text.into_owned())), KeyValue::new(mime, form)];
    if is_documents(kind, piece)
        && let ContentValue::List(list) = tree
    {
        for (index, document) in list.items.iter().take(MAX_DOCUMENTS).enumerate() {
            copies.extend(document_attributes(index, document));
        }
    }
    copies
}

fn is_documents(kind: Kind, piece: ContentKind) -> bool {
    (kind, piece) == (Kind::Retrieval, ContentKind::Output)
}

/// Instructions, definitions of tools and variables are neither input nor output.
fn keys(piece: ContentKind) -> Option<(&'static str, &'static str)> {
    match piece {
        ContentKind::Input | ContentKind::Query | ContentKind::Arguments | ContentKind::Records => {
            Some((INPUT_VALUE, INPUT_MIME_TYPE))
        }
        ContentKind::Output => Some((OUTPUT_VALUE, OUTPUT_MIME_TYPE)),
        ContentKind::System | ContentKind::Tools | ContentKind::Variables => None,
    }
}

/// The text that a piece consists of: a query, the only part of the only message, the result of a tool.
fn plain_text(tree: &ContentValue) -> Option<Cow<'_, str>> {
    match tree {
        ContentValue::Text(text) => Some(text.shown()),
        ContentValue::List(messages) if messages.items.len() == 1 => match messages.items[0].get("parts")? {
            ContentValue::List(parts) if parts.items.len() == 1 && is_text(&parts.items[0]) => {
                parts.items[0].get("content")?.shown()
            }
            _ => None,
        },
        ContentValue::Object(entries) => match &entries[..] {
            [(key, text)] if key == "result" => text.shown(),
            _ => None,
        },
        _ => None,
    }
}

fn is_text(part: &ContentValue) -> bool {
    part.get("type").and_then(ContentValue::as_str) == Some("text")
}

fn document_attributes(index: usize, tree: &ContentValue) -> Vec<KeyValue> {
    let ContentValue::Object(entries) = tree else { return Vec::new() };
    let attribute =
        |field: &str, value: Value| KeyValue::new(format!("{RETRIEVAL_DOCUMENTS}.{index}.{field}"), value);
    // A tree always serializes.
    let as_text = |tree: &ContentValue| match tree.shown() {
        Some(text) => text.into_owned(),
        None => serde_json::to_string(tree).unwrap_or_default(),
    };
    let mut attributes = Vec::with_capacity(4);
    let mut rest = Vec::new();
    for (key, value) in entries {
        match (key.as_ref(), value) {
            ("id", id) => attributes.push(attribute(document::ID, as_text(id).into())),
            ("content", content) => attributes.push(attribute(document::CONTENT, as_text(content).into())),
            ("score", score) => {
                attributes.extend(number(score).map(|score| attribute(document::SCORE, score.into())));
            }
            _ => rest.push((key.clone(), value.clone())),
        }
    }
    if !rest.is_empty() {
        attributes.push(attribute(document::METADATA, as_text(&ContentValue::Object(rest)).into()));
    }
    attributes
}

#[expect(clippy::cast_precision_loss, reason = "scores are small")]
fn number(tree: &ContentValue) -> Option<f64> {
    match tree {
        ContentValue::Double(number) => Some(*number),
        ContentValue::Int(number) => Some(*number as f64),
        _ => None,
    }
}
