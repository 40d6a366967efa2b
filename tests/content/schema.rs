//! The conventions' JSON schemas, read by a validator of the keywords that they use. An unknown keyword is a failure.
//!
//! Stricter than the schemas: a part whose type a schema names must match that schema, and may not pass as a generic
//! part.

use serde_json::Value;

/// Panics if a content attribute does not match its schema.
pub(crate) fn check(key: &str, value: &Value) {
    let schema = match key {
        "gen_ai.input.messages" => include_str!("../semconv/schemas/gen-ai-input-messages.json"),
        "gen_ai.output.messages" => include_str!("../semconv/schemas/gen-ai-output-messages.json"),
        "gen_ai.system_instructions" => include_str!("../semconv/schemas/gen-ai-system-instructions.json"),
        "gen_ai.tool.definitions" => include_str!("../semconv/schemas/gen-ai-tool-definitions.json"),
        "gen_ai.tool.call.arguments" => include_str!("../semconv/schemas/gen-ai-tool-call-arguments.json"),
        "gen_ai.tool.call.result" => include_str!("../semconv/schemas/gen-ai-tool-call-result.json"),
        "gen_ai.retrieval.documents" => include_str!("../semconv/schemas/gen-ai-retrieval-documents.json"),
        "gen_ai.memory.records" => include_str!("../semconv/schemas/gen-ai-memory-records.json"),
        other => panic!("no schema for `{other}`"),
    };
    let schema: Value = serde_json::from_str(schema).unwrap();
    if let Err(why) = validate(&schema, &schema, value) {
        panic!("`{key}` breaks its schema: {why}\n{value:#}");
    }
}

fn validate(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$defs" | "title" | "description" | "default" | "format" | "additionalProperties" => {}
            "$ref" => match definition(root, rule) {
                Some(definition) => validate(root, definition, value)?,
                // The draft-07 schema itself: the schema of a tool's parameters.
                None => expect(value.is_object() || value.is_boolean(), "a JSON schema", value)?,
            },
            "anyOf" => any_of(root, rule.as_array().unwrap(), value)?,
            "type" => expect(has_type(rule.as_str().unwrap(), value), &rule.to_string(), value)?,
            "const" => expect(rule == value, &rule.to_string(), value)?,
            "enum" => expect(rule.as_array().unwrap().contains(value), &rule.to_string(), value)?,
            "required" => {
                for key in rule.as_array().unwrap() {
                    expect(value.get(key.as_str().unwrap()).is_some(), &format!("the key {key}"), value)?;
                }
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        validate(root, rule, value).map_err(|why| format!("{key}: {why}"))?;
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, rule, item).map_err(|why| format!("[{index}]: {why}"))?;
                }
            }
            other => panic!("the validator does not know `{other}`"),
        }
    }
    Ok(())
}

fn any_of(root: &Value, options: &[Value], value: &Value) -> Result<(), String> {
    let named = |option: &&Value| {
        let definition = option.get("$ref").and_then(|reference| definition(root, reference));
        let kind = definition.and_then(|definition| definition.pointer("/properties/type/const"));
        kind.is_some() && kind == value.get("type")
    };
    if let Some(option) = options.iter().find(named) {
        return validate(root, option, value);
    }
    let failures: Vec<_> = options.iter().map(|option| validate(root, option, value)).collect();
    if failures.iter().any(Result::is_ok) { Ok(()) } else { Err(format!("none fits: {failures:?}")) }
}

fn definition<'s>(root: &'s Value, reference: &Value) -> Option<&'s Value> {
    let path = reference.as_str().unwrap().strip_prefix('#').filter(|path| !path.is_empty())?;
    Some(root.pointer(path).unwrap())
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        other => panic!("the validator does not know the type `{other}`"),
    }
}

fn expect(holds: bool, what: &str, value: &Value) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("expected {what}, found {value}")) }
}

#[test]
#[should_panic(expected = "breaks its schema")]
fn a_text_part_without_content_is_found() {
    check(
        "gen_ai.input.messages",
        &serde_json::json!([{"role": "user", "parts": [{"type": "text", "text": "x"}]}]),
    );
}

#[test]
#[should_panic(expected = "finish_reason")]
fn an_output_without_a_reason_is_found() {
    check("gen_ai.output.messages", &serde_json::json!([{"role": "assistant", "parts": []}]));
}
