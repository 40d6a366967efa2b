//! Return values are found inside wrapper types, and content in them is not read.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use llm_trace::{LlmResponse, Response, Usage, llm_trace};
use llm_trace_test_support::trace::{Ended, Trace};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// The span of a chat call that returned `body`.
pub(crate) fn returning<T: Serialize>(provider: &str, body: T) -> Ended {
    #[llm_trace(chat, provider = provider)]
    fn chat<T: Serialize>(provider: &str, body: T) -> T {
        body
    }
    let trace = Trace::new();
    trace.run(|| drop(chat(provider, body)));
    trace.only()
}

/// The span of an embeddings call that returned `body`.
pub(crate) fn embedding<T: Serialize>(body: T) -> Ended {
    #[llm_trace(embeddings, provider = "openai")]
    fn embed<T: Serialize>(body: T) -> T {
        body
    }
    let trace = Trace::new();
    trace.run(|| drop(embed(body)));
    trace.only()
}

fn body() -> Value {
    json!({"model": "m-1", "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
}

fn input_tokens(span: &Ended) -> Option<i64> {
    span.int("gen_ai.usage.input_tokens")
}

#[test]
fn results_options_boxes_arcs_references_and_tuples_are_looked_through() {
    #[llm_trace(chat, provider = "openai")]
    fn boxed() -> Result<Box<Value>, std::io::Error> {
        Ok(Box::new(body()))
    }
    #[llm_trace(chat, provider = "openai")]
    fn optional() -> Option<Arc<Value>> {
        Some(Arc::new(body()))
    }
    #[llm_trace(chat, provider = "openai")]
    fn timed() -> Result<(Value, Duration), String> {
        Ok((body(), Duration::from_secs(1)))
    }
    #[llm_trace(chat, provider = "openai")]
    fn borrowed(value: &Value) -> &Value {
        value
    }
    let value = body();
    let calls: [&dyn Fn(); 4] = [&|| drop(boxed()), &|| drop(optional()), &|| drop(timed()), &|| {
        borrowed(&value);
    }];
    for call in calls {
        let trace = Trace::new();
        trace.run(call);
        let span = trace.only();
        assert_eq!((span.text("gen_ai.response.model"), input_tokens(&span)), (Some("m-1"), Some(3)));
    }
}

#[test]
fn a_type_that_describes_itself_comes_before_its_serialized_form() {
    #[derive(Serialize)]
    struct Reply {
        model: &'static str,
    }
    impl LlmResponse for Reply {
        fn describe(&self) -> Response {
            Response::new().with_model("described").with_usage(Usage::new(1, 2))
        }
    }
    #[llm_trace(chat, provider = "openai")]
    fn chat() -> Result<Arc<Reply>, std::io::Error> {
        Ok(Arc::new(Reply { model: "serialized" }))
    }
    let trace = Trace::new();
    assert_eq!(trace.run(chat).unwrap().model, "serialized");
    assert_eq!(trace.only().text("gen_ai.response.model"), Some("described"));
    assert_eq!(input_tokens(&trace.only()), Some(1));
}

#[test]
fn an_opaque_type_leaves_duration_and_outcome() {
    struct Opaque;
    #[llm_trace(chat, provider = "openai", model = "gpt-4o")]
    fn chat() -> Opaque {
        Opaque
    }
    let trace = Trace::new();
    trace.run(chat);
    let span = trace.span("chat gpt-4o");
    assert_eq!((input_tokens(&span), span.failed()), (None, false));
}

#[test]
fn an_adapter_reads_an_opaque_type() {
    struct Foreign {
        used: (u64, u64),
    }
    fn adapt(foreign: &Foreign) -> Response {
        Response::new().with_usage(Usage::new(foreign.used.0, foreign.used.1))
    }
    #[llm_trace(chat, provider = "openai", response = adapt)]
    fn chat() -> Result<Foreign, std::io::Error> {
        Ok(Foreign { used: (8, 9) })
    }
    #[llm_trace(chat, provider = "openai", response = |foreign| adapt(foreign).with_id("closure"))]
    fn chat_with_closure() -> Foreign {
        Foreign { used: (8, 9) }
    }
    let trace = Trace::new();
    trace.run(|| drop(chat()));
    assert_eq!(input_tokens(&trace.only()), Some(8));
    let trace = Trace::new();
    trace.run(chat_with_closure);
    assert_eq!(trace.only().text("gen_ai.response.id"), Some("closure"));
}

#[test]
fn values_recorded_during_the_call_override_its_return_value() {
    #[llm_trace(chat, provider = "openai")]
    fn chat() -> Value {
        llm_trace::current().usage(Usage::new(1000, 0)).attribute("app.tier", "gold");
        body()
    }
    #[llm_trace(chat, provider = "openai")]
    fn text_only() -> String {
        llm_trace::current().response_body(&body());
        "the text".to_owned()
    }
    let trace = Trace::new();
    trace.run(chat);
    let span = trace.only();
    assert_eq!((input_tokens(&span), span.text("gen_ai.response.model")), (Some(1000), Some("m-1")));
    assert_eq!(span.text("app.tier"), Some("gold"));
    let trace = Trace::new();
    trace.run(text_only);
    assert_eq!(input_tokens(&trace.only()), Some(3));
}

#[test]
fn recording_after_the_call_or_outside_of_one_does_nothing() {
    #[llm_trace(chat, provider = "openai")]
    fn chat() -> llm_trace::CurrentCall {
        llm_trace::current()
    }
    let trace = Trace::new();
    let late = trace.run(chat);
    late.usage(Usage::new(1, 1)).attribute("app.late", "x");
    llm_trace::current().usage(Usage::new(1, 1));
    assert_eq!(llm_trace::current().trace_id(), None);
    assert_eq!((input_tokens(&trace.only()), trace.only().get("app.late")), (None, None));
}

#[test]
fn a_workflow_that_returns_its_last_response_does_not_count_it_again() {
    #[llm_trace(workflow)]
    fn answer() -> Value {
        chat()
    }
    #[llm_trace(chat, provider = "openai")]
    fn chat() -> Value {
        body()
    }
    let trace = Trace::new();
    trace.run(answer);
    assert_eq!(input_tokens(&trace.span("chat")), Some(3));
    assert_eq!(input_tokens(&trace.span("invoke_workflow answer")), None);
}

thread_local! {
    static VISITS: Cell<usize> = const { Cell::new(0) };
}

/// Counts how often it is serialized.
struct Visited;

impl Serialize for Visited {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        VISITS.set(VISITS.get() + 1);
        serializer.serialize_str("content")
    }
}

#[test]
fn parts_of_a_body_that_are_not_needed_are_never_serialized() {
    #[derive(Serialize)]
    struct Body {
        content: Visited,
        model: &'static str,
        data: Vec<Embedding>,
        choices: Vec<Choice>,
        usage: Usage,
    }
    #[derive(Serialize)]
    struct Embedding {
        embedding: Vec<Visited>,
    }
    #[derive(Serialize)]
    struct Choice {
        message: Message,
        finish_reason: &'static str,
    }
    #[derive(Serialize)]
    struct Message {
        content: Visited,
        tool_calls: Visited,
    }
    #[derive(Serialize)]
    struct Usage {
        prompt_tokens: u64,
        extra: Visited,
    }
    let body = Body {
        content: Visited,
        model: "m-2",
        data: vec![Embedding { embedding: vec![Visited, Visited] }],
        choices: vec![Choice {
            message: Message { content: Visited, tool_calls: Visited },
            finish_reason: "stop",
        }],
        usage: Usage { prompt_tokens: 9, extra: Visited },
    };
    let span = embedding(body);
    assert_eq!((span.text("gen_ai.response.model"), input_tokens(&span)), (Some("m-2"), Some(9)));
    assert_eq!(span.int("gen_ai.embeddings.dimension.count"), Some(2));
    assert_eq!(VISITS.get(), 0);
}

#[test]
fn reading_a_large_body_allocates_no_more_than_reading_a_small_one() {
    fn embeddings(count: usize) -> Value {
        let data: Vec<Value> =
            (0..count).map(|_| json!({"embedding": vec![0.5_f64; 256], "object": "embedding"})).collect();
        json!({"model": "m-3", "data": data, "usage": {"prompt_tokens": 5}})
    }
    #[llm_trace(embeddings, provider = "openai")]
    fn embed(body: &Value) -> &Value {
        body
    }
    let allocated = |body: &Value| {
        let trace = Trace::new();
        trace.run(|| {
            embed(body); // one-time allocations happen here
            allocation_counter::measure(|| {
                embed(body);
            })
        })
    };
    let (small, large) = (embeddings(1), embeddings(2000));
    let (small, large) = (allocated(&small), allocated(&large));
    // Concurrent export of spans makes a few allocations of difference; the body has half a million values.
    assert!(large.count_total < small.count_total + 50, "{small:?} {large:?}");
    assert!(large.bytes_total < small.bytes_total + 100_000, "{small:?} {large:?}");
}

#[test]
fn a_body_that_fails_or_panics_while_being_read_changes_nothing_for_the_caller() {
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    struct Panics;
    impl Serialize for Panics {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("in serialize")
        }
    }
    assert!(!returning("openai", Fails).failed());
    assert!(!returning("openai", Panics).failed());
}

