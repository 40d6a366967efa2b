//! No metric has more than a limited number of label sets: each is memory here and a series in the backend, and a model's
//! or tool's name that comes from a user would make as many as there are users.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram};

use super::cells::{Cell, Record};
use super::instruments::Make;
use super::labels;
use crate::semconv::attribute;

/// The environment variable with the limit.
pub(crate) const LIMIT_VARIABLE: &str = "LLM_TRACE_METRIC_CARDINALITY_LIMIT";
/// Allowed values of a limit, for messages.
pub(crate) const LIMIT_WORDS: &str = "expected a number from 1 to 100000";
/// Half of what the SDK allows, beyond which it drops every label: sets that are reduced here have room there.
pub(crate) const DEFAULT_LIMIT: usize = 1000;

/// The limit that a text names.
pub(crate) fn limit_from(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|&limit| is_limit(limit))
}

pub(crate) fn is_limit(limit: usize) -> bool {
    (1..=100_000).contains(&limit)
}

/// Without `init()` the variable alone decides.
pub(crate) fn limit_from_environment() -> usize {
    let text = std::env::var(LIMIT_VARIABLE).ok().filter(|text| !text.trim().is_empty());
    text.map_or(DEFAULT_LIMIT, |text| {
        limit_from(&text).unwrap_or_else(|| {
            tracing::warn!(target: "llm_trace", "{LIMIT_VARIABLE}: `{text}` is not valid: {LIMIT_WORDS}");
            DEFAULT_LIMIT
        })
    })
}

/// An instrument that is given a limited number of label sets as they are, and `other` for what is beyond.
#[derive(Clone)]
pub(crate) struct Limited<I> {
    instrument: I,
    name: &'static str,
    /// Of each [`Cell`].
    slot: usize,
    /// A label that all its measurements have.
    label: Option<KeyValue>,
    admitted: Arc<Admitted>,
    overflow: Counter<u64>,
    /// The provider is the SDK's, so a label set can be looked up once.
    #[cfg(feature = "otlp")]
    is_bound: bool,
}

/// An instrument that can be limited.
pub(crate) trait Instrument: Clone + Send + Sync + 'static {
    type Number: Number;
    fn measure(&self, value: Self::Number, labels: &[KeyValue]);
    /// Looks up the labels now.
    #[cfg(feature = "otlp")]
    fn bound(&self, labels: &[KeyValue]) -> Box<dyn Fn(Self::Number) + Send + Sync>;
}

/// A type of measured numbers.
pub(crate) trait Number: Copy + 'static {
    fn into_record(record: Box<dyn Fn(Self) + Send + Sync>) -> Record;
    fn record(self, record: &Record);
}

impl<I: Instrument> Limited<I> {
    pub(super) fn new(name: &'static str, instrument: I, make: &Make) -> Self {
        Limited {
            instrument,
            name,
            slot: make.slot(),
            label: None,
            admitted: Arc::new(Admitted::new(make.cardinality_limit)),
            overflow: make.overflow.clone(),
            #[cfg(feature = "otlp")]
            is_bound: make.is_bound,
        }
    }

    /// The same instrument for measurements with one more label. Both are under one limit.
    pub(super) fn with_label(&self, key: &'static str, value: &'static str, make: &Make) -> Self {
        Limited { slot: make.slot(), label: Some(KeyValue::new(key, value)), ..self.clone() }
    }

    pub(crate) fn record(&self, value: I::Number, cell: &Cell) {
        if let Some(record) = cell.slot(self.slot, || I::Number::into_record(self.recorder(cell))) {
            value.record(record);
        }
    }

    /// The same where `first` is recorded when a label set is new.
    pub(super) fn record_beginning_with(&self, first: I::Number, value: Option<I::Number>, cell: &Cell) {
        let begin = || {
            let record = I::Number::into_record(self.recorder(cell));
            first.record(&record);
            record
        };
        if let (Some(record), Some(value)) = (cell.slot(self.slot, begin), value) {
            value.record(record);
        }
    }

    fn recorder(&self, cell: &Cell) -> Box<dyn Fn(I::Number) + Send + Sync> {
        let mut labels: Vec<_> = cell.labels.iter().chain(&self.label).cloned().collect();
        if self.admitted.admits(cell.hash_with(self.label.as_ref())) {
            return self.unlimited(labels);
        }
        labels = labels::reduced(&labels);
        let (record, overflow) = (self.unlimited(labels), self.overflow.clone());
        self.say_overflow();
        let label = [KeyValue::new(attribute::METRIC_NAME, self.name)];
        Box::new(move |value| {
            record(value);
            overflow.add(1, &label);
        })
    }

    fn unlimited(&self, mut labels: Vec<KeyValue>) -> Box<dyn Fn(I::Number) + Send + Sync> {
        // In this order the SDK finds them at once.
        labels.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        #[cfg(feature = "otlp")]
        if self.is_bound {
            return self.instrument.bound(&labels);
        }
        let instrument = self.instrument.clone();
        Box::new(move |value| instrument.measure(value, &labels))
    }

