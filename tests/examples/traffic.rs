//! The generator of traffic for dashboards.

use std::collections::{BTreeMap, BTreeSet};

use llm_trace_test_support::otlp::{Receiver, unreachable_endpoint};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use crate::attribute;
use crate::process::traffic;

#[test]
fn every_service_exports_its_name_and_environment() {
    let sink = Receiver::start();
    let run = traffic(&["--duration", "1"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", &sink.endpoint()).run();

    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.stdout.lines().count(), 4, "{run}");
    let mut services = BTreeSet::new();
    // Checks metrics, because they are not sampled.
    for resource in sink.metric_requests().into_iter().flat_map(|request| request.resource_metrics) {
        let attributes = resource.resource.unwrap().attributes;
        let of = |key| match attribute(&attributes, key) {
            Some(Value::StringValue(text)) => text.clone(),
            other => panic!("{key} is {other:?}"),
        };
        services.insert(format!("{} {}", of("service.name"), of("deployment.environment.name")));
    }
    let expected =
        ["indexer production", "shop-assistant production", "support-bot production", "support-bot staging"];
    assert!(services.iter().eq(expected), "{services:?}: {run}");
    assert!(!sink.spans().is_empty(), "{run}");
    assert!(!sink.logs().is_empty(), "scores are events:\n{run}");
}

#[test]
fn the_same_seed_is_the_same_traffic() {
    let one = requests("1");
    let expected = ["chat gpt-4o-mini", "invoke_workflow support-answer", "retrieval handbook"];
    assert!(expected.iter().all(|name| one.keys().any(|what| what.starts_with(name))), "{one:#?}");
    assert_eq!(one, requests("1"));
    assert_ne!(one, requests("2"));
}

/// The number of spans by name, usage and error.
fn requests(seed: &str) -> BTreeMap<String, usize> {
    let sink = Receiver::start();
    let run = traffic(&["--service", "support-bot", "--duration", "1", "--seed", seed])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &sink.endpoint())
        .run();
    assert_eq!(run.code, Some(0), "{run}");
    let mut spans = BTreeMap::new();
    for span in sink.spans() {
        let recorded = ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "error.type"];
        let recorded = recorded.map(|key| attribute(&span.attributes, key));
        *spans.entry(format!("{} {recorded:?}", span.name)).or_insert(0) += 1;
    }
    spans
}

#[test]
fn a_wrong_argument_is_named_with_the_allowed_values() {
    for (arguments, complaint) in [
        (&["--speed"][..], "`--speed` is no argument"),
        (&["--seed"][..], "`--seed` needs a value"),
        (&["--duration", "0"][..], "`--duration 0`: expected a whole number of seconds, 1 to 86400"),
        (&["--service", "mail"][..], "`--service mail`: expected a service"),
    ] {
        let run = traffic(arguments).run();
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains(complaint) && run.stderr.contains("usage: "), "{complaint}: {run}");
    }
}

#[test]
fn without_a_collector_lost_telemetry_is_reported() {
    let run = traffic(&["--service", "indexer", "--duration", "1"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &unreachable_endpoint())
        .run();
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("not delivered"), "{run}");
}
