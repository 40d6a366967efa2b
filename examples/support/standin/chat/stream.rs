//! A completion as server-sent events, one per token.

use std::convert::Infallible;

use axum::response::{
    IntoResponse as _, Response,
    sse::{Event, Sse},
};
use futures_util::stream;
use serde_json::{Value, json};

use super::Completion;
use crate::text;

pub(super) fn response(completion: &Completion, include_usage: bool) -> Response {
    let chunks = chunks(completion, include_usage).into_iter().map(|chunk| chunk.to_string());
    let events: Vec<_> = chunks
        .chain([DONE.to_owned()])
        .map(|data| Ok::<_, Infallible>(Event::default().data(data)))
        .collect();
    Sse::new(stream::iter(events)).into_response()
}

const DONE: &str = "[DONE]";

/// The chunks in OpenAI's order: the role, the tokens, the finish reason. If usage is requested, a chunk with the usage
/// and no choices follows, and all other chunks have a usage of null.
fn chunks(completion: &Completion, include_usage: bool) -> Vec<Value> {
    let chunk = |index: usize, delta: Value, finish_reason: Option<&str>| {
        let choice =
            json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
        let rest = if include_usage {
            json!({ "choices": [choice], "usage": null })
        } else {
            json!({ "choices": [choice] })
        };
        completion.envelope("chat.completion.chunk", &rest)
    };
    let mut chunks = Vec::new();
    for index in 0..completion.choices {
        chunks.push(chunk(index, json!({ "role": "assistant", "content": "", "refusal": null }), None));
        chunks.extend(
            text::tokens(&completion.text).map(|token| chunk(index, json!({ "content": token }), None)),
        );
        for (position, mut call) in completion.tool_calls().enumerate() {
            call["index"] = json!(position);
            chunks.push(chunk(index, json!({ "tool_calls": [call] }), None));
        }
        chunks.push(chunk(index, json!({}), Some(completion.finish_reason)));
    }
    if include_usage {
        let rest = json!({ "choices": [], "usage": completion.usage });
        chunks.push(completion.envelope("chat.completion.chunk", &rest));
    }
    chunks
}
