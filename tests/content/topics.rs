//! Topics of user questions, without their texts.

use llm_trace::{Builder, Topics, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use serde_json::{Value, json};

use crate::{content_keys, exported, text};

const TOPIC: &str = "llm_trace.topic";
const QUESTION: &str = "Why is kanarienvogel-3b9e yellow?";

fn hashed(salt: &str) -> Builder {
    llm_trace::builder().with_topics(Topics::QuestionHash { salt: salt.to_owned().into() })
}

fn salted() -> Builder {
    hashed("sixteen bytes at least")
}

#[llm_trace(chat, provider = "acme", request = request, prompt_name = name)]
fn chat(request: &Value, name: Option<&str>) {}

fn request(text: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": text}]})
}

#[llm_trace(task)]
fn step() {}

#[llm_trace(workflow, name = "answer", input = question)]
fn answer(question: &str) {
    step();
    chat(&request(&format!("Answer briefly: {question}")), None);
}

/// The topics of all spans, in the order in which they ended.
fn topics(receiver: &Receiver) -> Vec<Option<String>> {
    receiver.spans().iter().map(|span| text(span, TOPIC)).collect()
}

/// The topics in the labels of a duration.
fn labels(receiver: &Receiver, metric: &str) -> Vec<Option<String>> {
    let topic = |labels: &[KeyValue]| {
        let label = labels.iter().find(|label| label.key == TOPIC)?;
        match label.value.as_ref()?.value.as_ref()? {
            Any::StringValue(topic) => Some(topic.clone()),
            other => panic!("{other:?}"),
        }
    };
    let metrics = receiver.metrics().into_iter().filter(|known| known.name == metric);
    let points = metrics.flat_map(|metric| match metric.data {
        Some(Data::Histogram(histogram)) => histogram.data_points,
        other => panic!("{other:?}"),
    });
    points.map(|point| topic(&point.attributes)).collect()
}

#[test]
fn topics_are_off_by_default() {
    let receiver = exported(llm_trace::builder(), || answer(QUESTION));
    assert_eq!(topics(&receiver), [None, None, None]);
    assert_eq!(labels(&receiver, "gen_ai.workflow.duration"), [None]);
}

#[test]
fn equal_questions_have_equal_topics_on_every_call_and_no_text() {
    let receiver = exported(salted(), || {
        answer(QUESTION);
        answer("why is KANARIENVOGEL 3b9e yellow");
        answer("Why is it green?");
    });
    let topics = topics(&receiver);
    let topic = topics[0].clone().unwrap();
    assert!(topic.len() == 12 && topic.bytes().all(|byte| byte.is_ascii_hexdigit()), "{topic}");
    assert_eq!(topics.len(), 9);
    assert!(topics[..6].iter().all(|other| other.as_ref() == Some(&topic)), "{topics:?}");
    assert!(topics[6..].iter().all(|other| other.is_some() && other.as_ref() != Some(&topic)), "{topics:?}");
    for metric in ["gen_ai.workflow.duration", "gen_ai.client.operation.duration"] {
        let labels = labels(&receiver, metric);
        assert_eq!((labels.len(), labels.contains(&Some(topic.clone()))), (2, true), "{metric}: {labels:?}");
    }
    for request in receiver.received() {
        let bytes = String::from_utf8_lossy(&request.body).to_lowercase();
        assert!(!bytes.contains("kanarienvogel"), "the question is in {}", request.path);
        assert!(!bytes.contains("sixteen bytes"), "the salt is in {}", request.path);
    }
    assert!(receiver.spans().iter().all(|span| content_keys(span).is_empty()));
}

#[test]
fn another_salt_makes_another_topic() {
    let topic = |builder| topics(&exported(builder, || chat(&request(QUESTION), None)))[0].clone().unwrap();
    assert_eq!(topic(salted()), topic(salted()));
    assert_ne!(topic(salted()), topic(hashed("another sixteen bytes")));
}

#[test]
fn a_skipped_question_has_no_topic() {
    #[llm_trace(workflow, input = looked(question), skip(input))]
    fn quiet(question: &str) {}
    fn looked(_question: &str) -> &str {
        panic!("the input is looked at")
    }
    #[llm_trace(chat, provider = "acme", request = request, skip(input))]
    fn quiet_chat(request: &Value) {}
    let receiver = exported(salted(), || {
        quiet(QUESTION);
        quiet_chat(&request(QUESTION));
    });
    assert_eq!(topics(&receiver), [None, None]);
}

#[test]
fn a_prompts_name_is_the_topic_of_its_call_and_of_the_workflow_around_it() {
    #[llm_trace(workflow, name = "named")]
    fn named() {
        step();
        chat(&request(QUESTION), Some("rewrite"));
        chat(&request(QUESTION), Some("refund"));
        step();
    }
    let receiver = exported(llm_trace::builder().with_topics(Topics::PromptName), || {
        named();
        chat(&request(QUESTION), None);
    });
    let topics = topics(&receiver);
    let topics: Vec<_> = topics.iter().map(Option::as_deref).collect();
    // The first step ended before a topic was known; a call without a prompt name has the first recorded topic.
    assert_eq!(topics, [None, Some("rewrite"), Some("refund"), Some("rewrite"), Some("rewrite"), None]);
    assert_eq!(labels(&receiver, "gen_ai.workflow.duration"), [Some("rewrite".to_owned())]);
}

#[test]
fn a_salt_that_could_be_guessed_is_refused_and_not_shown() {
    let error = hashed("guessed").init().unwrap_err();
    let message = format!("{error} {error:?}");
    assert!(
        message.contains("with_topics") && message.contains("7 bytes") && message.contains("16 bytes"),
        "{message}"
    );
    assert!(!message.contains("guessed"), "{message}");
    assert!(!format!("{:?}", salted()).contains("sixteen"));
}
