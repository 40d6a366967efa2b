//! Request and response bodies of provider APIs, recorded in the form of the conventions.

use async_openai::types::chat::{CreateChatCompletionRequest, CreateChatCompletionResponse};
use llm_trace::llm_trace;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{captured, content, content_keys, text};

fn call<Q: Serialize, A: Serialize>(request: Q, answer: A) -> Span {
    #[llm_trace(chat, provider = "acme", request = request)]
    fn chat<Q: Serialize, A: Serialize>(request: Q, answer: A) -> Result<A, ()> {
        drop(request);
        Ok(answer)
    }
    captured(|| drop(chat(request, answer)))
}

fn blob(bytes: usize, sha256: &str) -> String {
    format!("[{bytes} bytes, sha256 {sha256}]")
}

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn openai_chat_with_its_types() {
    let request: CreateChatCompletionRequest = serde_json::from_value(json!({
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "name": "ada", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
                {"type": "input_audio", "input_audio": {"data": "YWJj", "format": "mp3"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"cat\"}"}}
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "{\"seen\":true}"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {}}
        }}],
    }))
    .unwrap();
    let response: CreateChatCompletionResponse = serde_json::from_value(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "gpt-4o-mini", "choices": [
            {"index": 0, "finish_reason": "stop", "logprobs": null,
             "message": {"role": "assistant", "content": "A cat.", "refusal": null}},
            {"index": 1, "finish_reason": "tool_calls", "logprobs": null,
             "message": {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
                {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}
             ]}},
        ],
    }))
    .unwrap();
    let span = call(request, response);
    assert_eq!(
        content(&span, "gen_ai.input.messages"),
        json!([
            {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
            {"role": "user", "name": "ada", "parts": [
                {"type": "text", "content": "What is this?"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": blob(3, ABC)},
                {"type": "uri", "modality": "image", "uri": "https://example.org/cat.png"},
                {"type": "blob", "modality": "audio", "mime_type": "audio/mp3", "content": blob(3, ABC)},
            ]},
            {"role": "assistant", "parts": [
                {"type": "tool_call", "id": "call_1", "name": "look", "arguments": {"at": "cat"}}
            ]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": {"seen": true}}]},
        ])
    );
    assert_eq!(
        content(&span, "gen_ai.tool.definitions"),
        json!([{
            "type": "function", "name": "look", "description": "Looks.",
            "parameters": {"type": "object", "properties": {}},
        }])
    );
    assert_eq!(
        content(&span, "gen_ai.output.messages"),
        json!([
            {"role": "assistant", "parts": [{"type": "text", "content": "A cat."}], "finish_reason": "stop"},
            {"role": "assistant", "finish_reason": "tool_call",
             "parts": [{"type": "tool_call", "id": "call_2", "name": "look", "arguments": {"at": 1}}]},
        ])
    );
    assert_eq!(text(&span, "gen_ai.system_instructions"), None, "system text in the history stays there");
}

#[test]
fn openai_responses() {
    let request = json!({
        "model": "gpt-5", "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}, {"type": "input_file", "file_id": "file_1"}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{\"city\":\"Rome\"}"},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            {"type": "item_reference", "id": "msg_1"},
        ],
        "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": true},
                  {"type": "web_search"}],
    });
    let answer = json!({
        "id": "resp_1", "object": "response", "status": "completed", "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny.", "annotations": []}]},
            {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{\"city\":\"Oslo\"}"},
        ],
    });
    let span = call(request, answer);
    assert_eq!(
        content(&span, "gen_ai.system_instructions"),
        json!([{"type": "text", "content": "Be brief."}])
    );
    assert_eq!(
        content(&span, "gen_ai.input.messages"),
        json!([
            {"role": "user", "parts": [
                {"type": "text", "content": "Weather?"}, {"type": "file", "modality": "document", "file_id": "file_1"},
            ]},
            {"role": "assistant", "parts": [
                {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Rome"}}
            ]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny"}]},
            {"role": "assistant", "parts": [{"type": "item_reference", "id": "msg_1"}]},
        ])
    );
    assert_eq!(
        content(&span, "gen_ai.tool.definitions"),
        json!([
            {"type": "function", "name": "weather", "parameters": {"type": "object"}},
            {"type": "web_search", "name": "web_search"},
        ])
    );
    assert_eq!(
        content(&span, "gen_ai.output.messages"),
        json!([{
            "role": "assistant", "finish_reason": "tool_call", "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "Sunny."},
                {"type": "tool_call", "id": "c2", "name": "weather", "arguments": {"city": "Oslo"}},
            ],
        }])
    );
}

