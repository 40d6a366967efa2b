//! Measurements: names, units, buckets, labels; cost; unpriced calls.

use llm_trace::{Response, Usage, llm_trace};
use llm_trace_test_support::trace::{Point, Trace, points};

const DURATION: &str = "gen_ai.client.operation.duration";
const TOKENS: &str = "gen_ai.client.token.usage";
const COST: &str = "gen_ai.usage.cost";
const UNPRICED: &str = "llm_trace.unpriced";

#[llm_trace(chat, provider = provider, model = model, server = "https://api.example:8443/v1")]
fn chat(provider: &str, model: &str, response: Response) -> Result<Response, std::io::Error> {
    Ok(response)
}

fn only(metric: &str, model: &str) -> Point {
    let mut points = points(metric, model);
    assert_eq!(points.len(), 1, "{metric} for {model}: {points:?}");
    points.remove(0)
}

fn labels(point: &Point) -> Vec<String> {
    let mut labels: Vec<_> =
        point.labels.iter().map(|label| format!("{}={}", label.key, label.value)).collect();
    labels.sort();
    labels
}

#[test]
fn a_call_is_measured_with_the_conventions_names_units_buckets_and_labels() {
    // A model that only this test of the process calls.
    let trace = Trace::new();
    trace.run(|| {
        let response =
            Response::new().with_model("gpt-4.1-nano-2025-04-14").with_usage(Usage::new(1000, 200));
        let _ = chat("openai", "gpt-4.1-nano", response);
    });
    let common = [
        "gen_ai.operation.name=chat",
        "gen_ai.provider.name=openai",
        "gen_ai.request.model=gpt-4.1-nano",
        "gen_ai.response.model=gpt-4.1-nano-2025-04-14",
        "server.address=api.example",
        "server.port=8443",
    ];

    let duration = only(DURATION, "gpt-4.1-nano");
    assert_eq!((duration.unit.as_str(), duration.count), ("s", 1));
    assert_eq!(
        (duration.bounds.first(), duration.bounds.last(), duration.bounds.len()),
        (Some(&0.01), Some(&81.92), 14)
    );
    assert_eq!(labels(&duration), common);

    let tokens = points(TOKENS, "gpt-4.1-nano");
    let of = |kind: &str| {
        tokens.iter().find(|point| point.label("gen_ai.token.type").as_deref() == Some(kind)).unwrap()
    };
    assert_eq!((of("input").sum, of("output").sum, of("input").unit.as_str()), (1000.0, 200.0, "{token}"));
    assert_eq!((of("input").bounds.first(), of("input").bounds.last()), (Some(&1.0), Some(&67_108_864.0)));

    let cost = only(COST, "gpt-4.1-nano");
    assert!((cost.sum - (1000.0 * 0.10 + 200.0 * 0.40) / 1e6).abs() < 1e-12, "{}", cost.sum);
    assert_eq!((cost.unit.as_str(), labels(&cost)), ("USD", common.map(str::to_owned).to_vec()));
    assert_eq!(points(UNPRICED, "gpt-4.1-nano").len(), 0);

    let span = trace.only();
    assert_eq!(span.double("gen_ai.usage.cost"), Some(cost.sum));
    assert_eq!(span.text("llm_trace.price.model"), Some("openai/gpt-4.1-nano"));
    assert!(span.text("llm_trace.price.source").unwrap().starts_with("genai-prices "));

    let (name, version, schema) = duration.scope;
    assert_eq!(name, "llm-trace");
    assert_eq!(version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(schema.as_deref(), Some("https://opentelemetry.io/schemas/1.43.0"));
    let scope = &span.0.instrumentation_scope;
    assert_eq!(
        (Some(scope.name()), scope.version(), scope.schema_url()),
        (Some("llm-trace"), version.as_deref(), schema.as_deref())
    );
}

#[test]
fn a_model_without_a_price_is_counted_as_unpriced_and_not_as_free() {
    let trace = Trace::new();
    trace.run(|| {
        let _ = chat("openai", "model-without-a-price", Response::new().with_usage(Usage::new(1, 1)));
        let _ = chat("openai", "model-without-a-price", Response::new());
    });
    assert_eq!(only(UNPRICED, "model-without-a-price").count, 1);
    assert_eq!(points(COST, "model-without-a-price").len(), 0);
    assert!(trace.spans().iter().all(|span| span.get("gen_ai.usage.cost").is_none()));
}

#[test]
fn tokens_with_a_separate_price_are_counted_apart() {
    let trace = Trace::new();
    trace.run(|| {
        let usage = Usage::new(1000, 200).with_cache_read(600).with_reasoning(150);
        let _ = chat("openai", "counts-details", Response::new().with_usage(usage));
    });
    let mut details: Vec<_> = points("llm_trace.token.details", "counts-details")
        .iter()
        .map(|point| (point.label("gen_ai.token.type").unwrap(), point.count, point.unit.clone()))
        .collect();
    details.sort();
    let token = "{token}".to_owned();
    assert_eq!(
        details,
        [("cache_read".to_owned(), 600, token.clone()), ("reasoning".to_owned(), 150, token)]
    );
}

#[test]
fn a_call_without_usage_reports_no_tokens() {
    Trace::new().run(|| {
        let _ = chat("openai", "model-that-reports-nothing", Response::new());
    });
    assert_eq!(points(TOKENS, "model-that-reports-nothing").len(), 0);
    assert_eq!(only(DURATION, "model-that-reports-nothing").count, 1);
}

#[test]
fn an_error_is_a_label_of_the_duration() {
    #[llm_trace(chat, provider = "openai", model = "model-that-fails")]
    fn fails() -> Result<(), std::io::Error> {
        Err(std::io::ErrorKind::TimedOut.into())
    }
    Trace::new().run(|| drop(fails()));
    let point = only(DURATION, "model-that-fails");
    assert_eq!(point.label("error.type").as_deref(), Some("timeout"));
}

#[test]
fn a_cancelled_call_is_neither_a_success_nor_an_error() {
    #[llm_trace(chat, provider = "openai", model = "model-that-is-abandoned")]
    async fn hangs() {
        std::future::pending::<()>().await;
    }
    let trace = Trace::new();
    trace.run(|| {
        let mut call = Box::pin(hangs());
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut task).is_pending());
    });
    let point = only(DURATION, "model-that-is-abandoned");
    assert_eq!(
        (point.label("llm_trace.outcome").as_deref(), point.label("error.type")),
        (Some("cancelled"), None)
    );
    let span = trace.only();
    assert_eq!((span.text("llm_trace.outcome"), span.failed()), (Some("cancelled"), false));
}

#[test]
fn steps_that_call_no_service_are_not_measured_as_client_operations() {
    #[llm_trace(task, name = "task-only")]
    fn task() {}
    #[llm_trace(workflow, name = "workflow-only")]
    fn workflow() {
        task();
    }
    Trace::new().run(workflow);
    assert!(points(DURATION, "").is_empty());
}

#[test]
fn metrics_are_recorded_for_calls_that_are_not_sampled() {
    use llm_trace::opentelemetry::Context;
    use llm_trace::opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState};
    let trace = Trace::new();
    let unsampled = {
        let sampled = trace.context();
        let parent = sampled.span().span_context().clone();
        SpanContext::new(
            parent.trace_id(),
            parent.span_id(),
            TraceFlags::NOT_SAMPLED,
            true,
            TraceState::default(),
        )
    };
    let _attached = Context::new().with_remote_span_context(unsampled).attach();
    let _ = chat("openai", "model-not-sampled", Response::new().with_usage(Usage::new(5, 5)));
    assert_eq!(trace.spans().len(), 0);
    assert_eq!(only(DURATION, "model-not-sampled").count, 1);
    assert_eq!(points(TOKENS, "model-not-sampled").len(), 2);
}
