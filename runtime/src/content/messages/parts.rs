//! The parts of a message: text, reasoning, tool calls and their results, media, and whatever else.

use std::collections::VecDeque;

use crate::value::media::Media;
use crate::value::{self, Elements, List, Tree};

/// Everything a message object says: its content, and what APIs keep next to it.
pub(super) fn of_message(message: &mut Tree, role: &str) -> List {
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
        let calls = message.take(&[key]).map(Tree::into_list).unwrap_or_default();
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
pub(super) fn of_any(content: Tree) -> List {
    match content {
        Tree::List(list) if list.items.iter().all(is_part) => of_list(list),
        Tree::Object(_) if is_part(&content) => list([part(content)]),
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

pub(super) fn is_part(tree: &Tree) -> bool {
    match tree {
        Tree::Text(_) | Tree::Media(_) => true,
        Tree::Object(entries) => {
            tree.get("type").is_some_and(|kind| kind.as_str().is_some())
                || entries.first().is_some_and(|_| UNTYPED.iter().any(|key| tree.has(key)))
        }
        _ => false,
    }
}

/// Whether this is an item of the responses API that stands where a message stands.
pub(super) fn is_item(tree: &Tree) -> bool {
    !tree.has("role")
        && tree.get("type").and_then(Tree::as_str).is_some_and(|kind| !PART_TYPES.contains(&kind))
}

pub(super) fn is_tool_output(tree: &Tree) -> bool {
    tree.get("type").and_then(Tree::as_str).is_some_and(|kind| kind.ends_with("_output"))
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
pub(super) fn part(mut tree: Tree) -> Tree {
    let kind = match &tree {
        Tree::Object(_) => tree.get("type").and_then(Tree::as_str).map(str::to_owned),
        Tree::Media(_) => return data(tree, None, "document"),
        _ => return text_part("text", tree),
    };
    let Some(kind) = kind else { return untyped(tree) };
    match kind.as_str() {
        "text" | "input_text" | "output_text" | "summary_text" | "reasoning_text" => {
            let text = tree.take(&["content", "text"]).unwrap_or_else(|| Tree::text(""));
            text_part(if kind == "reasoning_text" { "reasoning" } else { "text" }, text)
        }
        "thinking" | "reasoning" => {
            let text =
                tree.take(&["thinking", "summary", "content", "text"]).unwrap_or_else(|| Tree::text(""));
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
        // A cipher, for nobody to read.
        "redacted_thinking" => Tree::object([("type", Some(Tree::text(kind)))]),
        "refusal" => {
            text_part("refusal", tree.take(&["refusal", "content"]).unwrap_or_else(|| Tree::text("")))
        }
        kind if kind.ends_with("_tool_result") => {
            let id = tree.take(&["tool_use_id"]);
            let response = typed(tree, kind);
            Tree::object([
                ("type", Some(Tree::text("server_tool_call_response"))),
                ("id", id),
                ("server_tool_call_response", Some(response)),
            ])
        }
        // Any type is a part; its properties are those it has.
        _ => tree,
    }
}

/// A text that is JSON, as what it says.
pub(super) fn parsed(tree: Tree) -> Tree {
    match &tree {
        // Half of a JSON is none.
        Tree::Text(text) if text.is_whole() => value::parse(&text.kept).unwrap_or(tree),
        _ => tree,
    }
}

fn list<const N: usize>(parts: [Tree; N]) -> List {
    List { items: parts.into(), omitted: 0, of: Elements::Parts }
}

/// A part whose content is text; anything else becomes its JSON.
fn text_part(kind: &'static str, content: Tree) -> Tree {
    let content = match content {
        text @ Tree::Text(_) => text,
        media @ Tree::Media(_) if kind == "text" => return data(media, None, "document"),
        // Bounded before this was called. A tree always serializes.
        other => Tree::text(serde_json::to_string(&other).unwrap_or_default()),
    };
    Tree::object([("type", Some(Tree::text(kind))), ("content", Some(content))])
}

/// The texts of a list of texts or of objects with a text, one after the other.
fn joined(tree: Tree) -> Tree {
    let Tree::List(list) = tree else { return tree };
    let texts: Vec<_> =
        list.items.iter().filter_map(|item| item.get("text").unwrap_or(item).shown()).collect();
    Tree::text(texts.join("\n"))
}

fn tool_call(mut tree: Tree) -> Tree {
    let id = tree.take(&["call_id", "id", "toolUseId"]);
    let mut function = tree.take(&["function", "custom"]).unwrap_or(tree);
    let name = function.take(&["name"]).unwrap_or_else(|| Tree::text(""));
    let arguments = function.take(&["arguments", "args", "input"]).map(parsed);
    Tree::object([
        ("type", Some(Tree::text("tool_call"))),
        ("id", id),
        ("name", Some(name)),
        ("arguments", arguments),
    ])
}

fn tool_call_response(id: Option<Tree>, response: Option<Tree>) -> Tree {
    let response = response.map_or_else(|| Tree::text(""), parsed);
    // What the provider's parts are inside of a result is the provider's business, but media are media.
    Tree::object([("type", Some(Tree::text("tool_call_response"))), ("id", id), ("response", Some(response))])
}

fn server_tool_call(mut tree: Tree) -> Tree {
    let id = tree.take(&["id"]);
    let name = tree.take(&["name"]).unwrap_or_else(|| Tree::text(""));
    let kind = name.as_str().unwrap_or_default().to_owned();
    Tree::object([
        ("type", Some(Tree::text("server_tool_call"))),
        ("id", id),
        ("name", Some(name)),
        ("server_tool_call", Some(typed(tree, &kind))),
    ])
}

/// The object with this type in place of its own.
fn typed(mut tree: Tree, kind: &str) -> Tree {
    tree.take(&["type"]);
    if let Tree::Object(entries) = &mut tree {
        entries.insert(0, ("type".into(), Tree::text(kind)));
    }
    tree
}

/// A part of Gemini's or Bedrock's, which tells its type by its key.
fn untyped(mut tree: Tree) -> Tree {
    let thought = matches!(tree.take(&["thought"]), Some(Tree::Bool(true)));
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
        return data(inline.take(&["data"]).unwrap_or(Tree::Null), mime, "document");
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
    let Tree::Object(entries) = &mut tree else { return text_part("text", tree) };
    let kind = entries.first().map_or_else(|| "unknown".to_owned(), |(key, _)| key.clone().into_owned());
    entries.insert(0, ("type".into(), Tree::text(kind)));
    tree
}

/// A picture, sound or file: by the provider's id, by its address, or told by length and digest.
fn media(mut tree: Tree, kind: &str) -> Tree {
    let modality = match kind {
        "image_url" | "input_image" | "image" => "image",
        "input_audio" | "audio" => "audio",
        "video" => "video",
        _ => "document",
    };
    let given = tree.take(&["modality"]);
    let modality = given.as_ref().and_then(Tree::as_str).unwrap_or(modality).to_owned();
    let mut source = tree;
    for key in ["source", "image_url", "input_audio", "file"] {
        match source.take(&[key]) {
            Some(inner @ Tree::Object(_)) => source = inner,
            // OpenAI's short form of a URL.
            Some(url) => return address(url, None, &modality),
            None => {}
        }
    }
    let mime = source.take(&["media_type", "mime_type", "mimeType"]);
    let mime = mime.or_else(|| {
        let format = source.take(&["format"]);
        format.as_ref().and_then(Tree::as_str).map(|format| Tree::text(format!("{modality}/{format}")))
    });
    if let Some(id) = source.take(&["file_id"]) {
        return located("file", "file_id", Some(id), mime, &modality);
    }
    if let Some(url) = source.take(&["url", "uri", "file_url"]) {
        return address(url, mime, &modality);
    }
    let content = source.take(&["data", "file_data", "bytes", "content"]);
    // Anthropic's document may be a text.
    if mime.as_ref().and_then(Tree::as_str) == Some("text/plain")
        && let Some(text @ Tree::Text(_)) = content
    {
        return text_part("text", text);
    }
    data(content.unwrap_or(Tree::Null), mime, &modality)
}

/// An address, or the data itself in the form of one.
fn address(url: Tree, mime: Option<Tree>, modality: &str) -> Tree {
    match url {
        media @ Tree::Media(_) => data(media, mime, modality),
        url => located("uri", "uri", Some(url), mime, modality),
    }
}

fn located(kind: &str, key: &'static str, place: Option<Tree>, mime: Option<Tree>, modality: &str) -> Tree {
    let place = match place {
        Some(place @ Tree::Text(_)) => place,
        _ => Tree::text(""),
    };
    Tree::object([
        ("type", Some(Tree::text(kind))),
        ("modality", Some(Tree::text(modality_of(mime.as_ref(), modality)))),
        ("mime_type", mime),
        (key, Some(place)),
    ])
}

/// Data that is sent along: what it is, how long, and its digest.
fn data(content: Tree, mime: Option<Tree>, modality: &str) -> Tree {
    let media = match content {
        Tree::Media(media) => media,
        Tree::Text(text) if text.is_whole() => Media::of_base64(&text.kept),
        // Numbers are bytes; anything else has no length to speak of.
        Tree::List(list) => {
            let bytes =
                |item: &Tree| if let Tree::Int(byte) = item { u8::try_from(*byte).ok() } else { None };
            Media::of_list(&list.items.iter().filter_map(bytes).collect::<Vec<_>>(), list.omitted)
        }
        Tree::Text(text) => Media::of_length(text.bytes * 3 / 4),
        _ => Media::of_length(0),
    };
    let mime = mime.or_else(|| media.mime.clone().map(Tree::text));
    Tree::object([
        ("type", Some(Tree::text("blob"))),
        ("modality", Some(Tree::text(modality_of(mime.as_ref(), modality)))),
        ("mime_type", mime),
        ("content", Some(Tree::text(media.describe()))),
    ])
}

/// What the MIME type says, else what the place says.
fn modality_of(mime: Option<&Tree>, otherwise: &str) -> String {
    let mime = mime.and_then(Tree::as_str).unwrap_or_default();
    let told = ["image", "audio", "video"].into_iter().find(|modality| mime.starts_with(modality));
    told.unwrap_or(otherwise).to_owned()
}