#[test]
fn anthropic() {
    let request = json!({
        "model": "claude-sonnet-4", "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Ask the tool.", "signature": "abc"},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "YWJj"}},
                {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "notes"}},
            ]},
        ],
        "tools": [{"name": "weather", "description": "Tells.", "input_schema": {"type": "object"}},
                  {"type": "web_search_20250305", "name": "web_search"}],
    });
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "stop_reason": "max_tokens", "content": [
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "Rome"}},
            {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []},
            {"type": "text", "text": "Sunny."},
        ],
    });
    let span = call(request, answer);
    assert_eq!(
        content(&span, "gen_ai.system_instructions"),
        json!([{"type": "text", "content": "Be brief."}])
    );
    assert_eq!(
        content(&span, "gen_ai.input.messages"),
        json!([
            {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
            {"role": "assistant", "parts": [
                {"type": "reasoning", "content": "Ask the tool."},
                {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": {"city": "Rome"}},
            ]},
            {"role": "user", "parts": [
                {"type": "tool_call_response", "id": "toolu_1", "response": "sunny"},
                {"type": "blob", "modality": "image", "mime_type": "image/jpeg", "content": blob(3, ABC)},
                {"type": "uri", "modality": "document", "uri": "https://example.org/a.pdf"},
                {"type": "text", "content": "notes"},
            ]},
        ])
    );
    assert_eq!(
        content(&span, "gen_ai.tool.definitions"),
        json!([
            {"type": "function", "name": "weather", "description": "Tells.", "parameters": {"type": "object"}},
            {"type": "web_search_20250305", "name": "web_search"},
        ])
    );
    assert_eq!(
        content(&span, "gen_ai.output.messages"),
        json!([{
            "role": "assistant", "finish_reason": "length", "parts": [
                {"type": "server_tool_call", "id": "srv_1", "name": "web_search",
                 "server_tool_call": {"type": "web_search", "input": {"query": "Rome"}}},
                {"type": "server_tool_call_response", "id": "srv_1",
                 "server_tool_call_response": {"type": "web_search_tool_result", "content": []}},
                {"type": "text", "content": "Sunny."},
            ],
        }])
    );
}

#[test]
fn gemini() {
    let request = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [
                {"text": "Weather?"},
                {"inlineData": {"mimeType": "audio/wav", "data": "YWJj"}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://bucket/a.mp4"}},
            ]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "Rome"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "blue"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "weather", "parameters": {"type": "OBJECT"}}]}, {"googleSearch": {}}],
    });
    let answer = json!({"candidates": [{"finishReason": "SAFETY", "content": {"role": "model", "parts": [
        {"text": "Hm.", "thought": true}, {"text": "Sunny."}, {"executableCode": {"language": "PYTHON", "code": "1"}},
    ]}}]});
    let span = call(request, answer);
    assert_eq!(
        content(&span, "gen_ai.system_instructions"),
        json!([{"type": "text", "content": "Be brief."}])
    );
    assert_eq!(
        content(&span, "gen_ai.input.messages"),
        json!([
            {"role": "user", "parts": [
                {"type": "text", "content": "Weather?"},
                {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": blob(3, ABC)},
                {"type": "uri", "modality": "video", "mime_type": "video/mp4", "uri": "gs://bucket/a.mp4"},
            ]},
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "weather", "arguments": {"city": "Rome"}}]},
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "weather", "response": {"sky": "blue"}}]},
        ])
    );
    let tools = content(&span, "gen_ai.tool.definitions");
    assert_eq!(tools[0]["name"], "weather");
    assert_eq!(tools[1], json!({"type": "googleSearch", "name": "googleSearch"}));
    assert_eq!(
        content(&span, "gen_ai.output.messages"),
        json!([{
            "role": "assistant", "finish_reason": "content_filter", "parts": [
                {"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Sunny."},
                {"type": "executableCode", "executableCode": {"language": "PYTHON", "code": "1"}},
            ],
        }])
    );
}

