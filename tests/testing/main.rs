//! The feature `testing`, as used by tests of applications.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod by_hand;
mod capture;
mod events;
mod messages;
