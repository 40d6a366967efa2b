//! Facts derived from a finished call: price, quality signals, the outcome of MCP messages.

pub(crate) mod mcp;
pub(crate) mod pricing;
pub(crate) mod quality;
