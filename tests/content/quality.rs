//! Quality signals computed from texts: their values, and that texts are read only if enabled.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use llm_trace::{Builder, QualitySignal, QualitySignals, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::{exported, text};

const OVERLAP: &str = "llm_trace.answer.context_overlap";
const CITATIONS: &str = "llm_trace.answer.citation_coverage";
const REPETITION: &str = "llm_trace.answer.repetition";
const UNMEASURED: &str = "llm_trace.answer.unmeasured";

fn looking() -> Builder {
    llm_trace::builder().with_quality_signals(QualitySignals::all())
}

/// The number of measurements of a metric, and their sum.
fn measured(receiver: &Receiver, name: &str) -> (u64, f64) {
    let metrics = receiver.metrics();
    let found = metrics.iter().filter(|metric| metric.name == name);
    let points = found.flat_map(|metric| match metric.data.as_ref().unwrap() {
        Data::Histogram(histogram) => {
            histogram.data_points.iter().map(|point| (point.count, point.sum.unwrap())).collect::<Vec<_>>()
        }
        Data::Sum(sum) => {
            let count = |value: &Option<Number>| match value {
                Some(Number::AsInt(count)) => u64::try_from(*count).unwrap(),
                other => panic!("{other:?}"),
            };
            sum.data_points.iter().map(|point| (count(&point.value), 0.0)).collect()
        }
        other => panic!("{other:?}"),
    });
    points.fold((0, 0.0), |(count, sum), (more, value)| (count + more, sum + value))
}

#[llm_trace(retrieval, data_source = "docs")]
fn search(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| json!({"id": text.len(), "text": text})).collect()
}

#[llm_trace(chat, provider = "acme", model = "m")]
fn chat(answer: &str) -> Value {
    json!({"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": answer,
           "reasoning_content": "unrelated musings everywhere"}}]})
}

#[llm_trace(workflow)]
fn rag(texts: &[&str], answer: &str) {
    search(texts);
    chat(answer);
}

#[test]
fn an_answer_is_compared_with_its_documents() {
    let receiver = exported(looking(), || {
        rag(&["Refunds take five working days."], "REFUNDS take five weeks.");
        rag(&[], "There is nothing to compare this with.");
        chat("Nor is there outside of any call.");
    });
    assert_eq!(measured(&receiver, OVERLAP), (1, 0.75));
    assert_eq!(measured(&receiver, REPETITION), (3, 0.0));
    assert_eq!(measured(&receiver, UNMEASURED).0, 0);
    let metrics = receiver.metrics();
    let metric = metrics.iter().find(|metric| metric.name == OVERLAP).unwrap();
    let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{metric:?}") };
    let mut labels: Vec<_> =
        histogram.data_points[0].attributes.iter().map(|label| label.key.as_str()).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"]);
}

