//! Search results → documents with id, score and content.

use std::collections::VecDeque;

use super::parts;
use crate::extract::hits::{HITS, SCORE, TEXT};
use crate::value::{ContentValue, Elements, Key, List};

const ID: &[&str] = &["id", "_id", "id_", "document_id", "doc_id", "chunk_id", "uuid"];
/// Keys under which a hit keeps the document.
const INNER: &[&str] = &["document", "doc", "node", "payload", "_source", "chunk", "metadata"];

/// `gen_ai.retrieval.documents`. Other fields of a document stay in it. A number is not a document, but, for example, the number of hits.
pub(in crate::content) fn documents(tree: ContentValue) -> Option<ContentValue> {
    let tree = parts::parsed(tree);
    if !matches!(tree, ContentValue::List(_) | ContentValue::Object(_) | ContentValue::Text(_)) {
        return None;
    }
    let list = hits(tree).into_list();
    let items: VecDeque<_> = list.items.into_iter().map(document).collect();
    Some(ContentValue::List(List { items, omitted: list.omitted, of: Elements::Documents }))
}

/// Keys of the content and of the name of a memory's record.
const KEPT: &[&str] = &["content", "memory", "text", "fact", "value"];
const RECORD_ID: &[&str] = &["memoryRecordId", "memory_id", "uuid", "key"];

/// `gen_ai.memory.records`: as documents, but each has content, which may be anything, and metadata only as an object.
pub(in crate::content) fn records(tree: ContentValue) -> Option<ContentValue> {
    let tree = parts::parsed(tree);
    if !matches!(tree, ContentValue::List(_) | ContentValue::Object(_) | ContentValue::Text(_)) {
        return None;
    }
    let is_record = KEPT.iter().any(|key| tree.has(key)) && HITS.iter().all(|key| !is_list(tree.get(key)));
    let list = if is_record { tree.into_list() } else { hits(tree).into_list() };
    let items: VecDeque<_> = list.items.into_iter().map(record).collect();
    Some(ContentValue::List(List { items, omitted: list.omitted, of: Elements::Documents }))
}

fn is_list(tree: Option<&ContentValue>) -> bool {
    matches!(tree, Some(ContentValue::List(_)))
}

fn record(mut tree: ContentValue) -> ContentValue {
    if let ContentValue::List(_) = tree {
        let found = document(tree);
        return if found.has("content") { found } else { ContentValue::object([("content", Some(found))]) };
    }
    let Some(content) = tree.take(KEPT) else { return ContentValue::object([("content", Some(tree))]) };
    let id = tree.take(ID).or_else(|| tree.take(RECORD_ID)).map(as_text);
    let score = SCORE.iter().find(|key| tree.get(key).is_some_and(is_number));
    let score = score.and_then(|key| tree.take(&[key]));
    let metadata = tree.take(&["metadata"]).map(|metadata| match metadata {
        object @ ContentValue::Object(_) => object,
        other => ContentValue::object([("value", Some(other))]),
    });
    let mut found = ContentValue::object([
        ("id", id),
        ("score", score),
        ("content", Some(content)),
        ("metadata", metadata),
    ]);
    if let (ContentValue::Object(found), ContentValue::Object(rest)) = (&mut found, tree) {
        found.extend(rest.into_iter().filter(|(key, _)| !is_known(key) && key != "metadata"));
    }
    found
}

/// The list inside a body; Elasticsearch's is two levels down.
fn hits(mut tree: ContentValue) -> ContentValue {
    for _ in 0..2 {
        if TEXT.iter().any(|key| tree.has(key)) {
            break; // a document by itself
        }
        let is_inside =
            |key: &&&str| matches!(tree.get(key), Some(ContentValue::List(_) | ContentValue::Object(_)));
        let Some(key) = HITS.iter().find(is_inside) else { break };
        tree = tree.take(&[key]).unwrap_or(ContentValue::Null);
    }
    tree
}

fn document(tree: ContentValue) -> ContentValue {
    match tree {
        ContentValue::Object(_) => of_object(tree),
        ContentValue::List(list) if is_scored(&list) => of_tuple(list),
        other => ContentValue::object([("content", Some(other))]),
    }
}

fn is_number(tree: &ContentValue) -> bool {
    matches!(tree, ContentValue::Int(_) | ContentValue::Double(_))
}

/// `(document, score)`, `(score, id, document)` and the like.
fn is_scored(list: &List) -> bool {
    (2..=3).contains(&list.items.len()) && list.items.iter().filter(|item| is_number(item)).count() == 1
}

fn of_tuple(list: List) -> ContentValue {
    let (scores, mut rest): (Vec<_>, Vec<_>) = list.items.into_iter().partition(is_number);
    let document = document(rest.pop().unwrap_or(ContentValue::Null));
    with(document, [("id", rest.pop().map(as_text)), ("score", scores.into_iter().next())])
}

fn of_object(mut tree: ContentValue) -> ContentValue {
    let id = tree.take(ID).map(as_text);
    let scored_by = SCORE.iter().find(|key| tree.get(key).is_some_and(is_number));
    let score = scored_by.and_then(|key| tree.take(&[key]));
    // Bedrock's is an object with a text.
    let content = tree.take(TEXT).map(|mut content| content.take(&["text"]).unwrap_or(content));
    let mut found = ContentValue::object([("id", id), ("score", score), ("content", content)]);
    for key in INNER {
        if found.has("content") {
            break;
        }
        match tree.take(&[key]) {
            Some(inner @ ContentValue::Object(_)) => {
                let ContentValue::Object(entries) = of_object(inner) else { continue };
                let (known, rest): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| is_known(key));
                for (key, value) in known {
                    found = with_entry(found, key, value);
                }
                tree = with_entry(tree, (*key).into(), ContentValue::Object(rest));
            }
            Some(text @ ContentValue::Text(_)) => found = with_entry(found, "content".into(), text),
            Some(other) => tree = with_entry(tree, (*key).into(), other),
            None => {}
        }
    }
    let (ContentValue::Object(found), ContentValue::Object(rest)) = (&mut found, tree) else { return found };
    // A field with a name of the schema but another type would make readers drop the whole list.
    let is_empty = |value: &ContentValue| *value == ContentValue::Object(Vec::new());
    found.extend(rest.into_iter().filter(|(key, value)| !is_known(key) && !is_empty(value)));
    ContentValue::Object(std::mem::take(found))
}

fn is_known(key: &str) -> bool {
    matches!(key, "id" | "score" | "content")
}

/// An id is a text, also where it is a number.
fn as_text(tree: ContentValue) -> ContentValue {
    match tree {
        text @ ContentValue::Text(_) => text,
        // A tree always serializes.
        other => ContentValue::text(serde_json::to_string(&other).unwrap_or_default()),
    }
}

fn with<const N: usize>(
    document: ContentValue,
    facts: [(&'static str, Option<ContentValue>); N],
) -> ContentValue {
    facts.into_iter().fold(document, |document, (key, value)| match value {
        Some(value) => with_entry(document, key.into(), value),
        None => document,
    })
}

/// An object with one more entry, unless it has it.
fn with_entry(mut object: ContentValue, key: Key, value: ContentValue) -> ContentValue {
    if let ContentValue::Object(entries) = &mut object
        && entries.iter().all(|(known, _)| *known != key)
    {
        entries.push((key, value));
    }
    object
}
