//! What the tests share: an in-memory view of what a piece of code emitted, and a real OTLP/HTTP receiver.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test helper fails by panicking")]

pub mod faults;
pub mod golden;
pub mod grpc;
pub mod otlp;
pub mod semconv;
pub mod trace;
