//! Scores as events and measurements: recorded during a call, later, or by evaluators that return them.

use llm_trace::{Response, llm_trace, score};
use llm_trace_test_support::trace::{Ended, Point, Trace, points_where};
use opentelemetry::logs::AnyValue;
use opentelemetry_sdk::logs::SdkLogRecord;
use serde::Serialize;

fn measured(name: &str) -> Vec<Point> {
    points_where("llm_trace.evaluation.score", "gen_ai.evaluation.name", name)
}

fn only(name: &str) -> Point {
    let mut points = measured(name);
    assert_eq!(points.len(), 1, "{points:?}");
    points.remove(0)
}

fn label(point: &Point) -> Option<String> {
    point.label("gen_ai.evaluation.score.label")
}

fn events(trace: &Trace) -> Vec<SdkLogRecord> {
    let events = trace.events().into_iter();
    events.filter(|event| event.event_name() == Some("gen_ai.evaluation.result")).collect()
}

fn value<'a>(event: &'a SdkLogRecord, key: &str) -> Option<&'a AnyValue> {
    event.attributes_iter().find(|(known, _)| known.as_str() == key).map(|(_, value)| value)
}

fn text(event: &SdkLogRecord, key: &str) -> Option<String> {
    value(event, key).map(|value| match value {
        AnyValue::String(text) => text.to_string(),
        other => panic!("`{key}` is not a string: {other:?}"),
    })
}

fn links(span: &Ended) -> Vec<String> {
    span.0.links.iter().map(|link| link.span_context.span_id().to_string()).collect()
}

#[test]
fn a_score_is_measured_by_name_and_label() {
    Trace::new().run(|| {
        score("measured").with_value(0.25).with_label("fail").record();
        score("measured").with_value(0.75).with_label("fail").record();
        score("measured").with_label("pass").record();
    });
    let point = only("measured");
    assert_eq!((point.unit.as_str(), point.count, point.sum), ("1", 2, 1.0), "a label alone is no number");
    assert_eq!(label(&point).as_deref(), Some("fail"));
    assert_eq!((point.bounds.first(), point.bounds.last()), (Some(&-1.0), Some(&100.0)));
}

#[test]
fn free_text_is_no_label_of_a_metric() {
    let trace = Trace::new();
    trace.run(|| score("wordy").with_value(1.0).with_label("The answer is mostly right").record());
    assert_eq!(label(&only("wordy")).as_deref(), Some("other"));
    let event = &events(&trace)[0];
    assert_eq!(text(event, "gen_ai.evaluation.score.label").as_deref(), Some("The answer is mostly right"));
}

#[test]
fn a_threshold_makes_pass_and_fail_and_leaves_a_label_that_there_is() {
    let trace = Trace::new();
    trace.run(|| {
        score("t").with_threshold(0.5).with_value(0.5).record();
        score("t").with_value(0.49).with_threshold(0.5).record();
        score("t").with_value(0.1).with_threshold(0.5).with_label("own").record();
        score("t").with_threshold(0.5).record();
        score("t").with_passed(true).record();
        score("t").with_value(0.9).with_passed(false).record();
    });
    let given: Vec<_> = events(&trace)
        .iter()
        .map(|event| {
            let number = value(event, "gen_ai.evaluation.score.value").map(|value| match value {
                AnyValue::Double(value) => *value,
                other => panic!("{other:?}"),
            });
            (number, text(event, "gen_ai.evaluation.score.label"))
        })
        .collect();
    let expected = [
        (Some(0.5), Some("pass")),
        (Some(0.49), Some("fail")),
        (Some(0.1), Some("own")),
        (None, None),
        (Some(1.0), Some("pass")),
        (Some(0.9), Some("fail")),
    ];
    assert_eq!(given, expected.map(|(value, label)| (value, label.map(ToOwned::to_owned))));
}

#[test]
fn later_feedback_belongs_to_the_rated_span_and_links_to_the_current_one() {
    #[llm_trace(workflow, name = "answer")]
    fn answer() -> (String, String) {
        let call = llm_trace::current();
        (call.trace_id().unwrap(), call.span_id().unwrap())
    }
    #[llm_trace(task, name = "feedback")]
    fn feedback(trace_id: &str, span_id: &str) {
        score("thumb").with_value(-1.0).with_label("thumbs_down").with_span(trace_id, span_id).record();
    }
    let trace = Trace::new();
    let (trace_id, span_id) = trace.run(answer);
    let later = Trace::new();
    later.run(|| feedback(&trace_id, &span_id));
    let event = &events(&trace)[0];
    assert_eq!(event.trace_context().unwrap().span_id.to_string(), span_id);
    assert_eq!(text(event, "gen_ai.response.id"), None);
    assert_eq!(links(&later.only()), [span_id]);
    assert_eq!(trace.only().0.links.len(), 0);
    let point = only("thumb");
    assert_eq!((point.count, point.sum), (1, -1.0));
}

