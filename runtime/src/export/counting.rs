//! Wrappers that count what ends and what arrives.
//!
//! The SDK's own `shutdown()` reports success even if the last batch was lost, so delivery is counted at the
//! exporter, against what ended at the processor.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};

use super::ledger::Ledger;

/// Counts spans as they end.
#[derive(Debug)]
pub(super) struct SpanCounter {
    next: BatchSpanProcessor,
    ledger: Arc<Ledger>,
}

impl SpanCounter {
    pub(super) fn new(next: BatchSpanProcessor, ledger: Arc<Ledger>) -> Self {
        SpanCounter { next, ledger }
    }
}

impl SpanProcessor for SpanCounter {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        // The SDK's batch processor would export spans that were recorded but not sampled.
        if span.span_context.is_sampled() {
            self.ledger.spans_ended.fetch_add(1, Ordering::AcqRel);
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

/// Counts spans as the receiver confirms them.
#[derive(Debug)]
pub(super) struct CountingSpanExporter {
    next: SpanExporter,
    ledger: Arc<Ledger>,
    destination: String,
}

impl CountingSpanExporter {
    pub(super) fn new(next: SpanExporter, ledger: Arc<Ledger>, destination: String) -> Self {
        CountingSpanExporter { next, ledger, destination }
    }
}

impl opentelemetry_sdk::trace::SpanExporter for CountingSpanExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let result = self.next.export(batch).await;
        match &result {
            Ok(()) => {
                self.ledger.spans_delivered.fetch_add(count, Ordering::AcqRel);
            }
            Err(error) => self.ledger.failed(&self.destination, reason(error)),
        }
        result
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

/// Notes whether the newest metrics arrived.
#[derive(Debug)]
pub(super) struct CountingMetricExporter {
    next: MetricExporter,
    ledger: Arc<Ledger>,
    destination: String,
}

impl CountingMetricExporter {
    pub(super) fn new(next: MetricExporter, ledger: Arc<Ledger>, destination: String) -> Self {
        CountingMetricExporter { next, ledger, destination }
    }
}

impl PushMetricExporter for CountingMetricExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.next.export(metrics).await;
        self.ledger.metrics(result.is_ok());
        if let Err(error) = &result {
            self.ledger.failed(&self.destination, reason(error));
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.next.temporality()
    }
}

fn reason(error: &OTelSdkError) -> String {
    match error {
        OTelSdkError::InternalFailure(reason) => reason.clone(),
        other => other.to_string(),
    }
}
