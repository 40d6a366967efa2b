//! Quality signals of a finished call → measurements.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

use super::cardinality::Limited;
use super::cells::{Cell, Cells};
use super::instruments::Make;
use super::labels::{Labels, OTHER};
use crate::enrich::quality::TextSignals;
use crate::model::record::CallRecord;
use crate::model::request::Request;
use crate::model::site::Kind;
use crate::semconv::{attribute, metric};
use crate::sinks::CallSink;
use crate::value::panic::catch_user_panic;

/// The instruments of everything in [`crate::enrich::quality`].
pub(crate) struct Instruments {
    documents: Limited<Histogram<u64>>,
    empty: Occurrences,
    top_score: Limited<Histogram<f64>>,
    score_gap: Limited<Histogram<f64>>,
    duplicates: Limited<Histogram<u64>>,
    truncations: Occurrences,
    refusals: Occurrences,
    context_utilization: Limited<Histogram<f64>>,
    context_overlap: Limited<Histogram<f64>>,
    citation_coverage: Limited<Histogram<f64>>,
    repetition: Limited<Histogram<f64>>,
    unmeasured: Limited<Counter<u64>>,
    evaluation_score: Limited<Histogram<f64>>,
}

impl Instruments {
    pub(super) fn new(make: &Make) -> Self {
        let documents = |name, description| {
            make.counts(name, metric::UNIT_DOCUMENTS, metric::DOCUMENT_BUCKETS, description)
        };
        let number = |name, buckets, description| make.amounts(name, metric::UNIT_ONE, buckets, description);
        Instruments {
            documents: documents(
                metric::RETRIEVAL_DOCUMENTS,
                "Number of documents returned by a retrieval or a reranking.",
            ),
            empty: Occurrences(make.counter(
                metric::RETRIEVAL_EMPTY,
                metric::UNIT_RETRIEVALS,
                "Retrievals and rerankings that returned no document.",
            )),
            top_score: number(
                metric::RETRIEVAL_TOP_SCORE,
                metric::RETRIEVAL_SCORE_BUCKETS,
                "Highest score of a retrieval or a reranking.",
            ),
            score_gap: number(
                metric::RETRIEVAL_SCORE_GAP,
                metric::SCORE_GAP_BUCKETS,
                "How far the highest score is above the second highest.",
            ),
            duplicates: documents(
                metric::RETRIEVAL_DUPLICATES,
                "Number of documents that repeat an earlier one of the same result.",
            ),
            truncations: Occurrences(make.counter(
                metric::ANSWER_TRUNCATIONS,
                metric::UNIT_ANSWERS,
                "Answers that ended because they may not be longer.",
            )),
            refusals: Occurrences(make.counter(
                metric::ANSWER_REFUSALS,
                metric::UNIT_ANSWERS,
                "Answers that the model or the provider's filter refused.",
            )),
            context_utilization: number(
                metric::ANSWER_CONTEXT_UTILIZATION,
                metric::SHARE_BUCKETS,
                "Share of the model's context window that the input took.",
            ),
            context_overlap: number(
                metric::ANSWER_CONTEXT_OVERLAP,
                metric::SHARE_BUCKETS,
                "Share of an answer's words that occur in the documents retrieved for it.",
            ),
            citation_coverage: number(
                metric::ANSWER_CITATION_COVERAGE,
                metric::SHARE_BUCKETS,
                "Share of an answer's sentences that cite a source.",
            ),
            repetition: number(
                metric::ANSWER_REPETITION,
                metric::SHARE_BUCKETS,
                "Share of an answer's runs of four words that occurred before.",
            ),
            unmeasured: make.counter(
                metric::ANSWER_UNMEASURED,
                metric::UNIT_ANSWERS,
                "Answers whose text was not measured, as too many were waiting.",
            ),
            evaluation_score: number(
                metric::EVALUATION_SCORE,
                metric::EVALUATION_BUCKETS,
                "What answers were found to be worth.",
            ),
        }
    }
}

/// A counter of optional occurrences. It records a zero when a label set is new: without it a ratio would have no data, and the first
/// increase would not be visible.
struct Occurrences(Limited<Counter<u64>>);

