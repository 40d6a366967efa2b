//! Calls with the attributes that those of [`main`](super) lack, so that together they have every attribute of the
//! registry. [`check`] asserts it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use llm_trace::{Modality, Response, Usage, llm_trace};
use llm_trace_test_support::semconv;
use llm_trace_test_support::trace::{Ended, Point, points};
use serde_json::{Value, json};

use super::full_request;

/// Attributes that no call here has, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// One failing call of each kind.
macro_rules! failing {
    ($($name:ident($($attribute:tt)*)),* $(,)?) => {
        $(
            #[llm_trace($($attribute)*)]
            fn $name() -> Result<(), std::io::Error> {
                Err(std::io::ErrorKind::TimedOut.into())
            }
        )*
        const FAILING: &[fn() -> Result<(), std::io::Error>] = &[$($name),*];
    };
}

failing! {
    no_vectors(embeddings, provider = "openai", model = "e"),
    no_documents(retrieval, data_source = "docs", model = "e"),
    no_response(fetch_response, provider = "openai", id = "resp_2"),
    no_memory(memory(search), store = "s"),
    no_new_agent(create_agent, provider = "openai", name = "failing"),
    no_agent(agent(remote), provider = "openai", name = "failing"),
    no_local_agent(agent, name = "failing"),
    no_tool(tool, name = "failing"),
    no_workflow(workflow, name = "failing"),
    no_plan(plan, name = "failing"),
}

#[llm_trace(
    agent(remote),
    provider = "openai",
    name = "complete",
    description = "d",
    data_source = "docs",
    conversation = "conv-1",
    server = "h:1",
    request = request
)]
fn remote_agent(request: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default", "system_fingerprint": "fp_1",
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "a"}}],
        "usage": {
            "prompt_tokens": 100, "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 16},
            "completion_tokens_details": {"reasoning_tokens": 20},
        }
    })
}

#[llm_trace(agent(remote), provider = "openai", name = "that speaks")]
fn speaking_agent() {
    let mut usage = Usage::new(100, 50).with_cache_read(10);
    for modality in [Modality::Text, Modality::Image, Modality::Audio] {
        usage =
            usage.with_input_of(modality, 30).with_cache_read_of(modality, 3).with_output_of(modality, 15);
    }
    llm_trace::current().usage(usage);
}

#[llm_trace(
    agent,
    name = "complete",
    description = "d",
    model = "m",
    data_source = "docs",
    conversation = "conv-1",
    system = "s",
    input = "i",
    tools = ["t"],
    temperature = 0.5,
    top_p = 0.5,
    max_tokens = 5,
    stop = ["END"],
    seed = 5,
    frequency_penalty = 0.5,
    presence_penalty = 0.5,
    choice_count = 2,
    output_type = "json"
)]
fn agent() -> &'static str {
    let response = Response::new().with_finish_reason("stop");
    let usage = Usage::new(100, 50).with_cache_read(64).with_cache_creation(16);
    llm_trace::current().response(&response.with_usage(usage));
    "a"
}

/// Some servers report more about an embedding than the conventions define.
#[llm_trace(embeddings, provider = "openai", request = request)]
fn embed(request: &Value) -> Value {
    json!({
        "id": "embd-1", "object": "list", "model": "m", "service_tier": "default", "system_fingerprint": "fp_1",
        "data": [{"embedding": [0.1]}],
        "usage": {
            "prompt_tokens": 12, "completion_tokens": 0, "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }
    })
}

#[llm_trace(chat, provider = "aws.bedrock", request = request)]
fn bedrock(request: &Value) {}

#[llm_trace(chat, provider = "gcp.gemini", model = "gemini-2.5-flash")]
fn every_modality() -> Value {
    let details = |count: u64| {
        let of = |modality: &str, count: u64| json!({"modality": modality, "tokenCount": count});
        json!([of("TEXT", count), of("IMAGE", count + 1), of("AUDIO", count + 2), of("VIDEO", count + 3)])
    };
    json!({
        "candidates": [{"finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 100, "candidatesTokenCount": 50, "cachedContentTokenCount": 20,
            "promptTokensDetails": details(20), "candidatesTokensDetails": details(10),
            "cacheTokensDetails": details(2),
        }
    })
}

#[llm_trace(tool, name = "complete", conversation = "conv-1")]
fn tool() {}

#[llm_trace(
    tool,
    name = "load_skill",
    skill = "review",
    skill_description = "d",
    skill_source = "https://skills.example.com/review?token=secret"
)]
fn load_skill() {}

#[llm_trace(tool, name = "read_skill", skill = "review", skill_resource = "references/policy.md")]
fn read_skill() {}

#[llm_trace(tool, name = "shell", executable = "/usr/bin/python3")]
fn shell() {
    llm_trace::current().request(|request| request.exit_code(1));
}

