//! A captured span, its place in the tree, and assertions about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::record::{Record, Recorded};
use crate::model::argument::AttributeValue;
use crate::semconv::attribute;

/// A span that ended under a [`Capture`](super::Capture).
#[derive(Clone)]
pub struct Span {
    /// All that had ended when this one was looked up, so that parents and children can be found.
    all: Arc<Vec<Recorded>>,
    index: usize,
}

impl Span {
    pub(super) fn all(record: &Record) -> Vec<Span> {
        let ended = record.state().spans.iter().filter(|span| span.ended.is_some()).cloned().collect();
        let all: Arc<Vec<Recorded>> = Arc::new(ended);
        (0..all.len()).map(|index| Span { all: Arc::clone(&all), index }).collect()
    }

    /// The name, such as `chat gpt-4o-mini`.
    pub fn name(&self) -> &str {
        &self.data().name
    }

    /// The kind.
    pub fn kind(&self) -> &SpanKind {
        &self.data().span_kind
    }

    /// The status: unset unless the call failed.
    pub fn status(&self) -> &Status {
        &self.data().status
    }

    /// `error.type` of a call that failed.
    pub fn error_type(&self) -> Option<&str> {
        match self.status() {
            Status::Error { .. } => self.text(attribute::ERROR_TYPE).or(Some("_OTHER")),
            _ => None,
        }
    }

    /// Returns whether the call was dropped before it ended.
    pub fn is_cancelled(&self) -> bool {
        self.text(attribute::OUTCOME) == Some("cancelled")
    }

    /// The trace's id.
    pub fn trace_id(&self) -> TraceId {
        self.data().span_context.trace_id()
    }

    /// The span's id.
    pub fn id(&self) -> SpanId {
        self.data().span_context.span_id()
    }

    /// The span that this one is a child of, if it has ended under the same capture.
    pub fn parent(&self) -> Option<Span> {
        self.find(|other| other.id() == self.data().parent_span_id).pop()
    }

    /// The spans that are children of this one, in the order in which they started.
    pub fn children(&self) -> Vec<Span> {
        self.find(|other| other.data().parent_span_id == self.id())
    }

    /// When the span started, from the beginning of the capture.
    pub fn start(&self) -> Duration {
        self.recorded().started
    }

    /// Returns the duration.
    pub fn duration(&self) -> Duration {
        let recorded = self.recorded();
        recorded.ended.unwrap_or_default().saturating_sub(recorded.started)
    }

    /// The attributes, in the order in which they were set.
    pub fn attributes(&self) -> &[KeyValue] {
        &self.data().attributes
    }

    /// An attribute's value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.attributes().iter().find(|attribute| attribute.key.as_str() == key).map(|found| &found.value)
    }

    /// An attribute that is text.
    ///
    /// # Panics
    ///
    /// If it is there, but of another type. The same is true of the other typed getters.
    #[track_caller]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).map(|value| match value {
            Value::String(text) => text.as_str(),
            other => wrong_type(key, "text", other),
        })
    }

    /// An attribute that is an integer.
    #[track_caller]
    pub fn int(&self, key: &str) -> Option<i64> {
        self.get(key).map(|value| match value {
            Value::I64(int) => *int,
            other => wrong_type(key, "an integer", other),
        })
    }

    /// An attribute that is a floating-point number.
    #[track_caller]
    pub fn double(&self, key: &str) -> Option<f64> {
        self.get(key).map(|value| match value {
            Value::F64(double) => *double,
            other => wrong_type(key, "a floating-point number", other),
        })
    }

    /// An attribute that is a flag.
    #[track_caller]
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).map(|value| match value {
            Value::Bool(flag) => *flag,
            other => wrong_type(key, "a flag", other),
        })
    }

    /// An attribute that is a list of texts.
    #[track_caller]
    pub fn list(&self, key: &str) -> Option<Vec<&str>> {
        self.get(key).map(|value| match value {
            Value::Array(Array::String(items)) => items.iter().map(AsRef::as_ref).collect(),
            other => wrong_type(key, "a list of texts", other),
        })
    }

    /// Asserts an attribute's value and type; returns the span for the next assertion.
    ///
    /// # Panics
    ///
    /// If the attribute is another one or is not there. The message shows what is.
    #[track_caller]
    pub fn assert<V: AttributeValue>(&self, key: &str, expected: V) -> &Self {
        let expected = expected.attribute();
        let found = self.get(key);
        assert!(
            found == expected.as_ref(),
            "`{key}` of `{}` is {}, not {}. {self:#?}",
            self.name(),
            shown(found),
            shown(expected.as_ref())
        );
        self
    }

    /// Asserts that there is no such attribute; returns the span for the next assertion.
    ///
    /// # Panics
    ///
    /// If there is one. The message shows it.
    #[track_caller]
    pub fn assert_absent(&self, key: &str) -> &Self {
        let found = self.get(key);
        assert!(found.is_none(), "`{key}` of `{}` is {}, not absent. {self:#?}", self.name(), shown(found));
        self
    }

    fn recorded(&self) -> &Recorded {
        &self.all[self.index]
    }

    fn data(&self) -> &SpanData {
        &self.recorded().data
    }

    fn find(&self, is_wanted: impl Fn(&Span) -> bool) -> Vec<Span> {
        let all = (0..self.all.len()).map(|index| Span { all: Arc::clone(&self.all), index });
        all.filter(|other| other.trace_id() == self.trace_id() && is_wanted(other)).collect()
    }
}

/// The span with its attributes, sorted by key, and without ids and times.
impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut attributes: Vec<_> = self.attributes().iter().collect();
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
        let mut span = f.debug_struct(self.name());
        span.field("kind", self.kind()).field("status", self.status());
        for attribute in attributes {
            span.field(attribute.key.as_str(), &Shown(&attribute.value));
        }
        span.finish()
    }
}

struct Shown<'a>(&'a Value);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => write!(f, "{:?}", text.as_str()),
            // Always with a decimal point, unlike an integer.
            Value::F64(double) => write!(f, "{double:?}"),
            other => write!(f, "{other}"),
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| format!("{:?}", Shown(value)))
}

#[track_caller]
fn wrong_type(key: &str, expected: &str, found: &Value) -> ! {
    panic!("`{key}` is not {expected}: {:?}", Shown(found))
}
