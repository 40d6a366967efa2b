//! Spans: sampled, started, ended, exported.

use std::sync::Arc;
use std::time::Duration;

use llm_trace_delivery::{DeliveryStats, ItemState, Signal};
use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    self, BatchSpanProcessor, SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};

use super::SdkBridge;
use crate::pipeline::tail_sampling::size;

/// Counts the spans that a sampler drops: processors do not receive them.
#[derive(Clone, Debug)]
pub(in crate::pipeline) struct CountingSampler<S> {
    next: S,
    stats: Arc<DeliveryStats>,
}

impl<S> CountingSampler<S> {
    pub(in crate::pipeline) fn new(next: S, stats: Arc<DeliveryStats>) -> Self {
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

/// Counts spans as they start and end, and keeps from the SDK's queue what it would drop or should not have.
#[derive(Debug)]
pub(in crate::pipeline) struct SpanCounter {
    next: BatchSpanProcessor,
    bridge: Arc<SdkBridge>,
}

impl SpanCounter {
    pub(in crate::pipeline) fn new(next: BatchSpanProcessor, bridge: Arc<SdkBridge>) -> Self {
        SpanCounter { next, bridge }
    }
}

impl SpanProcessor for SpanCounter {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.bridge.stats.entered(Signal::Traces, ItemState::Open, 1);
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        // The SDK's batch processor would export spans that were recorded but not sampled.
        if !span.span_context.is_sampled() {
            self.bridge.stats.moved(Signal::Traces, 1, ItemState::Open, ItemState::Unsampled);
        } else if self.bridge.admit(ItemState::Open, size(&span)) {
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
    bridge: Arc<SdkBridge>,
}

impl<E> SpanExporter<E> {
    pub(in crate::pipeline) fn new(next: E, bridge: Arc<SdkBridge>) -> Self {
        SpanExporter { next, bridge }
    }
}

impl<E: trace::SpanExporter> trace::SpanExporter for SpanExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let bytes = batch.iter().map(size).sum();
        self.bridge.export(batch.len(), bytes, self.next.export(batch)).await
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
