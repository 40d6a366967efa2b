//! The labels of measurements: a closed set for each metric, borrowed from the call that is measured.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use opentelemetry::{Key, KeyValue, StringValue, Value};
use rustc_hash::FxHasher;

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

/// Labels being put together, and the number by which their [cell](super::cells::Cell) is found.
pub(crate) struct Labels<'a> {
    /// The first of them, as many as most calls have.
    first: [Option<Label<'a>>; FIRST],
    more: Vec<Label<'a>>,
    len: usize,
    hasher: FxHasher,
}

const FIRST: usize = 10;

#[derive(Clone, Copy)]
enum Label<'a> {
    Text(&'static str, &'a str),
    Int(&'static str, i64),
    /// A tag, or an attribute of a request.
    Attribute(&'a KeyValue),
}

impl<'a> Labels<'a> {
    /// To begin with, the tags of the call that are labels.
    pub(crate) fn of(call: &'a CallRecord) -> Self {
        Labels::beginning_with(&call.labels)
    }

    /// The same where there is no finished call.
    pub(crate) fn beginning_with(tags: &'a [KeyValue]) -> Self {
        let mut labels =
            Labels { first: [None; FIRST], more: Vec::new(), len: 0, hasher: FxHasher::default() };
        for tag in tags {
            labels.add_attribute(Some(tag));
        }
        labels
    }

    /// Adds a label, if it has a value. Long values never become labels, whatever they are: not all of them come through [`bounds`].
    pub(crate) fn add(&mut self, key: &'static str, text: Option<&'a str>) {
        if let Some(text) = text {
            self.push(Label::Text(key, if text.len() > bounds::MAX_NAME { OTHER } else { text }));
        }
    }

    pub(crate) fn add_int(&mut self, key: &'static str, number: Option<i64>) {
        if let Some(number) = number {
            self.push(Label::Int(key, number));
        }
    }

    /// Adds an attribute as it is.
    pub(crate) fn add_attribute(&mut self, attribute: Option<&'a KeyValue>) {
        if let Some(attribute) = attribute {
            self.push(Label::Attribute(attribute));
        }
    }

    fn push(&mut self, label: Label<'a>) {
        label.hash(&mut self.hasher);
        match self.first.get_mut(self.len) {
            Some(slot) => *slot = Some(label),
            None => self.more.push(label),
        }
        self.len += 1;
    }

    fn list(&self) -> impl Iterator<Item = &Label<'a>> {
        self.first.iter().flatten().chain(&self.more)
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// Returns whether this is the set that `list` was [made](Labels::to_list) of.
    pub(super) fn are(&self, list: &[KeyValue]) -> bool {
        self.len == list.len() && self.list().zip(list).all(|(label, made)| label.is(made))
    }

    pub(super) fn to_list(&self) -> Vec<KeyValue> {
        self.list().map(|label| label.to_attribute()).collect()
    }
}

impl Label<'_> {
    fn is(&self, made: &KeyValue) -> bool {
        match (self, &made.value) {
            (Label::Text(key, text), Value::String(made_of)) => {
                *text == made_of.as_str() && is_key(key, &made.key)
            }
            (Label::Int(key, number), Value::I64(made_of)) => number == made_of && *key == made.key.as_str(),
            (Label::Attribute(attribute), Value::String(made_of)) => {
                attribute.key == made.key && short(attribute).is_some_and(|text| text == made_of.as_str())
            }
            (Label::Attribute(attribute), _) => *attribute == made,
            _ => false,
        }
    }

    fn to_attribute(self) -> KeyValue {
        let text = |text: &str| StringValue::from(Arc::<str>::from(text));
        match self {
            Label::Text(key, value) => KeyValue::new(key, text(value)),
            Label::Int(key, number) => KeyValue::new(key, number),
            Label::Attribute(attribute) => match short(attribute) {
                Some(value) => KeyValue::new(attribute.key.clone(), text(value)),
                None => attribute.clone(),
            },
        }
    }
}

impl Hash for Label<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Label::Text(key, text) => (key, text).hash(state),
            Label::Int(key, number) => (key, number).hash(state),
            Label::Attribute(attribute) => match short(attribute) {
                Some(text) => (attribute.key.as_str(), text).hash(state),
                None => attribute.hash(state),
            },
        }
    }
}

/// Mostly the very same constant.
fn is_key(key: &'static str, made: &Key) -> bool {
    std::ptr::eq(key, made.as_str()) || *key == *made.as_str()
}

/// The text of an attribute that is one.
fn short(attribute: &KeyValue) -> Option<&str> {
    match &attribute.value {
        Value::String(text) if text.as_str().len() > bounds::MAX_NAME => Some(OTHER),
        Value::String(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Returns the set that stands for all that are beyond the limit: what can be anything is `other`, or gone if it is no text.
pub(super) fn reduced(list: &[KeyValue]) -> Vec<KeyValue> {
    let is_kept = |key: &Key| KEPT.contains(&key.as_str());
    let reduced = list.iter().filter_map(|label| match label.value {
        _ if is_kept(&label.key) => Some(label.clone()),
        Value::String(_) => Some(KeyValue::new(label.key.clone(), OTHER)),
        _ => None,
    });
    reduced.collect()
}