impl Occurrences {
    fn record(&self, happened: bool, cell: &Cell) {
        self.0.record_beginning_with(0, happened.then_some(1), cell);
    }
}

/// Records the quality signals of a search or a reranking.
pub(super) fn record_retrieval(call: &CallRecord, instruments: &Instruments, cells: &Cells) {
    let signals = &call.signals;
    let mut labels = Labels::of(call);
    labels.add(attribute::OPERATION_NAME, call.site.kind.operation());
    labels.add(attribute::DATA_SOURCE_ID, call.request.rest().data_source.as_deref());
    cells.with(&labels, |cell| {
        if let Some(documents) = signals.documents {
            instruments.documents.record(documents, cell);
            instruments.empty.record(documents == 0, cell);
        }
        if let Some(score) = signals.top_score {
            instruments.top_score.record(score, cell);
        }
        if let Some(gap) = signals.score_gap {
            instruments.score_gap.record(gap, cell);
        }
        if let Some(duplicates) = signals.duplicates {
            instruments.duplicates.record(duplicates, cell);
        }
    });
}

/// Records the quality signals of a model's answer; the cell is that of [`answer_cell`].
pub(super) fn record_answer(finished: &CallRecord, instruments: &Instruments, cell: &Cell) {
    let signals = &finished.signals;
    if let Some(truncated) = signals.truncated {
        instruments.truncations.record(truncated, cell);
    }
    if let Some(refused) = signals.refused {
        instruments.refusals.record(refused, cell);
    }
    if let Some(share) = signals.context_utilization {
        instruments.context_utilization.record(share, cell);
    }
}

/// The labels of what is measured of answers, beside tags.
#[inline]
pub(super) fn add_answer_labels<'a>(labels: &mut Labels<'a>, kind: Kind, request: &'a Request) {
    labels.add(attribute::OPERATION_NAME, kind.operation());
    labels.add(attribute::PROVIDER_NAME, request.provider.as_deref());
    labels.add(attribute::REQUEST_MODEL, request.model.as_deref());
}

/// The cell of what is measured of a call's answer later.
pub(crate) fn answer_cell(call: &CallRecord, instruments: &super::Instruments) -> Arc<Cell> {
    let mut labels = Labels::of(call);
    add_answer_labels(&mut labels, call.site.kind, &call.request);
    instruments.cells.get(&labels)
}

/// Records the quality signals of an answer's text.
pub(crate) fn record_text_signals(instruments: &super::Instruments, cell: &Cell, signals: &TextSignals) {
    let instruments = &instruments.quality;
    for (histogram, share) in [
        (&instruments.context_overlap, signals.context_overlap),
        (&instruments.citation_coverage, signals.citation_coverage),
        (&instruments.repetition, signals.repetition),
    ] {
        if let Some(share) = share {
            histogram.record(share, cell);
        }
    }
}

/// Counts an answer whose text was not measured.
pub(crate) fn record_unmeasured(instruments: &super::Instruments, cell: &Cell) {
    catch_user_panic(|| instruments.quality.unmeasured.record(1, cell));
}

/// Records a score of any source; `tags` are labels of the place where it was recorded.
pub(crate) fn record_score(calls: &CallSink, tags: &[KeyValue], name: &str, label: Option<&str>, value: f64) {
    let Some(instruments) = calls.instruments() else { return };
    let mut labels = Labels::beginning_with(tags);
    labels.add(attribute::EVALUATION_NAME, Some(name));
    labels.add(attribute::EVALUATION_SCORE_LABEL, label.map(word));
    let record = |cell: &Cell| instruments.quality.evaluation_score.record(value, cell);
    catch_user_panic(|| instruments.cells.with(&labels, record));
}

/// A judge may answer in sentences: those are on the event, and in a metric they are `other`.
fn word(label: &str) -> &str {
    let is_word = label.len() <= MAX_WORD
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.+".contains(&byte));
    if is_word { label } else { OTHER }
}

const MAX_WORD: usize = 40;
