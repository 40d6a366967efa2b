//! The parts of a message: text, reasoning, tool calls and their results, media, and others.

use std::collections::VecDeque;

use crate::value::media::Media;
use crate::value::{self, ContentValue, Elements, List};

/// Returns all parts of a message object: its content, and parts that APIs keep next to it.
pub(super) fn of_message(message: &mut ContentValue, role: &str) -> List {
    let content = message.take(&["parts", "content"]);
    if let Some(id) = message.take(&["tool_call_id"]) {
        // OpenAI's message of a tool: its content is the result.
        return list([tool_call_response(Some(id), content)]);
    }
    if role == "tool" && content.as_ref().is_some_and(|content| content.as_str().is_some()) {
        return list([tool_call_response(None, content)]);
    }
    let mut parts = VecDeque::new();
    if let Some(reasoning) = message.take(&["reasoning_content", "reasoning", "thinking"]) {
        parts.push_back(text_part("reasoning", reasoning));
    }
    let mut omitted = 0;
    if let Some(content) = content {
        let content = of_any(content);
        omitted = content.omitted;
        parts.extend(content.items);
    }
    if let Some(refusal) = message.take(&["refusal"]) {
        parts.push_back(text_part("refusal", refusal));
    }
    for key in ["tool_calls", "function_call"] {
        let calls = message.take(&[key]).map(ContentValue::into_list).unwrap_or_default();
        parts.extend(calls.items.into_iter().map(tool_call));
    }
    if let Some(images) = message.take(&["images"]) {
        // Ollama's: base64 next to the content.
        parts.extend(images.into_list().items.into_iter().map(|image| data(image, None, "image")));
    }
    if let Some(mut audio) = message.take(&["audio"])
        && let Some(transcript) = audio.take(&["transcript"])
    {
        parts.push_back(text_part("text", transcript));
    }
    List { items: parts, omitted, of: Elements::Parts }
}

/// The parts of a content: a text, a part, a list of either, or a value that is shown as the JSON it is.
pub(super) fn of_any(content: ContentValue) -> List {
    match content {
        ContentValue::List(list) if list.items.iter().all(is_part) => of_list(list),
        ContentValue::Object(_) if is_part(&content) => list([part(content)]),
        other => list([text_part("text", other)]),
    }
}

/// The parts of a list of parts.
pub(super) fn of_list(parts: List) -> List {
    List { items: parts.items.into_iter().map(part).collect(), omitted: parts.omitted, of: Elements::Parts }
}

/// Gemini's and Bedrock's parts have no type, but one of these keys.
const UNTYPED: &[&str] = &[
    "text",
    "inlineData",
    "inline_data",
    "fileData",
    "file_data",
    "functionCall",
    "function_call",
    "functionResponse",
    "function_response",
    "executableCode",
    "codeExecutionResult",
    "toolUse",
    "toolResult",
    "reasoningContent",
    "image",
    "document",
    "video",
];

pub(super) fn is_part(tree: &ContentValue) -> bool {
    match tree {
        ContentValue::Text(_) | ContentValue::Media(_) => true,
        ContentValue::Object(entries) => {
            tree.get("type").is_some_and(|kind| kind.as_str().is_some())
                || entries.first().is_some_and(|_| UNTYPED.iter().any(|key| tree.has(key)))
        }
        _ => false,
    }
}

/// Returns whether this is an item of the responses API in the place of a message.
pub(super) fn is_item(tree: &ContentValue) -> bool {
    !tree.has("role")
        && tree.get("type").and_then(ContentValue::as_str).is_some_and(|kind| !PART_TYPES.contains(&kind))
}

pub(super) fn is_tool_output(tree: &ContentValue) -> bool {
    tree.get("type").and_then(ContentValue::as_str).is_some_and(|kind| kind.ends_with("_output"))
}

