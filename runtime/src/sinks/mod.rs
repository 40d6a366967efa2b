//! The only writers of telemetry: a finished call becomes a span, measurements, events and a `tracing` span.

pub(crate) mod events;
pub(crate) mod metrics;
pub(crate) mod span;
pub(crate) mod texts;
pub(crate) mod tracing_bridge;
