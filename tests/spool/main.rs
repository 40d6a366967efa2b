//! The spool keeps ended spans through kills and outages, and the program survives disk failures.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disk;
mod outage;
mod program;
#[cfg(target_os = "linux")]
mod slow;
