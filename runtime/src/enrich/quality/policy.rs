//! Selection of quality signals.

use crate::model::site::Kind;

/// A quality signal of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QualitySignal {
    /// Number of documents that a retrieval or a reranking returned, and how often it returned none: `llm_trace.retrieval.documents`,
    /// `llm_trace.retrieval.empty`.
    Documents,
    /// Score of the best document, and its distance from the next: `llm_trace.retrieval.top_score`, `llm_trace.retrieval.score_gap`.
    Scores,
    /// Number of documents that repeat an earlier one, by their ids: `llm_trace.retrieval.duplicates`.
    Duplicates,
    /// Answers that ended because they may not be longer, by the finish reason: `llm_trace.answer.truncated`, counted by
    /// `llm_trace.answer.truncations`.
    Truncations,
    /// Answers that the model or the provider's filter refused, by the finish reason or the provider's field for it:
    /// `llm_trace.answer.refused`, counted by `llm_trace.answer.refusals`.
    Refusals,
    /// The share of the model's context window that the input took: `llm_trace.answer.context_utilization`. Windows are
    /// those of the price table (feature `pricing`), which does not know all.
    ContextUtilization,
    /// Documents that repeat the text of an earlier one count as duplicates too, whatever their ids are. Reads texts.
    DuplicateTexts,
    /// The share of an answer's words that occur in the documents retrieved before under the same outermost call:
    /// `llm_trace.answer.context_overlap`. Words of at least four letters count, numbers, and ideographs. Looks at texts.
    ContextOverlap,
    /// The share of an answer's sentences that cite a source (`[1]`, `[doc2]`, `【3†source】`, a link):
    /// `llm_trace.answer.citation_coverage`, measured of functions from the first answer on that cites something. Looks at
    /// texts.
    CitationCoverage,
    /// The share of an answer's runs of four words that occurred in it before: `llm_trace.answer.repetition`. Looks at
    /// texts.
    Repetition,
}

/// The set of [`QualitySignal`]s to measure; see [`Builder::with_quality_signals`](crate::Builder::with_quality_signals).
///
/// The default set needs only numbers, ids and finish reasons. The other signals read answers and documents, which this crate otherwise
/// reads only when content is captured, so the application has to enable them. Texts are measured in memory on a dedicated thread, dropped,
/// and never recorded by it. A function's `skip(output)` applies.
///
/// ```
/// use llm_trace::{QualitySignal, QualitySignals};
///
/// let signals = QualitySignals::default().without(QualitySignal::Duplicates);
/// assert!(signals.contains(QualitySignal::Documents));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "a choice of signals does nothing by itself"]
pub struct QualitySignals(u16);

const ALL: [QualitySignal; 10] = [
    QualitySignal::Documents,
    QualitySignal::Scores,
    QualitySignal::Duplicates,
    QualitySignal::Truncations,
    QualitySignal::Refusals,
    QualitySignal::ContextUtilization,
    QualitySignal::DuplicateTexts,
    QualitySignal::ContextOverlap,
    QualitySignal::CitationCoverage,
    QualitySignal::Repetition,
];

/// The first that looks at texts.
const FIRST_OF_TEXTS: u16 = QualitySignal::DuplicateTexts.bit();

impl QualitySignal {
    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl QualitySignals {
    /// Every signal, those that look at texts included.
    pub const fn all() -> Self {
        QualitySignals((1 << ALL.len()) - 1)
    }

    /// No signal.
    pub const fn none() -> Self {
        QualitySignals(0)
    }

    /// These and one more.
    pub const fn with(self, signal: QualitySignal) -> Self {
        QualitySignals(self.0 | signal.bit())
    }

    /// These without one.
    pub const fn without(self, signal: QualitySignal) -> Self {
        QualitySignals(self.0 & !signal.bit())
    }

    /// Returns whether the set contains a signal.
    pub const fn contains(self, signal: QualitySignal) -> bool {
        self.0 & signal.bit() != 0
    }

    /// Returns whether texts of such calls are needed: the answers of models, and the results of searches for them.
    pub(crate) fn reads_texts(self, kind: Kind) -> bool {
        if kind.is_inference() {
            self.contains(QualitySignal::ContextOverlap)
                || self.contains(QualitySignal::CitationCoverage)
                || self.contains(QualitySignal::Repetition)
        } else {
            kind.returns_documents() && self.contains(QualitySignal::ContextOverlap)
        }
    }

    /// Returns whether documents are compared by their texts too.
    pub(crate) fn compares_texts(self) -> bool {
        self.contains(QualitySignal::DuplicateTexts)
    }

    /// Returns whether any signal needs the documents of a retrieval.
    pub(crate) fn reads_documents(self) -> bool {
        let of_documents = [
            QualitySignal::Documents,
            QualitySignal::Scores,
            QualitySignal::Duplicates,
            QualitySignal::DuplicateTexts,
        ];
        of_documents.into_iter().any(|signal| self.contains(signal))
    }
}

/// The signals that need no texts.
impl Default for QualitySignals {
    fn default() -> Self {
        QualitySignals(FIRST_OF_TEXTS - 1)
    }
}

impl std::fmt::Debug for QualitySignals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(ALL.into_iter().filter(|signal| self.contains(*signal))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_at_texts_has_to_be_asked_for() {
        let texts = [
            QualitySignal::DuplicateTexts,
            QualitySignal::ContextOverlap,
            QualitySignal::CitationCoverage,
            QualitySignal::Repetition,
        ];
        for signal in ALL {
            assert_eq!(QualitySignals::default().contains(signal), !texts.contains(&signal), "{signal:?}");
        }
    }

    #[test]
    fn a_signal_is_switched_by_itself() {
        for signal in ALL {
            let others = QualitySignals::all().without(signal);
            assert!(!others.contains(signal));
            assert!(ALL.into_iter().filter(|other| *other != signal).all(|other| others.contains(other)));
            assert_eq!(others.with(signal), QualitySignals::all());
            assert!(!QualitySignals::none().contains(signal));
        }
    }
}
