//! Events as OTLP logs: when they are sent, their content, and their loss.

use std::time::{Duration, Instant};

use llm_trace::opentelemetry::Context;
use llm_trace::opentelemetry::trace::{TraceContextExt, Tracer};
use llm_trace::{Builder, ContentCapture, ExportReport, SemconvVersion, llm_trace, score};
use llm_trace_test_support::otlp::{Answer, Receiver};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use crate::{answer, failing_chat, one_at_a_time, span, text, value};

const LOGS: &str = "/v1/logs";

fn export(receiver: &Receiver, builder: Builder, code: impl FnOnce()) -> ExportReport {
    let telemetry = builder.with_endpoint(receiver.endpoint()).init().unwrap();
    code();
    telemetry.shutdown()
}

fn keys(record: &LogRecord) -> Vec<&str> {
    record.attributes.iter().map(|attribute| attribute.key.as_str()).collect()
}

#[test]
fn events_are_not_sent_unless_enabled() {
    let _turn = one_at_a_time();
    let receiver = Receiver::answering(Answer::StatusOn(LOGS, 405));
    let receipt = export(&receiver, llm_trace::builder().with_semconv(SemconvVersion::October2026), || {
        answer();
        drop(failing_chat());
    });
    assert!(receipt.is_complete(), "{receipt}");
    assert_eq!(receipt.events().ended(), 0);
    assert!(receiver.received().iter().all(|request| request.path != LOGS));

    let receipt = export(&receiver, llm_trace::builder(), || score("quality").with_value(1.0).record());
    assert_eq!((receipt.events().ended(), receipt.events().dropped(), receipt.is_complete()), (1, 1, false));
    let expected = format!("1 event not delivered to {}: HTTP status 405", receiver.endpoint());
    assert!(receipt.to_string().starts_with(&expected), "{receipt}");
}

#[test]
fn the_error_of_a_call_to_a_service_is_an_event_when_events_are_asked_for() {
    #[llm_trace(tool, name = "t")]
    fn failing_tool() -> Result<(), std::io::Error> {
        Err(std::io::ErrorKind::TimedOut.into())
    }
    let _turn = one_at_a_time();
    for (messages, expected) in
        [(false, vec!["exception.type"]), (true, vec!["exception.type", "exception.message"])]
    {
        let receiver = Receiver::start();
        let builder = llm_trace::builder().with_events(true).with_error_messages(messages);
        let receipt = export(&receiver, builder, || {
            answer();
            drop(failing_chat());
            drop(failing_tool());
        });
        assert_eq!((receipt.events().ended(), receipt.events().delivered()), (1, 1), "{receipt}");
        let (record, spans) = (receiver.logs().remove(0), receiver.spans());
        assert_eq!(record.event_name, "gen_ai.client.operation.exception");
        assert_eq!((record.severity_number, record.severity_text.as_str()), (13, "WARN"));
        let failed = spans.iter().find(|span| {
            span.attributes.iter().any(|attribute| attribute.key == "error.type")
                && span.name.starts_with("chat")
        });
        let failed = failed.unwrap();
        assert_eq!((&record.trace_id, &record.span_id), (&failed.trace_id, &failed.span_id));
        assert_eq!(text(&record.attributes, "exception.type"), text(&failed.attributes, "error.type"));
        assert_eq!(keys(&record), expected);
    }
}

#[test]
fn the_newest_conventions_recommend_the_details_also_without_content() {
    let _turn = one_at_a_time();
    for (vintage, events) in [(SemconvVersion::August2026, 0), (SemconvVersion::October2026, 1)] {
        let receiver = Receiver::start();
        let builder = llm_trace::builder().with_events(true).with_semconv(vintage);
        assert_eq!(export(&receiver, builder, answer).events().ended(), events, "{vintage:?}");
        for record in receiver.logs() {
            assert_eq!(record.event_name, "gen_ai.client.inference.operation.details");
            assert_eq!(text(&record.attributes, "gen_ai.request.model"), "gpt-4o-mini");
            assert!(keys(&record).iter().all(|key| !key.contains("messages")), "{record:?}");
        }
    }
    // The semconv version is global to the process.
    drop(llm_trace::builder().with_semconv(SemconvVersion::August2026).init());
}

