//! Streamed output as one message per choice: text, reasoning and tool calls assembled from their deltas.

use futures_util::StreamExt as _;
use futures_util::stream::{self, Stream};
use llm_trace::stream::{Chunk, StreamExt as _};
use llm_trace::{ContentCapture, llm_trace};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{captured, capturing, content, exported, text};

#[llm_trace(chat, provider = "acme", model = "m")]
fn chat<T: Serialize>(chunks: Vec<T>) -> impl Stream<Item = T> + Unpin {
    stream::iter(chunks)
}

pub(crate) fn drain(stream: impl Stream) {
    let waker = std::task::Waker::noop();
    let mut all = std::pin::pin!(stream.for_each(|_| std::future::ready(())));
    assert!(all.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready());
}

/// The recorded output of a stream of these chunks, checked against the conventions' schema.
fn recorded(chunks: Vec<Value>) -> Value {
    content(&captured(|| drain(chat(chunks))), "gen_ai.output.messages")
}

fn answer(parts: &Value, finish_reason: &str) -> Value {
    json!([{ "role": "assistant", "parts": parts, "finish_reason": finish_reason }])
}

fn openai(index: u32, delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({ "id": "c1", "object": "chat.completion.chunk", "model": "m-1",
        "choices": [{ "index": index, "delta": delta, "finish_reason": finish_reason }] })
}

fn openai_call(index: u32, id: &str, name: &str, arguments: &str) -> Value {
    let mut call = json!({ "index": index, "function": { "arguments": arguments } });
    if !id.is_empty() {
        call["id"] = json!(id);
        call["type"] = json!("function");
        call["function"]["name"] = json!(name);
    }
    json!({ "tool_calls": [call] })
}

#[test]
fn openai_chat_chunks_with_reasoning_and_parallel_tool_calls() {
    let deltas = [
        json!({ "role": "assistant", "content": "" }),
        json!({ "reasoning_content": "Both " }),
        json!({ "reasoning_content": "cities." }),
        json!({ "content": "Let me " }),
        json!({ "content": "look." }),
        openai_call(0, "call_1", "weather", ""),
        openai_call(0, "", "", "{\"city\":"),
        openai_call(1, "call_2", "weather", ""),
        openai_call(0, "", "", "\"Rome\"}"),
        openai_call(1, "", "", "{\"city\":\"Oslo\"}"),
    ];
    let mut chunks: Vec<_> = deltas.iter().map(|delta| openai(0, delta, None)).collect();
    chunks.push(openai(0, &json!({}), Some("tool_calls")));
    let parts = json!([
        { "type": "reasoning", "content": "Both cities." },
        { "type": "text", "content": "Let me look." },
        { "type": "tool_call", "id": "call_1", "name": "weather", "arguments": { "city": "Rome" } },
        { "type": "tool_call", "id": "call_2", "name": "weather", "arguments": { "city": "Oslo" } },
    ]);
    assert_eq!(recorded(chunks), answer(&parts, "tool_call"));
}

#[test]
fn every_choice_is_a_message_with_its_own_reason() {
    let chunks = vec![
        openai(1, &json!({ "content": "B" }), None),
        openai(0, &json!({ "content": "A" }), None),
        openai(1, &openai_call(0, "c", "f", "{}"), None),
        openai(0, &json!({ "content": "a" }), None),
        openai(1, &json!({}), Some("length")),
    ];
    let of = |choices: &Value| choices.as_array().unwrap().len();
    let both = |first: &str| {
        json!([
            { "role": "assistant", "parts": [{ "type": "text", "content": "Aa" }], "finish_reason": first },
            { "role": "assistant", "finish_reason": "length", "parts": [
                { "type": "text", "content": "B" }, { "type": "tool_call", "id": "c", "name": "f", "arguments": {} },
            ] },
        ])
    };
    let mut whole = chunks.clone();
    whole.push(openai(0, &json!({}), Some("stop")));
    assert_eq!(recorded(whole), both("stop"));
    // Cut before the end of the first choice, and after the end of the second.
    let span = captured(|| {
        let mut stream = chat(chunks.clone()).take(5);
        drain(&mut stream);
    });
    let cut = content(&span, "gen_ai.output.messages");
    assert_eq!((of(&cut), &cut), (2, &both("error")));
}

