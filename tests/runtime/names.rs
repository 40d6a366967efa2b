//! Length limits of names: everything except content is short, from any source, and there are few of them.

use llm_trace::opentelemetry::{Array, Value as Attribute};
use llm_trace::{Call, Kind, LlmError, Response, current, llm_trace, score};
use llm_trace_test_support::trace::{Ended, Trace, all_points};
use serde_json::{Value, json};

/// A text longer than the limit of names.
fn long() -> String {
    "n".repeat(1_000_000)
}

fn bytes(value: &Attribute) -> usize {
    match value {
        Attribute::String(text) => text.as_str().len(),
        Attribute::Array(Array::String(items)) => items.iter().map(|item| item.as_str().len()).sum(),
        _ => 8,
    }
}

/// The size of all attributes of a span, and of the longest text among them.
fn weight(span: &Ended) -> (usize, usize) {
    let of_attributes: Vec<_> = span.0.attributes.iter().map(|attribute| bytes(&attribute.value)).collect();
    let longest = of_attributes.iter().copied().max().unwrap_or_default().max(span.0.name.len());
    (of_attributes.iter().sum::<usize>() + span.0.name.len(), longest)
}

fn labels_are_short() {
    for (metric, point) in all_points() {
        for label in &point.labels {
            assert!(bytes(&label.value) <= 256, "{metric}: {}", label.key);
        }
    }
}

fn long_request() -> Value {
    json!({
        "model": long(), "stop": vec![long(); 3], "service_tier": long(), "reasoning_effort": long(),
        "response_format": {"type": long()}, "previous_response_id": long(), "conversation": {"id": long()},
    })
}

fn long_response() -> Value {
    json!({
        "id": long(), "object": "chat.completion", "model": long(), "service_tier": long(),
        "system_fingerprint": long(), "choices": vec![json!({"finish_reason": long()}); 3],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    })
}

struct Failure(String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it failed")
    }
}

impl LlmError for Failure {
    fn error_type(&self) -> std::borrow::Cow<'_, str> {
        self.0.as_str().into()
    }
}

#[llm_trace(chat, provider = "openai", request = body)]
fn ask(body: &Value, answer: Value) -> Value {
    answer
}

#[llm_trace(chat, provider = provider, model = "long-errors", tags("app.tag" = long()))]
fn fails(provider: &str) -> Result<(), Failure> {
    Err(Failure(long()))
}

#[llm_trace(mcp(server), request = message)]
fn handle(message: &Value) -> Value {
    json!({"jsonrpc": "2.0", "result": {"protocolVersion": long()}})
}

#[llm_trace(
    tool,
    name = name,
    description = long(),
    call_id = name,
    tool_type = name,
    conversation = name,
    user = name
)]
fn tool(name: &str) {}

#[test]
fn no_name_of_a_request_or_a_response_is_longer_than_names_are() {
    let trace = Trace::new();
    trace.run(|| {
        ask(&long_request(), long_response());
        assert!(fails(&long()).is_err());
        handle(&json!({"method": long(), "id": long(), "params": {"name": long(), "uri": long()}}));
        handle(&json!({"method": "resources/read", "params": {"uri": format!("file:///{}", long())}}));
        tool(&long());
        let call = Call::builder(Kind::Chat).with_request(|request| {
            request.provider("openai");
            request.model(long());
        });
        let call = call.begin();
        let mut response = Response::new().with_model(long()).with_id(long()).with_service_tier(long());
        for _ in 0..10_000 {
            response = response.with_finish_reason("stop").with_finish_reason(long());
        }
        call.current().response(&response);
        call.current().response_headers([("x-request-id", long())]);
        call.fail_as(long());
        let call = Call::builder(Kind::Chat).with_request(|request| request.provider("openai")).begin();
        score(long())
            .with_value(1.0)
            .with_label(long())
            .with_response_id(long())
            .with_error_type(long())
            .record();
        call.finish();
    });
    let spans = trace.unchecked();
    assert_eq!(spans.len(), 7);
    for span in &spans {
        let (all, longest) = weight(span);
        assert!(all < 12_000, "{}: {all} bytes", span.0.name);
        let is_description = span.get("gen_ai.tool.description").is_some();
        assert!(longest <= if is_description { 4096 } else { 1024 }, "{}: {longest} bytes", span.0.name);
    }
    let failed: Vec<_> = spans.iter().filter_map(|span| span.text("error.type")).collect();
    assert_eq!(failed, ["_OTHER", "_OTHER"]);
    assert_eq!(spans[1].get("app.tag"), None);
    assert_eq!(spans[4].text("gen_ai.tool.name"), Some("tool"), "the function's name");
    assert_eq!(spans[4].text("gen_ai.tool.description").unwrap().len(), 4096);
    labels_are_short();
}