#[test]
fn implausible_numbers_are_omitted() {
    let body = json!({"usage": {"prompt_tokens": -5, "completion_tokens": "many", "total_tokens": null}});
    let span = returning("openai", body);
    assert_eq!((input_tokens(&span), span.int("gen_ai.usage.output_tokens")), (None, None));
    let span = returning("openai", json!({"usage": {"prompt_tokens": 12.0, "completion_tokens": u64::MAX}}));
    assert_eq!((input_tokens(&span), span.int("gen_ai.usage.output_tokens")), (Some(12), None));
    for odd in
        [json!([1, 2]), json!("text"), json!(null), json!({"usage": [], "model": 7, "choices": "none"})]
    {
        assert_eq!(input_tokens(&returning("openai", odd)), None);
    }
}

#[test]
fn structured_output_is_not_read_as_a_provider_response() {
    // Structured output: every field is content.
    #[derive(Serialize)]
    struct Car {
        make: &'static str,
        model: &'static str,
        id: &'static str,
        finish_reason: &'static str,
        status: &'static str,
        service_tier: &'static str,
    }
    let car = Car {
        make: "SECRET",
        model: "SECRET model",
        id: "SECRET id",
        finish_reason: "SECRET",
        status: "SECRET",
        service_tier: "SECRET",
    };
    let span = returning("openai", car);
    assert!(!format!("{:?}", span.0).contains("SECRET"), "{:?}", span.0);
}

