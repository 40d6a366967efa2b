//! OpenInference attributes: off by default, and copies of the conventions' attributes only.

use llm_trace::{Builder, ContentCapture, llm_trace};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::{capturing, content, exported, text};

const KIND: &str = "openinference.span.kind";
const DOCUMENTS: &str = "gen_ai.retrieval.documents";

/// Whether OpenInference adds this attribute.
pub(crate) fn is_ours(key: &str) -> bool {
    key == KIND || is_content(key)
}

/// Whether this attribute is content.
pub(crate) fn is_content(key: &str) -> bool {
    matches!(key, "input.value" | "input.mime_type" | "output.value" | "output.mime_type")
        || key.starts_with("retrieval.documents.")
}

fn speaking() -> Builder {
    capturing().with_openinference(true)
}

fn only(builder: Builder, code: impl FnOnce()) -> Span {
    let mut spans = exported(builder, code).spans();
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

fn added(span: &Span) -> Vec<&str> {
    span.attributes.iter().map(|attribute| attribute.key.as_str()).filter(|key| is_ours(key)).collect()
}

/// Value and MIME type of the input or the output.
fn side(span: &Span, side: &str) -> (String, String) {
    let of = |what: &str| text(span, &format!("{side}.{what}")).unwrap_or_else(|| panic!("no {side}.{what}"));
    (of("value"), of("mime_type"))
}

fn plain(value: &str) -> (String, String) {
    (value.to_owned(), "text/plain".to_owned())
}

fn body() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "Is Ada <ada@example.org> in?"}]})
}