#[test]
fn openai_responses_events() {
    let item = |index: u32, item: Value| json!({ "type": "response.output_item.added", "output_index": index, "item": item });
    let delta = |index: u32, kind: &str, delta: &str| json!({ "type": format!("response.{kind}.delta"), "item_id": "i", "output_index": index, "delta": delta });
    let chunks = vec![
        json!({ "type": "response.created", "response": { "id": "r", "object": "response", "model": "m-1", "status": "in_progress" } }),
        item(0, json!({ "type": "reasoning", "id": "rs_1", "summary": [] })),
        delta(0, "reasoning_summary_text", "Think"),
        delta(0, "reasoning_summary_text", "ing."),
        item(1, json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": [] })),
        delta(1, "output_text", "I "),
        delta(1, "output_text", "look."),
        item(
            2,
            json!({ "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "" }),
        ),
        item(
            3,
            json!({ "type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "time", "arguments": "" }),
        ),
        delta(2, "function_call_arguments", "{\"city\""),
        delta(3, "function_call_arguments", "{}"),
        delta(2, "function_call_arguments", ":\"Rome\"}"),
        json!({ "type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{\"city\":\"Rome\"}" }),
        item(4, json!({ "type": "code_interpreter_call", "id": "ci_1", "code": "" })),
        delta(4, "code_interpreter_call_code", "1 + 1"),
        item(5, json!({ "type": "message", "id": "msg_2", "role": "assistant", "content": [] })),
        delta(5, "refusal", "No."),
        json!({ "type": "response.completed", "response": {
            "id": "r", "object": "response", "model": "m-1", "status": "completed",
            "output": [{ "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}" }],
            "usage": { "input_tokens": 5, "output_tokens": 7 } } }),
    ];
    let parts = json!([
        { "type": "reasoning", "content": "Thinking." },
        { "type": "text", "content": "I look." },
        { "type": "tool_call", "id": "call_1", "name": "weather", "arguments": { "city": "Rome" } },
        { "type": "tool_call", "id": "call_2", "name": "time", "arguments": {} },
        { "type": "tool_call", "id": "ci_1", "name": "code_interpreter", "arguments": "1 + 1" },
        { "type": "refusal", "content": "No." },
    ]);
    assert_eq!(recorded(chunks), answer(&parts, "tool_call"));
}

#[test]
fn anthropic_events() {
    let start = |index: u32, block: Value| json!({ "type": "content_block_start", "index": index, "content_block": block });
    let delta =
        |index: u32, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let chunks = vec![
        json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1",
            "content": [], "usage": { "input_tokens": 9, "output_tokens": 1 } } }),
        start(0, json!({ "type": "thinking", "thinking": "", "signature": "" })),
        delta(0, json!({ "type": "thinking_delta", "thinking": "Rome " })),
        delta(0, json!({ "type": "thinking_delta", "thinking": "first." })),
        delta(0, json!({ "type": "signature_delta", "signature": "c2ln" })),
        json!({ "type": "content_block_stop", "index": 0 }),
        start(1, json!({ "type": "text", "text": "" })),
        delta(1, json!({ "type": "text_delta", "text": "Let me look." })),
        start(2, json!({ "type": "tool_use", "id": "toolu_1", "name": "weather", "input": {} })),
        delta(2, json!({ "type": "input_json_delta", "partial_json": "" })),
        delta(2, json!({ "type": "input_json_delta", "partial_json": "{\"city\": \"Ro" })),
        delta(2, json!({ "type": "input_json_delta", "partial_json": "me\"}" })),
        start(3, json!({ "type": "tool_use", "id": "toolu_2", "name": "now", "input": {} })),
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 20 } }),
        json!({ "type": "message_stop" }),
    ];
    let parts = json!([
        { "type": "reasoning", "content": "Rome first." },
        { "type": "text", "content": "Let me look." },
        { "type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": { "city": "Rome" } },
        { "type": "tool_call", "id": "toolu_2", "name": "now" },
    ]);
    assert_eq!(recorded(chunks), answer(&parts, "tool_call"));
}