/// Types of parts, which are never messages.
const PART_TYPES: &[&str] = &[
    "text",
    "input_text",
    "output_text",
    "image_url",
    "input_image",
    "input_audio",
    "input_file",
    "image",
    "document",
    "file",
    "blob",
    "uri",
    "tool_use",
    "tool_result",
    "thinking",
    "refusal",
    "tool_call",
    "tool_call_response",
];

/// One part of any API.
pub(super) fn part(mut tree: ContentValue) -> ContentValue {
    let kind = match &tree {
        ContentValue::Object(_) => tree.get("type").and_then(ContentValue::as_str).map(str::to_owned),
        ContentValue::Media(_) => return data(tree, None, "document"),
        _ => return text_part("text", tree),
    };
    let Some(kind) = kind else { return untyped(tree) };
    match kind.as_str() {
        "text" | "input_text" | "output_text" | "summary_text" | "reasoning_text" => {
            let text = tree.take(&["content", "text"]).unwrap_or_else(|| ContentValue::text(""));
            text_part(if kind == "reasoning_text" { "reasoning" } else { "text" }, text)
        }
        "thinking" | "reasoning" => {
            let text = tree
                .take(&["thinking", "summary", "content", "text"])
                .unwrap_or_else(|| ContentValue::text(""));
            text_part("reasoning", joined(text))
        }
        "tool_call" | "tool_use" | "function_call" | "function" => tool_call(tree),
        "tool_call_response" | "tool_result" | "function_call_output" => {
            let id = tree.take(&["id", "tool_use_id", "call_id"]);
            let response = tree.take(&["response", "content", "output"]);
            tool_call_response(id, response)
        }
        "server_tool_use" => server_tool_call(tree),
        "image_url" | "input_image" | "image" | "input_audio" | "audio" | "document" | "file"
        | "input_file" | "video" | "blob" | "uri" => media(tree, &kind),
        // Encrypted, so only the type is kept.
        "redacted_thinking" => ContentValue::object([("type", Some(ContentValue::text(kind)))]),
        "refusal" => {
            text_part("refusal", tree.take(&["refusal", "content"]).unwrap_or_else(|| ContentValue::text("")))
        }
        kind if kind.ends_with("_tool_result") => {
            let id = tree.take(&["tool_use_id"]);
            let response = typed(tree, kind);
            ContentValue::object([
                ("type", Some(ContentValue::text("server_tool_call_response"))),
                ("id", id),
                ("server_tool_call_response", Some(response)),
            ])
        }
        // Any type is a part; its properties are those it has.
        _ => tree,
    }
}

/// Parses a text that is JSON.
pub(super) fn parsed(tree: ContentValue) -> ContentValue {
    match &tree {
        // Half of a JSON is none.
        ContentValue::Text(text) if text.is_whole() => value::parse(&text.kept).unwrap_or(tree),
        _ => tree,
    }
}

fn list<const N: usize>(parts: [ContentValue; N]) -> List {
    List { items: parts.into(), omitted: 0, of: Elements::Parts }
}

/// A part whose content is text; anything else becomes its JSON.
fn text_part(kind: &'static str, content: ContentValue) -> ContentValue {
    let content = match content {
        text @ ContentValue::Text(_) => text,
        media @ ContentValue::Media(_) if kind == "text" => return data(media, None, "document"),
        // Bounded before this was called. A tree always serializes.
        other => ContentValue::text(serde_json::to_string(&other).unwrap_or_default()),
    };
    ContentValue::object([("type", Some(ContentValue::text(kind))), ("content", Some(content))])
}

/// The texts of a list of texts or of objects with a text, one after the other.
fn joined(tree: ContentValue) -> ContentValue {
    let ContentValue::List(list) = tree else { return tree };
    let texts: Vec<_> =
        list.items.iter().filter_map(|item| item.get("text").unwrap_or(item).shown()).collect();
    ContentValue::text(texts.join("\n"))
}