fn reply() -> Value {
    json!({"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "She is."}}]})
}

#[llm_trace(chat, provider = "openai", request = body)]
fn chat(body: &Value) -> Value {
    reply()
}

#[llm_trace(workflow, name = "w", input = question)]
fn workflow(question: &str) -> Result<String, ()> {
    Ok(format!("{question}!"))
}

#[llm_trace(agent, name = "a", input = question)]
fn agent(question: &str) -> Value {
    reply()
}

#[llm_trace(tool, name = "t", arguments(city))]
fn tool(city: &str) -> String {
    format!("{city}: sunny")
}

#[llm_trace(tool, name = "t", arguments = arguments)]
fn structured_tool(arguments: &Value) -> Value {
    json!({"forecast": ["sunny"]})
}

#[llm_trace(retrieval, data_source = "d", query = query)]
fn retrieve(query: &str) -> Value {
    json!([{"id": 7, "score": 1, "content": "cats", "page": 3}, {"text": "dogs"}])
}

#[test]
fn every_kind_has_its_name_and_without_content_nothing_else() {
    macro_rules! kinds {
        ($($name:ident($($attribute:tt)*) is $word:literal),* $(,)?) => {{
            $(#[llm_trace($($attribute)*)] fn $name() {})*
            [$(($name as fn(), $word)),*]
        }};
    }
    let kinds = kinds! {
        chat(chat, provider = "p", input = "x") is "LLM",
        completion(text_completion, provider = "p", input = "x") is "LLM",
        generation(generate_content, provider = "p", input = "x") is "LLM",
        fetched(fetch_response, provider = "p") is "LLM",
        embedding(embeddings, provider = "p") is "EMBEDDING",
        ranking(rerank, provider = "p") is "RERANKER",
        search(retrieval, query = "x") is "RETRIEVER",
        recall(memory(search), query = "x") is "RETRIEVER",
        remember(memory(create)) is "CHAIN",
        change(memory(update)) is "CHAIN",
        put(memory(upsert)) is "CHAIN",
        forget(memory(delete)) is "CHAIN",
        open(memory(create_store)) is "CHAIN",
        close(memory(delete_store)) is "CHAIN",
        local(agent, input = "x") is "AGENT",
        remote(agent(remote), provider = "p", input = "x") is "AGENT",
        new(create_agent, provider = "p") is "AGENT",
        planning(plan) is "CHAIN",
        tool(tool, arguments = "x") is "TOOL",
        flow(workflow, input = "x") is "CHAIN",
        guard(guardrail) is "GUARDRAIL",
        judge(evaluator) is "EVALUATOR",
        step(task) is "CHAIN",
    };
    for (call, word) in kinds {
        let span = only(llm_trace::builder().with_openinference(true), call);
        assert_eq!(text(&span, KIND).as_deref(), Some(word), "{}", span.name);
        assert_eq!(added(&span), [KIND], "{}", span.name);
    }
}

#[test]
fn openinference_is_off_by_default() {
    for builder in [capturing(), capturing().with_openinference(false)] {
        let span = only(builder, || drop(workflow("hi")));
        assert_eq!(added(&span), Vec::<&str>::new());
    }
}

#[test]
fn a_text_is_shown_as_it_is() {
    let span = only(speaking(), || drop(workflow("Is Ada <ada@example.org> in?")));
    assert_eq!(side(&span, "input"), plain("Is Ada <[EMAIL]> in?"));
    assert_eq!(side(&span, "output"), plain("Is Ada <[EMAIL]> in?!"));
    let span = only(speaking(), || drop(agent("Who?")));
    assert_eq!((side(&span, "input"), side(&span, "output")), (plain("Who?"), plain("She is.")));
    let span = only(speaking(), || drop(tool("Rome")));
    let arguments = (r#"{"city":"Rome"}"#.to_owned(), "application/json".to_owned());
    assert_eq!((side(&span, "input"), side(&span, "output")), (arguments, plain("Rome: sunny")));
}

#[test]
fn anything_else_is_the_json_that_the_conventions_attribute_is() {
    let cases: [(Span, [&str; 2]); 2] = [
        (only(speaking(), || drop(chat(&body()))), ["gen_ai.input.messages", "gen_ai.output.messages"]),
        (
            only(speaking(), || drop(structured_tool(&json!({"city": "Rome"})))),
            ["gen_ai.tool.call.arguments", "gen_ai.tool.call.result"],
        ),
    ];
    for (span, keys) in cases {
        for (key, of) in keys.into_iter().zip(["input", "output"]) {
            content(&span, key);
            assert_eq!(side(&span, of), (text(&span, key).unwrap(), "application/json".to_owned()));
        }
    }
}

#[test]
fn a_retrieval_has_its_documents_one_by_one() {
    let span = only(speaking(), || drop(retrieve("pets")));
    assert_eq!(side(&span, "input"), plain("pets"));
    content(&span, DOCUMENTS);
    assert_eq!(side(&span, "output"), (text(&span, DOCUMENTS).unwrap(), "application/json".to_owned()));
    let mut found: Vec<_> = span
        .attributes
        .iter()
        .filter_map(|attribute| {
            let field = attribute.key.strip_prefix("retrieval.documents.")?;
            Some((field, attribute.value.clone()?.value?))
        })
        .collect();
    found.sort_by_key(|(field, _)| field.to_owned());
    let text = |text: &str| Any::StringValue(text.to_owned());
    assert_eq!(
        found,
        [
            ("0.document.content", text("cats")),
            ("0.document.id", text("7")),
            ("0.document.metadata", text(r#"{"page":3}"#)),
            ("0.document.score", Any::DoubleValue(1.0)),
            ("1.document.content", text("dogs")),
        ]
    );
}

#[test]
fn many_documents_leave_room_for_the_other_attributes() {
    #[llm_trace(retrieval, data_source = "d", query = "x", attributes("app.tier" = "gold"))]
    fn retrieve() -> Vec<Value> {
        (0..100).map(|index| json!({"id": index, "score": 0.5, "text": "t", "page": 1})).collect()
    }
    let span = only(speaking(), || drop(retrieve()));
    assert_eq!(span.dropped_attributes_count, 0);
    assert_eq!(text(&span, "retrieval.documents.15.document.id").as_deref(), Some("15"));
    assert_eq!(text(&span, "retrieval.documents.16.document.id"), None);
    assert_eq!(text(&span, "app.tier").as_deref(), Some("gold"));
}

#[test]
fn both_copies_are_within_the_budget_of_the_span() {
    let long = "word ".repeat(20_000);
    let body = json!({
        "model": "m", "system": long, "messages": [{"role": "user", "content": long}],
        "tools": [{"name": "t", "description": long, "input_schema": {}}],
    });
    #[llm_trace(chat, provider = "openai", request = body)]
    fn chat(body: &Value) -> String {
        body["system"].as_str().unwrap().to_owned()
    }
    #[llm_trace(retrieval, data_source = "d", query = query)]
    fn retrieve(query: &str) -> Vec<&str> {
        vec![query; 20]
    }
    for (call, copies) in [
        (&(|| drop(chat(&body))) as &dyn Fn(), ["input.value", "output.value"]),
        (&|| drop(retrieve(&long)), ["output.value", "retrieval.documents.0.document.content"]),
    ] {
        let span = only(speaking().with_content_budget(4000, 9000), call);
        let is_content = |key: &str| is_content(key) || crate::CONTENT_KEYS.contains(&key);
        let lengths = span.attributes.iter().filter(|attribute| is_content(&attribute.key));
        let total: usize = lengths.map(|attribute| text(&span, &attribute.key).unwrap().len()).sum();
        assert!((7000..=9100).contains(&total), "{}: {total}", span.name);
        for copy in copies {
            assert!(text(&span, copy).unwrap().contains("…[truncated, "), "{copy}");
        }
    }
}

#[test]
fn a_user_attribute_of_the_same_name_is_replaced() {
    #[llm_trace(workflow, input = "in", attributes("input.value" = "mine", "openinference.span.kind" = "TOOL"))]
    fn flow() {}
    // `text` fails if a key occurs twice.
    let span = only(speaking(), flow);
    assert_eq!(side(&span, "input"), plain("in"));
    assert_eq!(text(&span, KIND).as_deref(), Some("CHAIN"));
    let span = only(llm_trace::builder().with_openinference(true), flow);
    assert_eq!(text(&span, "input.value").as_deref(), Some("mine"), "there is no other");
    let span = only(capturing(), flow);
    assert_eq!(text(&span, KIND).as_deref(), Some("TOOL"), "it is not spoken");
}

#[test]
fn events_have_no_openinference_and_content_on_events_only_is_on_no_span() {
    for capture in [ContentCapture::EventOnly, ContentCapture::SpanAndEvent] {
        let builder = llm_trace::builder().with_content_capture(capture).with_openinference(true);
        let receiver = exported(builder, || drop(chat(&body())));
        let record = receiver.logs().remove(0);
        assert!(record.attributes.iter().any(|attribute| attribute.key == "gen_ai.input.messages"));
        let on_event: Vec<_> = record.attributes.iter().filter(|attribute| is_ours(&attribute.key)).collect();
        assert!(on_event.is_empty(), "{on_event:?}");
        let on_span = if capture == ContentCapture::EventOnly { 1 } else { 5 };
        assert_eq!(added(&receiver.spans()[0]).len(), on_span);
    }
}

#[test]
fn skipped_content_has_no_copy() {
    #[llm_trace(workflow, input = "in", skip(input))]
    fn flow() -> String {
        "out".to_owned()
    }
    let span = only(speaking(), || drop(flow()));
    assert_eq!(text(&span, "input.value"), None);
    assert_eq!(side(&span, "output"), plain("out"));
}
