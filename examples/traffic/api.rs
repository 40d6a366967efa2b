//! Simulates the APIs of providers without a network: durations, bodies, failures.

use std::borrow::Cow;
use std::fmt;

use futures_util::{Stream, StreamExt as _, stream};
use llm_trace::{LlmError, llm_trace};
use serde_json::{Value, json};

use crate::library;
use crate::scene::Scene;
use crate::service::pause;

/// A model and its typical behaviour.
pub(crate) struct Model {
    pub(crate) provider: &'static str,
    pub(crate) name: &'static str,
    /// The model name in the response.
    snapshot: &'static str,
    server: &'static str,
    /// Seconds to the first token.
    first: f64,
    tokens_per_second: f64,
}

pub(crate) const SMALL: Model = Model {
    provider: "openai",
    name: "gpt-4o-mini",
    snapshot: "gpt-4o-mini-2024-07-18",
    server: "https://api.openai.com/v1",
    first: 0.4,
    tokens_per_second: 90.0,
};
pub(crate) const LARGE: Model =
    Model { name: "gpt-4.1", snapshot: "gpt-4.1-2025-04-14", first: 0.7, tokens_per_second: 60.0, ..SMALL };
pub(crate) const COSTLY: Model =
    Model { name: "gpt-4o", snapshot: "gpt-4o-2024-05-13", first: 1.0, tokens_per_second: 50.0, ..SMALL };
pub(crate) const EMBEDDING: Model = Model {
    name: "text-embedding-3-small",
    snapshot: "text-embedding-3-small",
    first: 0.08,
    tokens_per_second: 1e6,
    ..SMALL
};
pub(crate) const CLAUDE: Model = Model {
    provider: "anthropic",
    name: "claude-sonnet-4-5",
    snapshot: "claude-sonnet-4-5-20250929",
    server: "https://api.anthropic.com",
    first: 0.8,
    tokens_per_second: 70.0,
};
pub(crate) const GEMINI: Model = Model {
    provider: "gcp.gemini",
    name: "gemini-2.5-flash",
    snapshot: "gemini-2.5-flash",
    server: "https://generativelanguage.googleapis.com",
    first: 0.5,
    tokens_per_second: 150.0,
};
/// A fine-tuned model without a known price.
pub(crate) const OWN: Model = Model {
    provider: "mistral_ai",
    name: "support-tuned-7b",
    snapshot: "support-tuned-7b",
    server: "https://api.mistral.ai/v1",
    first: 0.3,
    tokens_per_second: 110.0,
};

/// The usage and the content of one reply.
pub(crate) struct Reply {
    pub(crate) text: String,
    /// The tool that the model calls.
    pub(crate) tool: Option<&'static str>,
    pub(crate) input_tokens: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) reasoning_tokens: u64,
    /// Whether the answer was cut at the token limit.
    pub(crate) is_cut: bool,
}

impl Reply {
    /// The finish reason in OpenAI's spelling.
    fn finish_reason(&self) -> &'static str {
        if self.text == library::REFUSAL {
            "content_filter"
        } else if self.is_cut {
            "length"
        } else {
            "stop"
        }
    }
}

/// An error response of a provider.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: u16,
    code: &'static str,
}

impl ApiError {
    const RATE_LIMIT: Self = ApiError { status: 429, code: "rate_limit_exceeded" };
    const OVERLOADED: Self = ApiError { status: 529, code: "overloaded_error" };
    const SERVER: Self = ApiError { status: 500, code: "server_error" };
    const TIMEOUT: Self = ApiError { status: 408, code: "timeout" };
    const TOO_LONG: Self = ApiError { status: 400, code: "context_length_exceeded" };

    fn is_worth_a_retry(&self) -> bool {
        self.status != 400
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.code)
    }
}

impl std::error::Error for ApiError {}

impl LlmError for ApiError {
    fn error_type(&self) -> Cow<'_, str> {
        self.code.into()
    }
}