#[test]
fn bedrock_ollama_and_old_completions() {
    let bedrock = json!({"output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"text": "Hi."},
        {"toolUse": {"toolUseId": "t1", "name": "look", "input": {}}},
    ]}}, "stopReason": "tool_use"});
    let span = call(json!({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}), bedrock);
    assert_eq!(
        content(&span, "gen_ai.input.messages")[0]["parts"],
        json!([{"type": "text", "content": "Hello"}])
    );
    assert_eq!(
        content(&span, "gen_ai.output.messages"),
        json!([{"role": "assistant", "finish_reason": "tool_call", "parts": [
            {"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Hi."},
            {"type": "tool_call", "id": "t1", "name": "look", "arguments": {}},
        ]}])
    );

    let ollama =
        json!({"model": "gemma3", "message": {"role": "assistant", "content": "Hi."}, "done_reason": "stop"});
    let span = call(json!({"prompt": "Hello"}), ollama);
    assert_eq!(
        content(&span, "gen_ai.input.messages"),
        json!([
            {"role": "user", "parts": [{"type": "text", "content": "Hello"}]}
        ])
    );
    assert_eq!(content(&span, "gen_ai.output.messages"), answer("Hi."));

    let completion = json!({"choices": [{"text": "Hi.", "finish_reason": "stop"}]});
    let span = call(json!({"prompt": ["Hello", "Bye"]}), (completion, 17));
    assert_eq!(content(&span, "gen_ai.input.messages").as_array().unwrap().len(), 2);
    assert_eq!(content(&span, "gen_ai.output.messages"), answer("Hi."));
}

fn answer(text: &str) -> Value {
    json!([{"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": "stop"}])
}