#[test]
fn gemini_chunks() {
    let chunk = |parts: Value, reason: Option<&str>| {
        json!({ "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": reason, "index": 0 }],
            "modelVersion": "m-1", "responseId": "r" })
    };
    let chunks = vec![
        chunk(json!([{ "text": "Where? ", "thought": true }]), None),
        chunk(json!([{ "text": "Rome.", "thought": true }, { "text": "Let me " }]), None),
        chunk(
            json!([{ "text": "look." }, { "functionCall": { "name": "weather", "args": { "city": "Rome" } } }]),
            None,
        ),
        chunk(json!([{ "functionCall": { "id": "f2", "name": "time", "args": {} } }]), Some("STOP")),
    ];
    let parts = json!([
        { "type": "reasoning", "content": "Where? Rome." },
        { "type": "text", "content": "Let me look." },
        { "type": "tool_call", "name": "weather", "arguments": { "city": "Rome" } },
        { "type": "tool_call", "id": "f2", "name": "time" },
    ]);
    assert_eq!(recorded(chunks), answer(&parts, "stop"));
}

#[test]
fn bedrock_converse_events() {
    let delta = |index: u32, delta: Value| json!({ "contentBlockDelta": { "delta": delta, "contentBlockIndex": index } });
    let chunks = vec![
        json!({ "messageStart": { "role": "assistant" } }),
        delta(0, json!({ "reasoningContent": { "text": "Hm." } })),
        delta(1, json!({ "text": "Let me " })),
        delta(1, json!({ "text": "look." })),
        json!({ "contentBlockStart": { "start": { "toolUse": { "toolUseId": "t1", "name": "weather" } }, "contentBlockIndex": 2 } }),
        delta(2, json!({ "toolUse": { "input": "{\"city\":" } })),
        delta(2, json!({ "toolUse": { "input": "\"Rome\"}" } })),
        json!({ "messageStop": { "stopReason": "tool_use" } }),
        json!({ "metadata": { "usage": { "inputTokens": 4, "outputTokens": 6, "totalTokens": 10 } } }),
    ];
    let parts = json!([
        { "type": "reasoning", "content": "Hm." },
        { "type": "text", "content": "Let me look." },
        { "type": "tool_call", "id": "t1", "name": "weather", "arguments": { "city": "Rome" } },
    ]);
    assert_eq!(recorded(chunks), answer(&parts, "tool_call"));
}

