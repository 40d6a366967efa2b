//! Response bodies of providers, read through real client types, `serde_json::Value` and user-defined structs.

use async_openai::types::chat::CreateChatCompletionResponse;
use async_openai::types::embeddings::CreateEmbeddingResponse;
use async_openai::types::responses::Response;
use llm_trace::llm_trace;
use llm_trace_test_support::trace::{Ended, Trace};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::response::{embedding, returning};

fn openai_chat() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default", "system_fingerprint": "fp_1",
        "choices": [
            {"index": 0, "finish_reason": "stop", "logprobs": null,
             "message": {"role": "assistant", "content": "model: not this one", "refusal": null}},
            {"index": 1, "finish_reason": "length", "logprobs": null,
             "message": {"role": "assistant", "content": "b", "refusal": null}}
        ],
        "usage": {
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 20, "accepted_prediction_tokens": 0}
        }
    })
}

fn openai_responses(status: &str, incomplete: &Value, output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": status, "model": "gpt-5-2025-08-07",
        "output": output, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "incomplete_details": incomplete, "service_tier": "default",
        "usage": {
            "input_tokens": 200, "output_tokens": 80, "total_tokens": 280,
            "input_tokens_details": {"cached_tokens": 128},
            "output_tokens_details": {"reasoning_tokens": 64}
        }
    })
}

fn tokens(span: &Ended) -> [Option<i64>; 5] {
    [
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.reasoning.output_tokens",
    ]
    .map(|key| span.int(key))
}

#[test]
fn an_openai_chat_response_of_async_openai_is_read() {
    let body: CreateChatCompletionResponse = serde_json::from_value(openai_chat()).unwrap();
    let span = returning("openai", body);
    assert_eq!(span.text("gen_ai.response.model"), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!(span.text("gen_ai.response.id"), Some("chatcmpl-1"));
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["stop", "length"]);
    assert_eq!(span.text("openai.response.service_tier"), Some("default"));
    assert_eq!(span.text("openai.response.system_fingerprint"), Some("fp_1"));
    assert_eq!(tokens(&span), [Some(100), Some(50), Some(64), None, Some(20)]);
}

#[test]
fn an_openai_responses_response_of_async_openai_is_read() {
    let output = json!([{"type": "message", "id": "m", "role": "assistant", "status": "completed",
                         "content": [{"type": "output_text", "text": "hi", "annotations": []}]}]);
    let body: Response =
        serde_json::from_value(openai_responses("completed", &Value::Null, &output)).unwrap();
    let span = returning("openai", body);
    assert_eq!(span.text("gen_ai.response.model"), Some("gpt-5-2025-08-07"));
    assert_eq!(span.text("gen_ai.response.id"), Some("resp_1"));
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["stop"]);
    assert_eq!(tokens(&span), [Some(200), Some(80), Some(128), None, Some(64)]);
}

#[test]
fn the_responses_apis_status_becomes_a_finish_reason() {
    let call = json!([{"type": "function_call", "id": "f", "call_id": "c", "name": "n", "arguments": "{}"}]);
    let cases = [
        (openai_responses("completed", &Value::Null, &call), Some("tool_call")),
        (openai_responses("incomplete", &json!({"reason": "max_output_tokens"}), &json!([])), Some("length")),
        (
            openai_responses("incomplete", &json!({"reason": "content_filter"}), &json!([])),
            Some("content_filter"),
        ),
        (openai_responses("failed", &Value::Null, &json!([])), Some("error")),
        (openai_responses("in_progress", &Value::Null, &json!([])), None),
    ];
    for (body, expected) in cases {
        let reasons = returning("openai", body).list("gen_ai.response.finish_reasons");
        assert_eq!(reasons.unwrap_or_default(), Vec::from_iter(expected.map(str::to_owned)));
    }
}

