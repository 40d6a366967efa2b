//! Events of the code under test.

use std::time::Duration;

use llm_trace::opentelemetry::logs::Severity;
use llm_trace::testing::{capture, capture_with_seed};
use llm_trace::{llm_trace, score};

use crate::messages::message;

const EXCEPTION: &str = "gen_ai.client.operation.exception";
const SCORE: &str = "gen_ai.evaluation.result";

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn fails() -> Result<(), std::io::Error> {
    Err(std::io::ErrorKind::TimedOut.into())
}

#[llm_trace(workflow)]
fn answer() {
    assert!(fails().is_err());
    score("helpfulness").with_value(0.5).with_label("partly").record();
}

#[test]
fn errors_and_scores_are_there_with_their_spans_in_the_order_in_which_they_were_emitted() {
    let telemetry = capture();
    telemetry.run(answer);
    let names: Vec<_> = telemetry.events().iter().map(|event| event.name().to_owned()).collect();
    assert_eq!(names, [EXCEPTION, SCORE]);

    let exception = telemetry.event(EXCEPTION);
    exception.assert("exception.type", "timeout").assert_absent("exception.message");
    assert_eq!((exception.severity(), exception.text("exception.type")), (Severity::Warn, Some("timeout")));
    let chat = telemetry.span("chat gpt-4o-mini");
    assert_eq!((exception.span().unwrap().id(), exception.trace_id()), (chat.id(), chat.trace_id()));

    let score = telemetry.event(SCORE);
    score.assert("gen_ai.evaluation.score.value", 0.5).assert("gen_ai.evaluation.score.label", "partly");
    assert_eq!((score.severity(), score.span().unwrap().name()), (Severity::Info, "invoke_workflow answer"));
    assert_eq!(score.json("gen_ai.evaluation.score.value").as_deref(), Some("0.5"));
}

#[test]
fn captures_side_by_side_see_their_own_events_only() {
    let (one, other) = (capture(), capture());
    one.run(answer);
    other.run(|| score("alone").record());
    assert_eq!((one.events().len(), other.events().len()), (2, 1));
    let alone = other.event(SCORE);
    assert!(alone.span().is_none());
    alone.assert("gen_ai.evaluation.name", "alone");
}

#[test]
fn a_score_of_a_span_belongs_to_it_also_from_outside_of_the_capture() {
    let telemetry = capture();
    telemetry.run(answer);
    let span = telemetry.span("chat gpt-4o-mini");
    score("user_feedback").with_span(&span.trace_id().to_string(), &span.id().to_string()).record();
    let events = telemetry.events();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2].span().unwrap().name(), "chat gpt-4o-mini");
}

#[test]
fn a_call_dropped_outside_its_capture_emits_into_it() {
    #[llm_trace(workflow)]
    async fn waits() {
        let _on_drop = Scores;
        std::future::pending::<()>().await;
    }
    struct Scores;
    impl Drop for Scores {
        fn drop(&mut self) {
            score("dropped").record();
        }
    }
    let telemetry = capture();
    let mut call = Box::pin(waits());
    telemetry.run(|| {
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut task).is_pending());
    });
    drop(call);
    assert_eq!(telemetry.event(SCORE).span().unwrap().name(), "invoke_workflow waits");
}

#[test]
fn with_a_seed_times_and_ids_of_events_are_repeatable() {
    let once = || {
        let telemetry = capture_with_seed(41);
        telemetry.run(answer);
        let event = telemetry.event(EXCEPTION);
        (event.time(), event.trace_id().to_string(), event.span_id().to_string())
    };
    let first = once();
    assert_eq!(first, once());
    assert_eq!(first.0, Duration::from_millis(2), "after two spans have started");
}

#[test]
fn a_failed_assertion_lists_the_actual_events() {
    let telemetry = capture();
    assert_eq!(
        message(|| telemetry.event(SCORE)),
        format!("no event `{SCORE}` was emitted. Events that were: none.")
    );
    telemetry.run(answer);
    assert_eq!(
        message(|| telemetry.event("made.up")),
        format!("no event `made.up` was emitted. Events that were: {EXCEPTION}, {SCORE}.")
    );
    let event = telemetry.event(SCORE);
    let wrong = message(|| event.assert("gen_ai.evaluation.score.value", 1));
    let begin = format!("`gen_ai.evaluation.score.value` of `{SCORE}` is 0.5, not 1. {SCORE} {{\n");
    assert!(wrong.starts_with(&begin), "{wrong}");
    assert!(wrong.contains("gen_ai.evaluation.score.label: \"partly\",\n"), "{wrong}");
    let wrong = message(|| event.assert_absent("gen_ai.evaluation.name"));
    assert!(wrong.contains(" is \"helpfulness\", not absent. "), "{wrong}");
    let wrong = message(|| event.text("gen_ai.evaluation.score.value").map(str::to_owned));
    assert_eq!(wrong, "`gen_ai.evaluation.score.value` is not text: 0.5");
    telemetry.run(answer);
    assert_eq!(message(|| telemetry.event(SCORE)), format!("2 events are named `{SCORE}`: use `events()`"));
}

#[test]
fn structured_content_is_read_as_json() {
    #[llm_trace(chat, provider = "openai", model = "m", input = question)]
    fn ask(question: &str) {}
    let variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
    if std::env::var_os(variable).is_none() {
        // Content capture is global to the process: run this test again in a process with it enabled.
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "events::structured_content_is_read_as_json"])
            .env(variable, "EVENT_ONLY")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let telemetry = capture();
    telemetry.run(|| ask("why?"));
    let details = telemetry.event("gen_ai.client.inference.operation.details");
    let messages = details.json("gen_ai.input.messages").unwrap();
    assert_eq!(messages, r#"[{"parts":[{"content":"why?","type":"text"}],"role":"user"}]"#);
    telemetry.span("chat m").assert_absent("gen_ai.input.messages");
}
