//! The remaining limits of a provider, from the headers of its responses.

use http::{HeaderMap, HeaderValue};
use llm_trace::{current, llm_trace};
use llm_trace_test_support::trace::{Trace, all_points, points};

const REMAINING: &str = "llm_trace.ratelimit.requests.remaining";

#[llm_trace(chat, provider = "openai", model = model, server = "https://api.openai.com/v1")]
fn ask(model: &str, headers: &HeaderMap) -> Result<(), std::io::Error> {
    current().response_headers(headers);
    Err(std::io::ErrorKind::Other.into())
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

#[test]
fn headers_become_gauges_by_provider_model_and_server_also_of_a_refused_request() {
    let sent = headers(&[
        ("content-type", "application/json"),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "1m30.5s"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-tokens", "29000"),
        ("x-ratelimit-reset-tokens", "2s"),
        ("retry-after", "90"),
    ]);
    Trace::new().run(|| drop(ask("limited", &sent)));
    for (metric, unit, value) in [
        ("llm_trace.ratelimit.requests.limit", "{request}", 500.0),
        (REMAINING, "{request}", 0.0),
        ("llm_trace.ratelimit.requests.reset", "s", 90.5),
        ("llm_trace.ratelimit.tokens.limit", "{token}", 30000.0),
        ("llm_trace.ratelimit.tokens.remaining", "{token}", 29000.0),
        ("llm_trace.ratelimit.tokens.reset", "s", 2.0),
    ] {
        let [point] = &points(metric, "limited")[..] else { panic!("{metric}") };
        assert_eq!((point.instrument, point.unit.as_str()), ("gauge", unit), "{metric}");
        assert!((point.sum - value).abs() < 1e-9, "{metric}: {}", point.sum);
        let mut labels: Vec<_> =
            point.labels.iter().map(|label| format!("{}={}", label.key, label.value)).collect();
        labels.sort();
        let expected = [
            "gen_ai.provider.name=openai",
            "gen_ai.request.model=limited",
            "server.address=api.openai.com",
            "server.port=443",
        ];
        assert_eq!(labels, expected);
    }
}

#[test]
fn the_last_response_with_limits_counts() {
    let with = |remaining| headers(&[("x-ratelimit-remaining-requests", remaining)]);
    let trace = Trace::new();
    for sent in [with("9"), with("8"), headers(&[("x-request-id", "r")])] {
        trace.run(|| drop(ask("counting-down", &sent)));
    }
    let [point] = &points(REMAINING, "counting-down")[..] else { panic!("one point") };
    assert!((point.sum - 8.0).abs() < f64::EPSILON);
    assert!(points("llm_trace.ratelimit.tokens.remaining", "counting-down").is_empty());
}

#[test]
fn the_request_id_is_on_the_span_under_the_providers_attribute_name() {
    let id_of = |sent: &[(&'static str, &'static str)], key: &str| {
        let trace = Trace::new();
        trace.run(|| drop(ask("identified", &headers(sent))));
        trace.only().text(key).map(ToOwned::to_owned)
    };
    for (header, key) in [
        ("x-request-id", "llm_trace.request.id"),
        ("request-id", "llm_trace.request.id"),
        ("X-Amzn-RequestId", "aws.request_id"),
        ("apim-request-id", "azure.service.request.id"),
    ] {
        assert_eq!(id_of(&[(header, " req_1 ")], key).as_deref(), Some("req_1"), "{header}");
    }
    let attempts = [("request-id", "req_1"), ("request-id", "req_2")];
    assert_eq!(id_of(&attempts, "llm_trace.request.id").as_deref(), Some("req_2"));
    let too_long: &'static str = "x".repeat(257).leak();
    for no_id in ["", "two words", too_long] {
        assert_eq!(id_of(&[("x-request-id", no_id)], "llm_trace.request.id"), None, "{no_id}");
    }
}

#[test]
fn steps_that_call_no_service_have_no_limits() {
    #[llm_trace(task)]
    fn step() {
        current().response_headers([("x-ratelimit-remaining-requests", "12345")]);
    }
    Trace::new().run(step);
    current().response_headers([("x-ratelimit-remaining-requests", "12345")]);
    let all = all_points().into_iter();
    assert!(all.filter(|(name, _)| name == REMAINING).all(|(_, point)| point.sum < 12345.0));
}
