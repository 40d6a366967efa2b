//! Events, which are log records: counted when they are emitted, and when the SDK exports them.

use std::sync::Arc;
use std::time::Duration;

use llm_trace_delivery::{ItemState, Signal};
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, LogBatch, LogProcessor, SdkLogRecord};

use super::SdkBridge;

/// Counts events as they are emitted, and keeps from the SDK's queue what it would drop.
#[derive(Debug)]
pub(in crate::pipeline) struct EventCounter {
    next: BatchLogProcessor,
    bridge: Arc<SdkBridge>,
}

impl EventCounter {
    pub(in crate::pipeline) fn new(next: BatchLogProcessor, bridge: Arc<SdkBridge>) -> Self {
        EventCounter { next, bridge }
    }
}

impl LogProcessor for EventCounter {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.bridge.stats.entered(Signal::Logs, ItemState::Processor, 1);
        if self.bridge.admit(size(record)) {
            self.next.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.next.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Hands over what the SDK exports.
#[derive(Debug)]
pub(in crate::pipeline) struct EventExporter<E> {
    next: E,
    bridge: Arc<SdkBridge>,
}

impl<E> EventExporter<E> {
    pub(in crate::pipeline) fn new(next: E, bridge: Arc<SdkBridge>) -> Self {
        EventExporter { next, bridge }
    }
}

impl<E: logs::LogExporter> logs::LogExporter for EventExporter<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let (items, bytes) =
            batch.iter().fold((0, 0), |(items, bytes), (record, _)| (items + 1, bytes + size(record)));
        self.bridge.export(items, bytes, self.next.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Approximate size of a record besides its texts.
const RECORD_BYTES: usize = 512;

/// About what a record takes in memory.
fn size(record: &SdkLogRecord) -> usize {
    let attributes = record.attributes_iter().map(|(key, value)| key.as_str().len() + size_of_value(value));
    RECORD_BYTES + record.body().map_or(0, size_of_value) + attributes.sum::<usize>()
}

fn size_of_value(value: &AnyValue) -> usize {
    size_of::<AnyValue>()
        + match value {
            AnyValue::String(text) => text.as_str().len(),
            AnyValue::Bytes(bytes) => bytes.len(),
            AnyValue::ListAny(items) => items.iter().map(size_of_value).sum(),
            AnyValue::Map(entries) => {
                entries.iter().map(|(key, value)| key.as_str().len() + size_of_value(value)).sum()
            }
            _ => 0,
        }
}