fn tool_call(mut tree: ContentValue) -> ContentValue {
    let id = tree.take(&["call_id", "id", "toolUseId"]);
    let mut function = tree.take(&["function", "custom"]).unwrap_or(tree);
    let name = function.take(&["name"]).unwrap_or_else(|| ContentValue::text(""));
    let arguments = function.take(&["arguments", "args", "input"]).map(parsed);
    ContentValue::object([
        ("type", Some(ContentValue::text("tool_call"))),
        ("id", id),
        ("name", Some(name)),
        ("arguments", arguments),
    ])
}

fn tool_call_response(id: Option<ContentValue>, response: Option<ContentValue>) -> ContentValue {
    let response = response.map_or_else(|| ContentValue::text(""), parsed);
    // Provider-specific parts inside of a result are kept as they are, except media.
    ContentValue::object([
        ("type", Some(ContentValue::text("tool_call_response"))),
        ("id", id),
        ("response", Some(response)),
    ])
}

fn server_tool_call(mut tree: ContentValue) -> ContentValue {
    let id = tree.take(&["id"]);
    let name = tree.take(&["name"]).unwrap_or_else(|| ContentValue::text(""));
    let kind = name.as_str().unwrap_or_default().to_owned();
    ContentValue::object([
        ("type", Some(ContentValue::text("server_tool_call"))),
        ("id", id),
        ("name", Some(name)),
        ("server_tool_call", Some(typed(tree, &kind))),
    ])
}

/// Returns the object with its type replaced by this one.
fn typed(mut tree: ContentValue, kind: &str) -> ContentValue {
    tree.take(&["type"]);
    if let ContentValue::Object(entries) = &mut tree {
        entries.insert(0, ("type".into(), ContentValue::text(kind)));
    }
    tree
}

/// Converts a part of Gemini or Bedrock, whose type is its key.
fn untyped(mut tree: ContentValue) -> ContentValue {
    let thought = matches!(tree.take(&["thought"]), Some(ContentValue::Bool(true)));
    if let Some(text) = tree.take(&["text"]) {
        return text_part(if thought { "reasoning" } else { "text" }, text);
    }
    if let Some(call) = tree.take(&["functionCall", "function_call", "toolUse"]) {
        return tool_call(call);
    }
    if let Some(mut result) = tree.take(&["functionResponse", "function_response", "toolResult"]) {
        let id = result.take(&["id", "toolUseId"]).or_else(|| result.take(&["name"]));
        let response = result.take(&["response", "content"]);
        return tool_call_response(id, response);
    }
    if let Some(mut inline) = tree.take(&["inlineData", "inline_data"]) {
        let mime = inline.take(&["mimeType", "mime_type"]);
        return data(inline.take(&["data"]).unwrap_or(ContentValue::Null), mime, "document");
    }
    if let Some(mut file) = tree.take(&["fileData", "file_data"]) {
        let mime = file.take(&["mimeType", "mime_type"]);
        return located("uri", "uri", file.take(&["fileUri", "file_uri"]), mime, "document");
    }
    if let Some(mut reasoning) = tree.take(&["reasoningContent"]) {
        let mut text = reasoning.take(&["reasoningText"]).unwrap_or(reasoning);
        return text_part("reasoning", text.take(&["text"]).unwrap_or(text));
    }
    for kind in ["image", "document", "video"] {
        if let Some(inner) = tree.take(&[kind]) {
            return media(inner, kind);
        }
    }
    let ContentValue::Object(entries) = &mut tree else { return text_part("text", tree) };
    let kind = entries.first().map_or_else(|| "unknown".to_owned(), |(key, _)| key.clone().into_owned());
    entries.insert(0, ("type".into(), ContentValue::text(kind)));
    tree
}

