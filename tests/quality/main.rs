//! Quality signals of calls.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod retrieval;
mod scores;
