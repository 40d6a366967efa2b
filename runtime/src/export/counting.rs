//! Wrappers that count what ends and what arrives.
//!
//! The SDK's own `shutdown()` reports success even if the last batch was lost, so delivery is counted at the
//! exporter, against what ended at the processor.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};

use super::delivery::{Signal, Term};
use super::exchange::{Exchange, Outcome, no_answer_within};
use super::ledger::Ledger;

/// One signal's way to its receiver, as far as counting goes.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) ledger: Arc<Ledger>,
    pub(super) exchange: Arc<Exchange>,
    /// The receiver as it may be shown.
    pub(super) destination: String,
}

impl Route {
    /// What an export came to: the number of items that were rejected, or why it failed. The client below knows
    /// more than the exporter, which calls a login page a success and every broken connection a network error.
    pub(super) fn result(&self, exported: OTelSdkResult, what: &str) -> Result<u64, OTelSdkError> {
        let failure = match (exported, self.exchange.outcome()) {
            (Ok(()), Outcome::Accepted | Outcome::Unsent) => return Ok(0),
            (Ok(()), Outcome::Rejected { items, message }) => {
                let colon = if message.is_empty() { "" } else { ": " };
                let reason = format!("the receiver rejected {items} of the {what}{colon}{message}");
                self.ledger.failed(&self.destination, reason);
                return Ok(items);
            }
            (_, Outcome::Failed(reason)) | (Err(OTelSdkError::InternalFailure(reason)), _) => reason,
            (Err(error), _) => error.to_string(),
        };
        self.ledger.failed(&self.destination, failure.clone());
        Err(OTelSdkError::InternalFailure(failure))
    }

    /// What the shutdown of a batch processor came to.
    pub(super) fn stopped(&self, result: OTelSdkResult) -> OTelSdkResult {
        if let Err(OTelSdkError::Timeout(timeout)) = &result {
            // More batches were queued than could fail in time.
            self.ledger.failed(&self.destination, no_answer_within(*timeout));
        }
        result
    }
}

/// Counts spans as they end.
#[derive(Debug)]
pub(super) struct SpanCounter {
    next: BatchSpanProcessor,
    route: Route,
}

impl SpanCounter {
    pub(super) fn new(next: BatchSpanProcessor, route: Route) -> Self {
        SpanCounter { next, route }
    }
}

impl SpanProcessor for SpanCounter {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.route.ledger.entered(Signal::Traces, Term::Open, 1);
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        // The SDK's batch processor would export spans that were recorded but not sampled.
        if span.span_context.is_sampled() {
            self.route.ledger.moved(Signal::Traces, 1, Term::Open, Term::Queued);
            self.next.on_end(span);
        } else {
            self.route.ledger.moved(Signal::Traces, 1, Term::Open, Term::Unsampled);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.route.stopped(self.next.shutdown_with_timeout(timeout))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Counts spans as the receiver confirms them.
#[derive(Debug)]
pub(super) struct CountingSpanExporter {
    next: SpanExporter,
    route: Route,
}

impl CountingSpanExporter {
    pub(super) fn new(next: SpanExporter, route: Route) -> Self {
        CountingSpanExporter { next, route }
    }
}

impl opentelemetry_sdk::trace::SpanExporter for CountingSpanExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        self.route.exchange.begin();
        let exported = self.next.export(batch).await;
        let rejected = self.route.result(exported, "spans")?;
        self.route.ledger.moved(
            Signal::Traces,
            count.saturating_sub(rejected),
            Term::Queued,
            Term::Delivered,
        );
        Ok(())
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
    route: Route,
}

impl CountingMetricExporter {
    pub(super) fn new(next: MetricExporter, route: Route) -> Self {
        CountingMetricExporter { next, route }
    }
}

impl PushMetricExporter for CountingMetricExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.route.ledger.metrics_attempted();
        self.route.exchange.begin();
        let exported = self.next.export(metrics).await;
        if self.route.result(exported, "data points")? == 0 {
            self.route.ledger.metrics_delivered();
        }
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        // The reader calls this after its last export, also when whoever asked it to stop has given up waiting.
        self.route.ledger.metrics_closed();
        self.next.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.next.temporality()
    }
}
