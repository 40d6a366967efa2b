//! A call made by hand emits the same telemetry as an annotated function.

use std::future::Future;
use std::io;

use futures_util::{Stream, StreamExt as _, stream};
use llm_trace::testing::{Capture, capture, capture_with_seed};
use llm_trace::{Call, Kind, Request, Usage, llm_trace};
use serde_json::{Value, json};

fn body() -> Value {
    json!({"model": "gpt-4o-mini", "temperature": 0.5, "stop": ["x"], "messages": []})
}

fn reply() -> Value {
    json!({"id": "c-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
           "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
           "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// The names of metrics, without the quality counters, which record zero once per process.
fn metric_names(telemetry: &Capture) -> Vec<String> {
    let is_once = |name: &str| name.ends_with(".refusals") || name.ends_with(".truncations");
    telemetry.metric_names().into_iter().filter(|name| !is_once(name)).collect()
}

/// All captured telemetry as text, without the code location, which differs.
fn rendered(telemetry: &Capture) -> String {
    let spans: Vec<_> = telemetry.spans().iter().map(|span| format!("{} {span:#?}", span.id())).collect();
    let names = metric_names(telemetry);
    let points = names.iter().flat_map(|name| telemetry.metrics(name)).map(|point| point.to_string());
    let points: Vec<_> = points.collect();
    let events: Vec<_> = telemetry.events().iter().map(|event| format!("{event:#?}")).collect();
    let rendered = [telemetry.tree(), spans.join("\n"), points.join("\n"), events.join("\n")].join("\n\n");
    let lines: Vec<_> = rendered.lines().filter(|line| !line.contains("code.")).collect();
    lines.join("\n")
}

/// Runs both with the same ids and times and asserts that their telemetry is equal.
#[track_caller]
fn assert_same_telemetry(annotated: impl FnOnce(), by_hand: impl FnOnce(), seed: u32) -> String {
    let of = |run: &mut dyn FnMut()| {
        let telemetry = capture_with_seed(seed);
        telemetry.run(run);
        rendered(&telemetry)
    };
    let (mut annotated, mut by_hand) = (Some(annotated), Some(by_hand));
    let expected = of(&mut || annotated.take().unwrap()());
    let found = of(&mut || by_hand.take().unwrap()());
    assert_eq!(found, expected);
    found
}

#[llm_trace(task)]
async fn inside() {
    tokio::task::yield_now().await;
}

fn asking(request: &mut Request) {
    request.provider("openai");
    request.server("https://api.openai.com/v1");
    request.max_tokens(9);
    request.conversation("c");
    request.tag("app.tenant", "acme");
}

#[test]
fn a_future_that_succeeds() {
    #[llm_trace(
        chat, provider = "openai", request = request, server = "https://api.openai.com/v1", max_tokens = 9,
        conversation = "c", tags("app.tenant" = "acme"),
    )]
    async fn ask(request: &Value) -> Value {
        inside().await;
        reply()
    }
    async fn by_hand() {
        let call = Call::builder(Kind::Chat).with_request_body(&body()).with_request(asking).begin();
        let reply = call
            .instrument(async {
                inside().await;
                reply()
            })
            .await;
        call.current().response_body(&reply);
        call.finish();
    }
    let annotated = || drop(runtime().block_on(ask(&body())));
    let rendered = assert_same_telemetry(annotated, || runtime().block_on(by_hand()), 601);
    assert!(rendered.contains("chat gpt-4o-mini  7 → 3 tokens\n└─ inside"), "{rendered}");
    for part in ["gen_ai.client.token.usage", "gen_ai.request.temperature: 0.5", "app.tenant: \"acme\""] {
        assert!(rendered.contains(part), "{part}: {rendered}");
    }
}

#[test]
fn an_error_of_the_users_a_class_and_a_panic() {
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn ask() -> Result<(), io::Error> {
        Err(io::ErrorKind::TimedOut.into())
    }
    let begin = || {
        let builder = Call::builder(Kind::Chat);
        builder
            .with_request(|request| {
                request.provider("openai");
                request.model("m");
            })
            .begin()
    };
    let timed_out = io::Error::from(io::ErrorKind::TimedOut);
    let rendered = assert_same_telemetry(|| drop(ask()), || begin().fail(&timed_out), 602);
    assert!(rendered.contains("chat m  error timeout"), "{rendered}");
    let rendered = assert_same_telemetry(|| drop(ask()), || begin().fail_as("timeout"), 603);
    assert!(rendered.contains("gen_ai.client.operation.exception"), "{rendered}");

    let telemetry = capture();
    telemetry.run(|| {
        let call = begin();
        let panicking = std::panic::AssertUnwindSafe(|| call.in_scope(|| panic!("in the call")));
        assert!(std::panic::catch_unwind(panicking).is_err());
        drop(call);
    });
    telemetry.span("chat m").assert("error.type", "panic");
}

#[test]
fn a_call_that_is_dropped_was_cancelled() {
    #[llm_trace(tool, name = "waits")]
    async fn waits() {
        std::future::pending::<()>().await;
    }
    async fn by_hand() {
        let call = Call::builder(Kind::Tool).with_request(|request| request.name("waits")).begin();
        call.instrument(std::future::pending::<()>()).await;
        call.finish();
    }
    fn poll_once(future: impl Future<Output = ()>) {
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::pin::pin!(future).poll(&mut task).is_pending());
    }
    let rendered = assert_same_telemetry(|| poll_once(waits()), || poll_once(by_hand()), 604);
    assert!(rendered.contains("execute_tool waits  cancelled"), "{rendered}");
}

