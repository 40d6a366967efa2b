//! Tags as labels of metrics and as baggage, as configured in `init()`.

use http::HeaderMap;
use llm_trace::llm_trace;
use llm_trace::opentelemetry::context::FutureExt as _;
use llm_trace::propagation::{extract, inject};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::{one_at_a_time, span, text};

#[llm_trace(workflow, name = "w", tags("tenant" = tenant, "order" = 7, "list" = ["a"]), user = "u-1")]
fn workflow(tenant: &str) -> HeaderMap {
    tool();
    call()
}

#[llm_trace(tool, name = "t")]
fn tool() {}

#[llm_trace(chat, provider = "openai", model = "m")]
fn call() -> HeaderMap {
    let mut headers = HeaderMap::new();
    inject(&mut headers);
    headers
}

/// The labels of each point.
fn labels(metrics: &[Metric], name: &str) -> Vec<Vec<String>> {
    let metric = metrics.iter().find(|metric| metric.name == name).unwrap();
    let Some(Data::Histogram(histogram)) = &metric.data else { panic!("not a histogram") };
    let keys = |labels: &[KeyValue]| {
        let mut keys: Vec<_> = labels
            .iter()
            .map(|label| format!("{}={:?}", label.key, text_or_int(labels, &label.key)))
            .collect();
        keys.sort();
        keys
    };
    let mut all: Vec<_> = histogram.data_points.iter().map(|point| keys(&point.attributes)).collect();
    all.sort();
    all
}

fn text_or_int(labels: &[KeyValue], key: &str) -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    match crate::value(labels, key) {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(int) => int.to_string(),
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn only_tags_that_the_application_names_are_labels() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let builder = llm_trace::builder().with_endpoint(receiver.endpoint());
    let telemetry = builder.with_tag_labels(["tenant", "list", "absent"]).init().unwrap();
    workflow("acme");
    tool();
    let _ = telemetry.shutdown();
    let metrics = receiver.metrics();
    let with = |own: &[&str]| {
        let mut labels: Vec<String> = own.iter().map(ToString::to_string).collect();
        labels.push("tenant=\"acme\"".to_owned());
        labels
    };
    assert_eq!(labels(&metrics, "gen_ai.workflow.duration"), [with(&["gen_ai.workflow.name=\"w\""])]);
    let tool = "gen_ai.tool.name=\"t\"";
    assert_eq!(labels(&metrics, "gen_ai.execute_tool.duration"), [vec![tool.to_owned()], with(&[tool])]);
    let chat =
        ["gen_ai.operation.name=\"chat\"", "gen_ai.provider.name=\"openai\"", "gen_ai.request.model=\"m\""];
    assert_eq!(labels(&metrics, "gen_ai.client.operation.duration"), [with(&chat)]);
}

#[test]
fn without_being_named_no_tag_is_a_label_and_nothing_travels() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    let headers = workflow("acme");
    let _ = telemetry.shutdown();
    assert_eq!(labels(&receiver.metrics(), "gen_ai.workflow.duration"), [["gen_ai.workflow.name=\"w\""]]);
    assert!(headers.contains_key("traceparent") && !headers.contains_key("baggage"), "{headers:?}");
}

#[test]
fn propagated_tags_are_sent_with_requests_and_recorded_by_the_receiving_service() {
    #[llm_trace(task)]
    async fn handler() {
        helper();
    }
    #[llm_trace(task, tags("tenant" = "local"))]
    fn helper() {
        innermost();
    }
    #[llm_trace(task)]
    fn innermost() {}

    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let builder = llm_trace::builder().with_endpoint(receiver.endpoint()).with_tag_labels(["tenant"]);
    let telemetry = builder.with_baggage_keys(["tenant", "user.id"]).init().unwrap();
    let headers = workflow("Acme & Söhne");
    let baggage = headers["baggage"].to_str().unwrap();
    assert!(baggage.contains("user.id=u-1") && baggage.contains("tenant=Acme%20&%20S%C3%B6hne"), "{baggage}");
    assert!(!baggage.contains("order"), "{baggage}");

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(handler().with_context(extract(&headers)));
    let _ = telemetry.shutdown();
    let spans = receiver.spans();
    let of = |name: &str| {
        let attributes = &span(&spans, name).attributes;
        (text(attributes, "tenant"), text(attributes, "user.id"))
    };
    let user = || "u-1".to_owned();
    assert_eq!(of("handler"), ("Acme & Söhne".to_owned(), user()));
    assert_eq!([of("helper"), of("innermost")], [("local".to_owned(), user()), ("local".to_owned(), user())]);
}

#[test]
fn names_that_cannot_be_labels_or_cannot_travel_are_errors() {
    for name in ["gen_ai.request.model", "error.type", ""] {
        let error = llm_trace::builder().with_tag_labels([name]).init().expect_err("taken").to_string();
        assert!(error.starts_with(&format!("with_tag_labels: `{name}` is not valid: expected")), "{error}");
    }
    let error = llm_trace::builder().with_baggage_keys(["a b"]).init().expect_err("no token").to_string();
    assert!(error.starts_with("with_baggage_keys: `a b` is not valid: expected"), "{error}");
}