/// Calls a model, up to three times.
#[llm_trace(chat, provider = model.provider, request = request, server = model.server)]
pub(crate) async fn chat(
    model: &Model,
    request: &Value,
    reply: &Reply,
    scene: &mut Scene,
) -> Result<Value, ApiError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        llm_trace::current().attempt(attempt);
        let slowness = if scene.is_overloaded() && model.provider == CLAUDE.provider { 2.0 } else { 1.0 };
        pause(scene.about(model.first * slowness)).await;
        llm_trace::current().response_headers(model.headers(scene));
        match model.failure(scene) {
            None => {
                pause(scene.about(model.generation(reply) * slowness)).await;
                return Ok(model.body(reply));
            }
            Some(error) if error.is_worth_a_retry() && attempt < 3 => pause(scene.about(0.5)).await,
            Some(error) => return Err(error),
        }
    }
}

/// Requests a streamed answer.
#[llm_trace(chat, provider = model.provider, request = request, server = model.server)]
pub(crate) async fn chat_stream(
    model: &Model,
    request: &Value,
    reply: Reply,
    scene: &mut Scene,
) -> Result<impl Stream<Item = Result<Value, ApiError>> + use<>, ApiError> {
    let slowness = if scene.has_slow_streams() { 3.0 } else { 1.0 };
    pause(scene.about(model.first * slowness)).await;
    llm_trace::current().response_headers(model.headers(scene));
    if let Some(error) = model.failure(scene) {
        return Err(error);
    }
    let chunks = model.chunks(&reply, scene.chance(0.01));
    let gap = scene.about(model.generation(&reply)) / 12.0;
    Ok(stream::iter(chunks).then(move |chunk| async move {
        pause(gap).await;
        chunk
    }))
}

/// Embeds texts.
#[llm_trace(embeddings, provider = model.provider, request = request, server = model.server)]
pub(crate) async fn embed(model: &Model, request: &Value, scene: &mut Scene) -> Result<Value, ApiError> {
    pause(scene.about(model.first)).await;
    if let Some(error) = model.failure(scene) {
        return Err(error);
    }
    let texts = request["input"].as_array().map_or(1, Vec::len) as u64;
    let tokens = texts * scene.count(20.0);
    Ok(json!({
        "object": "list", "model": model.snapshot, "data": [],
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    }))
}

