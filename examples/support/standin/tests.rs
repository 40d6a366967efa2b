//! Tests the stand-in with a real client over HTTP.

use std::time::Duration;

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::ReqwestService,
    types::{
        chat::{
            ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
            ChatCompletionStreamOptions, CreateChatCompletionRequest, FinishReason, ServiceTier,
            StopConfiguration,
        },
        embeddings::{CreateEmbeddingRequest, EmbeddingInput},
    },
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::*;

const PROMPT: &str =
    "Paris is the capital of France. Rome is the capital of Italy.\n\nQuestion: What is Italy's capital?";

fn client(standin: &Standin) -> Client<OpenAIConfig> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let config = OpenAIConfig::new().with_api_base(standin.base_url()).with_api_key("unused");
    Client::build(http.clone(), config).with_http_service(ReqwestService::new(http))
}

fn request(prompt: &str) -> CreateChatCompletionRequest {
    CreateChatCompletionRequest {
        model: "gpt-4o-mini".to_owned(),
        messages: vec![
            ChatCompletionRequestSystemMessage::from("Answer from the context.").into(),
            ChatCompletionRequestUserMessage::from(prompt).into(),
        ],
        ..Default::default()
    }
}

async fn failing(failure: Failure) -> (Standin, Client<OpenAIConfig>) {
    let standin = Standin::builder().fail_with(failure).start().await.unwrap();
    let client = client(&standin);
    (standin, client)
}

/// Sends a request whose headers the OpenAI client would hide.
async fn post(standin: &Standin, body: &str) -> reqwest::Response {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/chat/completions", standin.base_url()));
    request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn a_completion_is_extracted_from_the_prompt_and_counted() {
    let standin = Standin::start().await.unwrap();
    let response = client(&standin).chat().create(request(PROMPT)).await.unwrap();

    assert!(response.id.starts_with("chatcmpl-"));
    assert_eq!(response.model, "gpt-4o-mini-2024-07-18", "the snapshot, as OpenAI answers");
    assert_eq!(response.service_tier, Some(ServiceTier::Default));
    assert_eq!(response.choices.len(), 1);
    assert_eq!(response.choices[0].message.content.as_deref(), Some("Rome is the capital of Italy."));
    assert_eq!(response.choices[0].finish_reason, Some(FinishReason::Stop));
    let usage = response.usage.unwrap();
    assert_eq!(usage.completion_tokens, 9);
    assert!(usage.prompt_tokens > 9);
    assert_eq!(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert_eq!(usage.prompt_tokens_details.unwrap().cached_tokens, Some(0));
}

#[tokio::test]
async fn an_unknown_model_is_echoed() {
    let standin = Standin::start().await.unwrap();
    let request = CreateChatCompletionRequest { model: "my-model".to_owned(), ..request(PROMPT) };
    assert_eq!(client(&standin).chat().create(request).await.unwrap().model, "my-model");
}

#[tokio::test]
async fn limits_on_the_answer_are_kept() {
    let standin = Standin::start().await.unwrap();
    let chat = client(&standin);
    let short = CreateChatCompletionRequest { max_completion_tokens: Some(2), n: Some(3), ..request(PROMPT) };
    let response = chat.chat().create(short).await.unwrap();
    assert_eq!(response.choices.len(), 3);
    assert_eq!(response.choices[2].index, 2);
    assert_eq!(response.choices[2].message.content.as_deref(), Some("Rome is"));
    assert_eq!(response.choices[2].finish_reason, Some(FinishReason::Length));
    assert_eq!(response.usage.unwrap().completion_tokens, 6);

    let stop = Some(StopConfiguration::StringArray(vec![" of".to_owned(), " capital".to_owned()]));
    let response = chat.chat().create(CreateChatCompletionRequest { stop, ..request(PROMPT) }).await.unwrap();
    assert_eq!(response.choices[0].message.content.as_deref(), Some("Rome is the"));
    assert_eq!(response.choices[0].finish_reason, Some(FinishReason::Stop));
}

#[tokio::test]
async fn a_repeated_long_prompt_is_cached() {
    let standin = Standin::start().await.unwrap();
    let chat = client(&standin);
    let long = format!("{}{PROMPT}", "Some words of padding. ".repeat(300));
    let cached = async || {
        let usage = chat.chat().create(request(&long)).await.unwrap().usage.unwrap();
        usage.prompt_tokens_details.unwrap().cached_tokens.unwrap()
    };
    assert_eq!(cached().await, 0);
    let again = cached().await;
    assert!(again >= 1024 && again.is_multiple_of(128), "{again}");
}

#[tokio::test]
async fn a_stream_gives_the_same_answer_and_its_usage_last() {
    let standin = Standin::start().await.unwrap();
    let chat = client(&standin);
    let whole = chat.chat().create(request(PROMPT)).await.unwrap();

    let stream_options =
        Some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None });
    let request = CreateChatCompletionRequest { stream_options, ..request(PROMPT) };
    let chunks: Vec<_> = chat.chat().create_stream(request).await.unwrap().collect().await;
    let chunks: Vec<_> = chunks.into_iter().collect::<Result<_, _>>().unwrap();

    let text: String = chunks
        .iter()
        .flat_map(|chunk| &chunk.choices)
        .filter_map(|choice| choice.delta.content.as_deref())
        .collect();
    assert_eq!(Some(text), whole.choices[0].message.content);
    let (last, others) = chunks.split_last().unwrap();
    assert!(last.choices.is_empty());
    assert_eq!(last.usage, whole.usage);
    assert!(others.iter().all(|chunk| chunk.usage.is_none() && chunk.id == last.id));
    assert_eq!(others.last().unwrap().choices[0].finish_reason, Some(FinishReason::Stop));
}

