//! The same for events as [`counting`](super::counting) is for spans.

use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::Severity;
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, LogBatch, LogProcessor, SdkLogRecord};

use super::counting::Route;
use super::delivery::{Signal, Term};

/// Counts events as they are emitted.
#[derive(Debug)]
pub(super) struct EventCounter {
    next: BatchLogProcessor,
    route: Route,
}

impl EventCounter {
    pub(super) fn new(next: BatchLogProcessor, route: Route) -> Self {
        EventCounter { next, route }
    }
}

impl LogProcessor for EventCounter {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.route.ledger.entered(Signal::Logs, Term::Queued, 1);
        self.next.emit(record, scope);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.route.stopped(self.next.shutdown_with_timeout(timeout))
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.next.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Counts events as the receiver confirms them.
#[derive(Debug)]
pub(super) struct CountingLogExporter {
    next: LogExporter,
    route: Route,
}

impl CountingLogExporter {
    pub(super) fn new(next: LogExporter, route: Route) -> Self {
        CountingLogExporter { next, route }
    }
}

impl opentelemetry_sdk::logs::LogExporter for CountingLogExporter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count() as u64;
        self.route.exchange.begin();
        let exported = self.next.export(batch).await;
        let rejected = self.route.result(exported, "events")?;
        self.route.ledger.moved(Signal::Logs, count.saturating_sub(rejected), Term::Queued, Term::Delivered);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}