#[test]
fn cohere_events() {
    let event = |kind: &str, index: u32, message: Value| json!({ "type": kind, "index": index, "delta": { "message": message } });
    let call = |call: Value| json!({ "tool_calls": call });
    let chunks = vec![
        json!({ "type": "message-start", "id": "r", "delta": { "message": { "role": "assistant" } } }),
        json!({ "type": "tool-plan-delta", "delta": { "message": { "tool_plan": "I will " } } }),
        json!({ "type": "tool-plan-delta", "delta": { "message": { "tool_plan": "look." } } }),
        event(
            "tool-call-start",
            0,
            call(
                json!({ "id": "t1", "type": "function", "function": { "name": "weather", "arguments": "" } }),
            ),
        ),
        event("tool-call-delta", 0, call(json!({ "function": { "arguments": "{\"city\":" } }))),
        event("tool-call-delta", 0, call(json!({ "function": { "arguments": "\"Rome\"}" } }))),
        event(
            "tool-call-start",
            1,
            call(
                json!({ "id": "t2", "type": "function", "function": { "name": "time", "arguments": "{}" } }),
            ),
        ),
        event("content-delta", 2, json!({ "content": { "text": "Done" } })),
        event("content-delta", 2, json!({ "content": { "text": "." } })),
        json!({ "type": "message-end", "delta": { "finish_reason": "TOOL_CALL", "usage": { "billed_units": { "input_tokens": 3, "output_tokens": 2 } } } }),
    ];
    let parts = json!([
        { "type": "reasoning", "content": "I will look." },
        { "type": "tool_call", "id": "t1", "name": "weather", "arguments": { "city": "Rome" } },
        { "type": "tool_call", "id": "t2", "name": "time", "arguments": {} },
        { "type": "text", "content": "Done." },
    ]);
    assert_eq!(recorded(chunks), answer(&parts, "tool_call"));
}

#[test]
fn ollama_chunks() {
    let chunk = |message: Value| json!({ "model": "m-1", "message": message, "done": false });
    let call = |name: &str, arguments: Value| json!({ "function": { "name": name, "arguments": arguments } });
    let chunks = vec![
        chunk(json!({ "role": "assistant", "content": "", "thinking": "Hm, " })),
        chunk(json!({ "role": "assistant", "content": "", "thinking": "Rome." })),
        chunk(json!({ "role": "assistant", "content": "Let me look." })),
        chunk(json!({ "role": "assistant", "content": "", "tool_calls": [
            call("weather", json!({ "city": "Rome" })), call("weather", json!({ "city": "Oslo" }))] })),
        json!({ "model": "m-1", "message": { "role": "assistant", "content": "" }, "done": true, "done_reason": "stop",
            "prompt_eval_count": 5, "eval_count": 3 }),
    ];
    let parts = json!([
        { "type": "reasoning", "content": "Hm, Rome." },
        { "type": "text", "content": "Let me look." },
        { "type": "tool_call", "name": "weather", "arguments": { "city": "Rome" } },
        { "type": "tool_call", "name": "weather", "arguments": { "city": "Oslo" } },
    ]);
    assert_eq!(recorded(chunks), answer(&parts, "stop"));
}