#[llm_trace(chat, provider = "acme")]
fn chat(id: &str) -> Response {
    Response::new().with_id(id)
}

#[test]
fn a_score_has_the_id_of_the_only_response_and_of_none_if_there_were_several() {
    #[llm_trace(workflow)]
    fn flow() {
        score("before").with_value(1.0).record();
        let _ = chat("r-1");
        score("one").with_value(1.0).record();
        score("own").with_value(1.0).with_response_id("r-9").record();
        let _ = chat("r-2");
        score("two").with_value(1.0).record();
    }
    let trace = Trace::new();
    trace.run(flow);
    let ids: Vec<_> = events(&trace)
        .iter()
        .map(|event| (text(event, "gen_ai.evaluation.name").unwrap(), text(event, "gen_ai.response.id")))
        .collect();
    let expected = [("before", None), ("one", Some("r-1")), ("own", Some("r-9")), ("two", None)];
    assert_eq!(ids, expected.map(|(name, id)| (name.to_owned(), id.map(ToOwned::to_owned))));
}

#[test]
fn an_evaluator_that_returns_its_score_has_recorded_it() {
    #[derive(Serialize)]
    struct EvaluationResult {
        score: f32,
        label: &'static str,
        reason: &'static str,
    }
    #[llm_trace(evaluator, name = "number")]
    fn number() -> f64 {
        0.25
    }
    #[llm_trace(evaluator, name = "flag")]
    fn flag() -> Result<bool, std::fmt::Error> {
        Ok(false)
    }
    #[llm_trace(evaluator, name = "verdict")]
    async fn verdict() -> EvaluationResult {
        EvaluationResult { score: 0.5, label: "partly", reason: "canary" }
    }
    let trace = Trace::new();
    trace.run(|| {
        number();
        flag().unwrap();
        let _ = futures_util::FutureExt::now_or_never(verdict());
    });
    let events = events(&trace);
    let names: Vec<_> = events.iter().map(|event| text(event, "gen_ai.evaluation.name").unwrap()).collect();
    assert_eq!(names, ["number", "flag", "verdict"]);
    let span = trace.span("evaluate number");
    assert_eq!(events[0].trace_context().unwrap().span_id, span.id());
    assert_eq!(span.0.links.len(), 0);
    assert_eq!((only("number").sum, label(&only("number"))), (0.25, None));
    assert_eq!((only("flag").sum, label(&only("flag")).as_deref()), (0.0, Some("fail")));
    assert_eq!((only("verdict").sum, label(&only("verdict")).as_deref()), (0.5, Some("partly")));
    assert!(!format!("{events:?}").contains("canary"), "a reason is content");
}

#[test]
fn an_evaluators_score_belongs_to_the_linked_span() {
    use llm_trace::opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
    #[llm_trace(evaluator, name = "linked", links = [answer])]
    fn judge(answer: SpanContext) -> f64 {
        1.0
    }
    let trace = Trace::new();
    let answer = SpanContext::new(
        TraceId::from_bytes([7; 16]),
        SpanId::from_bytes([9; 8]),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    trace.run(|| judge(answer.clone()));
    assert!(events(&trace).is_empty(), "it is in the other trace");
    assert_eq!(links(&trace.only()), [answer.span_id().to_string()]);
    assert_eq!(only("linked").count, 1);
}

#[test]
fn a_score_that_the_evaluator_recorded_itself_is_not_recorded_twice_and_a_text_is_none() {
    #[llm_trace(evaluator, name = "by_hand")]
    fn by_hand() -> f64 {
        score("by_hand").with_value(0.5).with_threshold(0.7).record();
        0.5
    }
    #[llm_trace(evaluator, name = "fails")]
    fn fails() -> Result<f64, std::fmt::Error> {
        Err(std::fmt::Error)
    }
    #[llm_trace(evaluator, name = "says")]
    fn says() -> &'static str {
        "good"
    }
    #[llm_trace(task, name = "not_an_evaluator")]
    fn task() -> f64 {
        0.5
    }
    let trace = Trace::new();
    trace.run(|| {
        by_hand();
        let _ = fails();
        says();
        task();
    });
    assert_eq!(events(&trace).len(), 1);
    assert_eq!((only("by_hand").count, label(&only("by_hand")).as_deref()), (1, Some("fail")));
}