#[test]
fn arguments_of_every_kind() {
    #[llm_trace(
        chat, provider = "acme", model = "m", system = "Be brief.", input = question, tools = ["look", "listen"]
    )]
    fn ask(question: &str) -> String {
        format!("{question} Yes.")
    }
    let span = captured(|| drop(ask("Really?")));
    assert_eq!(
        content(&span, "gen_ai.system_instructions"),
        json!([{"type": "text", "content": "Be brief."}])
    );
    assert_eq!(
        content(&span, "gen_ai.input.messages"),
        json!([
            {"role": "user", "parts": [{"type": "text", "content": "Really?"}]}
        ])
    );
    assert_eq!(content(&span, "gen_ai.tool.definitions")[1], json!({"type": "function", "name": "listen"}));
    assert_eq!(content(&span, "gen_ai.output.messages"), answer("Really? Yes."));

    #[derive(Serialize)]
    struct Call<'a> {
        city: &'a str,
        days: u8,
    }
    #[llm_trace(tool, arguments = call)]
    fn weather(call: &Call<'_>) -> Result<Vec<u8>, ()> {
        Ok(vec![21; call.days.into()])
    }
    let span = captured(|| drop(weather(&Call { city: "Rome", days: 2 })));
    assert_eq!(content(&span, "gen_ai.tool.call.arguments"), json!({"city": "Rome", "days": 2}));
    assert_eq!(content(&span, "gen_ai.tool.call.result"), json!({"result": [21, 21]}));

    #[llm_trace(tool, arguments(city, days = days.unwrap_or(3), limit = None::<u8>))]
    fn forecast(city: String, days: Option<u8>) -> String {
        format!("{city} {days:?}")
    }
    let span = captured(|| drop(forecast("Rome".into(), None)));
    assert_eq!(content(&span, "gen_ai.tool.call.arguments"), json!({"city": "Rome", "days": 3}));

    #[llm_trace(tool, arguments = json)]
    fn raw(json: &str) -> String {
        json.to_owned()
    }
    let span = captured(|| drop(raw(r#"{"a":1}"#)));
    assert_eq!(content(&span, "gen_ai.tool.call.arguments"), json!({"a": 1}));
    assert_eq!(content(&span, "gen_ai.tool.call.result"), json!({"a": 1}));

    #[llm_trace(retrieval, query = query, data_source = "d")]
    fn search(query: Option<&str>) -> usize {
        query.map_or(0, str::len)
    }
    assert_eq!(text(&captured(|| _ = search(Some("cats"))), "gen_ai.retrieval.query.text").unwrap(), "cats");
    assert_eq!(content_keys(&captured(|| _ = search(None))), [""; 0]);

    #[llm_trace(workflow, input = question)]
    fn answer_it(question: &str) -> (usize, String) {
        (question.len(), "Yes.".into())
    }
    let span = captured(|| drop(answer_it("Really?")));
    assert_eq!(content_keys(&span), ["gen_ai.input.messages", "gen_ai.output.messages"]);
    assert_eq!(content(&span, "gen_ai.output.messages")[0]["parts"][0]["content"], "[7,\"Yes.\"]");
}

#[test]
fn agents_memories_and_fetched_responses_have_the_content_of_the_conventions() {
    #[llm_trace(agent, input = question, system = "Be brief.", tools = ["look"])]
    fn research(question: &str) -> String {
        format!("{question} Yes.")
    }
    let span = captured(|| drop(research("Really?")));
    assert_eq!(content(&span, "gen_ai.input.messages")[0]["parts"][0]["content"], "Really?");
    assert_eq!(content(&span, "gen_ai.system_instructions")[0]["content"], "Be brief.");
    assert_eq!(content(&span, "gen_ai.tool.definitions"), json!([{"type": "function", "name": "look"}]));
    assert_eq!(content(&span, "gen_ai.output.messages"), answer("Really? Yes."));

    #[llm_trace(agent(remote), provider = "openai", request = body)]
    fn remote(body: &Value) -> String {
        body["input"].to_string()
    }
    let span = captured(|| drop(remote(&json!({"instructions": "Be brief.", "input": "Really?"}))));
    assert_eq!(content(&span, "gen_ai.input.messages")[0]["parts"][0]["content"], "Really?");
    assert_eq!(content(&span, "gen_ai.output.messages"), answer("\"Really?\""));

    #[llm_trace(create_agent, provider = "openai", system = persona)]
    fn create(persona: &str) -> String {
        persona.to_owned()
    }
    let span = captured(|| drop(create("Be brief.")));
    assert_eq!(content_keys(&span), ["gen_ai.system_instructions"]);

    #[llm_trace(memory(search), store = "notes", query = query)]
    fn recall(query: &str) -> String {
        query.to_owned()
    }
    let span = captured(|| drop(recall("cats")));
    assert_eq!(content_keys(&span), ["gen_ai.memory.query.text", "gen_ai.memory.records"]);
    assert_eq!(text(&span, "gen_ai.memory.query.text").unwrap(), "cats");
    assert_eq!(content(&span, "gen_ai.memory.records"), json!([{"content": "cats"}]));

    #[llm_trace(fetch_response, provider = "openai", id = id)]
    fn fetch(id: &str) -> Value {
        fetched(id)
    }
    let span = captured(|| drop(fetch("r1")));
    assert_eq!(content(&span, "gen_ai.output.messages")[0]["parts"][0]["content"], "Yes.");
    assert_eq!(content(&span, "gen_ai.system_instructions")[0]["content"], "Be brief.");
    assert_eq!(content(&span, "gen_ai.tool.definitions")[0]["name"], "look");

    #[llm_trace(fetch_response, provider = "openai", id = "r1", skip(system, output))]
    fn fetch_tools() -> String {
        llm_trace::current().response_body(&fetched("r1"));
        String::new()
    }
    let span = captured(|| drop(fetch_tools()));
    assert_eq!(content_keys(&span), ["gen_ai.tool.definitions"]);

    #[derive(llm_trace::Capture, serde::Serialize)]
    struct Fetched {
        object: &'static str,
        #[capture(redact)]
        instructions: &'static str,
    }
    #[llm_trace(fetch_response, provider = "openai", id = "r1", skip(output))]
    fn fetch_captured() -> Fetched {
        Fetched { object: "response", instructions: "Be brief." }
    }
    let span = captured(|| assert_eq!(fetch_captured().object, "response"));
    assert_eq!(content(&span, "gen_ai.system_instructions")[0]["content"], "[REDACTED]");
}

fn fetched(id: &str) -> Value {
    json!({"id": id, "object": "response", "status": "completed",
    "instructions": "Be brief.", "tools": [{"type": "function", "name": "look", "parameters": {}}],
    "output": [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}
    ]})
}

#[test]
fn arguments_override_the_request_and_manual_records_override_the_result() {
    #[llm_trace(chat, provider = "acme", request = request, input = "explicit")]
    fn ask(request: &Value) -> String {
        llm_trace::current().request(|request| request.system("later")).output("by hand");
        request.to_string()
    }
    let span =
        captured(|| drop(ask(&json!({"system": "body", "messages": [{"role": "user", "content": "body"}]}))));
    assert_eq!(content(&span, "gen_ai.input.messages")[0]["parts"][0]["content"], "explicit");
    assert_eq!(content(&span, "gen_ai.system_instructions")[0]["content"], "later");
    assert_eq!(content(&span, "gen_ai.output.messages"), answer("by hand"));
}

#[test]
fn skipped_content_is_not_recorded_from_any_source() {
    #[llm_trace(chat, provider = "acme", request = request, input = "explicit", skip(input, output))]
    fn ask(request: &Value) -> String {
        llm_trace::current().request(|request| request.input("later")).output("by hand");
        request.to_string()
    }
    let body = json!({"system": "body", "messages": [{"role": "user", "content": "body"}]});
    assert_eq!(content_keys(&captured(|| drop(ask(&body)))), ["gen_ai.system_instructions"]);

    #[llm_trace(tool, arguments = body, skip(all))]
    fn tool(body: &Value) -> String {
        body.to_string()
    }
    assert_eq!(content_keys(&captured(|| drop(tool(&body)))), [""; 0]);
}

#[test]
fn content_in_the_conventions_form_is_unchanged() {
    let messages = json!([
        {"role": "user", "parts": [
            {"type": "text", "content": "Weather?"},
            {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"},
        ]},
        {"role": "assistant", "parts": [
            {"type": "reasoning", "content": "Hm."},
            {"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "Rome"}},
        ]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "sunny"}]},
    ]);
    #[llm_trace(workflow, input = messages)]
    fn flow(messages: &Value) {
        let _ = messages;
    }
    assert_eq!(content(&captured(|| flow(&messages)), "gen_ai.input.messages"), messages);
}

#[test]
fn a_failed_call_has_no_output_and_embeddings_and_tasks_have_no_content() {
    #[llm_trace(chat, provider = "acme", input = "asked")]
    fn fail() -> Result<String, std::io::Error> {
        Err(std::io::ErrorKind::TimedOut.into())
    }
    assert_eq!(content_keys(&captured(|| drop(fail()))), ["gen_ai.input.messages"]);

    #[llm_trace(embeddings, provider = "acme", request = request)]
    fn embed(request: &Value) -> String {
        request.to_string()
    }
    assert_eq!(content_keys(&captured(|| drop(embed(&json!({"input": "text", "model": "m"}))))), [""; 0]);

    #[llm_trace]
    fn task() -> String {
        "text".into()
    }
    assert_eq!(content_keys(&captured(|| drop(task()))), [""; 0]);
}

#[derive(Serialize)]
#[serde(tag = "api", content = "value")]
enum Adjacent {
    Body(Value),
}

#[derive(Serialize)]
enum External {
    Body(Value),
}

#[test]
fn bodies_in_a_raw_value_or_in_an_enum_are_the_same_content() {
    let request = json!({ "system": "Be brief.", "messages": [{ "role": "user", "content": "Weather?" }],
        "tools": [{ "name": "t", "input_schema": {} }] });
    let reply = json!({ "choices": [{ "message": { "role": "assistant", "content": "Sunny." }, "finish_reason": "length" }] });
    let raw = |body: &Value| serde_json::value::RawValue::from_string(body.to_string()).unwrap();
    let recorded = |span: &Span| {
        let keys = content_keys(span);
        keys.into_iter().map(|key| (key, content(span, key))).collect::<Vec<_>>()
    };
    let expected = recorded(&call(&request, &reply));
    assert_eq!(expected.len(), 4);
    assert_eq!(recorded(&call(raw(&request), raw(&reply))), expected);
    let adjacent = Adjacent::Body;
    assert_eq!(recorded(&call(adjacent(request.clone()), adjacent(reply.clone()))), expected);
    assert_eq!(recorded(&call(External::Body(request), External::Body(reply))), expected);
}

#[test]
fn a_raw_value_in_content_is_redacted_and_cut_like_its_json() {
    #[derive(Serialize)]
    struct Arguments {
        city: &'static str,
        options: Box<serde_json::value::RawValue>,
    }
    #[llm_trace(tool, arguments = arguments)]
    fn tool(arguments: &Arguments) {
        let _ = arguments;
    }
    let options = json!({ "to": "ada@example.org", "deep": [{ "x": null }], "long": "w ".repeat(20_000) });
    let options = serde_json::value::RawValue::from_string(options.to_string()).unwrap();
    let span = captured(|| tool(&Arguments { city: "Rome", options }));
    let arguments = content(&span, "gen_ai.tool.call.arguments");
    assert_eq!(arguments["city"], "Rome");
    assert_eq!(
        (&arguments["options"]["to"], &arguments["options"]["deep"]),
        (&json!("[EMAIL]"), &json!([{ "x": null }]))
    );
    assert!(arguments["options"]["long"].as_str().unwrap().ends_with("…[truncated, 40000 bytes]"));
}

#[test]
fn an_enum_that_is_no_body_keeps_its_tag() {
    #[llm_trace(workflow, input = input)]
    fn flow(input: &impl Serialize) {}
    let input = |value: &dyn Fn() -> Span| {
        content(&value(), "gen_ai.input.messages")[0]["parts"][0]["content"].clone()
    };
    let adjacent = input(&|| captured(|| flow(&Adjacent::Body(json!({ "x": 1 })))));
    assert_eq!(adjacent, r#"{"api":"Body","value":{"x":1}}"#);
    let external = input(&|| captured(|| flow(&External::Body(json!({ "x": 1 })))));
    assert_eq!(external, r#"{"Body":{"x":1}}"#);
}
