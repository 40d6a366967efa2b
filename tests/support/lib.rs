//! Shared by the tests: an in-memory view of emitted telemetry, and real OTLP receivers.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test helper fails by panicking")]

pub mod faults;
pub mod golden;
pub mod grpc;
pub mod otlp;
pub mod semconv;
pub mod trace;
