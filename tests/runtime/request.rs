//! Span attributes read from a request body and from explicit arguments.

use async_openai::types::chat::{CreateChatCompletionRequest, CreateChatCompletionRequestArgs};
use async_openai::types::embeddings::CreateEmbeddingRequest;
use async_openai::types::responses::CreateResponse;
use llm_trace::{LlmRequest, Request, llm_trace};
use llm_trace_test_support::trace::{Ended, Trace};
use serde::Serialize;
use serde_json::{Value, json};

fn requesting<T: Serialize>(request: T) -> Ended {
    #[llm_trace(chat, provider = "openai", request = request)]
    fn chat<T: Serialize>(request: T) {
        drop(request);
    }
    let trace = Trace::new();
    trace.run(|| chat(request));
    trace.only()
}

fn request_keys(span: &Ended) -> Vec<&str> {
    let mut keys: Vec<_> = span.keys().into_iter().filter(|key| key.contains(".request.")).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_chat_request_of_async_openai_is_read_with_its_types() {
    let request: CreateChatCompletionRequest = serde_json::from_value(json!({
        "model": "gpt-4o-mini", "messages": [{"role": "user", "content": "temperature: hot"}],
        "temperature": 0.7, "top_p": 0.9, "max_completion_tokens": 256, "n": 2, "seed": 42,
        "stop": ["\n", "END"], "frequency_penalty": 0.1, "presence_penalty": -0.2, "reasoning_effort": "low",
        "response_format": {"type": "json_object"}, "service_tier": "flex", "stream": true
    }))
    .unwrap();
    let span = requesting(request);
    assert_eq!(span.0.name, "chat gpt-4o-mini");
    assert_eq!(span.text("gen_ai.request.model"), Some("gpt-4o-mini"));
    assert_eq!(span.double("gen_ai.request.temperature"), Some(0.7));
    assert_eq!(span.double("gen_ai.request.top_p"), Some(0.9));
    assert_eq!(span.int("gen_ai.request.max_tokens"), Some(256));
    assert_eq!(span.int("gen_ai.request.choice.count"), Some(2));
    assert_eq!(span.int("gen_ai.request.seed"), Some(42));
    assert_eq!(span.list("gen_ai.request.stop_sequences").unwrap(), ["\n", "END"]);
    assert_eq!(span.double("gen_ai.request.frequency_penalty"), Some(0.1));
    assert_eq!(span.double("gen_ai.request.presence_penalty"), Some(-0.2));
    assert_eq!(span.text("gen_ai.request.reasoning.level"), Some("low"));
    assert_eq!(span.text("gen_ai.output.type"), Some("json"));
    assert_eq!(span.text("openai.request.service_tier"), Some("flex"));
    assert_eq!(span.get("gen_ai.request.stream"), Some(&true.into()));
}

#[test]
fn absent_values_are_not_recorded() {
    let request =
        CreateChatCompletionRequestArgs::default().model("gpt-4o-mini").messages(vec![]).build().unwrap();
    assert_eq!(request_keys(&requesting(request)), ["gen_ai.request.model"]);
}

#[test]
fn responses_and_embeddings_requests_of_async_openai_are_read() {
    #[llm_trace(embeddings, provider = "openai", request = request)]
    fn embed(request: CreateEmbeddingRequest) {
        drop(request);
    }
    let request: CreateResponse = serde_json::from_value(json!({
        "model": "gpt-5", "input": "hi", "max_output_tokens": 64, "temperature": 1.0,
        "reasoning": {"effort": "high"}, "previous_response_id": "resp_0", "conversation": "conv_7a",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}
    }))
    .unwrap();
    let span = requesting(request);
    assert_eq!(span.int("gen_ai.request.max_tokens"), Some(64));
    assert_eq!(span.text("gen_ai.request.reasoning.level"), Some("high"));
    assert_eq!(span.text("gen_ai.request.previous_response.id"), Some("resp_0"));
    assert_eq!(span.text("gen_ai.conversation.id"), Some("conv_7a"));
    assert_eq!(span.text("gen_ai.output.type"), Some("json"));

    let request: CreateEmbeddingRequest = serde_json::from_value(json!({
        "model": "text-embedding-3-small", "input": ["a"], "dimensions": 256, "encoding_format": "float"
    }))
    .unwrap();
    let trace = Trace::new();
    trace.run(|| embed(request));
    let span = trace.only();
    assert_eq!(span.int("gen_ai.embeddings.dimension.count"), Some(256));
    assert_eq!(span.list("gen_ai.request.encoding_formats").unwrap(), ["float"]);
}

