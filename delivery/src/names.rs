//! Names of what delivery measures and of what it puts on an item. Those of `otel` are OpenTelemetry's.

use super::Signal;

pub(super) const SIGNAL: &str = "llm_trace.signal";
pub(super) const OVERSIZE_BYTES: &str = "llm_trace.oversize.bytes";
pub(super) const DELIVERY_UNSAMPLED: &str = "llm_trace.delivery.unsampled";
pub(super) const DELIVERY_SPOOLED: &str = "llm_trace.delivery.spooled";
pub(super) const DELIVERY_RETRIES: &str = "llm_trace.delivery.retries";
pub(super) const UNIT_ITEMS: &str = "{item}";
pub(super) const UNIT_REQUESTS: &str = "{request}";

pub(super) const SPAN_STARTED: &str = "otel.sdk.span.started";
pub(super) const SPAN_LIVE: &str = "otel.sdk.span.live";
pub(super) const LOG_CREATED: &str = "otel.sdk.log.created";
pub(super) const OPERATION_DURATION: &str = "otel.sdk.exporter.operation.duration";
pub(super) const COMPONENT_TYPE: &str = "otel.component.type";
pub(super) const COMPONENT_NAME: &str = "otel.component.name";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const ERROR_TYPE: &str = "error.type";

/// An item of a signal in the names of metrics, and its unit.
pub(super) fn item(signal: Signal) -> (&'static str, &'static str) {
    match signal {
        Signal::Traces => ("span", "{span}"),
        Signal::Metrics => ("metric_data_point", "{data_point}"),
        Signal::Logs => ("log", "{log_record}"),
    }
}