#[tokio::test]
async fn a_stream_reports_no_usage_unless_asked() {
    let standin = Standin::start().await.unwrap();
    let stream = client(&standin).chat().create_stream(request(PROMPT)).await.unwrap();
    let chunks: Vec<_> = stream.collect().await;
    assert!(chunks.iter().all(|chunk| chunk.as_ref().unwrap().usage.is_none()));
    assert!(chunks.iter().all(|chunk| chunk.as_ref().unwrap().choices.len() == 1));
}

#[tokio::test]
async fn embeddings_are_unit_vectors_that_agree_on_shared_words() {
    let standin = Standin::start().await.unwrap();
    let texts = ["naming a span", "How are spans named?", "the price of tokens"].map(str::to_owned);
    let request = |dimensions| CreateEmbeddingRequest {
        model: "text-embedding-3-small".to_owned(),
        input: EmbeddingInput::StringArray(texts.to_vec()),
        dimensions,
        ..Default::default()
    };
    let response = client(&standin).embeddings().create(request(Some(64))).await.unwrap();
    let vectors: Vec<_> = response.data.iter().map(|entry| &entry.embedding).collect();
    let dot = |a: usize, b: usize| vectors[a].iter().zip(vectors[b]).map(|(a, b)| a * b).sum::<f32>();
    assert!(vectors.iter().all(|vector| vector.len() == 64));
    assert!((dot(0, 0) - 1.0).abs() < 1e-5);
    assert!(dot(0, 1) > 0.9 && dot(0, 2) < 0.5, "{} {}", dot(0, 1), dot(0, 2));
    assert_eq!(response.model, "text-embedding-3-small");
    assert!(response.usage.prompt_tokens > 0);

    let response = client(&standin).embeddings().create(request(None)).await.unwrap();
    assert_eq!(response.data[2].embedding.len(), 1536);
}

#[tokio::test]
async fn a_rate_limit_looks_like_openais() {
    let (standin, client) = failing(Failure::RateLimited).await;
    let error = client.chat().create(request(PROMPT)).await.unwrap_err();
    let OpenAIError::ApiError(error) = error else { panic!("{error:?}") };
    assert_eq!(error.status_code, 429);
    assert_eq!(error.api_error.code.as_deref(), Some("rate_limit_exceeded"));

    let response = post(&standin, "{}").await;
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!(header("retry-after"), "1");
    assert_eq!(header("x-ratelimit-remaining-requests"), "0");
    assert_eq!(header("x-ratelimit-limit-requests"), "10000");
    assert_eq!(header("x-ratelimit-limit-tokens"), "200000");
    assert_eq!(header("x-ratelimit-reset-requests"), "1s");
}

#[tokio::test]
async fn success_carries_the_limits_too() {
    let standin = Standin::start().await.unwrap();
    let body =
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"What is one?"}]}]}"#;
    let response = post(&standin, body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-ratelimit-remaining-requests"], "9999");
    let tokens: u64 = response.headers()["x-ratelimit-remaining-tokens"].to_str().unwrap().parse().unwrap();
    assert!(tokens < 200_000);
    assert!(response.headers().contains_key("x-request-id"));
}

#[tokio::test]
async fn a_server_error_is_a_500() {
    let (_standin, client) = failing(Failure::ServerError).await;
    let error = client.chat().create(request(PROMPT)).await.unwrap_err();
    assert!(matches!(error, OpenAIError::ApiError(error) if error.status_code == 500));
}

#[tokio::test]
async fn a_slow_response_outlasts_a_timeout() {
    let (_standin, client) = failing(Failure::Slow(Duration::from_secs(3600))).await;
    let chat = client.chat();
    let answer = tokio::time::timeout(Duration::from_millis(100), chat.create(request(PROMPT)));
    assert!(answer.await.is_err());
}

