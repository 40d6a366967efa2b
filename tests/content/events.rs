//! Content on events: structured, in the conventions' form, with the same redaction and budgets as on spans.

use llm_trace::{Builder, ContentCapture, Response, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Map, Value, json};

use crate::{content, content_keys, exported, schema};

const DETAILS: &str = "gen_ai.client.inference.operation.details";

#[llm_trace(chat, provider = "openai", request = request, server = "api.openai.com:443", attributes("app.tier" = "gold"))]
fn chat(request: &Value) -> Value {
    json!({
        "id": "r-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [
            {"id": "c-1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Rome\", \"days\": 3}"}}
        ]}}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5},
    })
}

fn request(text: &str) -> Value {
    json!({
        "model": "gpt-4o-mini", "temperature": 0.5,
        "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": text}],
        "tools": [{"type": "function", "function": {
            "name": "weather", "description": "tells it", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}
        }}],
    })
}

fn builder(capture: ContentCapture) -> Builder {
    llm_trace::builder().with_content_capture(capture)
}

fn value(value: &AnyValue) -> Value {
    match value.value.as_ref().unwrap() {
        Any::StringValue(text) => json!(text),
        Any::BoolValue(flag) => json!(flag),
        Any::IntValue(int) => json!(int),
        Any::DoubleValue(double) => json!(double),
        Any::ArrayValue(list) => list.values.iter().map(self::value).collect(),
        Any::KvlistValue(map) => Value::Object(attributes(&map.values)),
        other => panic!("unexpected {other:?}"),
    }
}

fn attributes(attributes: &[KeyValue]) -> Map<String, Value> {
    let map: Map<_, _> = attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), value(attribute.value.as_ref().unwrap())))
        .collect();
    assert_eq!(map.len(), attributes.len(), "a key occurs twice: {attributes:?}");
    map
}

fn only(receiver: &Receiver) -> LogRecord {
    let mut records = receiver.logs();
    assert_eq!(records.len(), 1, "{records:#?}");
    records.remove(0)
}

#[test]
fn the_event_has_structured_content_and_the_attributes_of_the_span() {
    let receiver =
        exported(builder(ContentCapture::EventOnly), || drop(chat(&request("How is the weather?"))));
    let (span, record) = (receiver.spans().remove(0), only(&receiver));
    assert_eq!(record.event_name, DETAILS);
    assert_eq!((record.severity_number, record.severity_text.as_str()), (5, "DEBUG"));
    assert_eq!((&record.trace_id, &record.span_id, record.flags), (&span.trace_id, &span.span_id, 1));
    assert_eq!(record.time_unix_nano, span.end_time_unix_nano);
    assert!(record.observed_time_unix_nano > 0 && record.body.is_none());

    let mut event = attributes(&record.attributes);
    let mut recorded = Vec::new();
    for key in ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"] {
        let content = event.remove(key).unwrap_or_else(|| panic!("no `{key}`"));
        schema::check(key, &content);
        recorded.push(content);
    }
    assert_eq!(recorded[0][1]["parts"][0]["content"], "How is the weather?");
    let call = &recorded[1][0]["parts"][0];
    assert_eq!((&call["name"], &call["arguments"]), (&json!("weather"), &json!({"city": "Rome", "days": 3})));
    assert_eq!(recorded[2][0]["parameters"]["properties"]["city"]["type"], "string");
    assert_eq!(content_keys(&span), Vec::<&str>::new());
    assert_eq!(event, attributes(&span.attributes));
    assert_eq!(event["app.tier"], "gold");
}

#[test]
fn span_and_event_have_the_same_content_in_different_forms() {
    // 🦀 and quotes to escape in JSON, and a text to cut.
    let text = format!("ada@example.org says \"🦀\": {}", "x".repeat(20_000));
    let receiver = exported(builder(ContentCapture::SpanAndEvent), || drop(chat(&request(&text))));
    let (span, record) = (receiver.spans().remove(0), only(&receiver));
    let event = attributes(&record.attributes);
    assert_eq!(content_keys(&span).len(), 3);
    for key in content_keys(&span) {
        assert_eq!(event[key], content(&span, key), "{key}");
    }
    let text = event["gen_ai.input.messages"][1]["parts"][0]["content"].as_str().unwrap().to_owned();
    assert!(text.starts_with("[EMAIL] says \"🦀\": xxx"), "{text}");
    assert!(text.len() < 16 << 10 && text.ends_with(" bytes]"), "{text}");
}

#[test]
fn a_function_that_skips_has_an_event_without_content() {
    #[llm_trace(chat, provider = "acme", model = "m", input = "secret", skip(all))]
    fn skipping() -> Response {
        Response::new().with_output("secret")
    }
    let receiver = exported(builder(ContentCapture::EventOnly), || drop(skipping()));
    let event = attributes(&only(&receiver).attributes);
    assert_eq!(event["gen_ai.request.model"], "m");
    assert!(!format!("{event:?}").contains("secret"), "{event:?}");
}

#[test]
fn a_call_that_is_not_sampled_has_its_event_all_the_same() {
    use llm_trace::opentelemetry::Context;
    use llm_trace::opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    };
    let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
    let unsampled = SpanContext::new(trace, span, TraceFlags::NOT_SAMPLED, true, TraceState::default());
    let receiver = exported(builder(ContentCapture::EventOnly), || {
        let _attached = Context::new().with_remote_span_context(unsampled).attach();
        chat(&request("hi"));
    });
    let record = only(&receiver);
    assert_eq!((receiver.spans().len(), record.flags), (0, 0));
    assert_eq!(record.trace_id, [1; 16]);
    let event = attributes(&record.attributes);
    assert_eq!(event["gen_ai.request.model"], "gpt-4o-mini");
    assert_eq!(event["gen_ai.usage.input_tokens"], 12);
    assert_eq!(event["gen_ai.request.temperature"], 0.5);
}
