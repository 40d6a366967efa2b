//! What our users' tests see through the feature `testing`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod by_hand;
mod capture;
mod events;
mod messages;