#[tokio::test]
async fn a_cut_stream_begins_and_breaks() {
    let (_standin, client) = failing(Failure::CutStream).await;
    let items: Vec<_> = client.chat().create_stream(request(PROMPT)).await.unwrap().collect().await;
    let (last, begun) = items.split_last().unwrap();
    assert!(matches!(last, Err(OpenAIError::StreamError(_))), "{last:?}");
    assert!(!begun.is_empty() && begun.iter().all(Result::is_ok), "{begun:?}");

    let error = client.chat().create(request(PROMPT)).await.unwrap_err();
    assert!(matches!(error, OpenAIError::Reqwest(_)), "{error:?}");
}

#[tokio::test]
async fn an_invalid_request_is_refused() {
    let standin = Standin::start().await.unwrap();
    for (body, status) in [("{", 400), (r#"{"model":"m"}"#, 422), (r#"{"model":"m","messages":[]}"#, 400)] {
        let response = post(&standin, body).await;
        assert_eq!(response.status(), status, "{body}");
        let text = response.text().await.unwrap();
        let body: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error", "{text}");
    }
}

#[tokio::test]
async fn models_are_listed() {
    let standin = Standin::builder().fail_with(Failure::ServerError).start().await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = http.get(format!("{}/models", standin.base_url())).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("gpt-4o-mini-2024-07-18"));
}

fn tools() -> Value {
    json!([
        { "type": "function", "function": {
            "name": "search", "description": "Looks places up.",
            "parameters": { "type": "object", "properties": { "query": { "type": "string" }, "limit": { "type": "integer" } } },
        } },
        { "type": "function", "function": {
            "name": "weather", "description": "Tells the weather of a city.",
            "parameters": { "type": "object", "properties": { "city": { "type": "string", "enum": ["Paris", "Rome"] } } },
        } },
        { "type": "web_search" },
    ])
}

async fn answer(standin: &Standin, messages: &Value, tool_choice: &str) -> Value {
    let body = json!({ "model": "m", "messages": messages, "tools": tools(), "tool_choice": tool_choice });
    serde_json::from_str(&post(standin, &body.to_string()).await.text().await.unwrap()).unwrap()
}

fn called(answer: &Value) -> Vec<(&str, Value)> {
    let calls = answer["choices"][0]["message"]["tool_calls"].as_array().into_iter().flatten();
    let function =
        |call: &'_ Value| serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    calls.map(|call| (call["function"]["name"].as_str().unwrap(), function(call))).collect()
}

#[tokio::test]
async fn matching_tools_are_called_with_valid_arguments() {
    let standin = Standin::start().await.unwrap();
    let both = json!([{ "role": "user", "content": "Look up 3 places in Rome with good weather" }]);
    let answered = answer(&standin, &both, "auto").await;
    let query = both[0]["content"].clone();
    assert_eq!(
        called(&answered),
        [("search", json!({ "query": query, "limit": 3 })), ("weather", json!({ "city": "Rome" }))]
    );
    assert_eq!(answered["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(answered["choices"][0]["message"]["content"], Value::Null);
    assert!(answered["usage"]["completion_tokens"].as_u64().unwrap() > 10);

    let neither = json!([{ "role": "user", "content": "Who invented tea?" }]);
    let answered = answer(&standin, &neither, "auto").await;
    assert_eq!(called(&answered), [("search", json!({ "query": "Who invented tea?", "limit": 1 }))]);
    assert_eq!(called(&answer(&standin, &neither, "none").await), []);
}

#[tokio::test]
async fn answers_are_extracted_from_tool_results() {
    let standin = Standin::start().await.unwrap();
    let messages = json!([
        { "role": "system", "content": "Rome has a dome." },
        { "role": "user", "content": "How is the weather in Rome?" },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "c", "type": "function", "function": { "name": "weather", "arguments": "{}" } }
        ] },
        { "role": "tool", "tool_call_id": "c", "content": "The weather in Rome is sunny. The weather elsewhere is not." },
    ]);
    let answered = answer(&standin, &messages, "auto").await;
    assert_eq!(called(&answered), []);
    assert_eq!(answered["choices"][0]["message"]["content"], "The weather in Rome is sunny.");
    assert_eq!(answered["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn calls_of_tools_are_streamed_too() {
    let standin = Standin::start().await.unwrap();
    let body = json!({
        "model": "m", "stream": true, "tools": tools(),
        "messages": [{ "role": "user", "content": "Look up tea and the weather" }],
    });
    let events = post(&standin, &body.to_string()).await.text().await.unwrap();
    let chunks =
        events.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    let chunks: Vec<Value> = chunks.map(|data| serde_json::from_str(data).unwrap()).collect();
    let calls = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array());
    let calls: Vec<_> =
        calls.flatten().map(|call| (call["index"].as_u64(), &call["function"]["name"])).collect();
    assert_eq!(calls, [(Some(0), &json!("search")), (Some(1), &json!("weather"))]);
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}
