//! Answers with the documents that were found for them → measurements, made on a dedicated thread; then the texts are dropped.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
#[cfg(feature = "otlp")]
use std::time::Duration;

use crate::enrich::quality::text::{self, Vocabulary};
use crate::enrich::quality::{QualitySignal, QualitySignals, TextSignals};
use crate::model::content::Measured;
use crate::sinks::metrics;

/// More answers than this are not kept waiting: each may be as long as the content budget, and so may its documents.
const QUEUE: usize = 256;
/// All of them together take no more than this, about.
const QUEUE_BYTES: usize = 32 << 20;

/// An answer to measure.
pub(crate) struct Job {
    /// The function that gave it: its file, line and name.
    pub(crate) place: (&'static str, u32, &'static str),
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

/// The answers that wait or are being measured.
struct Waiting {
    answers: usize,
    bytes: usize,
}

impl Waiting {
    /// Takes the room for one more, if it is there.
    fn admit(&mut self, bytes: usize) -> bool {
        let has_room = self.bytes.saturating_add(bytes) <= QUEUE_BYTES;
        if has_room {
            self.answers += 1;
            self.bytes += bytes;
        }
        has_room
    }

    fn leave(&mut self, bytes: usize) {
        self.answers -= 1;
        self.bytes -= bytes;
    }
}

static WAITING: (Mutex<Waiting>, Condvar) = (Mutex::new(Waiting { answers: 0, bytes: 0 }), Condvar::new());

/// Hands an answer over, or counts that it was not measured.
pub(crate) fn submit(job: Job) {
    static QUEUED: OnceLock<Option<SyncSender<Job>>> = OnceLock::new();
    let queue = QUEUED.get_or_init(|| {
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("llm-trace-quality".to_owned());
        thread.spawn(move || run(&receiver)).ok().map(|_| sender)
    });
    let bytes = job.bytes();
    if !waiting().admit(bytes) {
        metrics::record_unmeasured(&job.instruments, &job.cell);
        return;
    }
    let refused = match queue {
        Some(queue) => offer(queue, job),
        None => Some(job),
    };
    if let Some(job) = refused {
        done(bytes);
        metrics::record_unmeasured(&job.instruments, &job.cell);
    }
}

/// Puts an answer into the queue, or returns it. Never blocks.
fn offer(queue: &SyncSender<Job>, job: Job) -> Option<Job> {
    queue.try_send(job).err().map(|refused| match refused {
        TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
    })
}

/// Waits until what was handed over has been measured, but no longer than this.
#[cfg(feature = "otlp")]
pub(crate) fn settle(patience: Duration) {
    drop(WAITING.1.wait_timeout_while(waiting(), patience, |waiting| waiting.answers > 0));
}

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn done(bytes: usize) {
    waiting().leave(bytes);
    WAITING.1.notify_all();
}

fn run(queue: &Receiver<Job>) {
    // Functions whose answers have cited something: from then on one that cites nothing is news.
    let mut citing = HashSet::new();
    while let Ok(job) = queue.recv() {
        let bytes = job.bytes();
        let _ = crate::value::panic::catch_user_panic(|| measure(&job, &mut citing));
        drop(job);
        done(bytes);
    }
}

fn measure(job: &Job, citing: &mut HashSet<(&'static str, u32, &'static str)>) {
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

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::{MeterProvider as _, NoopMeterProvider};

    use super::*;
    use crate::semconv::version::SemconvVersion;
    use crate::value::ContentValue;

    #[test]
    fn a_full_queue_hands_an_answer_back_and_so_does_one_that_nobody_empties() {
        let meter = NoopMeterProvider::new().meter("t");
        let instruments =
            Arc::new(metrics::Instruments::new(meter, SemconvVersion::default().names(), 1000, false));
        let job = || Job {
            place: ("worker.rs", 1, "ask"),
            answer: Measured::of_tree(ContentValue::text("x".to_owned())),
            documents: Vec::new(),
            cell: instruments.cells.get(&metrics::Labels::beginning_with(&[])),
            wanted: QualitySignals::all(),
            instruments: Arc::clone(&instruments),
        };
        let (sender, receiver) = sync_channel(1);
        assert!(offer(&sender, job()).is_none());
        assert!(offer(&sender, job()).is_some());
        drop(receiver);
        assert!(offer(&sender, job()).is_some());
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_what_was_measured_makes_room() {
        let mut waiting = Waiting { answers: 0, bytes: 0 };
        let half = QUEUE_BYTES / 2;
        assert!(waiting.admit(half) && waiting.admit(half));
        assert!(!waiting.admit(1) && !waiting.admit(usize::MAX));
        waiting.leave(half);
        assert!(waiting.admit(1));
        assert_eq!((waiting.answers, waiting.bytes), (2, half + 1));
    }
}