#[test]
fn citations_are_missed_where_there_once_were_some() {
    #[llm_trace(chat, provider = "acme", model = "cites")]
    fn cites(answer: &'static str) -> &'static str {
        answer
    }
    let receiver = exported(looking(), || {
        chat("A function that never cites anything. Nobody misses it.");
        cites("Not yet.");
        cites("It rains [1]. It pours.");
        cites("It stopped.");
    });
    assert_eq!(measured(&receiver, CITATIONS), (2, 0.5));
}

#[test]
fn repetition_is_measured_in_streams() {
    #[llm_trace(chat, provider = "acme", model = "streams")]
    fn stream() -> impl futures_util::Stream<Item = Value> {
        let chunk = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
        futures_util::stream::iter(vec![chunk("so it is so "), chunk("it is so it is")])
    }
    let receiver = exported(looking(), || {
        let all = futures_util::FutureExt::now_or_never(stream().collect::<Vec<_>>());
        assert_eq!(all.unwrap().len(), 2);
    });
    // The trigrams so-it-is, it-is-so, is-so-it, and then their repetitions.
    assert_eq!(measured(&receiver, REPETITION), (1, 0.5));
}

#[test]
fn an_explicitly_recorded_answer_is_measured() {
    #[llm_trace(chat, provider = "acme", model = "says")]
    fn says() -> usize {
        llm_trace::current().output("one two three four one two three four");
        8
    }
    let receiver = exported(looking(), || _ = says());
    assert_eq!(measured(&receiver, REPETITION), (1, 0.2));
}

#[test]
fn each_signal_is_enabled_separately() {
    let with = |signal| {
        let builder = llm_trace::builder().with_quality_signals(QualitySignals::none().with(signal));
        let receiver =
            exported(builder, || rag(&["It rains in Rome."], "It rains there [1]. It rains there [1]."));
        let ours = receiver.metrics().into_iter().map(|metric| metric.name);
        let mut ours: Vec<_> = ours
            .filter(|name| name.starts_with("llm_trace.answer") || name.starts_with("llm_trace.retr"))
            .collect();
        ours.sort_unstable();
        ours
    };
    assert_eq!(with(QualitySignal::ContextOverlap), [OVERLAP]);
    assert_eq!(with(QualitySignal::CitationCoverage), [CITATIONS]);
    assert_eq!(with(QualitySignal::Repetition), [REPETITION]);
    assert_eq!(with(QualitySignal::DuplicateTexts), ["llm_trace.retrieval.duplicates"]);
    assert_eq!(with(QualitySignal::Refusals), ["llm_trace.answer.refusals"]);
}

#[test]
fn documents_with_the_same_text_are_duplicates_if_texts_are_compared() {
    #[llm_trace(retrieval)]
    fn found() -> Vec<Value> {
        vec![
            json!({"id": 1, "text": "same"}),
            json!({"id": 2, "text": "same"}),
            json!({"id": 3, "text": "same"}),
            json!({"id": 3, "text": "another chunk of 3"}),
        ]
    }
    let duplicates = |builder: Builder| {
        let spans = exported(builder, || _ = found()).spans();
        let attribute =
            spans[0].attributes.iter().find(|attribute| attribute.key == "llm_trace.retrieval.duplicates");
        match attribute.unwrap().value.as_ref().unwrap().value {
            Some(Any::IntValue(count)) => count,
            ref other => panic!("{other:?}"),
        }
    };
    assert_eq!(duplicates(llm_trace::builder()), 1, "by id: the last");
    assert_eq!(duplicates(looking()), 2, "by text: the second and the third");
    let only_ids = QualitySignals::all().without(QualitySignal::DuplicateTexts);
    assert_eq!(duplicates(llm_trace::builder().with_quality_signals(only_ids)), 1);
}

#[test]
fn every_answer_is_measured_or_counted() {
    const CALLS: u64 = 3000;
    let receiver = exported(looking(), || {
        for _ in 0..CALLS {
            chat("one two three four five");
        }
    });
    let (measured, unmeasured) = (measured(&receiver, REPETITION).0, measured(&receiver, UNMEASURED).0);
    assert_eq!(measured + unmeasured, CALLS);
    assert!(measured > 0);
}

/// Counts how often it is read.
struct Counted<'a>(&'a AtomicUsize);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("text")
    }
}

#[test]
fn texts_are_read_only_if_enabled_and_not_skipped() {
    #[derive(Serialize)]
    struct Found<'a> {
        id: u64,
        text: Counted<'a>,
    }
    #[llm_trace(retrieval)]
    fn search(looks: &AtomicUsize) -> Vec<Found<'_>> {
        vec![Found { id: 1, text: Counted(looks) }]
    }
    #[llm_trace(chat, provider = "acme")]
    fn chat(looks: &AtomicUsize) -> Value {
        llm_trace::current().output(&Counted(looks));
        json!({})
    }
    #[llm_trace(chat, provider = "acme", skip(output))]
    fn quiet(looks: &AtomicUsize) -> Value {
        llm_trace::current().output(&Counted(looks));
        json!({})
    }
    #[llm_trace(tool)]
    fn tool(looks: &AtomicUsize) -> Counted<'_> {
        Counted(looks)
    }
    let looks = AtomicUsize::new(0);
    let all = || {
        search(&looks);
        chat(&looks);
        quiet(&looks);
        tool(&looks);
    };
    let spans = exported(llm_trace::builder(), all).spans();
    assert_eq!((spans.len(), looks.load(Ordering::Relaxed)), (4, 0));
    let spans = exported(looking(), all).spans();
    // The search twice, for duplicates and for its text; the chat once.
    assert_eq!((spans.len(), looks.load(Ordering::Relaxed)), (4, 3));
    assert!(spans.iter().all(|span| text(span, "gen_ai.output.messages").is_none()));
}