#[llm_trace(
    chat,
    provider = "anthropic",
    model = "claude",
    prompt_name = "summary",
    prompt_variables(user_name = "Alice", limits = [1, 2]),
    compacted = true
)]
fn chat_of_template() {
    llm_trace::current().wasted(Usage::new(u64::MAX, 0)); // no such number
}

#[llm_trace(memory(create), store = "s", records = ["likes tea"])]
fn remember() {}

#[llm_trace(memory(search), store = "s", query = "q")]
fn recall() -> Value {
    json!({"results": [{"id": "m1", "memory": "likes tea", "score": 0.9, "metadata": {"source": "profile"}}]})
}

#[llm_trace(create_agent, provider = "openai", name = "complete", system = "s", server = "h:1")]
fn create_agent() {}

#[llm_trace(fetch_response, provider = "openai", id = "resp_3", server = "h:1")]
fn fetch() -> Value {
    json!({
        "id": "resp_3", "object": "response", "status": "completed", "model": "gpt-5", "service_tier": "default",
        "instructions": "be brief", "tools": [{"type": "function", "name": "t", "parameters": {}}],
        "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}
        ],
    })
}

#[llm_trace(workflow, name = "complete", conversation = "conv-1", input = "i")]
fn workflow() -> &'static str {
    "o"
}

/// Makes all calls.
pub(crate) fn calls() {
    for call in FAILING {
        assert!(call().is_err());
    }
    remote_agent(&full_request());
    embed(&json!({"model": "m", "service_tier": "flex", "reasoning_effort": "low"}));
    speaking_agent();
    agent();
    bedrock(&json!({
        "modelId": "amazon.nova-lite-v1:0",
        "guardrailConfig": {"guardrailIdentifier": "sgi5gkybzqak", "guardrailVersion": "1"},
    }));
    bedrock(&json!({
        "retrieveAndGenerateConfiguration": {"knowledgeBaseConfiguration": {
            "knowledgeBaseId": "XFWUPB9PAW", "modelArn": "anthropic.claude-v2",
        }},
    }));
    every_modality();
    tool();
    load_skill();
    read_skill();
    shell();
    chat_of_template();
    remember();
    recall();
    create_agent();
    fetch();
    workflow();
}

/// Reports how many of the registry's attributes each span type has. Fails if an attribute is on no span.
pub(crate) fn check(spans: &[Ended]) -> String {
    let mut counts = String::new();
    let registry = semconv::in_force();
    let is_excused = |key: &str| EXCEPTIONS.iter().any(|(known, _why)| *known == key);
    let (mut left, mut excused) = (Vec::new(), BTreeSet::new());
    for span_type in registry.span_types() {
        let of_type = spans.iter().filter(|span| {
            let operation = span.operation().unwrap_or_default();
            registry.span_type(operation, &span.0.span_kind) == Some(span_type)
        });
        let emitted: BTreeSet<_> =
            of_type.flat_map(|span| span.keys().into_iter().map(|key| registry.defined(key))).collect();
        let defined = registry.span_attributes(span_type);
        let missing: Vec<_> = defined.iter().filter(|key| !emitted.contains(key.as_str())).collect();
        let (all, there) = (defined.len(), defined.len() - missing.len());
        let _ = writeln!(counts, "{span_type}: {there} of {all} attributes");
        excused.extend(emitted.into_iter().filter(|key| is_excused(key)));
        left.extend(
            missing.into_iter().filter(|key| !is_excused(key)).map(|key| format!("{span_type}: {key}")),
        );
    }
    check_modalities();
    assert!(left.is_empty(), "attributes of the registry that no call here has: {left:#?}");
    assert!(excused.is_empty(), "they need no exception any more: {excused:?}");
    counts
}

/// Asserts that token counters have the modalities of the conventions, and that together they count every token once.
fn check_modalities() {
    let of = |counter: &str| {
        let points = points(&format!("gen_ai.client.inference.usage.{counter}"), "gemini-2.5-flash");
        let share = |modality: &str| {
            let is_of = |point: &&Point| point.label("gen_ai.token.modality").as_deref() == Some(modality);
            points.iter().find(is_of).map(|point| point.count)
        };
        ["text", "image", "audio", "unknown"].map(share)
    };
    let has_counters = semconv::in_force().metric("gen_ai.client.inference.usage.input_tokens").is_some();
    let expected = |counts: [u64; 4]| {
        if has_counters { counts.map(Some) } else { [None; 4] }
    };
    assert_eq!(of("input_tokens"), expected([20, 21, 22, 37]));
    assert_eq!(of("output_tokens"), expected([10, 11, 12, 17]));
    assert_eq!(of("cache_read.input_tokens"), expected([2, 3, 4, 11]));
}