#[test]
fn a_stream_carries_its_call_to_its_end() {
    fn chunks() -> impl Stream<Item = Value> + Unpin {
        let text = |text: &str| json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]});
        let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                          "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
        stream::iter([text("a"), text("b"), last])
    }
    #[llm_trace(chat, provider = "ollama", model = "m")]
    fn ask() -> impl Stream<Item = Value> + Unpin {
        chunks()
    }
    let by_hand = || {
        let builder = Call::builder(Kind::Chat);
        let call = builder
            .with_request(|request| {
                request.provider("ollama");
                request.model("m");
            })
            .begin();
        call.stream(chunks(), llm_trace::stream::Chunk::body)
    };
    let drain = |stream: &mut (dyn Stream<Item = Value> + Unpin)| {
        runtime().block_on(stream.for_each(|_| std::future::ready(())));
    };
    // The time to the first chunk is on the span, and differs between runs.
    let telemetry = [capture(), capture()];
    telemetry[0].run(|| drain(&mut ask()));
    telemetry[1].run(|| drain(&mut by_hand()));
    let rendered = telemetry.each_ref().map(|telemetry| {
        let span = telemetry.span("chat m");
        let is_same = |key: &str| !key.starts_with("code.") && !key.contains("time_to");
        let attributes = span.attributes().iter().filter(|attribute| is_same(attribute.key.as_str()));
        let mut attributes: Vec<_> = attributes.map(|attribute| format!("{attribute:?}")).collect();
        attributes.sort();
        (telemetry.tree(), attributes, metric_names(telemetry))
    });
    assert_eq!(rendered[0], rendered[1]);
    assert_eq!(rendered[1].0, "chat m  3 → 2 tokens\n");
    assert!(telemetry[1].span("chat m").double("gen_ai.response.time_to_first_chunk").is_some());
}

#[test]
fn calls_by_hand_nest_and_can_be_described_from_outside() {
    let telemetry = capture();
    telemetry.run(|| {
        let outer = Call::builder(Kind::Workflow).with_request(|request| request.name("w")).begin();
        outer.in_scope(|| {
            let inner =
                Call::builder(Kind::Embeddings).with_request(|request| request.provider("openai")).begin();
            inner.current().usage(Usage::input(5)).attribute("app.x", 1);
            assert_eq!(inner.current().trace_id(), outer.current().trace_id());
            inner.finish();
        });
        let id = outer.current().span_id();
        outer.finish();
        assert_eq!(id, Some(telemetry.span("invoke_workflow w").id().to_string()));
    });
    assert_eq!(telemetry.tree(), "invoke_workflow w\n└─ embeddings  5 tokens\n");
    let span = telemetry.span("embeddings");
    span.assert("app.x", 1).assert_absent("code.function.name");
    assert!(span.text("code.file.path").unwrap().ends_with("by_hand.rs"));
}

