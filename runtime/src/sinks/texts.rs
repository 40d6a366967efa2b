//! Answers with the documents that were found for them → measurements, made on a dedicated thread; then the texts are dropped.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
#[cfg(feature = "otlp")]
use std::time::Duration;

use crate::enrich::quality::text::{self, Vocabulary};
use crate::enrich::quality::{QualitySignal, QualitySignals, TextSignals};
use crate::model::content::Measured;
use crate::sinks::metrics;
use crate::value::worker::Worker;

/// More answers than this are not kept waiting: each may be as long as the content budget, and so may its documents.
const QUEUE: usize = 256;
/// All of them together take no more than this, about.
const QUEUE_BYTES: usize = 32 << 20;

/// An answer to measure.
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) answer: Measured,
    pub(crate) documents: Vec<Measured>,
    pub(crate) cell: Arc<metrics::Cell>,
    pub(crate) wanted: QualitySignals,
    pub(crate) instruments: Arc<metrics::Instruments>,
}

impl Job {
    /// About what its texts take. Documents that several answers share count for each.
    fn bytes(&self) -> usize {
        self.answer.cost() + self.documents.iter().map(Measured::cost).sum::<usize>()
    }
}

/// A function that gave an answer: its file, line and name.
type Place = (&'static str, u32, &'static str);

static WORKER: Worker = Worker::new("llm-trace-quality", QUEUE, QUEUE_BYTES);
/// Functions whose answers have cited something: from then on one that cites nothing is news.
static CITING: LazyLock<Mutex<HashSet<Place>>> = LazyLock::new(Mutex::default);

/// Hands an answer over, or counts that it was not measured.
pub(crate) fn submit(job: Job) {
    let (instruments, cell) = (Arc::clone(&job.instruments), Arc::clone(&job.cell));
    let bytes = job.bytes();
    let work = move || measure(&job, &mut CITING.lock().unwrap_or_else(PoisonError::into_inner));
    if WORKER.submit(bytes, Box::new(work)).is_err() {
        metrics::record_unmeasured(&instruments, &cell);
    }
}

/// Waits until what was handed over has been measured, but no longer than this.
#[cfg(feature = "otlp")]
pub(crate) fn settle(patience: Duration) {
    WORKER.settle(patience);
}

fn measure(job: &Job, citing: &mut HashSet<Place>) {
    let is_on = |signal| job.wanted.contains(signal);
    let mut vocabulary = Vocabulary::default();
    if is_on(QualitySignal::ContextOverlap) {
        job.documents.iter().for_each(|documents| documents.each_text(|text| vocabulary.add(text)));
    }
    for answer in job.answer.answers() {
        let mut signals =
            TextSignals { context_overlap: vocabulary.share_of(&answer), ..TextSignals::default() };
        if is_on(QualitySignal::Repetition) {
            signals.repetition = text::repetition(&answer);
        }
        if is_on(QualitySignal::CitationCoverage)
            && let Some(coverage) = text::citation_coverage(&answer)
        {
            if coverage > 0.0 {
                citing.insert(job.place);
            }
            signals.citation_coverage = citing.contains(&job.place).then_some(coverage);
        }
        metrics::record_text_signals(&job.instruments, &job.cell, &signals);
    }
}
