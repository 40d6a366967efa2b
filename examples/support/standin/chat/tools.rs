//! Chooses tool calls by the words of the question.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::request::{Message, Tool};
use crate::text;

/// A tool call, before it is written as JSON.
pub(super) struct Call {
    pub(super) name: String,
    /// A JSON object, as text.
    pub(super) arguments: String,
}

/// A call of every tool whose description shares words with the question; of the first tool if none does. No calls once
/// tool results follow the question.
pub(super) fn calls(tools: &[Tool], messages: &[Message]) -> Vec<Call> {
    let Some((question, after)) = question(messages) else { return Vec::new() };
    if after.iter().any(Message::is_of_tool) {
        return Vec::new();
    }
    let functions = || tools.iter().filter_map(|tool| tool.function.as_ref());
    let words: HashSet<_> = text::stems(&question).into_iter().collect();
    let concerns = |text: &str| text::stems(text).iter().any(|word| words.contains(word));
    let mut chosen: Vec<_> = functions()
        .filter(|tool| concerns(&tool.name) || tool.description.as_deref().is_some_and(concerns))
        .collect();
    if chosen.is_empty() {
        chosen.extend(functions().next());
    }
    let calls = chosen.into_iter().map(|tool| {
        let parameters = tool.parameters.as_ref().and_then(|schema| schema.get("properties")?.as_object());
        let arguments: Map<_, _> = parameters
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), argument(schema, &question)))
            .collect();
        Call { name: tool.name.clone(), arguments: Value::Object(arguments).to_string() }
    });
    calls.collect()
}

/// The messages to answer from, the question last: the tool results if there are any.
pub(super) fn prompt(messages: &[Message]) -> Vec<String> {
    match question(messages) {
        Some((question, after)) if after.iter().any(Message::is_of_tool) => {
            let results = after.iter().filter(|message| message.is_of_tool()).map(Message::text);
            results.chain([question]).collect()
        }
        _ => messages.iter().map(Message::text).collect(),
    }
}

/// The last user message, and the messages after it.
fn question(messages: &[Message]) -> Option<(String, &[Message])> {
    let at = messages.iter().rposition(Message::is_of_user)?;
    Some((messages[at].text(), &messages[at + 1..]))
}

/// A value that fits the parameter's schema: for an enum the value that the question contains, else the first; for a
/// string the question; for a number the first number in the question.
fn argument(schema: &Value, question: &str) -> Value {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let question = question.to_lowercase();
        let is_named =
            |value: &&Value| value.as_str().is_some_and(|text| question.contains(&text.to_lowercase()));
        return values.iter().find(is_named).or(values.first()).cloned().unwrap_or(Value::Null);
    }
    let number =
        || question.split(|c: char| !c.is_ascii_digit()).find_map(|digits| digits.parse::<u32>().ok());
    match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "number") => number().map_or(json!(1), Value::from),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!(question),
    }
}
