//! Export to a real OTLP receiver.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cardinality;
mod delivery;
mod doctor;
mod events;
mod install;
mod logs;
mod program;
mod protocols;
mod runtimes;
mod secrets;
mod settings;
mod tags;
mod tls;

use std::sync::{Mutex, MutexGuard, PoisonError};

use llm_trace::{Response, Usage, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

/// Providers are global, so these tests run one at a time.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[llm_trace(workflow, name = "support")]
fn answer() {
    retrieve();
    let _ = chat();
}

#[llm_trace(retrieval, data_source = "handbook", top_k = 4)]
fn retrieve() {}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini", temperature = 0.5, stop = ["x"])]
fn chat() -> Result<Response, std::io::Error> {
    let usage = Usage::new(812, 43).with_cache_read(512);
    Ok(Response::new().with_id("r-1").with_finish_reason("stop").with_usage(usage))
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn failing_chat() -> Result<Response, std::io::Error> {
    Err(std::io::ErrorKind::TimedOut.into())
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> &'a Value {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found
        .and_then(|attribute| attribute.value.as_ref()?.value.as_ref())
        .unwrap_or_else(|| panic!("no `{key}`"))
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    match value(attributes, key) {
        Value::StringValue(text) => text.clone(),
        other => panic!("`{key}` is not a string: {other:?}"),
    }
}

fn span<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span `{name}`"))
}

#[test]
fn a_trace_arrives_nested_typed_and_with_its_resource_and_scope() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder()
        .with_service_name("support-bot")
        .with_environment("production")
        .with_resource_attribute("service.version", "1.2.3")
        .with_endpoint(receiver.endpoint())
        .init()
        .unwrap();
    answer();
    let receipt = telemetry.shutdown();
    assert_eq!((receipt.spans().ended(), receipt.spans().delivered(), receipt.is_complete()), (3, 3, true));

    let spans = receiver.spans();
    assert_eq!(spans.len(), 3);
    let (workflow, retrieval, chat) = (
        span(&spans, "invoke_workflow support"),
        span(&spans, "retrieval handbook"),
        span(&spans, "chat gpt-4o-mini"),
    );
    assert_eq!(workflow.parent_span_id, Vec::<u8>::new());
    for child in [retrieval, chat] {
        assert_eq!((&child.parent_span_id, &child.trace_id), (&workflow.span_id, &workflow.trace_id));
        assert_eq!(child.kind, i32::from(SpanKind::Client));
    }
    assert_eq!(workflow.kind, i32::from(SpanKind::Internal));
    assert!(chat.status.clone().unwrap_or_default().code == i32::from(StatusCode::Unset));

    let attributes = &chat.attributes;
    assert_eq!(text(attributes, "gen_ai.operation.name"), "chat");
    assert_eq!(value(attributes, "gen_ai.request.temperature"), &Value::DoubleValue(0.5));
    assert_eq!(value(attributes, "gen_ai.usage.input_tokens"), &Value::IntValue(812));
    assert_eq!(value(attributes, "gen_ai.usage.cache_read.input_tokens"), &Value::IntValue(512));
    assert!(matches!(value(attributes, "gen_ai.usage.cost"), Value::DoubleValue(usd) if *usd > 0.0));
    let Value::ArrayValue(reasons) = value(attributes, "gen_ai.response.finish_reasons") else {
        panic!("not a list")
    };
    assert_eq!(reasons.values, [AnyValue { value: Some(Value::StringValue("stop".into())) }]);

    let request = receiver.traces().remove(0).resource_spans.remove(0);
    let resource = request.resource.unwrap().attributes;
    assert_eq!(text(&resource, "service.name"), "support-bot");
    assert_eq!(text(&resource, "deployment.environment.name"), "production");
    assert_eq!(text(&resource, "service.version"), "1.2.3");
    assert_eq!(text(&resource, "service.instance.id").len(), 36);
    assert_eq!(text(&resource, "telemetry.sdk.language"), "rust");
    let scope = request.scope_spans.into_iter().next().unwrap();
    assert_eq!(scope.schema_url, "https://opentelemetry.io/schemas/1.43.0");
    let scope = scope.scope.unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("llm-trace", env!("CARGO_PKG_VERSION")));
}

/// Whether a metric is recorded per call. Other metrics are global and come from any test.
fn is_of_calls(metric: &str) -> bool {
    !metric.starts_with("otel.sdk.")
        && !metric.starts_with("llm_trace.delivery.")
        && metric != "llm_trace.implausible"
}

#[test]
fn metrics_arrive_before_the_program_ends() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    answer();
    drop(failing_chat());
    drop(telemetry); // dropping delivers too
    let metrics = receiver.metrics();
    let mut names: Vec<_> = metrics
        .iter()
        .map(|metric| (metric.name.as_str(), metric.unit.as_str()))
        .filter(|(name, _)| is_of_calls(name))
        .collect();
    names.sort_unstable();
    let expected = [
        ("gen_ai.client.operation.duration", "s"),
        ("gen_ai.client.token.usage", "{token}"),
        ("gen_ai.usage.cost", "USD"),
        ("gen_ai.workflow.duration", "s"),
        ("llm_trace.answer.context_utilization", "1"),
        ("llm_trace.answer.refusals", "{answer}"),
        ("llm_trace.answer.truncations", "{answer}"),
        ("llm_trace.token.details", "{token}"),
    ];
    assert_eq!(names, expected);
    let duration = metrics.iter().find(|metric| metric.name == expected[0].0).unwrap();
    let Some(Data::Histogram(histogram)) = &duration.data else { panic!("not a histogram") };
    // retrieval, chat, and the chat that failed
    assert_eq!(histogram.data_points.len(), 3);
    assert!(histogram.data_points.iter().all(|point| point.explicit_bounds.len() == 14 && point.count == 1));
    let failed = |labels: &[KeyValue]| labels.iter().any(|label| label.key == "error.type");
    assert_eq!(histogram.data_points.iter().filter(|point| failed(&point.attributes)).count(), 1);
}