#[test]
fn anthropic_gemini_bedrock_and_ollama_bodies_are_read() {
    let span =
        requesting(json!({"model": "claude", "max_tokens": 1024, "top_k": 40, "stop_sequences": ["x"],
        "output_config": {"effort": "medium"}}));
    assert_eq!(
        (span.int("gen_ai.request.max_tokens"), span.int("gen_ai.request.top_k")),
        (Some(1024), Some(40))
    );
    assert_eq!(span.text("gen_ai.request.reasoning.level"), Some("medium"));

    let span =
        requesting(json!({"contents": [], "generationConfig": {"temperature": 0, "topP": 0.5, "topK": 3,
        "maxOutputTokens": 9, "candidateCount": 2, "stopSequences": ["y"]}}));
    assert_eq!(span.double("gen_ai.request.temperature"), Some(0.0));
    assert_eq!(span.int("gen_ai.request.choice.count"), Some(2));
    assert_eq!(span.list("gen_ai.request.stop_sequences").unwrap(), ["y"]);

    let span =
        requesting(json!({"modelId": "amazon.nova", "inferenceConfig": {"maxTokens": 5, "topP": 0.1}}));
    assert_eq!((span.0.name.as_ref(), span.int("gen_ai.request.max_tokens")), ("chat amazon.nova", Some(5)));

    let span =
        requesting(json!({"modelId": "amazon.nova", "guardrailConfig": {"guardrailIdentifier": "sgi5"}}));
    assert_eq!(span.text("aws.bedrock.guardrail.id"), Some("sgi5"));
    let span = requesting(json!({"retrieveAndGenerateConfiguration": {"knowledgeBaseConfiguration": {
        "knowledgeBaseId": "XFWU", "modelArn": "anthropic.claude-v2",
        "generationConfiguration": {"guardrailConfiguration": {"guardrailId": "sgi6"}},
    }}}));
    assert_eq!(span.0.name, "chat anthropic.claude-v2");
    assert_eq!(span.text("aws.bedrock.knowledge_base.id"), Some("XFWU"));
    assert_eq!(span.text("aws.bedrock.guardrail.id"), Some("sgi6"));

    let span = requesting(json!({"model": "llama3", "options": {"num_predict": 7, "seed": 1}}));
    assert_eq!((span.int("gen_ai.request.max_tokens"), span.int("gen_ai.request.seed")), (Some(7), Some(1)));
}

#[test]
fn an_explicit_argument_overrides_the_body_and_is_there_once() {
    #[llm_trace(chat, provider = "openai", temperature = 0.1, request = request, model = "explicit")]
    fn chat(request: &Value) {
        let _ = request;
    }
    let trace = Trace::new();
    trace.run(|| chat(&json!({"model": "from-body", "temperature": 0.9, "top_p": 0.5})));
    let span = trace.only();
    assert_eq!(span.0.name, "chat explicit");
    assert_eq!(span.double("gen_ai.request.temperature"), Some(0.1));
    assert_eq!(span.double("gen_ai.request.top_p"), Some(0.5));
}

#[test]
fn llm_request_takes_precedence_over_the_serialized_form() {
    struct Prompt;
    impl LlmRequest for Prompt {
        fn describe(&self, request: &mut Request) {
            request.model("described");
            request.max_tokens(5_u16);
        }
    }
    #[llm_trace(chat, provider = "openai", request = prompt)]
    fn chat(prompt: &Prompt) {
        let _ = prompt;
    }
    let trace = Trace::new();
    trace.run(|| chat(&Prompt));
    assert_eq!(trace.span("chat described").int("gen_ai.request.max_tokens"), Some(5));
}

#[test]
fn a_conversation_that_is_a_transcript_is_not_an_id() {
    let span = requesting(json!({"model": "m", "conversation": "User: SECRET"}));
    assert!(!format!("{:?}", span.0).contains("SECRET"));
}

#[test]
fn a_raw_value_and_a_variant_of_any_enum_are_read_as_the_body_they_are() {
    #[derive(Serialize)]
    #[serde(tag = "api", content = "request")]
    enum Adjacent {
        Chat(Value),
    }
    #[derive(Serialize)]
    enum External {
        Chat { model: &'static str, temperature: f64 },
    }
    let body = json!({ "model": "gpt-4o-mini", "temperature": 0.7 });
    let raw = serde_json::value::RawValue::from_string(body.to_string()).unwrap();
    for span in [
        requesting(raw),
        requesting(Adjacent::Chat(body)),
        requesting(External::Chat { model: "gpt-4o-mini", temperature: 0.7 }),
    ] {
        assert_eq!(span.text("gen_ai.request.model"), Some("gpt-4o-mini"));
        assert_eq!(span.double("gen_ai.request.temperature"), Some(0.7));
    }
}