impl Model {
    /// Seconds from the first token to the last.
    fn generation(&self, reply: &Reply) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        let tokens = reply.output_tokens as f64;
        tokens / self.tokens_per_second
    }

    /// The remaining limits. All calls go through one gateway, which reports them in OpenAI's headers.
    fn headers(&self, scene: &mut Scene) -> [(&'static str, String); 6] {
        let requests =
            if self.provider == GEMINI.provider { scene.quota_left() } else { scene.between(0.6, 0.9) };
        let tokens = scene.between(0.4, 0.8);
        [
            ("x-ratelimit-limit-requests", "10000".to_owned()),
            ("x-ratelimit-limit-tokens", "2000000".to_owned()),
            ("x-ratelimit-remaining-requests", format!("{:.0}", 10_000.0 * requests)),
            ("x-ratelimit-remaining-tokens", format!("{:.0}", 2_000_000.0 * tokens)),
            ("x-ratelimit-reset-requests", format!("{:.1}s", 8.6 * (1.0 - requests))),
            ("x-ratelimit-reset-tokens", format!("{:.0}ms", 60_000.0 * (1.0 - tokens))),
        ]
    }

    /// A random failure, or one of the current incident.
    fn failure(&self, scene: &mut Scene) -> Option<ApiError> {
        if scene.is_overloaded() && self.provider == CLAUDE.provider && scene.chance(0.45) {
            return Some(ApiError::OVERLOADED);
        }
        if self.provider == GEMINI.provider && scene.quota_left() <= 0.0 {
            return Some(ApiError::RATE_LIMIT);
        }
        let everyday = [
            (0.004, ApiError::RATE_LIMIT),
            (0.003, ApiError::SERVER),
            (0.002, ApiError::TIMEOUT),
            (0.001, ApiError::TOO_LONG),
        ];
        everyday.into_iter().find_map(|(probability, error)| scene.chance(probability).then_some(error))
    }

    /// The response in the provider's format.
    fn body(&self, reply: &Reply) -> Value {
        match self.provider {
            "anthropic" => self.anthropic(reply),
            "gcp.gemini" => self.gemini(reply),
            _ => self.openai(reply),
        }
    }

    fn openai(&self, reply: &Reply) -> Value {
        json!({
            "id": "chatcmpl-traffic", "object": "chat.completion", "model": self.snapshot,
            "choices": [{
                "index": 0, "finish_reason": reply.finish_reason(),
                "message": { "role": "assistant", "content": reply.text },
            }],
            "usage": openai_usage(reply),
        })
    }

    fn anthropic(&self, reply: &Reply) -> Value {
        let (content, stop_reason) = match reply.tool {
            Some(tool) => {
                (json!({ "type": "tool_use", "id": "toolu_traffic", "name": tool, "input": {} }), "tool_use")
            }
            None => (json!({ "type": "text", "text": reply.text }), "end_turn"),
        };
        // Anthropic counts cached input apart from other input.
        json!({
            "id": "msg_traffic", "type": "message", "role": "assistant", "model": self.snapshot,
            "content": [content], "stop_reason": stop_reason,
            "usage": {
                "input_tokens": reply.input_tokens - reply.cached_tokens,
                "cache_read_input_tokens": reply.cached_tokens,
                "output_tokens": reply.output_tokens,
            },
        })
    }

    fn gemini(&self, reply: &Reply) -> Value {
        json!({
            "modelVersion": self.snapshot,
            "candidates": [{
                "content": { "role": "model", "parts": [{ "text": reply.text }] },
                "finishReason": if reply.is_cut { "MAX_TOKENS" } else { "STOP" },
            }],
            "usageMetadata": {
                "promptTokenCount": reply.input_tokens,
                "candidatesTokenCount": reply.output_tokens - reply.reasoning_tokens,
                "thoughtsTokenCount": reply.reasoning_tokens,
                "totalTokenCount": reply.input_tokens + reply.output_tokens,
            },
        })
    }

    /// The answer in a dozen chunks, then the finish reason, then the usage; or half of it and an error.
    fn chunks(&self, reply: &Reply, breaks: bool) -> Vec<Result<Value, ApiError>> {
        let chunk = |rest: Value| {
            let mut chunk = json!({
                "id": "chatcmpl-traffic", "object": "chat.completion.chunk", "model": self.snapshot,
            });
            if let (Value::Object(chunk), Value::Object(rest)) = (&mut chunk, rest) {
                chunk.extend(rest);
            }
            chunk
        };
        let words: Vec<&str> = reply.text.split_inclusive(' ').collect();
        let pieces = words.chunks(words.len().div_ceil(12).max(1)).map(<[&str]>::concat);
        let delta =
            |text: String| chunk(json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }));
        let mut chunks: Vec<_> = pieces.map(|text| Ok(delta(text))).collect();
        if breaks {
            chunks.truncate(chunks.len() / 2);
            chunks.push(Err(ApiError::SERVER));
        } else {
            let end =
                json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reply.finish_reason() }] });
            chunks.push(Ok(chunk(end)));
            chunks.push(Ok(chunk(json!({ "choices": [], "usage": openai_usage(reply) }))));
        }
        chunks
    }
}

fn openai_usage(reply: &Reply) -> Value {
    json!({
        "prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": { "cached_tokens": reply.cached_tokens },
        "completion_tokens_details": { "reasoning_tokens": reply.reasoning_tokens },
    })
}