#[test]
fn headers_are_sent_as_given_and_the_protocol_is_protobuf() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder()
        .with_endpoint(receiver.endpoint())
        .with_header("Authorization", "Basic %41bc")
        .init()
        .unwrap();
    answer();
    let _ = telemetry.shutdown();
    let requests = receiver.received();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.header("authorization"), Some("Basic %41bc"));
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        assert!(
            request.header("user-agent").is_some_and(|agent| agent.starts_with("OTel-OTLP-Exporter-Rust/"))
        );
    }
}

#[test]
fn an_error_message_leaves_the_process_only_on_request() {
    let _turn = one_at_a_time();
    for (record, expected) in [(None, ""), (Some(true), "timed out")] {
        let receiver = Receiver::start();
        let mut builder = llm_trace::builder().with_endpoint(receiver.endpoint());
        if let Some(record) = record {
            builder = builder.with_error_messages(record);
        }
        let telemetry = builder.init().unwrap();
        drop(failing_chat());
        let _ = telemetry.shutdown();
        let status = receiver.spans().remove(0).status.unwrap();
        assert_eq!((status.code, status.message.as_str()), (i32::from(StatusCode::Error), expected));
    }
}

#[test]
fn flushing_delivers_what_has_ended_so_far() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    answer();
    assert_eq!(telemetry.flush().spans().delivered(), 3);
    receiver.wait_for(2);
    answer();
    assert_eq!(telemetry.shutdown().spans().delivered(), 6);
}

#[test]
fn a_second_initialisation_is_refused_until_the_first_has_ended() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let first = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    let error = llm_trace::builder().init().expect_err("a second guard");
    assert!(error.to_string().contains("already initialised"), "{error}");
    answer();
    assert_eq!(first.shutdown().spans().delivered(), 3);
    let second = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    answer();
    assert_eq!(second.shutdown().spans().delivered(), 3);
}

#[test]
fn shutting_down_inside_an_async_runtime_delivers() {
    let _turn = one_at_a_time();
    for flavour in ["current_thread", "multi_thread"] {
        let receiver = Receiver::start();
        let runtime = match flavour {
            "current_thread" => tokio::runtime::Builder::new_current_thread().build().unwrap(),
            _ => tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap(),
        };
        let endpoint = receiver.endpoint();
        let receipt = runtime.block_on(async {
            let telemetry = llm_trace::builder().with_endpoint(endpoint).init().unwrap();
            answer();
            telemetry.shutdown()
        });
        assert!(receipt.is_complete(), "{flavour}: {receipt}");
    }
}

#[test]
fn spans_that_are_recorded_but_not_sampled_are_not_exported() {
    use llm_trace::opentelemetry::Context;
    use llm_trace::opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    };
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    let unsampled = SpanContext::new(
        TraceId::from_bytes([1; 16]),
        SpanId::from_bytes([1; 8]),
        TraceFlags::NOT_SAMPLED,
        true,
        TraceState::default(),
    );
    {
        let _attached = Context::new().with_remote_span_context(unsampled).attach();
        answer();
    }
    let receipt = telemetry.shutdown();
    assert_eq!((receipt.spans().ended(), !receipt.has_current_metrics()), (0, false));
    assert_eq!((receipt.spans().started(), receipt.spans().unsampled()), (3, 3));
    let metrics = receiver.metrics().into_iter().map(|metric| metric.name);
    let of_calls = metrics.filter(|name| is_of_calls(name));
    assert_eq!((receiver.spans().len(), of_calls.count()), (0, 8));
}

#[test]
fn a_trace_continues_in_the_called_process() {
    use http::HeaderMap;
    use llm_trace::opentelemetry::Context;
    use llm_trace::propagation::{extract, inject};

    #[llm_trace(tool, name = "caller")]
    fn caller() -> HeaderMap {
        let mut headers = HeaderMap::new();
        inject(&mut headers);
        headers
    }
    #[llm_trace(task, parent = parent)]
    fn callee(parent: &Context) {
        let _ = parent;
    }

    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    let headers = caller();
    callee(&extract(&headers));
    let broken = HeaderMap::from_iter([("traceparent".parse().unwrap(), "00-nonsense".parse().unwrap())]);
    callee(&extract(&broken));
    let _ = telemetry.shutdown();
    let spans = receiver.spans();
    let caller = span(&spans, "execute_tool caller");
    let [child, orphan] = spans.iter().filter(|span| span.name == "callee").collect::<Vec<_>>()[..] else {
        panic!("{spans:?}")
    };
    assert_eq!((&child.trace_id, &child.parent_span_id), (&caller.trace_id, &caller.span_id));
    assert_eq!(orphan.parent_span_id, Vec::<u8>::new());
    assert!(headers.contains_key("traceparent"));
    assert!(!headers.contains_key("baggage"), "off by default: {headers:?}");
}
