//! Every kind of call with all its attributes, checked against the registry of the conventions in both versions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod complete;
mod delivery;
mod document;
mod equality;
mod mcp;

use std::collections::BTreeSet;
use std::process::Command;

use futures_util::{Stream, StreamExt as _};
use llm_trace::{QualitySignals, Topics, llm_trace};
use llm_trace_test_support::semconv::{self, Checked};
use llm_trace_test_support::trace::{Ended, Trace, metric_names};
use opentelemetry_sdk::logs::SdkLogRecord;
use serde_json::{Value, json};

#[llm_trace(
    chat,
    provider = "openai",
    request = request,
    server = "https://api.openai.com/v1",
    prompt_name = "support",
    prompt_version = "3",
    conversation = "conv-1",
    user = "user-1",
    attributes("app.tier" = "gold"),
)]
fn chat(request: &Value) -> Value {
    llm_trace::current().response_headers([
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-reset-requests", "8.64s"),
        ("x-ratelimit-limit-tokens", "200000"),
        ("x-ratelimit-remaining-tokens", "199990"),
        ("x-ratelimit-reset-tokens", "3ms"),
        ("x-request-id", "req_1"),
        ("apim-request-id", "00000000-0000-0000-0000-000000000000"),
        ("x-amzn-requestid", "79b9da39-b7ae-508a-a6bc-864b2829c622"),
    ]);
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default", "system_fingerprint": "fp_1",
        "choices": [
            {"finish_reason": "stop", "message": {"role": "assistant", "content": "Refunds take five days [1]."}},
            {"finish_reason": "length", "message": {"role": "assistant", "content": "{"}}
        ],
        "usage": {
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 16},
            "completion_tokens_details": {"reasoning_tokens": 20}
        }
    })
}

fn full_request() -> Value {
    json!({
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "model": "gpt-4o-mini", "temperature": 0.7, "top_p": 0.9, "top_k": 40, "max_tokens": 256, "n": 2, "seed": 42,
        "stop": ["END"], "frequency_penalty": 0.1, "presence_penalty": 0.2, "reasoning_effort": "low",
        "response_format": {"type": "json_object"}, "service_tier": "flex", "previous_response_id": "resp_0",
        "instructions": "be brief", "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "t"}}]
    })
}

#[llm_trace(chat, provider = "openai", model = "streamed", server = "h:1")]
fn stream() -> std::pin::Pin<Box<dyn Stream<Item = Value>>> {
    let chunk = |text: &str| json!({"object": "chat.completion.chunk", "model": "gpt-4o-mini", "choices": [{"index": 0, "delta": {"content": text}}]});
    let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    Box::pin(futures_util::stream::iter([chunk("a"), chunk("b"), last]))
}

#[llm_trace(chat, provider = "openai", model = "nobody-has-a-price-for-this", server = "h:1")]
fn unpriced() -> Value {
    json!({"usage": {"input_tokens": 5, "output_tokens": 6}})
}

#[llm_trace(text_completion, provider = "mistral_ai", model = "mistral-small", reasoning_level = "low")]
fn complete() -> Result<(), std::io::Error> {
    Err(std::io::ErrorKind::TimedOut.into())
}

#[llm_trace(generate_content, provider = "azure.ai.inference", model = "m", server = "host:8443")]
fn generate() {}

#[llm_trace(embeddings, provider = "openai", request = request, server = "api.openai.com:443")]
fn embed(request: &Value) -> Value {
    json!({"model": "text-embedding-3-small", "data": [{"embedding": [0.1, 0.2]}],
           "usage": {"prompt_tokens": 12, "total_tokens": 12}})
}

#[llm_trace(rerank, provider = "cohere", model = "rerank-v3.5", top_k = 3, server = "api.cohere.com:443")]
fn rerank() -> Value {
    json!({"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.5}]})
}

#[llm_trace(
    retrieval,
    provider = "qdrant",
    model = "e",
    data_source = "docs",
    top_k = 4,
    server = "localhost:6333",
    query = "a question"
)]
fn retrieve() -> Value {
    json!([
        {"id": 1, "score": 0.9, "text": "an answer", "page": 3}, {"id": 2, "score": 0.5}, {"id": 1, "score": 0.5}
    ])
}

