//! Scores of answers: by an evaluator, by a rule, by a user's feedback.

use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Key, KeyValue, Value};

use super::{Event, EventReceiver, any_value};
use crate::model::argument::AttributeValue;
use crate::semconv::{attribute, event};
use crate::sinks::{CallSink, metrics};
use crate::value::bounds::{self, Number};
use crate::value::current_context;

/// A score of an answer, which becomes the event `gen_ai.evaluation.result` and a measurement of
/// `llm_trace.evaluation.score`; see [`score()`].
#[derive(Clone, Debug)]
#[must_use = "a score is lost unless `record()` is called"]
pub struct Score {
    name: String,
    value: Option<f64>,
    label: Option<String>,
    threshold: Option<f64>,
    pub(crate) explanation: Option<String>,
    pub(crate) response_id: Option<String>,
    error_type: Option<String>,
    pub(crate) span: Option<SpanContext>,
    attributes: Vec<(&'static str, Value)>,
}

/// Starts a score: the result of an evaluation named `name`. It belongs to the span that is current when it is recorded; feedback that
/// arrives later sets [its span](Score::with_span). Scores are events: they are sent over OTLP as logs by
/// [`Builder::init`](crate::Builder::init) with an endpoint, or to the provider of [`set_logger_provider`](crate::set_logger_provider), and
/// go nowhere without either. Their values are measured too, by name and label: `llm_trace.evaluation.score`. An
/// [evaluator](crate::Kind::Evaluator) that returns its score need not record it.
///
/// ```
/// use llm_trace::{llm_trace, score};
///
/// #[llm_trace(workflow, name = "support-answer")]
/// fn answer(question: &str) -> String {
///     let answer = format!("{question}? 42");
///     score("length").with_value(answer.len() as f64).with_label("short").record();
///     answer
/// }
/// # answer("why");
///
/// // Later, in another process: the user liked it. The ids came with the answer, from `llm_trace::current()`.
/// # let (trace_id, span_id) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
/// score("user_feedback").with_value(1.0).with_label("thumbs_up").with_span(trace_id, span_id).record();
/// ```
pub fn score(name: impl Into<String>) -> Score {
    Score {
        name: bounds::required(&name.into()).to_owned(),
        value: None,
        label: None,
        threshold: None,
        explanation: None,
        response_id: None,
        error_type: None,
        span: None,
        attributes: Vec::new(),
    }
}

impl Score {
    /// The score, from -1,000,000,000 to 1,000,000,000. Another is not recorded, and counted in `llm_trace.implausible`.
    pub fn with_value(mut self, value: f64) -> Self {
        self.value = Number::Score.check(value);
        self
    }

    /// Sets the meaning of the score: `relevant`, `pass`, `thumbs_up`. Use one of a few words, which backends group by.
    pub fn with_label(mut self, label: impl AsRef<str>) -> Self {
        self.label = bounds::name(label.as_ref()).map(str::to_owned);
        self
    }

    /// Sets the label `pass` for scores from this value on and `fail` for lower ones, unless the score has [a label](Self::with_label).
    /// Dashboards and alerts use these two words.
    ///
    /// ```
    /// llm_trace::score("faithfulness").with_value(0.62).with_threshold(0.7).record(); // `fail`
    /// ```
    pub fn with_threshold(mut self, least: f64) -> Self {
        self.threshold = Number::Score.check(least);
        self
    }

    /// Sets the label `pass` or `fail`, and the score 1 or 0, each unless the score has one.
    ///
    /// ```
    /// llm_trace::score("is_json").with_passed(true).record();
    /// ```
    pub fn with_passed(mut self, passed: bool) -> Self {
        self.value.get_or_insert(f64::from(u8::from(passed)));
        self.label.get_or_insert_with(|| verdict(passed).to_owned());
        self
    }

    /// The provider's id of the response that was evaluated. Default: that of the only answer of a model so far under the
    /// same outermost call, unless the score [is about another span](Self::with_span).
    pub fn with_response_id(mut self, id: impl AsRef<str>) -> Self {
        self.response_id = bounds::name(id.as_ref()).map(str::to_owned);
        self
    }

    /// The class of the error because of which there is no score.
    pub fn with_error_type(mut self, class: impl Into<String>) -> Self {
        self.error_type = Some(bounds::required(&class.into()).to_owned());
        self
    }

    /// Sets the evaluated span, by its ids in hex, as [`CurrentCall::trace_id`](crate::CurrentCall::trace_id) and
    /// [`span_id`](crate::CurrentCall::span_id) return them: also minutes later, in another process. The span that the score is recorded
    /// in, if any, is linked to it. If they are invalid, the score is recorded without a span, and that is logged.
    pub fn with_span(self, trace_id: &str, span_id: &str) -> Self {
        let ids = TraceId::from_hex(trace_id).ok().zip(SpanId::from_hex(span_id).ok());
        let span = ids.map(|(trace, span)| {
            SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default())
        });
        let span = span.filter(SpanContext::is_valid).unwrap_or_else(|| {
            tracing::warn!(target: "llm_trace", "a score of a span whose ids are not ids: `{}`", self.name);
            SpanContext::NONE
        });
        self.with_span_context(span)
    }

    /// The span that was evaluated.
    pub fn with_span_context(mut self, span: SpanContext) -> Self {
        self.span = Some(span);
        self
    }

    /// An attribute of your own.
    pub fn with_attribute(mut self, key: &'static str, value: impl AttributeValue) -> Self {
        if let Some(value) = value.attribute().and_then(bounds::number) {
            self.attributes.retain(|(known, _)| *known != key);
            self.attributes.push((key, value));
        }
        self
    }

    /// `tags` are labels of where it is given.
    pub(crate) fn send(mut self, tags: &[KeyValue], calls: &CallSink, receiver: Option<&EventReceiver>) {
        if let (None, Some(value), Some(least)) = (&self.label, self.value, self.threshold) {
            self.label = Some(verdict(value >= least).to_owned());
        }
        if let Some(value) = self.value {
            metrics::record_score(calls, tags, &self.name, self.label.as_deref(), value);
        }
        let Some(receiver) = receiver else { return };
        receiver.emit(event::EVALUATION_RESULT, Severity::Info, || {
            let span = self.span.clone();
            let span = span
                .unwrap_or_else(|| current_context::with(|context| context.span().span_context().clone()));
            Event {
                name: event::EVALUATION_RESULT,
                severity: Severity::Info,
                at: SystemTime::now(),
                span,
                attributes: self.into_attributes(),
            }
        });
    }

    fn into_attributes(self) -> Vec<(Key, AnyValue)> {
        let mut attributes: Vec<_> =
            self.attributes.into_iter().map(|(key, value)| (Key::from(key), any_value(value))).collect();
        let facts = [
            (attribute::EVALUATION_NAME, Some(AnyValue::from(self.name))),
            (attribute::EVALUATION_SCORE_VALUE, self.value.map(AnyValue::Double)),
            (attribute::EVALUATION_SCORE_LABEL, self.label.map(AnyValue::from)),
            (attribute::EVALUATION_EXPLANATION, self.explanation.map(AnyValue::from)),
            (attribute::RESPONSE_ID, self.response_id.map(AnyValue::from)),
            (attribute::ERROR_TYPE, self.error_type.map(AnyValue::from)),
        ];
        for (key, value) in facts {
            if let Some(value) = value {
                attributes.retain(|(known, _)| known.as_str() != key);
                attributes.push((key.into(), value));
            }
        }
        attributes
    }
}

fn verdict(passed: bool) -> &'static str {
    if passed { "pass" } else { "fail" }
}
