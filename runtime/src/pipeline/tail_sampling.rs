//! Holds traces that were not sampled at their start until their end, and exports those with an error or a slow call.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::{Link, SpanContext, SpanKind, Status, TraceFlags, TraceId};
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample, SpanData};

use crate::settings::TailSampling;

/// Limits on held spans. [`Sampler`](crate::Sampler) documents both.
const MAX_SPANS: usize = 8192;
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Approximate size of a span besides its texts.
const SPAN_BYTES: usize = 512;

/// Records the spans that the sampler drops. They are not sampled, and the flag is propagated as such.
#[derive(Clone, Debug)]
pub(super) struct RecordAll(pub(super) Sampler);

impl ShouldSample for RecordAll {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result = self.0.should_sample(parent, trace_id, name, kind, attributes, links);
        if result.decision == SamplingDecision::Drop {
            result.decision = SamplingDecision::RecordOnly;
        }
        result
    }
}

/// The spans that wait for the end of their trace in this process.
#[derive(Debug)]
pub(super) struct Tail {
    rule: TailSampling,
    max_spans: usize,
    max_bytes: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    traces: HashMap<TraceId, Trace>,
    /// Of those with spans that wait, by when the first of these came.
    by_age: BTreeMap<u64, TraceId>,
    next_age: u64,
    spans: usize,
    bytes: usize,
}

/// The state of one trace while one of its spans is open.
#[derive(Debug, Default)]
struct Trace {
    open: usize,
    is_kept: bool,
    spans: Vec<SpanData>,
    bytes: usize,
    age: u64,
}

impl Tail {
    pub(super) fn new(rule: TailSampling) -> Self {
        Tail { rule, max_spans: MAX_SPANS, max_bytes: MAX_BYTES, waiting: Mutex::default() }
    }

    /// A span of this trace begins that is not sampled.
    pub(super) fn begin(&self, trace: TraceId) {
        self.waiting().traces.entry(trace).or_default().open += 1;
    }

    /// A span ends that is not sampled. Returns those that are decided now: sampled, if they are kept after all.
    pub(super) fn end(&self, span: SpanData) -> Vec<SpanData> {
        let is_wanted = self.is_wanted(&span);
        let id = span.span_context.trace_id();
        let mut waiting = self.waiting();
        let trace = waiting.traces.entry(id).or_default();
        trace.open = trace.open.saturating_sub(1);
        trace.is_kept |= is_wanted;
        let (is_kept, is_over) = (trace.is_kept, trace.open == 0);

        if is_kept {
            let mut kept = waiting.release(id);
            if is_over {
                waiting.traces.remove(&id);
            }
            drop(waiting);
            kept.push(span);
            kept.iter_mut().for_each(sample);
            return kept;
        }
        if is_over {
            let mut left_out = waiting.release(id);
            waiting.traces.remove(&id);
            left_out.push(span);
            return left_out;
        }
        waiting.add(id, span);
        let mut given_up = Vec::new();
        while waiting.spans > self.max_spans || waiting.bytes > self.max_bytes {
            let Some(oldest) = waiting.by_age.first_key_value().map(|(_, trace)| *trace) else { break };
            given_up.append(&mut waiting.release(oldest));
        }
        given_up
    }

    /// Nothing is waited for any longer.
    pub(super) fn close(&self) -> Vec<SpanData> {
        let waiting = std::mem::take(&mut *self.waiting());
        waiting.traces.into_values().flat_map(|trace| trace.spans).collect()
    }

    fn is_wanted(&self, span: &SpanData) -> bool {
        let is_error = matches!(span.status, Status::Error { .. });
        let took = span.end_time.duration_since(span.start_time).unwrap_or_default();
        (self.rule.errors && is_error) || self.rule.slower_than.is_some_and(|limit| took > limit)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, id: TraceId, span: SpanData) {
        let bytes = size(&span);
        let trace = self.traces.entry(id).or_default();
        if trace.spans.is_empty() {
            trace.age = self.next_age;
            self.by_age.insert(trace.age, id);
            self.next_age += 1;
        }
        trace.spans.push(span);
        trace.bytes += bytes;
        self.spans += 1;
        self.bytes += bytes;
    }

    /// Takes out what waits of a trace.
    fn release(&mut self, id: TraceId) -> Vec<SpanData> {
        let Some(trace) = self.traces.get_mut(&id).filter(|trace| !trace.spans.is_empty()) else {
            return Vec::new();
        };
        self.by_age.remove(&trace.age);
        self.spans -= trace.spans.len();
        self.bytes -= std::mem::take(&mut trace.bytes);
        std::mem::take(&mut trace.spans)
    }
}

fn sample(span: &mut SpanData) {
    let context = &span.span_context;
    let flags = context.trace_flags() | TraceFlags::SAMPLED;
    let state = context.trace_state().clone();
    span.span_context =
        SpanContext::new(context.trace_id(), context.span_id(), flags, context.is_remote(), state);
}

/// About what a span takes in memory.
pub(super) fn size(span: &SpanData) -> usize {
    let events = span.events.iter().flat_map(|event| &event.attributes);
    let links = span.links.iter().flat_map(|link| &link.attributes);
    let attributes = span.attributes.iter().chain(events).chain(links);
    let message = match &span.status {
        Status::Error { description } => description.len(),
        Status::Ok | Status::Unset => 0,
    };
    SPAN_BYTES
        + span.name.len()
        + message
        + attributes.map(|attribute| size_of::<KeyValue>() + text_bytes(&attribute.value)).sum::<usize>()
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(texts)) => texts.iter().map(|text| text.as_str().len()).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
