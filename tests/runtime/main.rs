//! What the runtime makes of requests, responses and errors.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod deep;
mod implausible;
mod metrics;
mod names;
mod rate_limits;
mod request;
mod response;
mod response_shapes;
