//! Requests, responses and errors as read by the runtime.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod deep;
mod implausible;
mod metrics;
mod names;
mod rate_limits;
mod request;
mod response;
mod response_shapes;
