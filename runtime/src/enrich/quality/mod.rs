//! Finished call → quality signals, without asking a model: from numbers that are available anyway.
//!
//! [`policy`] selects the signals. [`answer`] reads the outcome of a model's answer. [`text`] computes the signals from texts, which are
//! measured off the caller's path: [`crate::sinks::texts`]. [`topic`] makes topics.

mod answer;
mod policy;
pub(crate) mod text;
mod topic;

use crate::model::record::{CallRecord, Signals};

pub use policy::{QualitySignal, QualitySignals};
pub use topic::Topics;

/// Quality signals of an answer's text: measured only, as its span has ended by then.
#[derive(Debug, Default)]
pub(crate) struct TextSignals {
    pub(crate) context_overlap: Option<f64>,
    pub(crate) citation_coverage: Option<f64>,
    pub(crate) repetition: Option<f64>,
}

/// Returns the quality signals of a finished call, whose price is known by now: those of the `wanted` signals that need no text.
pub(crate) fn signals(call: &CallRecord, wanted: QualitySignals) -> Signals {
    let (kind, response) = (call.site.kind, &call.response);
    let is_on = |signal| wanted.contains(signal);
    let mut signals = Signals::default();
    if let Some(found) = response.rest().retrieved.filter(|_| kind.returns_documents()) {
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
            signals.context_utilization = answer::context_utilization(response, &call.price);
        }
    }
    signals
}