#[test]
fn a_name_is_one_line_and_longer_ones_are_omitted_instead_of_cut() {
    let trace = Trace::new();
    let just = "m".repeat(256);
    trace.run(|| {
        ask(&json!({"model": just}), json!({}));
        ask(&json!({"model": format!("{just}m")}), json!({}));
        ask(&json!({"model": "two\nlines"}), json!({}));
        ask(&json!({"model": "ok", "stop": ["\n\n", "END"]}), json!({}));
    });
    let models: Vec<_> =
        trace.unchecked().iter().map(|span| span.text("gen_ai.request.model").map(str::len)).collect();
    assert_eq!(models, [Some(256), None, None, Some(2)]);
    let stop = trace.unchecked()[3].get("gen_ai.request.stop_sequences").cloned();
    assert_eq!(stop.map(|value| bytes(&value)), Some(5), "a stop sequence may be a line break");
}

#[test]
fn there_are_no_more_finish_reasons_and_stop_sequences_than_choices_can_be() {
    let trace = Trace::new();
    trace.run(|| {
        let choices = vec![json!({"finish_reason": "stop"}); 100_000];
        ask(&json!({"model": "m", "stop": vec!["x"; 100_000]}), json!({"choices": choices}));
    });
    let span = &trace.unchecked()[0];
    for key in ["gen_ai.response.finish_reasons", "gen_ai.request.stop_sequences"] {
        let Some(Attribute::Array(Array::String(items))) = span.get(key) else { panic!("{key}") };
        assert_eq!(items.len(), 128, "{key}");
    }
}

#[test]
fn three_hundred_models_with_names_of_a_megabyte_take_no_memory() {
    // Made in advance, so that only recording is counted.
    let bodies: Vec<_> = (0..300).map(|number| json!({"model": format!("{number}{}", long())})).collect();
    let trace = Trace::new();
    let counted = allocation_counter::measure(|| {
        trace.run(|| {
            for body in &bodies {
                #[llm_trace(chat, provider = "openai", request = body)]
                fn ask(body: &Value) {}
                ask(body);
            }
        });
    });
    assert!(counted.bytes_current < 3_000_000, "{} bytes are kept", counted.bytes_current);
    assert!(counted.bytes_total < 30_000_000, "{} bytes were allocated", counted.bytes_total);
    assert_eq!(trace.unchecked().len(), 300);
}

#[test]
fn an_open_stream_takes_about_ten_kilobytes() {
    #[llm_trace(chat, provider = "openai", model = "many-open")]
    fn streamed() -> Box<dyn Iterator<Item = Value>> {
        let chunk = json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]});
        Box::new(std::iter::repeat(chunk))
    }
    let trace = Trace::new();
    let mut open = Vec::with_capacity(1000);
    let begin = |open: &mut Vec<_>| {
        let mut stream = streamed();
        stream.next();
        open.push(stream);
    };
    // One-time allocations are not counted.
    trace.run(|| begin(&mut open));
    let counted = allocation_counter::measure(|| trace.run(|| (0..999).for_each(|_| begin(&mut open))));
    let each = counted.bytes_current / 999;
    assert!((1000..=10_000).contains(&each), "{each} bytes");
}

#[test]
fn names_in_streams_have_the_same_limit() {
    #[llm_trace(chat, provider = "openai", model = "long-stream")]
    fn streamed() -> impl Iterator<Item = Value> {
        let chunk = |reason: Value| json!({"id": long(), "model": long(), "choices": [{"index": 0, "finish_reason": reason, "delta": {"content": "a"}}]});
        vec![chunk(Value::Null), chunk(json!(long())), json!({"error": {"code": long(), "type": long()}})]
            .into_iter()
    }
    let trace = Trace::new();
    trace.run(|| streamed().count());
    let span = trace.only();
    assert!(weight(&span).0 < 2000, "{:?}", weight(&span));
    assert_eq!(span.text("error.type"), Some("stream_error"));
    labels_are_short();
}

#[test]
fn the_reason_of_an_incomplete_response_is_recorded_if_known() {
    let incomplete = |reason: &str| json!({"object": "response", "status": "incomplete", "incomplete_details": {"reason": reason}, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let finish_reasons = |answer: Value| {
        let trace = Trace::new();
        trace.run(|| ask(&json!({"model": "m"}), answer));
        trace.only().get("gen_ai.response.finish_reasons").map(ToString::to_string)
    };
    assert_eq!(finish_reasons(incomplete("max_output_tokens")).as_deref(), Some("[\"length\"]"));
    assert_eq!(finish_reasons(incomplete("content_filter")).as_deref(), Some("[\"content_filter\"]"));
    for text in ["the user asked about kanarienvogel", "kanarienvogel\nand more", "kanarienvogel"] {
        assert_eq!(finish_reasons(incomplete(text)), None, "{text}");
    }
    let chat = |reason: &str| json!({"choices": [{"finish_reason": reason}]});
    assert_eq!(finish_reasons(chat("END_TURN")).as_deref(), Some("[\"END_TURN\"]"));
    assert_eq!(finish_reasons(chat("they said kanarienvogel")), None);
    let by_hand = Trace::new();
    by_hand.run(|| {
        let call = Call::builder(Kind::Chat).with_request(|request| request.provider("openai")).begin();
        let response = Response::new()
            .with_finish_reason("it said: kanarienvogel")
            .with_usage(llm_trace::Usage::new(1, 1));
        call.in_scope(|| drop(current().response(&response).clone()));
        call.finish();
    });
    assert_eq!(by_hand.unchecked()[0].get("gen_ai.response.finish_reasons"), None);
}
