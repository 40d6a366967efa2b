//! What a disk is for: nothing that ended is lost by a kill, an outage, or a disk that fails in its turn.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disk;
mod outage;
mod program;
#[cfg(target_os = "linux")]
mod slow;
