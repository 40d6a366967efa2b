//! What every span passes: the sampler and its start are counted; at its end texts are cut to the configured length, the
//! [`tail`](super::tail_sampling) rule holds it if it is not sampled, and it is queued or printed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use llm_trace_delivery::{DeliveryStats, ItemState, Signal};
use opentelemetry::trace::{Link, Span as _, SpanContext, SpanKind, TraceId};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};

use super::sdk_bridge::SdkBridge;
use super::span_queue::{Item, SpanQueue};
use super::tail_sampling::Tail;
use super::terminal::TerminalTree;
use crate::settings::TailSampling;
use crate::sinks::span::direct::{EndedCall, SpanReceiver};
use crate::value::prefix_of_chars;

/// The SDK gives a processor no time to flush: as long as its own takes.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// The way of spans from their start to the queue.
#[derive(Debug)]
pub(crate) struct SpanPipe {
    /// Characters of one text.
    text_limit: Option<usize>,
    sampler: Box<dyn ShouldSample>,
    tail: Option<Tail>,
    end: SpanPipeEnd,
    has_stopped: AtomicBool,
}

/// Where spans go.
#[derive(Debug)]
pub(super) enum SpanPipeEnd {
    Queue(SpanQueue),
    Terminal(TerminalTree),
}

impl SpanPipe {
    pub(super) fn new(
        end: SpanPipeEnd,
        sampler: Box<dyn ShouldSample>,
        text_limit: Option<usize>,
        rule: Option<TailSampling>,
    ) -> Arc<Self> {
        let tail = rule.map(Tail::new);
        Arc::new(SpanPipe { text_limit, sampler, tail, end, has_stopped: AtomicBool::new(false) })
    }

    /// Counts a span that starts, and is recorded: each is to [end](Self::end).
    pub(crate) fn start(&self, span: &SpanContext) {
        if let Some(tail) = self.tail_of(span) {
            tail.begin(span.trace_id());
        }
        match &self.end {
            SpanPipeEnd::Queue(queue) => queue.start_span(),
            SpanPipeEnd::Terminal(tree) => tree.start(span),
        }
    }

    /// Takes a span that has ended.
    pub(crate) fn end(&self, mut span: SpanData) {
        if let Some(limit) = self.text_limit {
            cut_texts(&mut span, limit);
        }
        match self.tail_of(&span.span_context) {
            Some(tail) => tail.end(span).into_iter().for_each(|span| self.pass(span)),
            None => self.pass(span),
        }
    }

    /// Hands what is queued to the sender. Returns whether that was done in time.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        match &self.end {
            SpanPipeEnd::Queue(queue) => queue.flush(timeout),
            SpanPipeEnd::Terminal(_) => true,
        }
    }

    /// The same; spans that end later are dropped.
    fn stop(&self, timeout: Duration) -> bool {
        self.has_stopped.store(true, Ordering::Relaxed);
        if let Some(tail) = &self.tail {
            tail.close().into_iter().for_each(|span| self.pass(span));
        }
        match &self.end {
            SpanPipeEnd::Queue(queue) => queue.stop(timeout),
            SpanPipeEnd::Terminal(tree) => {
                tree.stop();
                true
            }
        }
    }

    /// The way from the queue to the sender, unless spans are printed.
    pub(super) fn bridge(&self) -> Option<&Arc<SdkBridge>> {
        match &self.end {
            SpanPipeEnd::Queue(queue) => Some(queue.bridge()),
            SpanPipeEnd::Terminal(_) => None,
        }
    }

    fn tail_of(&self, span: &SpanContext) -> Option<&Tail> {
        self.tail.as_ref().filter(|_| !span.is_sampled())
    }

    fn pass(&self, span: SpanData) {
        match &self.end {
            SpanPipeEnd::Queue(queue) => queue.end(Item::Span(Box::new(span))),
            SpanPipeEnd::Terminal(tree) => tree.end(span),
        }
    }
}

/// Calls come without a span of the SDK's.
impl SpanReceiver for SpanPipe {
    fn sample(&self, parent: &Context, trace: TraceId) -> Option<SamplingResult> {
        let is_open = !self.has_stopped.load(Ordering::Relaxed);
        // The samplers of `init()` read nothing else.
        is_open.then(|| self.sampler.should_sample(Some(parent), trace, "", &SpanKind::Internal, &[], &[]))
    }

    fn start(&self, span: &SpanContext) {
        SpanPipe::start(self, span);
    }

    fn end(&self, call: EndedCall) {
        match &self.end {
            SpanPipeEnd::Queue(queue) if self.tail_of(call.span_context()).is_none() => {
                queue.end(Item::Call(call, self.text_limit));
            }
            _ => self.end(call.into_span()),
        }
    }
}

/// Has the SDK's spans pass a pipe.
#[derive(Debug)]
pub(super) struct PipeProcessor(pub(super) Arc<SpanPipe>);

impl SpanProcessor for PipeProcessor {
    fn on_start(&self, span: &mut Span, _context: &Context) {
        self.0.start(span.span_context());
    }

    fn on_end(&self, span: SpanData) {
        self.0.end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        in_time(self.0.flush(FLUSH_TIME), FLUSH_TIME)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        in_time(self.0.stop(timeout), timeout)
    }
}

fn in_time(is_in_time: bool, timeout: Duration) -> OTelSdkResult {
    if is_in_time { Ok(()) } else { Err(OTelSdkError::Timeout(timeout)) }
}

/// Counts the spans that a sampler drops: processors do not receive them.
#[derive(Clone, Debug)]
pub(super) struct CountingSampler<S> {
    next: S,
    stats: Arc<DeliveryStats>,
}

impl<S> CountingSampler<S> {
    pub(super) fn new(next: S, stats: Arc<DeliveryStats>) -> Self {
        CountingSampler { next, stats }
    }
}

impl<S: ShouldSample + Clone + 'static> ShouldSample for CountingSampler<S> {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let result = self.next.should_sample(parent, trace_id, name, kind, attributes, links);
        if result.decision == SamplingDecision::Drop {
            self.stats.entered(Signal::Traces, ItemState::Unsampled, 1);
        }
        result
    }
}

pub(super) fn cut_texts(span: &mut SpanData, limit: usize) {
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
