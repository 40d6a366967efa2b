//! Facts derived from a finished call: price, quality signals, the outcome of MCP messages, OpenInference's kind of span.

pub(crate) mod mcp;
pub(crate) mod openinference;
pub(crate) mod pricing;
pub(crate) mod quality;