#[test]
fn every_kind_has_its_span_and_its_metrics() {
    let kinds = [
        (Kind::Chat, "chat m", "gen_ai.client.operation.duration"),
        (Kind::TextCompletion, "text_completion m", "gen_ai.client.operation.duration"),
        (Kind::GenerateContent, "generate_content m", "gen_ai.client.operation.duration"),
        (Kind::Embeddings, "embeddings m", "gen_ai.client.operation.duration"),
        (Kind::Rerank, "rerank m", "gen_ai.client.operation.duration"),
        (Kind::Retrieval, "retrieval d", "gen_ai.client.operation.duration"),
        (Kind::FetchResponse, "fetch_response", "gen_ai.client.operation.duration"),
        (Kind::SearchMemory, "search_memory", "gen_ai.client.operation.duration"),
        (Kind::CreateMemory, "create_memory", "gen_ai.client.operation.duration"),
        (Kind::UpdateMemory, "update_memory", "gen_ai.client.operation.duration"),
        (Kind::UpsertMemory, "upsert_memory", "gen_ai.client.operation.duration"),
        (Kind::DeleteMemory, "delete_memory", "gen_ai.client.operation.duration"),
        (Kind::CreateMemoryStore, "create_memory_store", "gen_ai.client.operation.duration"),
        (Kind::DeleteMemoryStore, "delete_memory_store", "gen_ai.client.operation.duration"),
        (Kind::CreateAgent, "create_agent n", "gen_ai.client.operation.duration"),
        (Kind::RemoteAgent, "invoke_agent n", "gen_ai.client.operation.duration"),
        (Kind::Agent, "invoke_agent n", "gen_ai.invoke_agent.duration"),
        (Kind::Plan, "plan n", ""),
        (Kind::Tool, "execute_tool n", "gen_ai.execute_tool.duration"),
        (Kind::Workflow, "invoke_workflow n", "gen_ai.workflow.duration"),
        (Kind::Guardrail, "apply_guardrail n", ""),
        (Kind::Evaluator, "evaluate n", ""),
        (Kind::Task, "n", ""),
    ];
    for (kind, name, metric) in kinds {
        let telemetry = capture();
        telemetry.run(|| {
            let builder = Call::builder(kind).with_request(|request| {
                request.provider("p");
                request.model("m");
                request.name("n");
                request.data_source("d");
            });
            builder.begin().finish();
        });
        assert_eq!(telemetry.tree(), format!("{name}\n"), "{kind:?}");
        let duration = telemetry.metric_names().into_iter().find(|name| name.ends_with(".duration"));
        assert_eq!(duration.unwrap_or_default(), metric, "{kind:?}");
    }
}

#[test]
fn without_a_name_a_call_is_unnamed_and_a_parent_can_be_given() {
    let telemetry = capture();
    telemetry.run(|| {
        let outer = Call::builder(Kind::Workflow).begin();
        let context = outer.in_scope(llm_trace::opentelemetry::Context::current);
        Call::builder(Kind::Tool).with_request(|request| request.parent(&context)).begin().finish();
        outer.finish();
    });
    assert_eq!(telemetry.tree(), "invoke_workflow unnamed\n└─ execute_tool unnamed\n");
}

#[test]
fn a_call_by_hand_is_send_and_its_futures_are_too() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let telemetry = capture();
    telemetry.run(|| {
        let call = is_send(Call::builder(Kind::Task).with_request(|request| request.name("t")).begin());
        runtime().block_on(is_send(call.instrument(inside())));
        call.finish();
    });
    assert_eq!(telemetry.tree(), "t\n└─ inside\n");
}
