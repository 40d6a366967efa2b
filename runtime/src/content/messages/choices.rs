//! Return value → one message per choice, with its finish reason.

use super::parts;
use smol_str::SmolStr;

use crate::value::{ContentValue, Elements, List};

/// `gen_ai.output.messages`. `reasons` are the finish reasons that are known from elsewhere, one per choice;
/// `otherwise` is that of a choice that has none.
pub(in crate::content) fn output(tree: ContentValue, reasons: &[SmolStr], otherwise: &str) -> ContentValue {
    let (list, omitted) = match choices(tree) {
        Ok(choices) => choices,
        Err(other) => (vec![assistant(parts::of_any(other), None)], 0),
    };
    // Reasons have no names: if some choices have none, such as those of a stream that was cut, which are they of?
    let in_order = reasons.len() >= list.len() || list.iter().all(|(_, reason)| reason.is_none());
    let items = list.into_iter().enumerate().map(|(index, (message, reason))| {
        let reason = reasons.get(index).filter(|_| in_order).map(SmolStr::to_string).or(reason);
        let reason = reason.map_or_else(|| otherwise.to_owned(), |reason| finish_reason(&reason));
        finished(message, reason)
    });
    ContentValue::List(List { items: items.collect(), omitted, of: Elements::Messages })
}

type Choice = (ContentValue, Option<String>);

/// The choices of a body of any API; the tree itself if it is none.
fn choices(mut tree: ContentValue) -> Result<(Vec<Choice>, usize), ContentValue> {
    if let Some(choices) = tree.take(&["choices", "candidates"]) {
        let choices = choices.into_list();
        return Ok((choices.items.into_iter().map(choice).collect(), choices.omitted));
    }
    // The responses API's items belong to one answer; so do Bedrock's under `output`.
    if let Some(mut output) = tree.take(&["output"]) {
        let message = output.take(&["message"]).unwrap_or(output);
        let reason = reason(&mut tree);
        return Ok((vec![(one_answer(message.into_list()), reason)], 0));
    }
    if is_message_body(&tree) {
        let reason = reason(&mut tree);
        let message = tree.take(&["message"]).unwrap_or(tree);
        return Ok((vec![(one_answer(message.into_list()), reason)], 0));
    }
    match tree {
        // Of the elements of a tuple, the first that is a body.
        ContentValue::List(mut list) => {
            if list.items.iter().any(is_body) {
                for item in list.items {
                    if let Ok(found) = choices(item) {
                        return Ok(found);
                    }
                }
                return Ok((Vec::new(), 0));
            }
            // Several texts are several answers.
            if !list.items.is_empty() && list.items.iter().all(|item| item.as_str().is_some()) {
                let omitted = std::mem::take(&mut list.omitted);
                return Ok((
                    list.items.into_iter().map(|item| assistant(parts::of_any(item), None)).collect(),
                    omitted,
                ));
            }
            Err(ContentValue::List(list))
        }
        ContentValue::Object(mut entries) => {
            // A variant of an enum of the program's, whose content is a body.
            let body = entries.iter().position(|(_, value)| is_body(value)).filter(|_| entries.len() <= 2);
            match body {
                Some(body) => choices(entries.swap_remove(body).1),
                None => Err(ContentValue::Object(entries)),
            }
        }
        other => Err(other),
    }
}

/// Returns whether this can only be a provider's response.
fn is_body(tree: &ContentValue) -> bool {
    tree.has("choices") || tree.has("candidates") || is_message_body(tree)
}

/// Anthropic's, Ollama's, Cohere's: the body is the message, or has one.
fn is_message_body(tree: &ContentValue) -> bool {
    let has_content = tree.has("content") || tree.has("parts") || tree.has("tool_calls");
    (tree.has("role") && has_content) || tree.get("message").is_some_and(|message| message.has("content"))
}

fn choice(mut choice: ContentValue) -> Choice {
    let reason = reason(&mut choice);
    // Text completions have the text itself; a chunk of a stream has a `delta`.
    let content = choice.take(&["message", "content", "delta"]).or_else(|| choice.take(&["text"]));
    let message =
        content.map_or_else(|| assistant(List::default(), None).0, |content| one_answer(content.into_list()));
    (message, reason)
}

fn reason(tree: &mut ContentValue) -> Option<String> {
    let keys = ["finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason", "status"];
    tree.take(&keys)?.as_str().map(str::to_owned)
}

/// Merges several messages and items into one, part by part.
fn one_answer(items: List) -> ContentValue {
    let mut all = List { of: Elements::Parts, omitted: items.omitted, ..List::default() };
    for mut item in items.items {
        // A bare text or part, not a message.
        let is_message =
            item.has("role") || item.has("parts") || item.has("content") || item.has("tool_calls");
        if is_message && !(item.has("type") && parts::is_item(&item)) {
            let found = parts::of_message(&mut item, "assistant");
            all.omitted += found.omitted;
            all.items.extend(found.items);
        } else {
            all.items.push_back(parts::part(item));
        }
    }
    assistant(all, None).0
}

fn assistant(parts: List, reason: Option<String>) -> Choice {
    let parts = List { of: Elements::Parts, ..parts };
    (
        ContentValue::object([
            ("role", Some(ContentValue::text("assistant"))),
            ("parts", Some(ContentValue::List(parts))),
        ]),
        reason,
    )
}

fn finished(mut message: ContentValue, reason: String) -> ContentValue {
    if let ContentValue::Object(entries) = &mut message {
        entries.push(("finish_reason".into(), ContentValue::text(reason)));
    }
    message
}

/// The conventions' word for a provider's reason; a provider's own word otherwise.
fn finish_reason(reason: &str) -> String {
    match reason.to_ascii_lowercase().as_str() {
        "stop" | "end_turn" | "stop_sequence" | "completed" | "complete" | "eos" => "stop".to_owned(),
        "length" | "max_tokens" | "max_output_tokens" | "incomplete" | "model_context_window_exceeded" => {
            "length".to_owned()
        }
        "tool_call" | "tool_calls" | "tool_use" | "function_call" => "tool_call".to_owned(),
        "content_filter"
        | "safety"
        | "refusal"
        | "guardrail_intervened"
        | "content_filtered"
        | "recitation"
        | "prohibited_content"
        | "blocklist"
        | "spii" => "content_filter".to_owned(),
        "error" | "failed" => "error".to_owned(),
        other => other.to_owned(),
    }
}
