//! Truncated and refused answers as reported by providers, and the share of the context window taken by the input.

use futures_util::{FutureExt as _, StreamExt as _};
use llm_trace::{Response, Usage, llm_trace};
use llm_trace_test_support::trace::{Ended, Trace, points};
use serde_json::{Value, json};

#[llm_trace(chat, provider = "acme", model = "m")]
fn chat(body: Value) -> Value {
    body
}

#[llm_trace(chat, provider = "acme", model = "m")]
fn stream(chunks: Vec<Value>) -> std::pin::Pin<Box<dyn futures_util::Stream<Item = Value>>> {
    Box::pin(futures_util::stream::iter(chunks))
}

fn of(body: Value) -> Ended {
    let trace = Trace::new();
    trace.run(|| chat(body));
    trace.only()
}

fn of_stream(chunks: Vec<Value>) -> Ended {
    let trace = Trace::new();
    trace.run(|| stream(chunks).collect::<Vec<_>>().now_or_never().unwrap());
    trace.only()
}

/// Truncated and refused.
fn flags(span: &Ended) -> (bool, bool) {
    let flag = |key| span.get(key).is_some_and(|value| *value == llm_trace::opentelemetry::Value::Bool(true));
    (flag("llm_trace.answer.truncated"), flag("llm_trace.answer.refused"))
}

fn openai(finish_reason: &str, refusal: Option<&str>) -> Value {
    json!({"object": "chat.completion", "choices": [{"index": 0, "finish_reason": finish_reason,
           "message": {"role": "assistant", "content": "x", "refusal": refusal}}],
           "usage": {"prompt_tokens": 10, "completion_tokens": 10}})
}

fn responses(incomplete: Option<&str>, part: &str) -> Value {
    json!({"object": "response", "status": if incomplete.is_some() { "incomplete" } else { "completed" },
           "incomplete_details": incomplete.map(|reason| json!({"reason": reason})),
           "output": [{"type": "message", "role": "assistant", "content": [{"type": part, "text": "x", "refusal": "x"}]}],
           "usage": {"input_tokens": 10, "output_tokens": 10}})
}

fn anthropic(stop_reason: &str) -> Value {
    json!({"type": "message", "stop_reason": stop_reason, "usage": {"input_tokens": 10, "output_tokens": 10}})
}

fn gemini(finish_reason: &str) -> Value {
    json!({"candidates": [{"finishReason": finish_reason}], "usageMetadata": {"promptTokenCount": 10}})
}

fn bedrock(stop_reason: &str) -> Value {
    json!({"stopReason": stop_reason, "usage": {"inputTokens": 10, "outputTokens": 10}})
}

#[test]
fn truncation_and_refusal_of_each_provider_are_recognised() {
    const NEITHER: (bool, bool) = (false, false);
    const TRUNCATED: (bool, bool) = (true, false);
    const REFUSED: (bool, bool) = (false, true);
    for (body, expected) in [
        (openai("stop", None), NEITHER),
        (openai("tool_calls", None), NEITHER),
        (openai("length", None), TRUNCATED),
        (openai("content_filter", None), REFUSED),
        (openai("stop", Some("I cannot help with that.")), REFUSED),
        (openai("stop", Some("")), NEITHER),
        (responses(None, "output_text"), NEITHER),
        (responses(Some("max_output_tokens"), "output_text"), TRUNCATED),
        (responses(Some("content_filter"), "output_text"), REFUSED),
        (responses(None, "refusal"), REFUSED),
        (anthropic("end_turn"), NEITHER),
        (anthropic("max_tokens"), TRUNCATED),
        (anthropic("model_context_window_exceeded"), TRUNCATED),
        (anthropic("refusal"), REFUSED),
        (gemini("STOP"), NEITHER),
        (gemini("MAX_TOKENS"), TRUNCATED),
        (gemini("SAFETY"), REFUSED),
        (gemini("PROHIBITED_CONTENT"), REFUSED),
        (json!({"promptFeedback": {"blockReason": "SAFETY"}}), REFUSED),
        (bedrock("end_turn"), NEITHER),
        (bedrock("max_tokens"), TRUNCATED),
        (bedrock("guardrail_intervened"), REFUSED),
        (bedrock("content_filtered"), REFUSED),
        (
            json!({"model": "llama3", "done_reason": "length", "prompt_eval_count": 1, "eval_count": 1}),
            TRUNCATED,
        ),
        (json!({"finish_reason": "ERROR_TOXIC", "meta": {"billed_units": {"input_tokens": 1}}}), REFUSED),
        (json!({"choices": [{"finish_reason": "model_length"}], "usage": {"prompt_tokens": 1}}), TRUNCATED),
    ] {
        assert_eq!(flags(&of(body.clone())), expected, "{body}");
    }
}

