//! The effect of the attribute on functions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agents;
mod arguments;
mod blocks;
mod errors;
mod functions;
mod futures;
mod mcp;
mod mirror;
mod nesting;
mod streams;
mod tags;
mod tower;
