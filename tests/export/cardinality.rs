//! The limit on the number of series of a metric, for any label values.

use std::collections::BTreeSet;

use llm_trace::{Usage, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric};

use crate::program::{run, stderr};
use crate::{one_at_a_time, text};

const DURATION: &str = "gen_ai.client.operation.duration";

#[llm_trace(chat, provider = "openai", model = model, server = "h:1")]
fn ask(model: &str, fails: bool) -> Result<(), std::io::Error> {
    llm_trace::current().usage(Usage::new(1, 1));
    if fails { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(()) }
}

fn histogram<'a>(metrics: &'a [Metric], name: &str) -> &'a [HistogramDataPoint] {
    match metrics.iter().find(|metric| metric.name == name).and_then(|metric| metric.data.as_ref()) {
        Some(Data::Histogram(histogram)) => &histogram.data_points,
        other => panic!("no histogram `{name}`: {other:?}"),
    }
}

fn models(points: &[HistogramDataPoint]) -> BTreeSet<String> {
    points.iter().map(|point| text(&point.attributes, "gen_ai.request.model")).collect()
}

/// The sums of the overflow counter by metric.
fn overflow(metrics: &[Metric]) -> Vec<(String, i64)> {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
    let Some(metric) = metrics.iter().find(|metric| metric.name == "llm_trace.metrics.overflow") else {
        return Vec::new();
    };
    assert_eq!(metric.unit, "{measurement}");
    let Some(Data::Sum(sum)) = &metric.data else { panic!("not a counter: {metric:?}") };
    let mut counts: Vec<_> = sum
        .data_points
        .iter()
        .map(|point| match point.value {
            Some(Value::AsInt(count)) => (text(&point.attributes, "llm_trace.metric.name"), count),
            ref other => panic!("not an integer: {other:?}"),
        })
        .collect();
    counts.sort();
    counts
}

#[test]
fn beyond_its_limit_a_metric_keeps_error_types_but_not_models() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let builder = llm_trace::builder().with_endpoint(receiver.endpoint());
    let telemetry = builder.with_metric_cardinality_limit(3).init().unwrap();
    for number in 0..10 {
        let _ = ask(&format!("model-{number}"), number == 9);
        let _ = ask("model-0", false);
    }
    let _ = telemetry.shutdown();

    let metrics = receiver.metrics();
    let points = histogram(&metrics, DURATION);
    assert_eq!(models(points), ["model-0", "model-1", "model-2", "other"].map(str::to_owned).into());
    assert_eq!(points.iter().map(|point| point.count).sum::<u64>(), 20, "nothing is lost");
    let beyond: Vec<_> =
        points.iter().filter(|point| text(&point.attributes, "gen_ai.request.model") == "other").collect();
    let mut errors: Vec<_> = beyond
        .iter()
        .map(|point| {
            let mut keys: Vec<_> = point.attributes.iter().map(|label| label.key.as_str()).collect();
            keys.sort_unstable();
            (point.count, keys.join(" "))
        })
        .collect();
    errors.sort();
    let kept = "gen_ai.operation.name gen_ai.provider.name gen_ai.request.model server.address";
    assert_eq!(errors, [(1, format!("error.type {kept}")), (6, kept.to_owned())]);
    // Two label sets for each model: input and output.
    let tokens = histogram(&metrics, "gen_ai.client.token.usage");
    assert_eq!((tokens.len(), models(tokens).len()), (5, 3));
    let counted = overflow(&metrics);
    assert_eq!(counted[0], (DURATION.to_owned(), 7));
    assert_eq!(counted[1].0, "gen_ai.client.token.usage");
    assert_eq!(receiver.spans().len(), 20);
    assert!(receiver.spans().iter().any(|span| span.name == "chat model-8"), "spans tell them all apart");
}

#[test]
fn a_limit_above_that_of_the_sdk_is_applied() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let builder = llm_trace::builder().with_endpoint(receiver.endpoint());
    let telemetry = builder.with_metric_cardinality_limit(2500).init().unwrap();
    for number in 0..2600 {
        let _ = ask(&format!("model-{number}"), false);
    }
    let _ = telemetry.shutdown();
    let metrics = receiver.metrics();
    let points = histogram(&metrics, DURATION);
    assert_eq!((points.len(), models(points).len()), (2501, 2501));
    assert!(points.iter().all(|point| point.explicit_bounds.len() == 14), "buckets stay as they are");
    assert_eq!(overflow(&metrics)[0], (DURATION.to_owned(), 100));
}

#[test]
fn the_variable_sets_the_limit_and_one_line_says_that_it_is_reached() {
    let receiver = Receiver::start();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint());
    let environment = [(endpoint.0, endpoint.1.as_str()), ("TEST_LOGGING", "fmt")];
    let with = |limit| [&environment[..], &[("LLM_TRACE_METRIC_CARDINALITY_LIMIT", limit)]].concat();
    let text = stderr(&run(&with("1")));
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("gen_ai.client.operation.duration has 1 label sets"), "{text}");
    assert_eq!(overflow(&receiver.metrics())[0], (DURATION.to_owned(), 1));
    assert_eq!(stderr(&run(&with("100"))), "");
}