#[test]
fn truncation_and_refusal_are_recognised_in_streams() {
    let delta = |delta: Value, reason: Option<&str>| json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let refused = [delta(json!({"refusal": "I cannot"}), None), delta(json!({}), Some("stop"))];
    assert_eq!(flags(&of_stream(refused.into())), (false, true));
    let answered = [delta(json!({"content": "x", "refusal": null}), None), delta(json!({}), Some("length"))];
    assert_eq!(flags(&of_stream(answered.into())), (true, false));
    let refused = json!({"type": "response.refusal.delta", "delta": "I cannot"});
    let end = json!({"type": "response.completed", "response": {"object": "response", "status": "completed",
        "usage": {"input_tokens": 1, "output_tokens": 1}}});
    assert_eq!(flags(&of_stream(vec![refused, end])), (false, true));
    let stopped = json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 3}});
    assert_eq!(flags(&of_stream(vec![stopped])), (true, false));
}

#[test]
fn one_choice_is_enough() {
    let body = json!({"choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}], "usage": {"prompt_tokens": 1}});
    assert_eq!(flags(&of(body)), (true, false));
}

#[test]
fn a_custom_response_reports_truncation_and_refusal() {
    #[llm_trace(chat, provider = "acme")]
    fn own() -> Response {
        Response::new().with_finish_reason("done").with_refusal()
    }
    let trace = Trace::new();
    let _ = trace.run(own);
    assert_eq!(flags(&trace.only()), (false, true));
}

#[test]
fn answers_without_information_are_not_counted() {
    #[llm_trace(text_completion, provider = "acme", model = "counted-for-quality")]
    fn complete(reason: Option<&str>) -> Response {
        reason.map_or_else(Response::new, |reason| Response::new().with_finish_reason(reason))
    }
    Trace::new().run(|| {
        for reason in [Some("stop"), Some("length"), Some("MAX_TOKENS"), Some("refusal"), None] {
            let _ = complete(reason);
        }
    });
    let counted = |metric: &str| {
        let points = points(metric, "counted-for-quality");
        assert_eq!(points.len(), 1, "{points:?}");
        assert_eq!(points[0].unit, "{answer}");
        assert_eq!(points[0].label("gen_ai.operation.name").as_deref(), Some("text_completion"));
        assert_eq!(points[0].label("gen_ai.provider.name").as_deref(), Some("acme"));
        assert_eq!(points[0].labels.len(), 3);
        points[0].count
    };
    assert_eq!(counted("llm_trace.answer.truncations"), 2);
    assert_eq!(counted("llm_trace.answer.refusals"), 1);
}

#[test]
fn a_counter_is_exported_before_its_first_increment() {
    #[llm_trace(chat, provider = "acme", model = "never-refused")]
    fn chat() -> Response {
        Response::new().with_finish_reason("stop")
    }
    let _ = Trace::new().run(chat);
    let points = points("llm_trace.answer.refusals", "never-refused");
    assert_eq!((points.len(), points[0].count), (1, 0));
}

#[test]
fn the_inputs_share_of_the_context_window_is_known_where_the_window_is() {
    #[llm_trace(chat, provider = provider, model = model)]
    fn chat(provider: &str, model: &str, input: u64) -> Response {
        Response::new().with_model(model).with_usage(Usage::new(input, 10))
    }
    let share = |provider: &str, model: &str, input| {
        let trace = Trace::new();
        let _ = trace.run(|| chat(provider, model, input));
        trace.only().double("llm_trace.answer.context_utilization")
    };
    assert_eq!(share("openai", "gpt-4o-mini-2024-07-18", 32_000), Some(0.25));
    assert_eq!(share("openai", "no-such-model", 32_000), None);
    assert_eq!(share("ollama", "llama3", 32_000), None, "a window of the user's own choice");
    assert_eq!(share("openai", "gpt-4o-mini-2024-07-18", 500_000), None, "more than all of it");
    let points = points("llm_trace.answer.context_utilization", "gpt-4o-mini-2024-07-18");
    assert_eq!((points.len(), points[0].unit.as_str(), points[0].count, points[0].sum), (1, "1", 1, 0.25));
}
