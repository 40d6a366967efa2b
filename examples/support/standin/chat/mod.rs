//! `POST /v1/chat/completions`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{answer, error, models};
use crate::text;

mod request;
mod stream;
mod tools;

use request::Request;

/// A finished completion, before it is written as JSON or as events.
struct Completion {
    id: String,
    created: u64,
    model: String,
    service_tier: &'static str,
    text: String,
    calls: Vec<tools::Call>,
    finish_reason: &'static str,
    choices: usize,
    usage: Value,
}

/// Earlier prompts: OpenAI bills the part of a prompt that it has served recently as cached.
#[derive(Debug, Default)]
pub(super) struct PromptCache(Mutex<Vec<String>>);

pub(super) async fn complete(
    State(state): State<Arc<super::State>>,
    request: Result<Json<Request>, JsonRejection>,
) -> Response {
    let request = match request {
        Ok(Json(request)) => request,
        Err(rejection) => return error::rejected(&rejection),
    };
    if request.messages.is_empty() || request.choices() == 0 {
        return error::invalid_request("`messages` must not be empty and `n` must be at least 1");
    }
    let completion = Completion::of(&request, &state);
    if request.stream.unwrap_or(false) {
        stream::response(&completion, request.include_usage())
    } else {
        Json(completion.json()).into_response()
    }
}

impl Completion {
    fn of(request: &Request, state: &super::State) -> Self {
        let calls = tools::calls(request.tools(), &request.messages);
        let answer =
            if calls.is_empty() { answer::extract(&tools::prompt(&request.messages)) } else { String::new() };
        let stopped =
            request.stop().filter_map(|stop| answer.find(stop)).min().map_or(&*answer, |at| &answer[..at]);
        let limit = request.max_tokens().unwrap_or(usize::MAX);
        let text: String = text::tokens(stopped).take(limit).collect();
        let finish_reason = if !calls.is_empty() {
            "tool_calls"
        } else if text.len() < stopped.trim_end().len() {
            "length"
        } else {
            "stop"
        };

        // OpenAI adds three tokens per message and three for the answer.
        let mut messages: Vec<String> = request.messages.iter().map(request::Message::billed).collect();
        if !request.tools.is_empty() {
            messages.insert(0, json!(request.tools).to_string());
        }
        let prompt = messages.iter().map(|text| text::tokens(text).count() + 3).sum::<usize>() + 3;
        let cached = state.prompts.cached(&messages.join("\n"));
        let called =
            calls.iter().map(|call| text::tokens(&call.name).chain(text::tokens(&call.arguments)).count());
        let completed = (text::tokens(&text).count() + called.sum::<usize>()) * request.choices();
        state.limits.spend(prompt + completed);
        Self {
            id: unique_id(),
            created: now().as_secs(),
            model: models::snapshot(&request.model).to_owned(),
            service_tier: request.service_tier(),
            text,
            calls,
            finish_reason,
            choices: request.choices(),
            usage: json!({
                "prompt_tokens": prompt,
                "completion_tokens": completed,
                "total_tokens": prompt + completed,
                "prompt_tokens_details": { "cached_tokens": cached, "audio_tokens": 0 },
                "completion_tokens_details": {
                    "reasoning_tokens": 0,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            }),
        }
    }

    fn json(&self) -> Value {
        let mut message =
            json!({ "role": "assistant", "content": self.text, "refusal": null, "annotations": [] });
        if !self.calls.is_empty() {
            message["content"] = Value::Null;
            message["tool_calls"] = self.tool_calls().collect();
        }
        let finish_reason = self.finish_reason;
        let choice = |index| json!({ "index": index, "message": message, "logprobs": null, "finish_reason": finish_reason });
        let choices: Vec<_> = (0..self.choices).map(choice).collect();
        self.envelope("chat.completion", &json!({ "choices": choices, "usage": self.usage }))
    }

    /// The tool calls in OpenAI's format.
    fn tool_calls(&self) -> impl Iterator<Item = Value> + '_ {
        self.calls.iter().enumerate().map(|(index, call)| {
            json!({
                "id": format!("call_{index}_{}", self.id.trim_start_matches("chatcmpl-")),
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments },
            })
        })
    }

    /// The fields that a response and each chunk of a stream have in common, followed by `rest`.
    fn envelope(&self, object: &str, rest: &Value) -> Value {
        let mut envelope = json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "service_tier": self.service_tier,
            "system_fingerprint": concat!("fp_standin_", env!("CARGO_PKG_VERSION")),
        });
        if let (Some(envelope), Some(rest)) = (envelope.as_object_mut(), rest.as_object()) {
            envelope.extend(rest.clone());
        }
        envelope
    }
}

impl PromptCache {
    /// The number of tokens that this prompt has in common with the beginning of an earlier one. As at OpenAI: none
    /// below 1024, then in steps of 128.
    fn cached(&self, prompt: &str) -> usize {
        const REMEMBERED: usize = 16;
        let mut earlier = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shared =
            |old: &String| text::tokens(old).zip(text::tokens(prompt)).take_while(|(a, b)| a == b).count();
        let longest = earlier.iter().map(shared).max().unwrap_or(0);
        if earlier.len() == REMEMBERED {
            earlier.remove(0);
        }
        earlier.push(prompt.to_owned());
        if longest < 1024 { 0 } else { longest - longest % 128 }
    }
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// An id that is unique among the stand-ins of a machine in practice, without a random number generator.
fn unique_id() -> String {
    format!("chatcmpl-{:x}{:x}", std::process::id(), now().as_nanos())
}