#[test]
fn an_embeddings_response_of_async_openai_is_read() {
    let body: CreateEmbeddingResponse = serde_json::from_value(json!({
        "object": "list", "model": "text-embedding-3-small",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.1, 0.2, 0.3]},
            {"object": "embedding", "index": 1, "embedding": [0.4, 0.5, 0.6]}
        ],
        "usage": {"prompt_tokens": 12, "total_tokens": 12}
    }))
    .unwrap();
    let span = embedding(body);
    assert_eq!(span.text("gen_ai.response.model"), Some("text-embedding-3-small"));
    assert_eq!(span.int("gen_ai.embeddings.dimension.count"), Some(3));
    assert_eq!(tokens(&span), [Some(12), None, None, None, None]);
}

fn anthropic() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {
            "input_tokens": 20, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 100,
            "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 43, "service_tier": "standard"
        }
    })
}

#[derive(Serialize, Deserialize)]
struct ClaudeMessage {
    id: String,
    model: String,
    stop_reason: Option<StopReason>,
    usage: ClaudeUsage,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StopReason {
    EndTurn,
    MaxTokens,
}

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the provider's names")]
struct ClaudeUsage {
    input_tokens: u32,
    output_tokens: u32,
    cache_creation_input_tokens: Option<u32>,
    cache_read_input_tokens: Option<u32>,
}

#[test]
fn anthropics_input_is_the_sum_of_fresh_written_and_cached_tokens() {
    let own: ClaudeMessage = serde_json::from_value(anthropic()).unwrap();
    for span in [returning("anthropic", anthropic()), returning("anthropic", own)] {
        assert_eq!(tokens(&span), [Some(150), Some(43), Some(100), Some(30), None]);
        assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["end_turn"]);
        assert_eq!(span.text("gen_ai.response.model"), Some("claude-sonnet-4-5-20250929"));
        assert_eq!(span.text("gen_ai.response.id"), Some("msg_1"));
        // The attribute's name is OpenAI's, so another provider's tier does not go there.
        assert_eq!(span.get("openai.response.service_tier"), None);
    }
}

