//! The labels of measurements: a closed set for each metric, made once per call and lent to each of its metrics.

use std::hash::{DefaultHasher, Hash, Hasher};

use opentelemetry::{Key, KeyValue, StringValue, Value};

use crate::model::record::CallRecord;
use crate::semconv::attribute;
use crate::value::bounds;

/// The value that stands for all others once a metric has its limit of label sets.
pub(super) const OTHER: &str = "other";

/// Labels that keep their values beyond the limit: they have few, and errors must stay errors.
const KEPT: &[&str] = &[
    attribute::OPERATION_NAME,
    attribute::PROVIDER_NAME,
    attribute::ERROR_TYPE,
    attribute::OUTCOME,
    attribute::TOKEN_TYPE,
    attribute::TOKEN_MODALITY,
];

/// Labels being put together.
pub(crate) struct Labels {
    list: Vec<KeyValue>,
    hasher: DefaultHasher,
}

/// A complete set of labels, and the number that stands for it.
#[derive(Clone, Copy)]
pub(crate) struct LabelSet<'a> {
    pub(super) list: &'a [KeyValue],
    pub(super) hash: u64,
}

impl Labels {
    /// To begin with, the tags of the call that are labels.
    pub(crate) fn of(call: &CallRecord) -> Self {
        Labels::beginning_with(&call.labels)
    }

    /// The same where there is no finished call.
    pub(crate) fn beginning_with(tags: &[KeyValue]) -> Self {
        let mut labels = Labels { list: Vec::with_capacity(8), hasher: DefaultHasher::default() };
        for label in tags {
            labels.push(label.clone());
        }
        labels
    }

    /// Adds a label, if it has a value.
    pub(crate) fn add(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.push(KeyValue::new(key, value));
        }
    }

    /// Adds a text of the call's, which is copied.
    pub(crate) fn add_text(&mut self, key: &'static str, text: Option<&str>) {
        self.add(key, text.map(|text| StringValue::from(text.to_owned())));
    }

    /// Long values never become labels, whatever they are: not all of them come through [`bounds`].
    pub(super) fn push(&mut self, label: KeyValue) {
        let label = short(label);
        label.hash(&mut self.hasher);
        self.list.push(label);
    }

    pub(crate) fn set(&self) -> LabelSet<'_> {
        LabelSet { list: &self.list, hash: self.hasher.finish() }
    }

    /// Lends the set with more labels, if there are any.
    pub(crate) fn with(
        &mut self,
        more: impl IntoIterator<Item = KeyValue>,
        record: impl FnOnce(LabelSet<'_>),
    ) {
        let (shared, mut hasher) = (self.list.len(), self.hasher.clone());
        for label in more.into_iter().map(short) {
            label.hash(&mut hasher);
            self.list.push(label);
        }
        record(LabelSet { list: &self.list, hash: hasher.finish() });
        self.list.truncate(shared);
    }
}

fn short(label: KeyValue) -> KeyValue {
    match &label.value {
        Value::String(text) if text.as_str().len() > bounds::MAX_NAME => KeyValue::new(label.key, OTHER),
        _ => label,
    }
}

impl LabelSet<'_> {
    /// The set that stands for all that are beyond the limit: what can be anything is `other`, or gone if it is no text.
    pub(super) fn reduced(self) -> Vec<KeyValue> {
        let is_kept = |key: &Key| KEPT.contains(&key.as_str());
        let reduced = self.list.iter().filter_map(|label| match label.value {
            _ if is_kept(&label.key) => Some(label.clone()),
            Value::String(_) => Some(KeyValue::new(label.key.clone(), OTHER)),
            _ => None,
        });
        reduced.collect()
    }
}
