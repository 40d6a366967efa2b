//! Without `init()`, only the environment configures content. It is read once, so each case is a separate process.

use std::process::Command;
use std::time::Duration;

use llm_trace::llm_trace;
use llm_trace::opentelemetry::InstrumentationScope;
use llm_trace::opentelemetry::logs::AnyValue;
use llm_trace_test_support::trace::Trace;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};

const VARIABLE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
const EXPECTED: &str = "LLM_TRACE_TEST_EXPECTED";

/// The code of the child process.
#[test]
#[ignore = "a program that other tests start"]
fn child() {
    let expected = std::env::var(EXPECTED).expect("another test starts this");
    #[llm_trace(retrieval, query = "what was searched")]
    fn search() {}
    let trace = Trace::new();
    trace.run(search);
    let recorded = trace.only().text("gen_ai.retrieval.query.text").map(ToOwned::to_owned);
    assert_eq!(recorded.is_some().to_string(), expected);
}

#[test]
fn the_variable_decides_alone_and_a_wrong_value_means_no() {
    for (value, records) in [
        (None, false),
        (Some(""), false),
        (Some("SPAN_ONLY"), true),
        (Some("True"), true),
        (Some("span_and_event"), true),
        (Some("EVENT_ONLY"), false),
        (Some("NO_CONTENT"), false),
        (Some("false"), false),
        (Some("yes, all of it"), false),
    ] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--ignored", "--exact", "without_init::child"])
            .env(EXPECTED, records.to_string())
            .env_remove(VARIABLE);
        if let Some(value) = value {
            child.env(VARIABLE, value);
        }
        let output = child.output().unwrap();
        assert!(output.status.success(), "{value:?}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }
}

/// The code of the second child process: events go to a provider that the program installed.
#[test]
#[ignore = "a program that other tests start"]
fn child_with_events() {
    assert!(std::env::var_os(EVENTS).is_some(), "another test starts this");
    #[llm_trace(chat, provider = "acme", model = "m", input = "hello")]
    fn chat() -> &'static str {
        "hi"
    }
    #[llm_trace(embeddings, provider = "acme", model = "m")]
    fn failing() -> Result<(), std::io::Error> {
        Err(std::io::ErrorKind::TimedOut.into())
    }
    let trace = Trace::new(); // installs a logger provider
    assert_eq!(trace.run(chat), "hi");
    drop(trace.run(failing));
    let events = trace.events();
    let names: Vec<_> = events.iter().map(|event| event.event_name().unwrap()).collect();
    assert_eq!(names, ["gen_ai.client.inference.operation.details", "gen_ai.client.operation.exception"]);
    let content = |key: &str| {
        let found = events[0].attributes_iter().find(|(known, _)| known.as_str() == key);
        found.is_some_and(|(_, value)| matches!(value, AnyValue::ListAny(_)))
    };
    assert!(content("gen_ai.input.messages") && content("gen_ai.output.messages"), "{:?}", events[0]);
    assert_eq!(trace.span("chat m").text("gen_ai.input.messages"), None);

    // A broken provider replaces it; calls go on.
    llm_trace::set_logger_provider(&SdkLoggerProvider::builder().with_log_processor(Panicking).build());
    assert_eq!(trace.run(chat), "hi");
    assert_eq!(trace.events().len(), 2);
    assert_eq!(trace.spans().len(), 3);
}

const EVENTS: &str = "LLM_TRACE_TEST_EVENTS";

#[derive(Debug)]
struct Panicking;

impl LogProcessor for Panicking {
    fn emit(&self, _record: &mut SdkLogRecord, _scope: &InstrumentationScope) {
        panic!("in a processor of the program's");
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn events_go_to_the_provider_that_was_installed() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "without_init::child_with_events"])
        .env(EVENTS, "1")
        .env(VARIABLE, "EVENT_ONLY")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// The code of the third child process: only events are exported.
#[test]
#[ignore = "a program that other tests start"]
fn child_with_events_alone() {
    assert!(std::env::var_os(ALONE).is_some(), "another test starts this");
    #[llm_trace(chat, provider = "openai", model = "gpt-4o-mini", input = "hello")]
    fn chat() -> serde_json::Value {
        serde_json::json!({
            "id": "r-1", "object": "chat.completion", "model": "gpt-4o-mini",
            "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
            "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0},
        })
    }
    let receiver = crate::exported(llm_trace::builder(), || drop(chat()));
    assert_eq!((receiver.spans().len(), receiver.received().len()), (0, 1), "only events were sent");
    let logs = format!("{:?}", receiver.logs());
    for expected in
        ["gen_ai.usage.input_tokens", "gen_ai.output.messages", "gen_ai.usage.cost", "gen_ai.response.id"]
    {
        assert!(logs.contains(expected), "no {expected} in {logs}");
    }
}

const ALONE: &str = "LLM_TRACE_TEST_EVENTS_ALONE";

#[test]
fn an_event_is_complete_where_neither_spans_nor_metrics_are_exported() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "without_init::child_with_events_alone"])
        .envs([(ALONE, "1"), (VARIABLE, "EVENT_ONLY"), ("OTEL_LOGS_EXPORTER", "otlp")])
        .envs([("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
