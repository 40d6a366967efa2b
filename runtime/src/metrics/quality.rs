//! In: what a finished call says about quality. Out: measurements.

use opentelemetry::metrics::{Counter, Histogram};

use super::cardinality::Limited;
use super::instruments::Make;
use super::labels::Labels;
use crate::call::Finished;
use crate::semconv::{attribute, metric};

/// The instruments of everything in [`crate::quality`].
pub(crate) struct Instruments {
    documents: Limited<Histogram<u64>>,
    empty: Limited<Counter<u64>>,
    top_score: Limited<Histogram<f64>>,
    score_gap: Limited<Histogram<f64>>,
    duplicates: Limited<Histogram<u64>>,
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
            empty: make.counter(
                metric::RETRIEVAL_EMPTY,
                metric::UNIT_RETRIEVALS,
                "Retrievals and rerankings that returned no document.",
            ),
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
        }
    }
}

/// Records what a finished call says about quality.
pub(super) fn record(call: &Finished<'_>, instruments: &Instruments) {
    if call.site.kind.returns_documents() {
        record_retrieval(call, instruments);
    }
}

fn record_retrieval(call: &Finished<'_>, instruments: &Instruments) {
    let signals = call.signals();
    let mut labels = Labels::of(call);
    labels.add(attribute::OPERATION_NAME, call.site.kind.operation());
    labels.add_text(attribute::DATA_SOURCE_ID, call.request.data_source.as_deref());
    let labels = labels.set();
    if let Some(documents) = signals.documents {
        instruments.documents.record(documents, labels);
        // A zero makes the counter known to whoever asks how many of all were empty.
        instruments.empty.record(u64::from(documents == 0), labels);
    }
    if let Some(score) = signals.top_score {
        instruments.top_score.record(score, labels);
    }
    if let Some(gap) = signals.score_gap {
        instruments.score_gap.record(gap, labels);
    }
    if let Some(duplicates) = signals.duplicates {
        instruments.duplicates.record(duplicates, labels);
    }
}
