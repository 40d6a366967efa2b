//! A captured event and assertions about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Key;
use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry::trace::{SpanId, TraceId};
use serde_json::Value as Json;

use super::record::{self, Record};
use super::span::Span;
use crate::model::argument::AttributeValue;
use crate::sinks::events::{self, EventSink};

/// An event that was emitted under a [`Capture`](super::Capture): an error of a call to a service, the details of a call to a
/// model, a [score](crate::score()).
#[derive(Clone)]
pub struct Event {
    emitted: Emitted,
    span: Option<Span>,
}

/// An event, and when it happened since the capture began.
#[derive(Clone)]
pub(super) struct Emitted {
    pub(super) event: events::Event,
    pub(super) at: Duration,
}

impl Event {
    pub(super) fn all(record: &Record) -> Vec<Event> {
        let spans = Span::all(record);
        let emitted = record.state().events.clone().into_iter();
        let all = emitted.map(|emitted| {
            let ids = (emitted.event.span.trace_id(), emitted.event.span.span_id());
            let span = spans.iter().find(|span| (span.trace_id(), span.id()) == ids).cloned();
            Event { emitted, span }
        });
        all.collect()
    }

    /// The name, such as `gen_ai.evaluation.result`.
    pub fn name(&self) -> &str {
        self.emitted.event.name
    }

    /// Returns the severity: an error is `Warn`, a score `Info`, details are `Debug`.
    pub fn severity(&self) -> Severity {
        self.emitted.event.severity
    }

    /// The span that it belongs to, if that has ended under the same capture.
    pub fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    /// The id of the trace that it belongs to: all zeros without one.
    pub fn trace_id(&self) -> TraceId {
        self.emitted.event.span.trace_id()
    }

    /// The id of the span that it belongs to: all zeros without one.
    pub fn span_id(&self) -> SpanId {
        self.emitted.event.span.span_id()
    }

    /// When it happened, from the beginning of the capture. Of a capture with a seed it is the tick of the span that started or
    /// ended last.
    pub fn time(&self) -> Duration {
        self.emitted.at
    }

    /// The attributes, in the order in which they were set.
    pub fn attributes(&self) -> &[(Key, AnyValue)] {
        &self.emitted.event.attributes
    }

    /// An attribute's value.
    pub fn get(&self, key: &str) -> Option<&AnyValue> {
        self.attributes().iter().find(|(known, _)| known.as_str() == key).map(|(_, value)| value)
    }

    /// An attribute that is text.
    ///
    /// # Panics
    ///
    /// If it is there, but of another type.
    #[track_caller]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).map(|value| match value {
            AnyValue::String(text) => text.as_str(),
            other => panic!("`{key}` is not text: {}", json(other)),
        })
    }

    /// An attribute of any type as JSON; content is made of maps and lists here. Keys are sorted.
    pub fn json(&self, key: &str) -> Option<String> {
        self.get(key).map(|value| json(value).to_string())
    }

    /// Asserts an attribute's value and type; returns the event for the next assertion.
    ///
    /// # Panics
    ///
    /// If the attribute is another one or is not there. The message shows what is.
    #[track_caller]
    pub fn assert<V: AttributeValue>(&self, key: &str, expected: V) -> &Self {
        let expected = expected.attribute().map(events::any_value);
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

    /// Asserts that there is no such attribute; returns the event for the next assertion.
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
}

/// The event with its attributes, sorted by key, and without ids and time.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut attributes: Vec<_> = self.attributes().iter().collect();
        attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut event = f.debug_struct(self.name());
        event.field("severity", &self.severity());
        event.field("span", &self.span().map(Span::name));
        for (key, value) in attributes {
            event.field(key.as_str(), &format_args!("{}", json(value)));
        }
        event.finish()
    }
}

fn shown(value: Option<&AnyValue>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| json(value).to_string())
}

fn json(value: &AnyValue) -> Json {
    match value {
        AnyValue::Int(int) => (*int).into(),
        AnyValue::Double(double) => (*double).into(),
        AnyValue::String(text) => text.as_str().into(),
        AnyValue::Boolean(flag) => (*flag).into(),
        AnyValue::Bytes(bytes) => bytes.as_slice().into(),
        AnyValue::ListAny(items) => items.iter().map(json).collect(),
        AnyValue::Map(entries) => {
            entries.iter().map(|(key, value)| (key.as_str().to_owned(), json(value))).collect()
        }
        other => format!("{other:?}").into(),
    }
}

/// Hands each event to the capture that the code is under which emits it, or else to that of its trace.
pub(super) struct ToCapture;

impl EventSink for ToCapture {
    fn is_enabled(&self, _name: &'static str, _severity: Severity) -> bool {
        true
    }

    fn emit(&self, event: events::Event) {
        let record: Option<Arc<Record>> =
            record::current().or_else(|| record::of_trace(event.span.trace_id()));
        if let Some(record) = record {
            record.emit(event);
        }
    }
}
