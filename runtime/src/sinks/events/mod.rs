//! In: a finished call, or a score. Out: log records with an event name, to the logger provider that was installed.
//!
//! [`record`] selects the events of a call: none, unless a receiver is installed and they are enabled.

mod limits;
mod score;
mod sink;

use std::time::SystemTime;

use opentelemetry::Key;
use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry::trace::{SpanContext, TraceContextExt};

use crate::model::record::{CallRecord, Outcome};
use crate::model::response::EvaluationResult;
use crate::model::site::Kind;
use crate::semconv::{attribute, event};
use crate::sinks::{Sinks, span};

#[cfg(feature = "otlp")]
pub(crate) use limits::EventLimits;
pub use score::{Score, score};
pub(crate) use sink::EventReceiver;
#[cfg(feature = "testing")]
pub(crate) use sink::EventSink;

/// One log record on its way out.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    /// When it happened.
    pub(crate) at: SystemTime,
    /// The span it belongs to.
    pub(crate) span: SpanContext,
    pub(crate) attributes: Vec<(Key, AnyValue)>,
}

/// Returns whether the content of such a call is read: whether its details become an event.
pub(crate) fn want_content(kind: Kind, sinks: &Sinks<'_>) -> bool {
    let takes = |receiver: &EventReceiver| receiver.is_enabled(event::INFERENCE_DETAILS, DETAILS);
    are_details_wanted(kind, sinks) && sinks.events.is_some_and(takes)
}

const DETAILS: Severity = Severity::Debug;

fn are_details_wanted(kind: Kind, sinks: &Sinks<'_>) -> bool {
    let is_asked_for = sinks.events.is_some_and(|receiver| receiver.is_asked_for);
    kind.is_inference() && (sinks.policy.on_events() || (is_asked_for && sinks.names.details_recommended))
}

/// Emits the events of a finished call.
pub(crate) fn record(call: &CallRecord, receiver: &EventReceiver, sinks: &Sinks<'_>) {
    let at = call.end();
    let span = || sinks.context.span().span_context().clone();
    if are_details_wanted(call.site.kind, sinks) {
        receiver.emit(event::INFERENCE_DETAILS, DETAILS, || Event {
            name: event::INFERENCE_DETAILS,
            severity: DETAILS,
            at,
            span: span(),
            attributes: details(call, sinks),
        });
    }
    if let Outcome::Failed(failure) = &call.outcome
        && call.site.kind.is_client()
        && (receiver.is_asked_for || sinks.policy.on_events())
    {
        receiver.emit(event::OPERATION_EXCEPTION, Severity::Warn, || {
            let error_type = span::text(&failure.error_type);
            let kind = (attribute::EXCEPTION_TYPE.into(), AnyValue::from(error_type));
            let message =
                failure.message.clone().map(|text| (attribute::EXCEPTION_MESSAGE.into(), text.into()));
            Event {
                name: event::OPERATION_EXCEPTION,
                severity: Severity::Warn,
                at,
                span: span(),
                attributes: [kind].into_iter().chain(message).collect(),
            }
        });
    }
}

/// Records the score that an evaluator returned: of the span that it is linked to, or else of its span.
pub(crate) fn record_verdict(verdict: &EvaluationResult, call: &CallRecord, sinks: &Sinks<'_>) {
    let scored = call.request.rest().evaluated.clone();
    let mut score = score(call.own_name());
    if let Some(value) = verdict.value {
        score = score.with_value(value);
    }
    if let Some(label) = &verdict.label {
        score = score.with_label(label);
    }
    if let Some(passed) = verdict.passed {
        score = score.with_passed(passed);
    }
    let span = scored.unwrap_or_else(|| sinks.context.span().span_context().clone());
    score.with_span_context(span).send(&call.labels, sinks.calls, sinks.events);
}

/// The attributes of the call's span, and its content.
fn details(call: &CallRecord, sinks: &Sinks<'_>) -> Vec<(Key, AnyValue)> {
    let attributes = span::attributes(call, sinks.policy, sinks.names).into_iter();
    let attributes = attributes.map(|attribute| (attribute.key, any_value(attribute.value)));
    attributes.chain(call.content.on_event(sinks.policy)).collect()
}

/// The value of a span's attribute as a log record has it.
pub(crate) fn any_value(value: opentelemetry::Value) -> AnyValue {
    use opentelemetry::{Array, Value};
    match value {
        Value::Bool(value) => AnyValue::Boolean(value),
        Value::I64(value) => AnyValue::Int(value),
        Value::F64(value) => AnyValue::Double(value),
        Value::String(value) => AnyValue::String(value),
        Value::Array(Array::Bool(items)) => items.into_iter().collect(),
        Value::Array(Array::I64(items)) => items.into_iter().collect(),
        Value::Array(Array::F64(items)) => items.into_iter().collect(),
        Value::Array(Array::String(items)) => items.into_iter().collect(),
        other => AnyValue::from(other.to_string()),
    }
}
