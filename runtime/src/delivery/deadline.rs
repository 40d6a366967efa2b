//! Deadlines, whatever the length of time: `Duration::MAX` from now is no instant.

use std::time::{Duration, Instant};

/// A year, which is longer than anybody waits, and can be added to any instant.
pub(crate) const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The instant so long from now, but at most in a year.
pub(crate) fn after(length: Duration) -> Instant {
    Instant::now() + length.min(FOREVER)
}
