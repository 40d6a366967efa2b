//! The example without llm-trace.

use llm_trace_test_support::otlp::{Answer, Receiver};

use super::process::example;

#[test]
fn spans_of_any_program_arrive_once_the_receiver_takes_them() {
    let receiver =
        Receiver::scripted(|before, _| if before < 2 { Answer::Status(503) } else { Answer::Status(200) });
    let run = example("delivery", &[])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc")
        .run();
    assert_eq!((run.code, run.stdout.trim()), (Some(0), "3 spans delivered"), "{run}");
    let requests = receiver.received();
    assert_eq!(requests.len(), 3, "two were refused");
    assert!(requests.iter().all(|request| request.path == "/v1/traces"), "{requests:?}");
    assert!(requests.iter().all(|request| request.header("authorization") == Some("Bearer abc")));
    let taken = receiver.spans_taken();
    let names: Vec<_> = taken.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["reserve", "pay", "checkout"]);
    let root = &taken[2].span_id;
    assert!(taken[..2].iter().all(|span| span.parent_span_id == *root && span.trace_id == taken[2].trace_id));
}

#[test]
fn spans_that_no_receiver_takes_are_in_the_report() {
    let receiver = Receiver::answering(Answer::Status(400));
    let run = example("delivery", &[]).env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()).run();
    let expected = format!("3 spans not delivered to {}: HTTP status 400 Bad Request", receiver.endpoint());
    assert_eq!((run.code, run.stdout.trim()), (Some(1), expected.as_str()), "{run}");
    assert_eq!(run.stderr.trim(), format!("llm-trace: {expected}"), "nobody else would say it");
}