#[test]
fn a_score_belongs_to_the_current_or_the_given_span() {
    #[llm_trace(workflow, name = "scored")]
    fn scored() -> (String, String) {
        score("relevance")
            .with_value(0.75)
            .with_label("relevant")
            .with_explanation("it says so")
            .with_response_id("r-1")
            .with_attribute("app.judge", "rules")
            .record();
        let call = llm_trace::current();
        (call.trace_id().unwrap(), call.span_id().unwrap())
    }
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let receipt = export(&receiver, llm_trace::builder().with_service_name("bot"), || {
        let (trace_id, span_id) = scored();
        // Inside another span, to which the score does not belong.
        let tracer = llm_trace::opentelemetry::global::tracer("test");
        let _attached = Context::current_with_span(tracer.start("other")).attach();
        score("user_feedback").with_value(1.0).with_span(&trace_id, &span_id).record();
        score("lost").with_value(f64::NAN).with_error_type("timeout").with_span("not", "ids").record();
    });
    assert_eq!((receipt.events().ended(), receipt.events().delivered()), (3, 3));
    assert_eq!(receipt.to_string(), "2 spans and 3 events delivered");
    let spans = receiver.spans();
    let workflow = span(&spans, "invoke_workflow scored");
    let records = receiver.logs();
    let named = |name: &str| {
        let found = records.iter().find(|record| text(&record.attributes, "gen_ai.evaluation.name") == name);
        found.unwrap_or_else(|| panic!("no score `{name}`"))
    };
    for record in &records {
        assert_eq!(record.event_name, "gen_ai.evaluation.result");
        assert_eq!((record.severity_number, record.severity_text.as_str()), (9, "INFO"));
        assert!(!keys(record).contains(&"gen_ai.evaluation.explanation"), "content is off: {record:?}");
    }
    for name in ["relevance", "user_feedback"] {
        let record = named(name);
        assert_eq!((&record.trace_id, &record.span_id), (&workflow.trace_id, &workflow.span_id), "{name}");
    }
    let relevance = &named("relevance").attributes;
    assert_eq!(value(relevance, "gen_ai.evaluation.score.value"), &Value::DoubleValue(0.75));
    assert_eq!(text(relevance, "gen_ai.evaluation.score.label"), "relevant");
    assert_eq!(text(relevance, "gen_ai.response.id"), "r-1");
    assert_eq!(text(relevance, "app.judge"), "rules");
    let lost = named("lost");
    assert_eq!((lost.trace_id.len(), lost.span_id.len()), (0, 0), "{lost:?}");
    assert_eq!(keys(lost), ["gen_ai.evaluation.name", "error.type"]);

    let request = receiver.log_requests().remove(0).resource_logs.remove(0);
    assert_eq!(text(&request.resource.unwrap().attributes, "service.name"), "bot");
    let scope = request.scope_logs[0].scope.clone().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("llm-trace", env!("CARGO_PKG_VERSION")));
    assert_eq!(request.scope_logs[0].schema_url, "https://opentelemetry.io/schemas/1.43.0");
}

#[test]
fn an_explanation_is_content_of_events() {
    let _turn = one_at_a_time();
    for (capture, expected) in
        [(ContentCapture::SpanOnly, None), (ContentCapture::EventOnly, Some("ask [EMAIL]"))]
    {
        let receiver = Receiver::start();
        let _ = export(&receiver, llm_trace::builder().with_content_capture(capture), || {
            score("quality").with_explanation("ask ada@example.org").record();
        });
        let record = receiver.logs().remove(0);
        let found = keys(&record).contains(&"gen_ai.evaluation.explanation");
        let found = found.then(|| text(&record.attributes, "gen_ai.evaluation.explanation"));
        assert_eq!(found.as_deref(), expected, "{capture:?}");
    }
}

#[test]
fn after_shutdown_and_before_init_a_score_goes_nowhere() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    score("before").record();
    let receipt = export(&receiver, llm_trace::builder(), || score("during").record());
    score("after").record();
    assert_eq!((receipt.events().ended(), receiver.logs().len()), (1, 1));
}

#[test]
fn events_are_flushed_and_waited_for_side_by_side_with_the_rest() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    score("quality").record();
    assert_eq!(telemetry.flush().events().delivered(), 1);
    drop(telemetry);

    let hanging = Receiver::answering(Answer::Hang);
    let started = Instant::now();
    let timeout = Duration::from_secs(5);
    let receipt = export(&hanging, llm_trace::builder().with_timeout(timeout), || {
        answer();
        score("quality").record();
    });
    assert_eq!(
        (receipt.spans().dropped(), receipt.events().dropped(), !receipt.has_current_metrics()),
        (3, 1, true)
    );
    assert!(started.elapsed() < 2 * timeout, "{:?}", started.elapsed());
}