#[test]
fn a_providers_names_are_short_and_on_one_line() {
    let body = json!({"model": "a\nb", "id": "x".repeat(300), "usage": {"prompt_tokens": 1}});
    let span = returning("openai", body);
    assert_eq!((span.get("gen_ai.response.model"), span.get("gen_ai.response.id")), (None, None));
}

#[test]
fn an_attribute_set_twice_is_recorded_once() {
    #[llm_trace(
        chat,
        provider = "openai",
        attributes("gen_ai.provider.name" = "dup", "gen_ai.usage.input_tokens" = 5, "openai.project" = "p", "app.x" = 1),
    )]
    fn chat() -> Value {
        llm_trace::current().attribute("gen_ai.operation.name", "dup").attribute("app.x", 2);
        body()
    }
    let trace = Trace::new();
    trace.run(chat);
    // `get` fails on a key that occurs twice. The check against the registry covers attributes of llm-trace only.
    let span = trace.unchecked().remove(0);
    assert_eq!(
        (span.text("gen_ai.provider.name"), span.text("gen_ai.operation.name")),
        (Some("openai"), Some("chat"))
    );
    assert_eq!(
        (input_tokens(&span), span.text("openai.project"), span.int("app.x")),
        (Some(3), Some("p"), Some(2))
    );
}

#[test]
fn the_model_chosen_by_a_router_is_recorded_priced_and_names_the_span() {
    #[llm_trace(chat, provider = provider)]
    fn route(provider: Option<&str>) -> Response {
        llm_trace::current().request(|request| {
            request.provider("openai");
            request.model("gpt-4o-mini");
            request.temperature(0.5);
        });
        Response::new().with_usage(Usage::new(1_000_000, 0))
    }
    let trace = Trace::new();
    trace.run(|| drop(route(None)));
    let span = trace.span("chat gpt-4o-mini");
    assert_eq!(
        (span.text("gen_ai.provider.name"), span.text("gen_ai.request.model")),
        (Some("openai"), Some("gpt-4o-mini"))
    );
    assert_eq!(span.double("gen_ai.request.temperature"), Some(0.5));
    assert!(span.double("gen_ai.usage.cost").is_some());
    // Attributes set at the begin of the call stay.
    let trace = Trace::new();
    trace.run(|| drop(route(Some("azure.ai.openai"))));
    assert_eq!(trace.span("chat gpt-4o-mini").text("gen_ai.provider.name"), Some("azure.ai.openai"));
}

#[test]
fn a_kept_handle_still_names_its_own_trace() {
    #[llm_trace(chat, provider = "openai")]
    fn chat() -> Option<String> {
        let here = llm_trace::current();
        Trace::new().run(|| here.trace_id())
    }
    let trace = Trace::new();
    let id = trace.run(chat);
    assert_eq!(id, Some(trace.only().0.span_context.trace_id().to_string()));
}

#[test]
fn usage_recorded_on_a_step_that_calls_no_model_is_dropped() {
    #[llm_trace(task)]
    fn step() {
        llm_trace::current().usage(Usage::new(1, 1));
    }
    let trace = Trace::new();
    trace.run(step);
    assert_eq!(input_tokens(&trace.only()), None);
}

#[test]
fn retries_by_the_caller_are_counted_with_their_wasted_tokens() {
    #[llm_trace(chat, provider = "openai")]
    fn chat(good: u64) -> Option<Value> {
        for number in 1..good {
            llm_trace::current().attempt(number).wasted(Usage::new(10, 5));
        }
        llm_trace::current().attempt(good);
        Some(body())
    }
    let attempts = |good| {
        let trace = Trace::new();
        trace.run(|| drop(chat(good)));
        let span = trace.only();
        assert_eq!(input_tokens(&span), Some(3), "what was wasted is not part of the usage");
        (span.int("llm_trace.attempt.count"), span.int("llm_trace.attempt.wasted_tokens"))
    };
    assert_eq!((attempts(1), attempts(3)), ((None, None), (Some(3), Some(30))));
}