    #[cold]
    fn say_overflow(&self) {
        static IS_SAID: AtomicBool = AtomicBool::new(false);
        if !IS_SAID.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "llm_trace",
                "{} has {} label sets: models, tools and the like of further ones are `other` (said once; \
                 llm_trace.metrics.overflow counts)",
                self.name,
                self.admitted.limit,
            );
        }
    }
}

/// Label sets that were admitted, by their hashes. It has no lock: a set is searched from the slot of its hash on, up to a free slot, which
/// always exists.
///
/// Two sets with one hash would both be admitted, which is harmless.
struct Admitted {
    limit: usize,
    count: AtomicUsize,
    slots: OnceLock<Box<[AtomicU64]>>,
}

const FREE: u64 = 0;

impl Admitted {
    fn new(limit: usize) -> Self {
        Admitted { limit, count: AtomicUsize::new(0), slots: OnceLock::new() }
    }

    fn admits(&self, hash: u64) -> bool {
        let hash = hash.max(FREE + 1);
        let slots = self.slots.get_or_init(|| {
            let twice = (2 * self.limit).next_power_of_two();
            std::iter::repeat_with(|| AtomicU64::new(FREE)).take(twice).collect()
        });
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
        let mut at = hash as usize;
        loop {
            let slot = &slots[at & (slots.len() - 1)];
            match slot.load(Ordering::Relaxed) {
                FREE => match self.take(slot, hash) {
                    Taken::Yes => return true,
                    Taken::Full => return false,
                    Taken::ByAnother => {}
                },
                known if known == hash => return true,
                _ => {}
            }
            at = at.wrapping_add(1);
        }
    }

    fn take(&self, slot: &AtomicU64, hash: u64) -> Taken {
        let one_more = |count| (count < self.limit).then_some(count + 1);
        if self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            return Taken::Full;
        }
        match slot.compare_exchange(FREE, hash, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Taken::Yes,
            Err(other) => {
                self.count.fetch_sub(1, Ordering::Relaxed);
                if other == hash { Taken::Yes } else { Taken::ByAnother }
            }
        }
    }
}

enum Taken {
    Yes,
    Full,
    ByAnother,
}

impl Number for u64 {
    fn into_record(record: Box<dyn Fn(u64) + Send + Sync>) -> Record {
        Record::U64(record)
    }

    fn record(self, record: &Record) {
        if let Record::U64(record) = record {
            record(self);
        }
    }
}

impl Number for f64 {
    fn into_record(record: Box<dyn Fn(f64) + Send + Sync>) -> Record {
        Record::F64(record)
    }

    fn record(self, record: &Record) {
        if let Record::F64(record) = record {
            record(self);
        }
    }
}

macro_rules! instruments {
    ($($instrument:ident<$number:ty>.$measure:ident),* $(,)?) => {$(
        impl Instrument for $instrument<$number> {
            type Number = $number;

            fn measure(&self, value: $number, labels: &[KeyValue]) {
                self.$measure(value, labels);
            }

            #[cfg(feature = "otlp")]
            fn bound(&self, labels: &[KeyValue]) -> Box<dyn Fn($number) + Send + Sync> {
                let bound = self.bind(labels);
                Box::new(move |value| bound.$measure(value))
            }
        }
    )*};
}

instruments!(
    Histogram<f64>.record,
    Histogram<u64>.record,
    Counter<u64>.add,
    Gauge<u64>.record,
    Gauge<f64>.record,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_number_of_sets_is_let_through_and_those_stay() {
        let admitted = Admitted::new(100);
        let let_through: Vec<_> = (0..1000).filter(|&hash| admitted.admits(hash)).collect();
        assert_eq!(let_through, (0..=100).collect::<Vec<_>>(), "0 and 1 count as one");
        assert!(let_through.iter().all(|&hash| admitted.admits(hash)));
        assert!(!admitted.admits(u64::MAX));
    }

    #[test]
    fn threads_that_come_with_the_same_sets_agree() {
        let admitted = Admitted::new(64);
        let of_all = std::thread::scope(|scope| {
            let one =
                |_| scope.spawn(|| (1..=200).filter(|&hash| admitted.admits(hash * 64)).collect::<Vec<_>>());
            let threads: Vec<_> = (0..4).map(one).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("no panic"))
                .collect::<std::collections::BTreeSet<_>>()
        });
        assert!(of_all.len() <= 64, "{}", of_all.len());
        assert!((1..=200).filter(|&hash| admitted.admits(hash * 64)).count() == 64);
    }

    #[test]
    fn a_limit_is_a_number_that_memory_can_hold() {
        assert_eq!(
            (limit_from(" 20 "), limit_from("0"), limit_from("100001"), limit_from("x")),
            (Some(20), None, None, None)
        );
    }
}
