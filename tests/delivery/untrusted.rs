//! Invalid input from providers, the environment and the disk: it loses no span, and makes none too large to send.

use std::process::Command;

use llm_trace::{ContentCapture, llm_trace};
use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use serde_json::{Value, json};

use crate::{account, one_at_a_time, quick};

#[llm_trace(chat, provider = "openai", request = request)]
fn ask(request: &Value, response: Value) -> Value {
    response
}

/// The number of bytes sent.
fn sent(receiver: &Receiver) -> usize {
    receiver.received().iter().map(|request| request.body.len()).sum()
}

#[test]
fn absurd_numbers_of_a_provider_lose_no_span_and_no_measurement() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = quick(&receiver.endpoint()).init().unwrap();
    let absurd =
        [json!(u64::MAX), json!(-1), json!(1e308), json!("1e999"), json!("NaN"), json!(1_000_000_001)];
    for number in absurd.iter().cycle().take(60) {
        let usage = json!({"prompt_tokens": number, "completion_tokens": 7, "cached_tokens": number});
        ask(&json!({"model": "gpt-4o-mini", "temperature": number}), json!({"id": "r", "usage": usage}));
    }
    let spans = account("absurd numbers in 60 responses", &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (60, 60));
    let tokens = receiver.metrics().into_iter().find(|metric| metric.name == "gen_ai.client.token.usage");
    let Some(Data::Histogram(tokens)) = tokens.and_then(|metric| metric.data) else { panic!("no tokens") };
    let measured: Vec<_> = tokens.data_points.iter().map(|point| (point.count, point.sum)).collect();
    assert_eq!(measured, [(60, Some(420.0))], "the output of each, and no input");
}

#[test]
fn models_with_names_of_a_megabyte_are_sent_without_them() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = quick(&receiver.endpoint()).init().unwrap();
    for number in 0..300 {
        let name = format!("{number}{}", "m".repeat(1 << 20));
        ask(&json!({"model": name}), json!({"model": name, "choices": [{"finish_reason": name}]}));
    }
    let fault = "300 models with names of 1 MB";
    let spans = account(fault, &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (300, 300));
    let sent = sent(&receiver);
    assert!(sent < 300 * 2000, "{sent} bytes");
}

#[test]
fn four_megabytes_of_content_are_redacted_and_cut_to_the_budget() {
    #[llm_trace(tool, arguments = text)]
    fn remember(text: &str) {}
    const SECRETS: [&str; 4] = [
        "ada.lovelace@example.org, ",
        "4111 1111 1111 1111 ",
        "sk-aB3dE5gH7jK9mN1pQ2sT4v ",
        "password=kanarienvogel ",
    ];
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry =
        quick(&receiver.endpoint()).with_content_capture(ContentCapture::SpanOnly).init().unwrap();
    for secret in SECRETS {
        remember(&secret.repeat((4 << 20) / secret.len()));
    }
    let spans = account("4 MB of secrets as content", &telemetry.shutdown(), &receiver);
    assert_eq!((spans.started(), spans.delivered()), (4, 4));
    let bodies: Vec<_> = receiver.received().into_iter().flat_map(|request| request.body).collect();
    let text = String::from_utf8_lossy(&bodies);
    assert!(text.contains("gen_ai.tool.call.arguments"), "content is captured");
    for secret in ["lovelace", "4111", "sk-aB3", "kanarienvogel"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(sent(&receiver) < 256 << 10, "{} bytes", sent(&receiver));
}

/// The program that the next test starts.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    println!("refused: {}", llm_trace::builder().init().map(drop).unwrap_err());
}

#[test]
fn an_invalid_setting_is_an_error_of_init_that_names_it() {
    for (variable, value) in [
        ("ALL_PROXY", "socks5://proxy:1080"),
        ("ALL_PROXY", "http://"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "18446744073709551615"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100000000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1e308"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
        ("LLM_TRACE_SPOOL_MAX_AGE", "18446744073709551615d"),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "untrusted::program", "--nocapture"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.invalid:4318")
            .env("OTEL_TRACES_SAMPLER", "traceidratio")
            .env("LLM_TRACE_SPOOL_DIR", std::env::temp_dir())
            .env(variable, value)
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        let refused = format!("refused: {variable}: `{value}` is not valid");
        assert!(output.status.success() && out.contains(&refused), "{variable}={value}: {output:?}");
        Row::refuse(&format!("{variable}={value}"));
    }
}
