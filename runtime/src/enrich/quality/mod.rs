//! In: a finished call. Out: what it says about quality, without asking a model: numbers that are there anyway.
//!
//! [`policy`] says which signals are wanted. [`answer`] how a model's answer ended.
//! [`text`] has the means of the signals that look at texts, which are measured off the caller's path: [`crate::sinks::texts`]. [`topic`] is what was asked about.

mod answer;
mod policy;
pub(crate) mod text;
mod topic;

use opentelemetry::KeyValue;

use crate::enrich::pricing::Price;
use crate::model::response::Response;
use crate::model::site::Kind;
use crate::semconv::attribute;

pub(crate) use policy::is_on;
#[cfg(feature = "otlp")]
pub(crate) use policy::set;
pub use policy::{QualitySignal, QualitySignals};
pub use topic::Topics;
#[cfg(feature = "otlp")]
pub(crate) use topic::set_topics;
pub(crate) use topic::{have_topics, reads_question, topic, topic_of_input, topic_of_request};

/// What a finished call says about quality; a signal that is off is as if nothing were known.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    pub(crate) documents: Option<u64>,
    pub(crate) top_score: Option<f64>,
    pub(crate) score_gap: Option<f64>,
    pub(crate) duplicates: Option<u64>,
    pub(crate) truncated: Option<bool>,
    pub(crate) refused: Option<bool>,
    pub(crate) context_utilization: Option<f64>,
}

/// What the text of an answer says about quality: measured only, as its span has ended by then.
#[derive(Debug, Default)]
pub(crate) struct TextSignals {
    pub(crate) context_overlap: Option<f64>,
    pub(crate) citation_coverage: Option<f64>,
    pub(crate) repetition: Option<f64>,
}

/// Whether texts of such calls are wanted: the answers of models, and what a search found for them.
pub(crate) fn reads_texts(kind: Kind) -> bool {
    if kind.is_inference() {
        is_on(QualitySignal::ContextOverlap)
            || is_on(QualitySignal::CitationCoverage)
            || is_on(QualitySignal::Repetition)
    } else {
        kind.returns_documents() && is_on(QualitySignal::ContextOverlap)
    }
}

/// Whether documents are compared by their texts too.
pub(crate) fn compares_texts() -> bool {
    is_on(QualitySignal::DuplicateTexts)
}

/// Whether anything is wanted that the documents of a retrieval tell.
pub(crate) fn reads_documents() -> bool {
    let told = [
        QualitySignal::Documents,
        QualitySignal::Scores,
        QualitySignal::Duplicates,
        QualitySignal::DuplicateTexts,
    ];
    told.into_iter().any(is_on)
}

impl Signals {
    pub(crate) fn of(kind: Kind, response: &Response, price: &Price) -> Self {
        let mut signals = Signals::default();
        if let Some(found) = response.retrieved.filter(|_| kind.returns_documents()) {
            signals.documents = found.count.filter(|_| is_on(QualitySignal::Documents));
            if is_on(QualitySignal::Scores) {
                signals.top_score = found.scores.top();
                signals.score_gap = found.scores.gap();
            }
            signals.duplicates = found
                .duplicates
                .filter(|_| is_on(QualitySignal::Duplicates) || is_on(QualitySignal::DuplicateTexts));
        }
        if kind.is_inference() {
            signals.truncated = answer::truncated(response).filter(|_| is_on(QualitySignal::Truncations));
            signals.refused = answer::refused(response).filter(|_| is_on(QualitySignal::Refusals));
            if is_on(QualitySignal::ContextUtilization) {
                signals.context_utilization = answer::context_utilization(response, price);
            }
        }
        signals
    }

    /// As attributes of the call's span.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = KeyValue> {
        let counts = [
            (attribute::RETRIEVAL_DOCUMENTS, self.documents),
            (attribute::RETRIEVAL_DUPLICATES, self.duplicates),
        ];
        let numbers = [
            (attribute::RETRIEVAL_TOP_SCORE, self.top_score),
            (attribute::RETRIEVAL_SCORE_GAP, self.score_gap),
            (attribute::ANSWER_CONTEXT_UTILIZATION, self.context_utilization),
        ];
        let flags =
            [(attribute::ANSWER_TRUNCATED, self.truncated), (attribute::ANSWER_REFUSED, self.refused)];
        let int = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let counts = counts.into_iter().filter_map(move |(key, value)| Some(KeyValue::new(key, int(value?))));
        let numbers = numbers.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?)));
        // What did not happen is not on the span: it is what a search would not find.
        let flags = flags.into_iter().filter(|(_, value)| *value == Some(true));
        let flags = flags.map(|(key, _)| KeyValue::new(key, true));
        counts.chain(numbers).chain(flags)
    }
}