/// Converts a picture, sound or file: by the provider's id, by its address, or by length and digest.
fn media(mut tree: ContentValue, kind: &str) -> ContentValue {
    let modality = match kind {
        "image_url" | "input_image" | "image" => "image",
        "input_audio" | "audio" => "audio",
        "video" => "video",
        _ => "document",
    };
    let given = tree.take(&["modality"]);
    let modality = given.as_ref().and_then(ContentValue::as_str).unwrap_or(modality).to_owned();
    let mut source = tree;
    for key in ["source", "image_url", "input_audio", "file"] {
        match source.take(&[key]) {
            Some(inner @ ContentValue::Object(_)) => source = inner,
            // OpenAI's short form of a URL.
            Some(url) => return address(url, None, &modality),
            None => {}
        }
    }
    let mime = source.take(&["media_type", "mime_type", "mimeType"]);
    let mime = mime.or_else(|| {
        let format = source.take(&["format"]);
        format
            .as_ref()
            .and_then(ContentValue::as_str)
            .map(|format| ContentValue::text(format!("{modality}/{format}")))
    });
    if let Some(id) = source.take(&["file_id"]) {
        return located("file", "file_id", Some(id), mime, &modality);
    }
    if let Some(url) = source.take(&["url", "uri", "file_url"]) {
        return address(url, mime, &modality);
    }
    let content = source.take(&["data", "file_data", "bytes", "content"]);
    // Anthropic's document may be a text.
    if mime.as_ref().and_then(ContentValue::as_str) == Some("text/plain")
        && let Some(text @ ContentValue::Text(_)) = content
    {
        return text_part("text", text);
    }
    data(content.unwrap_or(ContentValue::Null), mime, &modality)
}

/// An address, or the data itself in the form of one.
fn address(url: ContentValue, mime: Option<ContentValue>, modality: &str) -> ContentValue {
    match url {
        media @ ContentValue::Media(_) => data(media, mime, modality),
        url => located("uri", "uri", Some(url), mime, modality),
    }
}

fn located(
    kind: &str,
    key: &'static str,
    place: Option<ContentValue>,
    mime: Option<ContentValue>,
    modality: &str,
) -> ContentValue {
    let place = match place {
        Some(place @ ContentValue::Text(_)) => place,
        _ => ContentValue::text(""),
    };
    ContentValue::object([
        ("type", Some(ContentValue::text(kind))),
        ("modality", Some(ContentValue::text(modality_of(mime.as_ref(), modality)))),
        ("mime_type", mime),
        (key, Some(place)),
    ])
}

/// Data that is sent along: what it is, how long, and its digest.
fn data(content: ContentValue, mime: Option<ContentValue>, modality: &str) -> ContentValue {
    let media = match content {
        ContentValue::Media(media) => media,
        ContentValue::Text(text) if text.is_whole() => Media::of_base64(&text.kept),
        // Numbers are bytes; other lists have no known length.
        ContentValue::List(list) => {
            let bytes = |item: &ContentValue| {
                if let ContentValue::Int(byte) = item { u8::try_from(*byte).ok() } else { None }
            };
            Media::of_list(&list.items.iter().filter_map(bytes).collect::<Vec<_>>(), list.omitted)
        }
        ContentValue::Text(text) => Media::of_length(text.bytes * 3 / 4),
        _ => Media::of_length(0),
    };
    let mime = mime.or_else(|| media.mime.clone().map(ContentValue::text));
    ContentValue::object([
        ("type", Some(ContentValue::text("blob"))),
        ("modality", Some(ContentValue::text(modality_of(mime.as_ref(), modality)))),
        ("mime_type", mime),
        ("content", Some(ContentValue::text(media.describe()))),
    ])
}

/// Returns the modality from the MIME type, or else from the place.
fn modality_of(mime: Option<&ContentValue>, otherwise: &str) -> String {
    let mime = mime.and_then(ContentValue::as_str).unwrap_or_default();
    let known = ["image", "audio", "video"].into_iter().find(|modality| mime.starts_with(modality));
    known.unwrap_or(otherwise).to_owned()
}
