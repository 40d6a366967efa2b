//! Two clocks: one that tells the time, and one that only goes forward.

use std::fmt::Debug;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One moment on both clocks.
///
/// What this process stores ages by the steady clock, so that setting the other one back or forth makes nothing too old
/// and keeps nothing too long. What another process stored can only be dated by the wall clock; that is read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Milliseconds since 1970, as far as anybody knows.
    pub(super) wall: u64,
    /// Milliseconds since this process began to count.
    pub(super) steady: i64,
}

pub(super) trait Clock: Debug + Send + Sync {
    fn now(&self) -> Moment;
}

#[derive(Debug)]
pub(super) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    pub(super) fn start() -> Self {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { wall: millis(wall), steady: i64::try_from(millis(self.start.elapsed())).unwrap_or(i64::MAX) }
    }
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
