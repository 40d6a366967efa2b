//! Without `init()` the environment decides alone. It is read once, so each case is a process of its own.

use std::process::Command;

use llm_trace::llm_trace;
use llm_trace_tests::trace::Trace;

const VARIABLE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
const EXPECTED: &str = "LLM_TRACE_TEST_EXPECTED";

/// The child's part; the test does nothing in the parent's run.
#[test]
fn child() {
    let Ok(expected) = std::env::var(EXPECTED) else { return };
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
            .args(["--exact", "without_init::child"])
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
