//! The tools a model may call, as any API defines them.

use super::parts;
use crate::value::{ContentValue, Elements, List};

/// `gen_ai.tool.definitions`.
pub(in crate::content) fn tools(tree: ContentValue) -> ContentValue {
    let mut all = List { of: Elements::Tools, ..List::default() };
    add(tree, &mut all);
    ContentValue::List(all)
}

fn add(mut tree: ContentValue, all: &mut List) {
    match tree {
        ContentValue::List(list) => {
            all.omitted += list.omitted;
            for item in list.items {
                add(item, all);
            }
        }
        // Bedrock's and Gemini's lists inside of an object.
        ContentValue::Object(_) => {
            match tree.take(&["tools", "functionDeclarations", "function_declarations"]) {
                Some(inner) => add(inner, all),
                None => all.items.push_back(definition(tree)),
            }
        }
        ContentValue::Text(ref name) => {
            // JSON text of definitions, or just a name.
            match parts::parsed(tree.clone()) {
                ContentValue::Text(_) => {
                    all.items.push_back(named("function", ContentValue::text(name.kept.clone())));
                }
                definitions => add(definitions, all),
            }
        }
        _ => {}
    }
}

fn named(kind: &str, name: ContentValue) -> ContentValue {
    ContentValue::object([("type", Some(ContentValue::text(kind))), ("name", Some(name))])
}

fn definition(mut tree: ContentValue) -> ContentValue {
    let kind = tree.take(&["type"]);
    let mut function = tree.take(&["function", "toolSpec", "custom"]).unwrap_or(tree);
    let Some(name @ ContentValue::Text(_)) = function.take(&["name"]) else {
        // A tool the provider runs: `{"google_search": {}}`, `{"type": "web_search"}`.
        let key = match &function {
            ContentValue::Object(entries) => entries.first().map(|(key, _)| ContentValue::text(key.clone())),
            _ => None,
        };
        let kind = kind.or(key).unwrap_or_else(|| ContentValue::text("unknown"));
        return named(kind.as_str().unwrap_or("unknown"), kind.clone());
    };
    let description = function.take(&["description"]);
    let schema = function.take(&["parameters", "input_schema", "inputSchema", "parametersJsonSchema"]);
    let parameters = schema.map(|mut schema| schema.take(&["json"]).unwrap_or(schema));
    // Anthropic's own tools have a type with a date, its users' tools have none or `custom`.
    let kind = match kind.as_ref().and_then(ContentValue::as_str) {
        None | Some("custom") => "function",
        Some(kind) => kind,
    };
    ContentValue::object([
        ("type", Some(ContentValue::text(kind))),
        ("name", Some(name)),
        ("description", description),
        ("parameters", parameters.filter(|schema| matches!(schema, ContentValue::Object(_)))),
    ])
}