/// Chunks of a custom client, read by a handwritten adapter.
enum Token {
    Thought(&'static str),
    Word(usize, &'static str),
    Call(&'static str, &'static str),
    Arguments(&'static str),
}

#[test]
fn a_handwritten_reader_records_the_same() {
    #[llm_trace(chat, provider = "acme", model = "m")]
    fn ask(tokens: Vec<Token>) -> impl Stream<Item = Token> {
        stream::iter(tokens).traced(|token, chunk: &mut Chunk<'_>| match token {
            Token::Thought(text) => chunk.reasoning(text),
            Token::Word(choice, text) => {
                chunk.choice(*choice);
                chunk.text(text);
            }
            Token::Call(id, name) => chunk.begin_tool_call(id, name),
            Token::Arguments(text) => chunk.tool_call(text),
        })
    }
    let tokens = vec![
        Token::Thought("Hm"),
        Token::Thought("."),
        Token::Word(0, "Wait"),
        Token::Word(1, "No"),
        Token::Word(0, "."),
        Token::Call("a", "weather"),
        Token::Arguments("{\"city\":"),
        Token::Arguments("\"Rome\"}"),
        Token::Call("", "time"),
    ];
    let span = captured(|| drain(ask(tokens)));
    assert_eq!(
        content(&span, "gen_ai.output.messages"),
        json!([
            { "role": "assistant", "finish_reason": "stop", "parts": [
                { "type": "reasoning", "content": "Hm." },
                { "type": "text", "content": "Wait." },
                { "type": "tool_call", "id": "a", "name": "weather", "arguments": { "city": "Rome" } },
                { "type": "tool_call", "name": "time" },
            ] },
            { "role": "assistant", "finish_reason": "stop", "parts": [{ "type": "text", "content": "No" }] },
        ])
    );
}

#[test]
fn secrets_in_streamed_arguments_are_redacted_also_across_deltas() {
    let chunks = vec![
        openai(0, &openai_call(0, "c", "mail", "{\"to\":\"ada@exa"), None),
        openai(0, &openai_call(0, "", "", "mple.org\"}"), None),
        openai(0, &json!({ "reasoning_content": "to ada@exam" }), None),
        openai(0, &json!({ "reasoning_content": "ple.org" }), None),
    ];
    let parts = json!([
        { "type": "tool_call", "id": "c", "name": "mail", "arguments": { "to": "[EMAIL]" } },
        { "type": "reasoning", "content": "to [EMAIL]" },
    ]);
    assert_eq!(recorded(chunks), answer(&parts, "stop"));
}

fn long(times: usize) -> Vec<Value> {
    let delta = |index: usize| match index % 3 {
        0 => json!({ "reasoning_content": "thought ".repeat(64) }),
        1 => json!({ "content": "word ".repeat(64) }),
        _ => openai_call(0, "", "", &"argument ".repeat(64)),
    };
    let begin = openai(0, &openai_call(0, "c", "f", "{\"x\":\""), None);
    std::iter::once(begin).chain((0..times).map(|index| openai(0, &delta(index), None))).collect()
}

#[test]
fn a_stream_of_any_length_stays_within_the_budget_and_marks_the_cut() {
    let span = captured(|| drain(chat(long(30_000))));
    let json = text(&span, "gen_ai.output.messages").unwrap();
    assert!((12_000..=16_384).contains(&json.len()), "{}", json.len());
    let messages = content(&span, "gen_ai.output.messages");
    let parts = messages[0]["parts"].as_array().unwrap();
    assert!(parts[0]["arguments"].as_str().unwrap().contains("…[truncated, 5760006 bytes]"), "{}", parts[0]);
    assert!(parts.iter().any(|part| part["type"] == "llm_trace.omitted"), "{parts:?}");
}

#[test]
fn a_stream_takes_bounded_memory() {
    let chunks = long(3);
    let _ = exported(capturing(), || {
        drain(chat(chunks.clone())); // one-time allocations happen here
        let allocated = allocation_counter::measure(|| {
            #[llm_trace(chat, provider = "acme", model = "m")]
            fn repeat(chunks: &[Value]) -> impl Stream<Item = &Value> {
                stream::iter(chunks.iter().cycle().take(100_000))
            }
            drain(repeat(&chunks));
        });
        assert!(allocated.bytes_max < 1 << 20, "{allocated:?}");
    });
}

#[test]
fn nothing_of_a_stream_is_kept_without_capture() {
    #[llm_trace(chat, provider = "acme", model = "m")]
    fn repeat(chunks: &[Value], times: usize) -> impl Stream<Item = &Value> + Unpin {
        stream::iter(chunks.iter().cycle().take(times))
    }
    let chunks = long(3);
    let kept = |capture| {
        let mut kept = [0; 2];
        let _ = exported(llm_trace::builder().with_content_capture(capture), || {
            drain(repeat(&chunks, 10)); // one-time allocations happen here
            kept = [20, 200].map(|times| {
                let mut stream = repeat(&chunks, times);
                let read = |stream: &mut _| drain(futures_util::StreamExt::take(stream, times));
                let allocated = allocation_counter::measure(|| read(&mut stream));
                drop(stream);
                allocated.bytes_current
            });
        });
        kept
    };
    let [short, long] = kept(ContentCapture::NoContent);
    assert_eq!(short, long, "what is kept grows with the stream");
    let [short, long] = kept(ContentCapture::SpanOnly);
    assert!(long > short + 10_000, "the measurement sees what is kept: {short}, {long}");
}
