//! Conversations of providers and programs → messages of the conventions.
//!
//! In: a captured value of any shape: a text, a list of messages of one of the APIs, a whole body. Out: lists of `{role, parts}` whose
//! parts have a type, as the conventions' JSON schemas require. One malformed item makes backends drop a whole list, so unknown values
//! become text or a part with a custom type.

mod choices;
mod documents;
mod parts;
mod tools;

use std::collections::VecDeque;

use crate::value::{ContentValue, Elements, List};
pub(super) use choices::output;
pub(super) use documents::{documents, records};
pub(super) use tools::tools;

/// `gen_ai.input.messages`.
pub(super) fn input(tree: ContentValue) -> ContentValue {
    match tree {
        ContentValue::List(list) if list.items.iter().all(is_message) => messages(list),
        ContentValue::List(list) if list.items.iter().all(|item| item.as_str().is_some()) => messages(list),
        // A list of parts is one user message.
        ContentValue::List(list) if list.items.iter().all(parts::is_part) => {
            ContentValue::list(Elements::Messages, [with_parts("user", parts::of_list(list))])
        }
        other if is_message(&other) => messages(other.into_list()),
        other => ContentValue::list(Elements::Messages, [with_parts("user", parts::of_any(other))]),
    }
}

/// `gen_ai.system_instructions`.
pub(super) fn system(mut tree: ContentValue) -> ContentValue {
    // Gemini's is a message whose role does not matter.
    let content = tree.take(&["parts", "content"]).unwrap_or(tree);
    ContentValue::List(parts::of_any(content))
}

/// The arguments or the result of a tool, which the conventions expect to be an object.
pub(super) fn object(tree: ContentValue, key: &'static str) -> ContentValue {
    match parts::parsed(tree) {
        object @ ContentValue::Object(_) => object,
        other => ContentValue::object([(key, Some(other))]),
    }
}

/// Returns whether an object is a message, or an item that the responses API puts next to messages.
fn is_message(tree: &ContentValue) -> bool {
    tree.has("role") || tree.has("parts") || (tree.has("type") && parts::is_item(tree))
}

fn messages(list: List) -> ContentValue {
    let items: VecDeque<_> = list.items.into_iter().map(message).collect();
    ContentValue::List(List { items, omitted: list.omitted, of: Elements::Messages })
}

/// One message of any API.
fn message(mut tree: ContentValue) -> ContentValue {
    if tree.as_str().is_some() {
        return with_parts("user", parts::of_any(tree));
    }
    if parts::is_item(&tree) && !tree.has("role") {
        let role = if parts::is_tool_output(&tree) { "tool" } else { "assistant" };
        return with_parts(role, List { items: [parts::part(tree)].into(), of: Elements::Parts, omitted: 0 });
    }
    let role = tree.take(&["role"]);
    let role = role.as_ref().and_then(ContentValue::as_str).unwrap_or("user");
    let role = match role {
        // Gemini's words.
        "model" => "assistant",
        "function" => "tool",
        role => role,
    }
    .to_owned();
    let name = tree.take(&["name"]);
    let parts = parts::of_message(&mut tree, &role);
    let mut message = with_parts(&role, parts);
    if let (ContentValue::Object(entries), Some(name @ ContentValue::Text(_))) = (&mut message, name) {
        entries.push(("name".into(), name));
    }
    message
}

fn with_parts(role: &str, parts: List) -> ContentValue {
    ContentValue::object([
        ("role", Some(ContentValue::text(role))),
        ("parts", Some(ContentValue::List(parts))),
    ])
}
