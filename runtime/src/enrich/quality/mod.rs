//! In: a finished call. Out: what it says about quality, without asking a model: numbers that are there anyway.
//!
//! [`policy`] says which signals are wanted. [`answer`] how a model's answer ended.
//! Signals that look at texts are made by [`worker`] with the means of [`text`], off the caller's path. [`topic`] is what was asked about.

mod answer;
mod outermost;
mod policy;
mod text;
mod topic;
mod worker;

use opentelemetry::KeyValue;

use crate::call::CallRecord;
use crate::model::content::ContentKind;
use crate::model::site::Kind;
use crate::semconv::attribute;
use crate::sinks::metrics;

pub(crate) use outermost::RootState;
use policy::is_on;
#[cfg(feature = "otlp")]
pub(crate) use policy::set;
pub use policy::{QualitySignal, QualitySignals};
pub use topic::Topics;
#[cfg(feature = "otlp")]
pub(crate) use topic::set_topics;
pub(crate) use topic::{reads_question, topic, topic_of_input, topic_of_request};
use worker::Job;
#[cfg(feature = "otlp")]
pub(crate) use worker::settle;

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

/// Hands the text of a finished call on to be measured, or keeps it for the answers that follow.
pub(crate) fn measure_text(call: &CallRecord<'_>, outermost: Option<&RootState>) {
    let kind = call.site.kind;
    let Some(text) = &call.response.text else { return };
    if !reads_texts(kind) || call.request.content.skips(ContentKind::Output) {
        return;
    }
    if kind.returns_documents() {
        if let Some(outermost) = outermost {
            outermost.retrieved(text.clone());
        }
    } else {
        let documents = outermost.map(RootState::documents).unwrap_or_default();
        let labels = metrics::answer_labels(call);
        worker::submit(Job { place: call.site.place(), answer: text.clone(), documents, labels });
    }
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
    pub(crate) fn of(call: &CallRecord<'_>) -> Self {
        let mut signals = Signals::default();
        if let Some(found) = call.response.retrieved.filter(|_| call.site.kind.returns_documents()) {
            signals.documents = found.count.filter(|_| is_on(QualitySignal::Documents));
            if is_on(QualitySignal::Scores) {
                signals.top_score = found.scores.top();
                signals.score_gap = found.scores.gap();
            }
            signals.duplicates = found
                .duplicates
                .filter(|_| is_on(QualitySignal::Duplicates) || is_on(QualitySignal::DuplicateTexts));
        }
        if call.site.kind.is_inference() {
            signals.truncated =
                answer::truncated(call.response).filter(|_| is_on(QualitySignal::Truncations));
            signals.refused = answer::refused(call.response).filter(|_| is_on(QualitySignal::Refusals));
            if is_on(QualitySignal::ContextUtilization) {
                signals.context_utilization = answer::context_utilization(call);
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