fn gemini() -> Value {
    json!({
        "candidates": [{"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 70, "cachedContentTokenCount": 40, "candidatesTokenCount": 10,
            "thoughtsTokenCount": 25, "toolUsePromptTokenCount": 5, "totalTokenCount": 110
        },
        "modelVersion": "gemini-2.5-flash", "responseId": "r-1"
    })
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
struct GeminiResponse {
    candidates: Vec<GeminiCandidate>,
    usage_metadata: GeminiUsage,
    model_version: String,
    response_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
struct GeminiCandidate {
    finish_reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
#[expect(clippy::struct_field_names, reason = "the provider's names")]
struct GeminiUsage {
    prompt_token_count: i32,
    cached_content_token_count: i32,
    candidates_token_count: i32,
    thoughts_token_count: i32,
    tool_use_prompt_token_count: i32,
}

#[test]
fn geminis_thoughts_are_output_and_its_tool_prompt_is_input() {
    let own: GeminiResponse = serde_json::from_value(gemini()).unwrap();
    for span in [returning("gcp.gemini", gemini()), returning("gcp.gemini", own)] {
        assert_eq!(tokens(&span), [Some(75), Some(35), Some(40), None, Some(25)]);
        assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["STOP"]);
        assert_eq!(span.text("gen_ai.response.model"), Some("gemini-2.5-flash"));
        assert_eq!(span.text("gen_ai.response.id"), Some("r-1"));
    }
}

#[test]
fn compaction_by_the_provider_is_recorded() {
    let compacted = |body: Value| returning("openai", body).get("gen_ai.conversation.compacted").cloned();
    let openai = |kind: &str| json!({"object": "response", "output": [{"type": kind}, {"type": "message"}]});
    assert_eq!(compacted(openai("compaction")), Some(true.into()));
    assert_eq!(compacted(openai("reasoning")), None);
    let anthropic = |kind: &str| {
        let iterations = json!([{"type": kind, "input_tokens": 9}, {"type": "message", "input_tokens": 1}]);
        json!({"usage": {"input_tokens": 1, "output_tokens": 1, "iterations": iterations}})
    };
    assert_eq!(compacted(anthropic("compaction")), Some(true.into()));
    assert_eq!(compacted(anthropic("message")), None);
}

#[test]
fn bedrock_ollama_cohere_deepseek_and_xai_bodies_are_read() {
    let bedrock = json!({"output": {"message": {}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 20, "outputTokens": 5, "totalTokens": 125, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 0}});
    assert_eq!(tokens(&returning("aws.bedrock", bedrock)), [Some(120), Some(5), Some(100), Some(0), None]);

    let ollama = json!({"model": "llama3.2", "message": {"role": "assistant", "content": "hi"}, "done": true,
        "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 298});
    let span = returning("ollama", ollama);
    assert_eq!(tokens(&span)[..2], [Some(26), Some(298)]);
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["stop"]);

    let cohere = json!({"id": "c", "finish_reason": "COMPLETE", "message": {"role": "assistant"},
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 7}, "tokens": {"input_tokens": 71, "output_tokens": 9}}});
    assert_eq!(tokens(&returning("cohere", cohere))[..2], [Some(5), Some(7)]);

    let deepseek = json!({"model": "deepseek-chat", "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30,
        "prompt_cache_hit_tokens": 12, "prompt_cache_miss_tokens": 8}});
    assert_eq!(tokens(&returning("deepseek", deepseek)), [Some(20), Some(10), Some(12), None, None]);

    let xai = json!({"model": "grok-3-mini", "usage": {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
        "completion_tokens_details": {"reasoning_tokens": 94}}});
    assert_eq!(tokens(&returning("x_ai", xai)), [Some(32), Some(103), None, None, Some(94)]);
}

#[test]
fn prompt_tokens_include_cached_tokens_with_any_other_keys() {
    // LiteLLM and Databricks add Anthropic's keys to OpenAI's.
    let body = json!({"model": "gpt-4o-mini", "usage": {
        "prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
        "prompt_tokens_details": {"cached_tokens": 900},
        "cache_read_input_tokens": 900, "cache_creation_input_tokens": 0
    }});
    assert_eq!(tokens(&returning("openai", body)), [Some(1000), Some(50), Some(900), Some(0), None]);
}

#[test]
fn token_counts_of_other_providers_are_found() {
    let perplexity = json!({"model": "sonar", "usage": {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
        "reasoning_tokens": 100, "citation_tokens": 50, "num_search_queries": 2}});
    assert_eq!(tokens(&returning("perplexity", perplexity)), [Some(10), Some(157), None, None, Some(100)]);
    let databricks =
        json!({"usage": {"prompt_tokens": 10, "completion_tokens": 107, "reasoning_tokens": 100}});
    assert_eq!(tokens(&returning("databricks", databricks)), [Some(10), Some(107), None, None, Some(100)]);
    let cohere_v1 = json!({"generation_id": "g", "text": "hi", "meta": {"billed_units": {"input_tokens": 5, "output_tokens": 7}}});
    assert_eq!(tokens(&returning("cohere", cohere_v1))[..2], [Some(5), Some(7)]);
    let moonshot = json!({"usage": {"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 4}});
    assert_eq!(tokens(&returning("moonshot_ai", moonshot))[2], Some(4));
    let thinking = json!({"usage": {"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 5}}});
    assert_eq!(tokens(&returning("anthropic", thinking))[4], Some(5));
}

#[test]
fn tokens_with_a_special_rate_are_charged_at_it() {
    #[llm_trace(chat, provider = provider, model = model)]
    fn chat(provider: &str, model: &str, body: Value) -> Value {
        body
    }
    let cost = |provider: &str, model: &str, body: Value| {
        let trace = Trace::new();
        trace.run(|| drop(chat(provider, model, body)));
        trace.only().double("gen_ai.usage.cost").unwrap()
    };
    // Claude Sonnet 4.5: input 3, output 15, one-hour cache writes 6 dollars per million tokens.
    let usage = json!({"usage": {"input_tokens": 100, "output_tokens": 50, "cache_creation_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 1000}}});
    let expected = (100.0 * 3.0 + 50.0 * 15.0 + 1000.0 * 6.0) / 1e6;
    let got = cost("anthropic", "claude-sonnet-4-5", usage);
    assert!((got - expected).abs() < 1e-9, "{got} {expected}");
    // Gemini 2.5 Flash: audio costs more than text.
    let usage = |details: Value| json!({"usageMetadata": {"promptTokenCount": 1_000_000, "candidatesTokenCount": 0, "promptTokensDetails": details}});
    let text =
        cost("gcp.gemini", "gemini-2.5-flash", usage(json!([{"modality": "TEXT", "tokenCount": 1_000_000}])));
    let audio = cost(
        "gcp.gemini",
        "gemini-2.5-flash",
        usage(json!([{"modality": "AUDIO", "tokenCount": 1_000_000}])),
    );
    assert!(audio > 2.0 * text, "{audio} {text}");
    // Anthropic's batch interface costs half.
    let usage =
        |tier: &str| json!({"usage": {"input_tokens": 1000, "output_tokens": 0, "service_tier": tier}});
    let (batch, standard) = (
        cost("anthropic", "claude-sonnet-4-5", usage("batch")),
        cost("anthropic", "claude-sonnet-4-5", usage("standard")),
    );
    assert!((batch * 2.0 - standard).abs() < 1e-12, "{batch} {standard}");
}

#[derive(Serialize)]
#[serde(tag = "kind", content = "body")]
enum Adjacent {
    Chat(Value),
    Embedded { data: Vec<Value>, usage: Value },
    Nothing,
}

#[test]
fn a_variant_of_an_adjacently_tagged_enum_is_read_as_its_content() {
    let span = returning("openai", Adjacent::Chat(openai_chat()));
    assert_eq!(span.text("gen_ai.response.model"), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["stop", "length"]);
    assert_eq!(tokens(&span), [Some(100), Some(50), Some(64), None, Some(20)]);
    let data = vec![json!({ "embedding": [0.1, 0.2, 0.3] })];
    let span = embedding(Adjacent::Embedded { data, usage: json!({ "prompt_tokens": 6 }) });
    assert_eq!(span.int("gen_ai.embeddings.dimension.count"), Some(3));
    assert_eq!(tokens(&span)[0], Some(6));
    assert_eq!(tokens(&returning("openai", Adjacent::Nothing)), [None; 5]);
}

#[test]
fn a_raw_value_is_read_as_json() {
    #[derive(Serialize)]
    struct Envelope {
        usage: Box<RawValue>,
        elapsed: u64,
    }
    let raw = |json: &Value| RawValue::from_string(json.to_string()).unwrap();
    let span = returning("openai", raw(&openai_chat()));
    assert_eq!(span.text("gen_ai.response.model"), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!(tokens(&span), [Some(100), Some(50), Some(64), None, Some(20)]);
    // In a field, in an enum, and with a list of unknown length.
    let span = returning("openai", Envelope { usage: raw(&openai_chat()["usage"]), elapsed: 3 });
    assert_eq!(tokens(&span)[..2], [Some(100), Some(50)]);
    let span = embedding(raw(&json!({ "data": [{ "embedding": [1, 2, 3, 4] }, { "embedding": [] }] })));
    assert_eq!(span.int("gen_ai.embeddings.dimension.count"), Some(4));
}

#[test]
fn unread_parts_of_a_raw_value_are_not_copied() {
    #[llm_trace(embeddings, provider = "openai")]
    fn embed(body: &RawValue) -> &RawValue {
        body
    }
    let body = |count: usize| {
        let data = json!({ "embedding": vec![0.5_f64; 1000], "text": "x".repeat(1000) });
        let body = json!({ "data": vec![data; count], "model": "m", "usage": { "prompt_tokens": 5 } });
        RawValue::from_string(body.to_string()).unwrap()
    };
    let peak = |body: &RawValue| {
        let trace = Trace::new();
        trace.run(|| {
            embed(body); // one-time allocations happen here
            allocation_counter::measure(|| {
                embed(body);
            })
            .bytes_max
        })
    };
    let (small, large) = (peak(&body(1)), peak(&body(1000)));
    assert!(large < small + 10_000, "{small} {large}");
}
