//! The results of reading the chunks of each provider's streams.

use futures_util::stream::{self, Stream};
use llm_trace::{LlmResponse, Response, Usage, llm_trace};
use llm_trace_test_support::trace::{Ended, Trace};
use serde_json::{Value, json};

use super::{collect, next};

#[llm_trace(chat, provider = "openai", model = "m")]
fn chat<T>(chunks: Vec<T>) -> impl Stream<Item = T> + Unpin
where
    T: serde::Serialize,
{
    stream::iter(chunks)
}

/// The span of a stream of these chunks, read to its end.
fn read(chunks: Vec<Value>) -> Ended {
    let trace = Trace::new();
    collect(trace.run(|| chat(chunks)));
    trace.only()
}

/// Asserts in which chunks the first content and the first text occur.
#[track_caller]
fn assert_first(chunks: &[Value], first_chunk: usize, first_text: Option<usize>) {
    for taken in 0..=chunks.len() {
        let trace = Trace::new();
        let mut stream = trace.run(|| chat(chunks.to_vec()));
        for _ in 0..taken {
            next(&mut stream);
        }
        drop(stream);
        let span = trace.only();
        let has = |key: &str| span.double(key).is_some();
        assert_eq!(has("gen_ai.response.time_to_first_chunk"), taken > first_chunk, "after {taken} chunks");
        let text = first_text.is_some_and(|first| taken > first);
        assert_eq!(has("llm_trace.response.time_to_first_text"), text, "text after {taken} chunks");
    }
}

#[track_caller]
fn assert_read(span: &Ended, model: &str, id: &str, finish: &[&str], usage: (i64, i64)) {
    assert_eq!(span.text("gen_ai.response.model"), Some(model));
    assert_eq!(span.text("gen_ai.response.id"), Some(id));
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), finish);
    let int = |key: &str| span.int(key).unwrap();
    assert_eq!((int("gen_ai.usage.input_tokens"), int("gen_ai.usage.output_tokens")), usage);
    assert!(!span.failed());
}