#[llm_trace(fetch_response, provider = "openai", id = "resp_1", stream_cursor = "7", server = "h:1")]
fn fetch() -> Value {
    json!({"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5", "output": []})
}

#[llm_trace(memory(search), provider = "mem0", store = "s", record_count = 2, server = "h:1", query = "q")]
fn search_memory() {}

#[llm_trace(memory(update), store = "s", record = "r")]
fn update_memory() {}

#[llm_trace(
    create_agent,
    provider = "openai",
    name = "a",
    id = "1",
    description = "d",
    version = "2",
    model = "m"
)]
fn create_agent() {}

#[llm_trace(
    agent(remote),
    provider = "openai",
    name = "a",
    id = "1",
    version = "2",
    model = "gpt-4o-mini",
    server = "h:1"
)]
fn remote_agent() -> Value {
    json!({"usage": {"input_tokens": 5, "output_tokens": 6}})
}

#[llm_trace(
    agent,
    name = "local",
    description = "d",
    model = "m",
    temperature = 0.5,
    data_source = "docs",
    input = "i"
)]
fn agent() {
    plan();
    tool();
    let _ = chat(&full_request());
}

#[llm_trace(plan)]
fn plan() {}

#[llm_trace(tool, name = "t", description = "d", call_id = "c", tool_type = "function", arguments(a = 1))]
fn tool() -> bool {
    true
}

