//! Spans: sampled, started, ended, exported.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    self, BatchSpanProcessor, SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};

use super::Handover;
use crate::delivery::ledger::Ledger;
use crate::delivery::{Signal, Term};
use crate::pipeline::tail_sampling::size;

/// Counts the spans that a sampler does not want: no processor hears of them.
#[derive(Clone, Debug)]
pub(in crate::pipeline) struct CountingSampler<S> {
    next: S,
    ledger: Arc<Ledger>,
}

impl<S> CountingSampler<S> {
    pub(in crate::pipeline) fn new(next: S, ledger: Arc<Ledger>) -> Self {
        CountingSampler { next, ledger }
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
            self.ledger.entered(Signal::Traces, Term::Unsampled, 1);
        }
        result
    }
}

/// Counts spans as they start and end, and keeps from the SDK's queue what it would drop or should not have.
#[derive(Debug)]
pub(in crate::pipeline) struct SpanCounter {
    next: BatchSpanProcessor,
    handover: Arc<Handover>,
}

impl SpanCounter {
    pub(in crate::pipeline) fn new(next: BatchSpanProcessor, handover: Arc<Handover>) -> Self {
        SpanCounter { next, handover }
    }
}

impl SpanProcessor for SpanCounter {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.handover.ledger.entered(Signal::Traces, Term::Open, 1);
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        // The SDK's batch processor would export spans that were recorded but not sampled.
        if !span.span_context.is_sampled() {
            self.handover.ledger.moved(Signal::Traces, 1, Term::Open, Term::Unsampled);
        } else if self.handover.admit(Term::Open, size(&span)) {
            self.next.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Hands over what the SDK exports.
#[derive(Debug)]
pub(in crate::pipeline) struct SpanExporter<E> {
    next: E,
    handover: Arc<Handover>,
}

impl<E> SpanExporter<E> {
    pub(in crate::pipeline) fn new(next: E, handover: Arc<Handover>) -> Self {
        SpanExporter { next, handover }
    }
}

impl<E: trace::SpanExporter> trace::SpanExporter for SpanExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let bytes = batch.iter().map(size).sum();
        self.handover.export(batch.len(), bytes, self.next.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}