fn openai(choice: &Value) -> Value {
    json!({ "id": "c1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], "usage": null })
}

#[test]
fn openai_chat_chunks() {
    let chunks = vec![
        openai(
            &json!({ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }),
        ),
        openai(&json!({ "index": 0, "delta": { "reasoning_content": "hm" }, "finish_reason": null })),
        openai(&json!({ "index": 0, "delta": { "content": "4" }, "finish_reason": null })),
        openai(&json!({ "index": 0, "delta": {}, "finish_reason": "stop" })),
        json!({ "id": "c1", "model": "m-1", "service_tier": "flex", "choices": [], "usage": {
            "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
            "completion_tokens_details": { "reasoning_tokens": 3 }, "prompt_tokens_details": { "cached_tokens": 8 } } }),
    ];
    assert_first(&chunks, 1, Some(2));
    let span = read(chunks);
    assert_read(&span, "m-1", "c1", &["stop"], (9, 5));
    assert_eq!(span.int("gen_ai.usage.reasoning.output_tokens"), Some(3));
    assert_eq!(span.int("gen_ai.usage.cache_read.input_tokens"), Some(8));
    assert_eq!(span.text("openai.response.service_tier"), Some("flex"));
}

#[test]
fn a_tool_call_is_a_first_chunk_and_no_text() {
    let tool = json!([{ "index": 0, "id": "t", "function": { "name": "weather", "arguments": "" } }]);
    let chunks = [
        openai(&json!({ "index": 0, "delta": { "role": "assistant", "content": null } })),
        openai(&json!({ "index": 0, "delta": { "tool_calls": tool } })),
        openai(
            &json!({ "index": 0, "delta": { "tool_calls": [{ "index": 0, "function": { "arguments": "{" } }] } }),
        ),
    ];
    assert_first(&chunks, 1, None);
}

#[test]
fn usage_that_is_repeated_is_not_added_up() {
    let chunk = |content: &str, output: i64| {
        json!({ "id": "c1", "model": "m-1", "usage": { "prompt_tokens": 9, "completion_tokens": output },
            "choices": [{ "index": 0, "delta": { "content": content }, "finish_reason": null }] })
    };
    let last = json!({ "id": "c1", "model": "m-1", "usage": { "prompt_tokens": 9, "completion_tokens": 3 },
        "choices": [{ "index": 0, "delta": {}, "finish_reason": "length" }] });
    // Some providers repeat the last chunk.
    let span = read(vec![chunk("a", 1), chunk("b", 2), last.clone(), last]);
    assert_read(&span, "m-1", "c1", &["length"], (9, 3));
}

#[test]
fn finish_reasons_are_one_per_choice_in_their_order() {
    // `json!` sorts keys: the reason is serialized before its index.
    let end =
        |index: u32, reason: &str| openai(&json!({ "index": index, "delta": {}, "finish_reason": reason }));
    let span = read(vec![end(1, "length"), end(0, "stop"), end(2, "content_filter"), end(1, "length")]);
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["stop", "length", "content_filter"]);
    let both = json!({ "choices": [{ "index": 0, "finish_reason": "stop" }, { "index": 1, "finish_reason": "length" }] });
    assert_eq!(read(vec![both]).list("gen_ai.response.finish_reasons").unwrap(), ["stop", "length"]);
}

#[test]
fn openai_responses_events() {
    let response = |status: &str, rest: Value| {
        let mut response = json!({ "object": "response", "id": "r1", "model": "m-1", "status": status });
        response.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        response
    };
    let delta = |kind: &str, delta: &str| json!({ "type": format!("response.{kind}.delta"), "delta": delta });
    let usage = json!({ "input_tokens": 9, "input_tokens_details": { "cached_tokens": 2 },
        "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 1 } });
    let chunks = vec![
        json!({ "type": "response.created", "response": response("in_progress", json!({ "usage": null })) }),
        json!({ "type": "response.output_item.added", "item": { "type": "message", "id": "i1", "content": [] } }),
        delta("reasoning_summary_text", "hm"),
        delta("output_text", "4"),
        json!({ "type": "response.output_text.done", "text": "4" }),
        json!({ "type": "response.completed", "response":
            response("completed", json!({ "error": null, "usage": usage, "output": [{ "type": "message" }] })) }),
    ];
    assert_first(&chunks, 2, Some(3));
    assert_first(&[delta("function_call_arguments", "{")], 0, None);
    assert_first(&[delta("refusal", "no")], 0, Some(0));
    let span = read(chunks);
    assert_read(&span, "m-1", "r1", &["stop"], (9, 5));
    assert_eq!(span.int("gen_ai.usage.cache_read.input_tokens"), Some(2));

    let incomplete =
        response("incomplete", json!({ "incomplete_details": { "reason": "max_output_tokens" } }));
    let span = read(vec![json!({ "type": "response.incomplete", "response": incomplete })]);
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["length"]);

    let failed =
        response("failed", json!({ "error": { "code": "server_error", "message": "with content" } }));
    let span = read(vec![json!({ "type": "response.failed", "response": failed })]);
    assert_eq!((span.text("error.type"), span.failed()), (Some("server_error"), true));
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["error"]);
    assert!(!format!("{:?}", span.0).contains("with content"));
}

#[test]
fn anthropic_events() {
    let chunks = vec![
        json!({ "type": "message_start", "message": { "id": "msg1", "type": "message", "role": "assistant", "content": [],
            "model": "claude", "stop_reason": null,
            "usage": { "input_tokens": 20, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "thinking", "thinking": "" } }),
        json!({ "type": "ping" }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "thinking_delta", "thinking": "hm" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "signature_delta", "signature": "x" } }),
        json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "text_delta", "text": "4" } }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 15 } }),
        json!({ "type": "message_stop" }),
    ];
    assert_first(&chunks, 3, Some(5));
    let tool = json!({ "type": "content_block_start", "content_block": { "type": "tool_use", "id": "t", "name": "weather", "input": {} } });
    assert_first(&[tool], 0, None);
    assert_first(
        &[
            json!({ "type": "content_block_delta", "delta": { "type": "input_json_delta", "partial_json": "{" } }),
        ],
        0,
        None,
    );
    // A cut stream has the facts of `message_start` only.
    let trace = Trace::new();
    next(&mut trace.run(|| chat(chunks.clone())));
    let span = trace.only();
    assert_eq!(
        (span.int("gen_ai.usage.input_tokens"), span.text("llm_trace.outcome")),
        (Some(120), Some("cancelled"))
    );

    assert_read(&read(chunks), "claude", "msg1", &["end_turn"], (120, 15));
    let span = read(vec![
        json!({ "type": "error", "error": { "type": "overloaded_error", "message": "with content" } }),
    ]);
    assert_eq!((span.text("error.type"), span.failed()), (Some("overloaded_error"), true));
    assert!(!format!("{:?}", span.0).contains("with content"));
}