#[llm_trace(retrieval, provider = "qdrant", data_source = "docs", server = "localhost:6333")]
fn retrieve_much() -> Value {
    let text = (0..2000).map(|number| format!("word{number}")).collect::<Vec<_>>().join(" ");
    (0..20).map(|id| json!({"id": id, "text": text})).collect()
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini", server = "h:1")]
fn short_answer() -> Value {
    json!({"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "word1 it is"}}]})
}

/// Gives answers faster than they are compared with their documents, until some are dropped from the queue.
#[llm_trace(workflow, name = "hasty")]
fn answer_hastily() {
    (0..4).for_each(|_| _ = retrieve_much());
    let mut given = 0;
    while !metric_names().contains("llm_trace.answer.unmeasured") {
        assert!(given < 10_000, "{given} answers at once, and all are measured");
        (0..300).for_each(|_| _ = short_answer());
        given += 300;
    }
}

/// Called more often than a metric has label sets in the processes below.
#[llm_trace(tool, name = format!("tool-{number}"))]
fn one_of_many_tools(number: usize) {}

#[llm_trace(guardrail, name = "pii")]
fn guardrail() {}

#[llm_trace(evaluator, name = "helpfulness")]
fn evaluator() -> f64 {
    0.5
}

#[llm_trace(task)]
fn task() {}

#[llm_trace(workflow, name = "everything", input = "i")]
fn workflow() {
    let _ = complete();
    unpriced();
    let chunks: Vec<_> = futures_util::FutureExt::now_or_never(stream().collect()).unwrap();
    assert_eq!(chunks.len(), 3);
    generate();
    embed(&json!({"model": "text-embedding-3-small", "dimensions": 2, "encoding_format": "float"}));
    rerank();
    retrieve();
    fetch();
    search_memory();
    update_memory();
    create_agent();
    remote_agent();
    agent();
    guardrail();
    evaluator();
    complete::calls();
    mcp::calls();
    task();
    (0..=LIMIT).for_each(one_of_many_tools);
    llm_trace::score("helpfulness")
        .with_value(0.5)
        .with_label("partly")
        .with_explanation("it answers half of it")
        .with_response_id("chatcmpl-1")
        .with_error_type("judge_timeout")
        .record();
}

fn conventional(span: &Ended) -> usize {
    span.keys().iter().filter(|key| !key.starts_with("app.") && !key.starts_with("code.")).count()
}

#[test]
fn every_kind_with_all_its_attributes_follows_the_conventions() {
    let is_child = std::env::var_os(CHILD).is_some();
    // In a child process: policies are global, and the trace replaces the providers.
    let looking = is_child.then(|| {
        let builder = llm_trace::builder().with_quality_signals(QualitySignals::all());
        let is_kept_elsewhere = std::env::var_os(UPLOAD).is_some();
        let upload = llm_trace::ContentUpload::Besides;
        let builder = if is_kept_elsewhere { builder.with_content_upload(Nowhere, upload) } else { builder };
        builder.with_topics(Topics::PromptName).init().unwrap()
    });
    let trace = Trace::new();
    if is_child {
        Trace::take_over();
    }
    trace.run(workflow);
    if is_child {
        answer_hastily();
    }
    drop(looking); // measures what waits
    let registry = semconv::in_force();
    let spans = trace.spans();

    let emitted: BTreeSet<&str> =
        spans.iter().filter_map(|span| registry.span_type(span.operation()?, &span.0.span_kind)).collect();
    let missing: Vec<_> = registry.span_types().difference(&emitted).copied().collect();
    assert_eq!(missing, Vec::<&str>::new(), "span types that no call here emits");

    let events = trace.events();
    let emitted_events: BTreeSet<_> = events.iter().filter_map(SdkLogRecord::event_name).collect();
    if std::env::var(CAPTURE).is_ok_and(|capture| capture == "event_only") {
        let missing: Vec<_> = registry.events().difference(&emitted_events).copied().collect();
        assert_eq!(missing, Vec::<&str>::new(), "events that nothing here emits");
    }

    if std::env::var(CAPTURE).is_ok_and(|capture| capture == "SPAN_ONLY") {
        println!("{}", complete::check(&spans));
    }

    let inference = conventional(&trace.span("chat gpt-4o-mini"));
    let embeddings = conventional(&trace.span("embeddings text-embedding-3-small"));
    // In a child process too: it makes its provider of traces the global one.
    let delivering = is_child.then(delivery::everything);
    let names = metric_names(); // checks every data point
    println!("{SECTION}{}{SECTION}", document::section(&spans, &events));
    println!("{}{SECTION}", document::openinference(&spans));
    drop(delivering);
    let Checked { spans, attributes, points, events } = Checked::so_far();
    println!(
        "checked {spans} spans of {} types, {attributes} attributes, {points} points of {} metrics, {events} events; \
         violations: 0; \
         attributes on a full inference span: {inference}, on embeddings: {embeddings}",
        emitted.len(),
        names.len(),
    );
    assert!(inference >= 28, "{:?}", trace.span("chat gpt-4o-mini").keys());
    assert!(embeddings >= 9, "{:?}", trace.span("embeddings text-embedding-3-small").keys());
}

/// Set in a child process.
const CHILD: &str = "TEST_CHILD";

/// The number of label sets per metric in a child process.
const LIMIT: usize = 60;

/// The markers between which the child process writes its section of the document.
const SECTION: &str = "\n<<section>>\n";

/// Captures content on events, so that events with details are emitted in each version; spans keep their defaults.
const CAPTURE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

const SPEAKING: (&str, &str) = ("LLM_TRACE_OPENINFERENCE", "true");

#[test]
fn the_newest_conventions_are_followed_after_opt_in() {
    let text = in_vintage("http, gen_ai_latest_experimental");
    println!("{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn content_follows_the_conventions_and_every_attribute_of_every_span_type_is_emitted() {
    for opt_in in ["", "gen_ai_latest_experimental"] {
        let text = in_child(&[("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in), (CAPTURE, "SPAN_ONLY")]);
        println!("{text}");
        for content in ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"] {
            assert!(text.contains(content), "no {content} in {text}");
        }
        assert!(text.contains("gen_ai.execute_tool.internal: "), "completeness is not checked: {text}");
    }
}

/// Set in a child process that uploads content.
const UPLOAD: &str = "LLM_TRACE_TEST_UPLOAD";

struct Nowhere;

impl llm_trace::ContentStore for Nowhere {
    fn reference(&self, piece: &llm_trace::ContentItem<'_>) -> String {
        format!("nowhere:{}", piece.attribute())
    }

    fn store(&self, _: &str, _: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

#[test]
fn references_to_uploaded_content_are_declared() {
    for opt_in in ["", "gen_ai_latest_experimental"] {
        let text = in_child(&[
            ("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in),
            (CAPTURE, "SPAN_AND_EVENT"),
            (UPLOAD, "1"),
        ]);
        for content in ["input.messages", "output.messages", "system_instructions", "tool.definitions"] {
            assert!(text.contains(&format!("llm_trace.{content}_ref")), "no {content} in {text}");
        }
    }
}

#[test]
fn openinference_attributes_follow_its_registry() {
    for opt_in in ["", "gen_ai_latest_experimental"] {
        let text = in_child(&[("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in), (CAPTURE, "SPAN_ONLY"), SPEAKING]);
        println!("{text}");
        let defined = semconv::in_force().group("attributes.openinference");
        let of_documents = semconv::in_force().group("attributes.openinference.documents");
        for key in defined.into_iter().chain(of_documents) {
            assert!(text.contains(&key), "no {key} in {text}");
        }
    }
}

#[test]
fn the_document_lists_the_emitted_telemetry() {
    let sections = ["", "gen_ai_latest_experimental"].map(|opt_in| {
        let text = in_vintage(opt_in);
        text.split(SECTION).nth(1).unwrap().to_owned()
    });
    let speaking = in_child(&[(CAPTURE, "SPAN_ONLY"), SPEAKING]);
    let openinference = speaking.split(SECTION).nth(2).unwrap();
    let expected = document::document(&sections[0], &sections[1], openinference.trim_start());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/semconv.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/semconv.md is out of date: UPDATE_DOCS=1 cargo test -p llm-trace-tests --test semconv"
    );
}

/// The output of the first test under these conventions.
fn in_vintage(opt_in: &str) -> String {
    in_child(&[("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in), (CAPTURE, "event_only")])
}

/// The output of the first test in a process with these variables.
fn in_child(variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "every_kind_with_all_its_attributes_follows_the_conventions", "--nocapture"])
        .env("LLM_TRACE_METRIC_CARDINALITY_LIMIT", LIMIT.to_string())
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn the_check_finds_violations() {
    use llm_trace::opentelemetry::logs::Severity;
    use llm_trace::opentelemetry::trace::{SpanBuilder, SpanKind, Tracer};
    use llm_trace::opentelemetry::{KeyValue, global};
    let trace = Trace::new();
    trace.run(|| {
        let tracer = global::tracer("not-llm-trace");
        let attributes = vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.request.model", "m"),
            KeyValue::new("gen_ai.usage.input_tokens", "12"),
            KeyValue::new("gen_ai.retrieval.top_k", 3),
            KeyValue::new("gen_ai.made_up", true),
            KeyValue::new("error.type", "timeout"),
        ];
        let builder = SpanBuilder::from_name("chat something else").with_kind(SpanKind::Internal);
        tracer.build(builder.with_attributes(attributes));
    });
    let wrong = semconv::AUGUST.check_span(&trace.only().0);
    for expected in [
        "kind is internal",
        "the name is not",
        "`gen_ai.provider.name` is required",
        "`gen_ai.usage.input_tokens` should be Int",
        "`gen_ai.retrieval.top_k` is not for this span type",
        "`gen_ai.made_up` is not defined",
        "status Unset with error.type",
    ] {
        assert!(wrong.iter().any(|found| found.contains(expected)), "{expected} not in {wrong:#?}");
    }
    assert_eq!(wrong.len(), 7, "{wrong:#?}");
    let wrong = semconv::AUGUST.check_point("gen_ai.client.token.usage", "tokens", "counter", ["user.id"]);
    assert_eq!(wrong.len(), 6, "{wrong:#?}");
    let attributes = [
        ("gen_ai.input.messages".into(), "[]".into()),
        ("gen_ai.evaluation.name".into(), "n".into()),
        ("gen_ai.made_up".into(), 1.into()),
    ];
    let details = "gen_ai.client.inference.operation.details";
    let wrong = semconv::AUGUST.check_event(details, Some(Severity::Info), &attributes);
    for expected in [
        "severity is Some(Info)",
        "`gen_ai.provider.name` is required",
        "`gen_ai.input.messages` should be Any",
        "`gen_ai.evaluation.name` is not for this event",
        "`gen_ai.made_up` is not defined",
    ] {
        assert!(wrong.iter().any(|found| found.contains(expected)), "{expected} not in {wrong:#?}");
    }
    assert_eq!(wrong.len(), 5, "{wrong:#?}");
    assert_eq!(semconv::AUGUST.check_event("made.up", None, &[]).len(), 1);
}
