//! The telemetry in a capture, and its isolation.

use std::time::Duration;

use llm_trace::opentelemetry::context::FutureExt as _;
use llm_trace::opentelemetry::propagation::{TextMapPropagator, text_map_propagator::FieldIter};
use llm_trace::opentelemetry::trace::{SpanKind, Status, TraceContextExt};
use llm_trace::opentelemetry::{Context, KeyValue, global};
use llm_trace::testing::{capture, capture_with_seed};
use llm_trace::{Usage, llm_trace};

#[llm_trace(workflow, name = name)]
async fn answer(name: &str) -> Result<String, std::fmt::Error> {
    search().await;
    tokio::task::yield_now().await;
    chat("gpt-4o-mini", 12).await
}

#[llm_trace(retrieval, data_source = "handbook")]
async fn search() {
    tokio::task::yield_now().await;
}

#[llm_trace(chat, provider = "openai", model = model, temperature = 0.5, stop = ["a", "b"])]
async fn chat(model: &str, tokens: u64) -> Result<String, std::fmt::Error> {
    tokio::task::yield_now().await;
    llm_trace::current().usage(Usage::new(tokens, 3));
    if tokens == 0 { Err(std::fmt::Error) } else { Ok(model.to_owned()) }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

#[test]
fn a_captured_span_has_its_parent_and_attributes() {
    let telemetry = capture();
    runtime().block_on(telemetry.run_async(answer("support"))).unwrap();
    let chat = telemetry.span("chat gpt-4o-mini");
    let workflow = telemetry.span("invoke_workflow support");
    assert!(workflow.parent().is_none());
    assert_eq!(chat.parent().unwrap().id(), workflow.id());
    let children: Vec<_> = workflow.children().iter().map(|child| child.name().to_owned()).collect();
    assert_eq!(children, ["retrieval handbook", "chat gpt-4o-mini"]);
    assert_eq!((chat.kind(), workflow.kind()), (&SpanKind::Client, &SpanKind::Internal));
    assert_eq!((chat.status(), chat.error_type(), chat.is_cancelled()), (&Status::Unset, None, false));
    chat.assert("gen_ai.usage.input_tokens", 12_u64)
        .assert("gen_ai.request.temperature", 0.5)
        .assert("gen_ai.request.stop_sequences", ["a", "b"])
        .assert_absent("error.type");
    assert_eq!(chat.text("gen_ai.provider.name"), Some("openai"));
    assert_eq!(chat.int("gen_ai.usage.output_tokens"), Some(3));
    assert_eq!(chat.double("gen_ai.request.temperature"), Some(0.5));
    assert_eq!(chat.list("gen_ai.request.stop_sequences"), Some(vec!["a", "b"]));
    assert_eq!(chat.flag("gen_ai.request.stream"), None);
    assert!(chat.start() >= workflow.start());
    assert!(chat.duration() > Duration::ZERO && chat.duration() <= workflow.duration());
}

#[test]
fn captures_side_by_side_see_their_own_spans_and_measurements_only() {
    let threads = (1..=8_u64).map(|number| {
        std::thread::spawn(move || {
            let telemetry = capture();
            for _ in 0..number {
                runtime().block_on(telemetry.run_async(chat("side-by-side", number))).unwrap();
            }
            assert_eq!(telemetry.spans().len() as u64, number);
            let points = telemetry.metrics("gen_ai.client.token.usage");
            let input =
                points.iter().find(|point| point.label("gen_ai.token.type").as_deref() == Some("input"));
            let input = input.unwrap();
            assert_eq!(
                (input.count() as u64, input.sum()),
                (number, f64::from(u32::try_from(number * number).unwrap()))
            );
            assert_eq!(input.unit(), "{token}");
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
}

#[test]
fn only_code_in_the_context_of_the_capture_is_captured() {
    let telemetry = capture();
    runtime().block_on(async {
        tokio::spawn(chat("lost", 1)).await.unwrap().unwrap();
        tokio::spawn(chat("handed", 1).with_context(telemetry.context())).await.unwrap().unwrap();
    });
    assert_eq!(telemetry.tree(), "chat handed  1 → 3 tokens\n");
    assert_eq!(telemetry.metrics("gen_ai.client.operation.duration").len(), 1);
}

#[test]
fn the_tree_shows_failed_cancelled_and_open_calls() {
    let telemetry = capture();
    let runtime = runtime();
    let waits = telemetry.run(|| Box::pin(wait().with_current_context()));
    let mut waits = runtime.block_on(async {
        telemetry.run_async(answer("support")).await.unwrap();
        telemetry.run_async(chat("failing", 0)).await.unwrap_err();
        let mut waits = waits;
        assert!(tokio::time::timeout(Duration::ZERO, &mut waits).await.is_err());
        Some(waits)
    });
    let before = "\
invoke_workflow support
├─ retrieval handbook
└─ chat gpt-4o-mini  12 → 3 tokens
chat failing  0 → 3 tokens  error core::fmt::Error
execute_tool wait";
    assert_eq!(telemetry.tree(), format!("{before}  (not ended)\n"));
    // Dropped on a thread without an attached context: its measurement still belongs to the capture.
    assert!(!telemetry.metric_names().contains(&"gen_ai.execute_tool.duration".to_owned()));
    drop(waits.take());
    assert_eq!(telemetry.tree(), format!("{before}  cancelled\n"));
    assert_eq!(
        telemetry.metrics("gen_ai.execute_tool.duration")[0].label("llm_trace.outcome").unwrap(),
        "cancelled"
    );
}

#[llm_trace(tool)]
async fn wait() {
    std::future::pending::<()>().await;
}

#[test]
fn a_seed_makes_ids_times_and_measured_seconds_repeatable() {
    let snapshot = || {
        let telemetry = capture_with_seed(1);
        runtime().block_on(telemetry.run_async(answer("support"))).unwrap();
        let spans = telemetry.spans();
        let times = spans.iter().map(|span| (span.name().to_owned(), span.start(), span.duration()));
        let ids: Vec<_> = spans.iter().map(|span| format!("{}-{}", span.trace_id(), span.id())).collect();
        let points = telemetry.metric_names();
        let points: Vec<_> =
            points.iter().flat_map(|name| telemetry.metrics(name)).map(|point| point.to_string()).collect();
        (times.collect::<Vec<_>>(), ids, points)
    };
    let (times, ids, points) = snapshot();
    let tick = Duration::from_millis;
    assert_eq!(
        times,
        [
            ("invoke_workflow support".to_owned(), tick(1), tick(5)),
            ("retrieval handbook".to_owned(), tick(2), tick(1)),
            ("chat gpt-4o-mini".to_owned(), tick(4), tick(1)),
        ]
    );
    assert_eq!(ids[0], "00000001000000000000000000000001-0000000100000001");
    assert!(
        points.contains(&"gen_ai.workflow.duration{gen_ai.workflow.name=support}: 0 s".to_owned()),
        "{points:?}"
    );
    // The first capture is dropped, so its seed is free again.
    assert_eq!(snapshot(), (times, ids, points));
}

#[test]
fn an_instrument_of_the_application_is_captured() {
    let telemetry = capture();
    let counter = global::meter("app").u64_counter("app.questions").with_unit("{question}").build();
    counter.add(1, &[]);
    telemetry.run(|| {
        counter.add(2, &[KeyValue::new("app.language", "en")]);
        counter.add(3, &[KeyValue::new("app.language", "en")]);
    });
    let points = telemetry.metrics("app.questions");
    assert_eq!(points[0].to_string(), "app.questions{app.language=en}: 5 {question}");
    assert_eq!((points.len(), points[0].values()), (1, [2.0, 3.0].as_slice()));
}

/// A server under test receives only headers, on a thread outside the capture.
#[test]
fn a_trace_continued_from_headers_belongs_to_its_first_capture() {
    #[llm_trace(task)]
    fn client() -> std::collections::HashMap<String, String> {
        let mut headers = std::collections::HashMap::new();
        TraceParent.inject_context(&Context::current(), &mut headers);
        headers
    }
    #[llm_trace(task, parent = parent)]
    fn server(parent: &Context) {}

    let telemetry = capture();
    let headers = telemetry.run(client);
    std::thread::spawn(move || server(&TraceParent.extract(&headers))).join().unwrap();
    assert_eq!(telemetry.tree(), "client\n└─ server\n");
    // A caller outside the process is not part of the capture; the calls below it are.
    let telemetry = capture();
    let foreign = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
    let foreign =
        TraceParent.extract(&std::collections::HashMap::from([("traceparent".to_owned(), foreign)]));
    telemetry.run(|| server(&foreign));
    assert_eq!(telemetry.tree(), "server\n");
}

/// W3C trace context, reduced to the needs of this test.
#[derive(Debug)]
struct TraceParent;

impl TextMapPropagator for TraceParent {
    fn inject_context(
        &self,
        context: &Context,
        into: &mut dyn llm_trace::opentelemetry::propagation::Injector,
    ) {
        let span = context.span().span_context().clone();
        into.set("traceparent", format!("00-{}-{}-01", span.trace_id(), span.span_id()));
    }

    fn extract_with_context(
        &self,
        context: &Context,
        from: &dyn llm_trace::opentelemetry::propagation::Extractor,
    ) -> Context {
        use llm_trace::opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
        let header: Vec<_> = from.get("traceparent").unwrap().split('-').collect();
        context.with_remote_span_context(SpanContext::new(
            TraceId::from_hex(header[1]).unwrap(),
            SpanId::from_hex(header[2]).unwrap(),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        ))
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&[])
    }
}