#[test]
fn gemini_chunks() {
    let chunk = |part: Value, finish: Value, output: i64| {
        json!({ "responseId": "g1", "modelVersion": "gemini",
            "candidates": [{ "content": { "parts": [part], "role": "model" }, "finishReason": finish, "index": 0 }],
            "usageMetadata": { "promptTokenCount": 9, "candidatesTokenCount": output, "thoughtsTokenCount": 2 } })
    };
    let chunks = vec![
        chunk(json!({ "text": "hm", "thought": true }), Value::Null, 0),
        chunk(json!({ "text": "4" }), Value::Null, 1),
        chunk(json!({ "text": "2" }), json!("STOP"), 3),
    ];
    assert_first(&chunks, 0, Some(1));
    assert_first(
        &[chunk(json!({ "functionCall": { "name": "weather", "args": {} } }), Value::Null, 0)],
        0,
        None,
    );
    assert_read(&read(chunks), "gemini", "g1", &["STOP"], (9, 5));
}

#[test]
fn ollama_chunks() {
    let chunks = [
        json!({ "model": "gemma", "message": { "role": "assistant", "content": "", "thinking": "hm" }, "done": false }),
        json!({ "model": "gemma", "message": { "role": "assistant", "content": "4" }, "done": false }),
        json!({ "model": "gemma", "message": { "role": "assistant", "content": "" }, "done": true,
            "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 5 }),
    ];
    assert_first(&chunks, 0, Some(1));
    assert_first(&[json!({ "model": "gemma", "response": "4", "done": false })], 0, Some(0));
    let span = read(chunks.to_vec());
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["stop"]);
    assert_eq!(
        (span.int("gen_ai.usage.input_tokens"), span.int("gen_ai.usage.output_tokens")),
        (Some(9), Some(5))
    );
    let span = read(vec![json!({ "error": "with content" })]);
    assert_eq!((span.text("error.type"), span.failed()), (Some("stream_error"), true));
    assert!(!format!("{:?}", span.0).contains("with content"));
}

#[test]
fn bedrock_and_cohere_events() {
    let bedrock = [
        json!({ "messageStart": { "role": "assistant" } }),
        json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "4" } } }),
        json!({ "messageStop": { "stopReason": "end_turn" } }),
        json!({ "metadata": { "usage": { "inputTokens": 9, "outputTokens": 5, "totalTokens": 14 }, "metrics": {} } }),
    ];
    let span = read(bedrock.to_vec());
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["end_turn"]);
    assert_eq!(
        (span.int("gen_ai.usage.input_tokens"), span.int("gen_ai.usage.output_tokens")),
        (Some(9), Some(5))
    );

    let cohere = [
        json!({ "type": "message-start", "id": "k1", "delta": { "message": { "role": "assistant", "content": [] } } }),
        json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": "4" } } } }),
        json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE",
            "usage": { "billed_units": { "input_tokens": 9, "output_tokens": 5 } } } }),
    ];
    assert_first(&cohere, 1, Some(1));
    let span = read(cohere.to_vec());
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["COMPLETE"]);
    assert_eq!(
        (span.int("gen_ai.usage.input_tokens"), span.int("gen_ai.usage.output_tokens")),
        (Some(9), Some(5))
    );
}

#[test]
fn items_without_facts_count_as_output() {
    struct Opaque;
    #[derive(serde::Serialize)]
    struct OfTheirOwn {
        piece: &'static str,
    }
    #[llm_trace(chat, provider = "openai")]
    fn opaque() -> impl Stream<Item = Result<Opaque, std::fmt::Error>> {
        stream::iter([Ok(Opaque)])
    }
    let trace = Trace::new();
    trace.run(|| {
        collect(opaque());
        collect(chat(vec![String::new(), "text".to_owned()]));
        collect(chat(vec![OfTheirOwn { piece: "a" }]));
    });
    assert_eq!(trace.spans().len(), 3);
    for span in trace.spans() {
        assert!(span.double("llm_trace.response.time_to_first_text").is_some());
    }
    assert_first(&[json!(""), json!("text")], 1, Some(1));
}

#[test]
fn items_with_llm_response_are_read_and_the_last_overrides() {
    struct Token(u64);
    impl LlmResponse for Token {
        fn describe(&self) -> Response {
            Response::new().with_model("m-1").with_usage(Usage::new(9, self.0))
        }
    }
    #[llm_trace(chat, provider = "openai")]
    fn chat() -> impl Stream<Item = Box<Token>> {
        stream::iter([Box::new(Token(1)), Box::new(Token(2))])
    }
    let trace = Trace::new();
    collect(trace.run(chat));
    let span = trace.only();
    assert_eq!(
        (span.text("gen_ai.response.model"), span.int("gen_ai.usage.output_tokens")),
        (Some("m-1"), Some(2))
    );
}

#[test]
fn a_chunk_whose_serialization_panics_is_still_delivered() {
    #[derive(Debug, PartialEq)]
    struct Panics;
    impl serde::Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("while being read")
        }
    }
    let trace = Trace::new();
    assert_eq!(collect(trace.run(|| chat(vec![Panics, Panics]))), [Panics, Panics]);
    assert!(!trace.only().failed());
}
