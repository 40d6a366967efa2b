//! Processes every span at its end, before it is counted and queued: cuts texts to the configured length, and holds unsampled spans for the
//! [`tail`](super::tail_sampling) rule.

use std::time::Duration;

use opentelemetry::trace::{Span as _, SpanContext};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::tail_sampling::Tail;
use crate::settings::TailSampling;
use crate::value::prefix_of_chars;

#[derive(Debug)]
pub(super) struct LimitingProcessor<N> {
    next: N,
    /// Characters of one text.
    text_limit: Option<usize>,
    tail: Option<Tail>,
}

impl<N> LimitingProcessor<N> {
    pub(super) fn new(next: N, text_limit: Option<usize>, rule: Option<TailSampling>) -> Self {
        LimitingProcessor { next, text_limit, tail: rule.map(Tail::new) }
    }

    fn tail_of(&self, span: &SpanContext) -> Option<&Tail> {
        self.tail.as_ref().filter(|_| !span.is_sampled())
    }
}

impl<N: SpanProcessor> SpanProcessor for LimitingProcessor<N> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        if let Some(tail) = self.tail_of(span.span_context()) {
            tail.begin(span.span_context().trace_id());
        }
        self.next.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        if let Some(limit) = self.text_limit {
            cut_texts(&mut span, limit);
        }
        match self.tail_of(&span.span_context) {
            Some(tail) => tail.end(span).into_iter().for_each(|span| self.next.on_end(span)),
            None => self.next.on_end(span),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if let Some(tail) = &self.tail {
            tail.close().into_iter().for_each(|span| self.next.on_end(span));
        }
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

fn cut_texts(span: &mut SpanData, limit: usize) {
    let events = span.events.events.iter_mut().flat_map(|event| &mut event.attributes);
    let links = span.links.links.iter_mut().flat_map(|link| &mut link.attributes);
    for KeyValue { value, .. } in span.attributes.iter_mut().chain(events).chain(links) {
        match value {
            Value::String(text) => cut(text, limit),
            Value::Array(Array::String(texts)) => texts.iter_mut().for_each(|text| cut(text, limit)),
            _ => {}
        }
    }
}

fn cut(text: &mut StringValue, limit: usize) {
    if let Some(prefix) = prefix_of_chars(text.as_str(), limit) {
        *text = prefix.to_owned().into();
    }
}
