//! What the attribute does to functions, and what it leaves alone.
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
