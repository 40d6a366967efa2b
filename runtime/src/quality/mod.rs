//! In: a finished call. Out: what it says about quality, without asking a model: numbers that are there anyway.
//!
//! [`policy`] says which signals are wanted. [`retrieval`] is what a search found.

mod policy;
mod retrieval;

use opentelemetry::KeyValue;

use crate::call::Finished;
use crate::semconv::attribute;

use policy::is_on;
#[cfg(feature = "otlp")]
pub(crate) use policy::set;
pub use policy::{QualitySignal, QualitySignals};
pub(crate) use retrieval::{Retrieved, Scores};

/// What a finished call says about quality; a signal that is off is as if nothing were known.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    pub(crate) documents: Option<u64>,
    pub(crate) top_score: Option<f64>,
    pub(crate) score_gap: Option<f64>,
    pub(crate) duplicates: Option<u64>,
}

/// Whether anything is wanted that the documents of a retrieval tell.
pub(crate) fn reads_documents() -> bool {
    [QualitySignal::Documents, QualitySignal::Scores, QualitySignal::Duplicates].into_iter().any(is_on)
}

impl Signals {
    pub(crate) fn of(call: &Finished<'_>) -> Self {
        let mut signals = Signals::default();
        if let Some(found) = call.response.retrieved.filter(|_| call.site.kind.returns_documents()) {
            signals.documents = Some(found.count).filter(|_| is_on(QualitySignal::Documents));
            if is_on(QualitySignal::Scores) {
                signals.top_score = found.scores.top();
                signals.score_gap = found.scores.gap();
            }
            signals.duplicates = found.duplicates.filter(|_| is_on(QualitySignal::Duplicates));
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
        ];
        let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let counts =
            counts.into_iter().filter_map(move |(key, value)| Some(KeyValue::new(key, count(value?))));
        counts.chain(numbers.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?))))
    }
}
