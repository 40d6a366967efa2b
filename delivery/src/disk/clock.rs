//! Three clocks: the wall clock, the steady clock, and the system's uptime.

use std::fmt::Debug;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A wall clock before this was not set yet, as no request can be that old. 2025-01-01.
const EARLIEST: u64 = 1_735_689_600_000;

/// One moment on all clocks.
///
/// Requests that this process stores age by the steady clock, so that setting the wall clock back or forth makes no request too old and
/// keeps none too long. Requests of another process are dated by their [`Stamp`] once, when they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The stamp written with each stored request.
    pub(super) stamp: Stamp,
    /// Milliseconds since this process began to count.
    pub(super) steady: i64,
}

/// A moment as another process can understand it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Milliseconds since 1970, by the wall clock.
    pub(super) wall: u64,
    /// Identifies one run of the operating system; 0 if the system has no such id.
    pub(super) boot: u64,
    /// Milliseconds since that run began.
    pub(super) uptime: u64,
}

impl Stamp {
    /// Milliseconds from an earlier moment to this one; `None` if unknown. Within one run of the system they are measured by its uptime,
    /// whatever happened to the wall clock. Otherwise by the wall clock, unless it contradicts itself, or was not set when the earlier
    /// moment was taken.
    pub(super) fn since(self, earlier: Stamp) -> Option<u64> {
        if self.boot != 0 && self.boot == earlier.boot {
            return self.uptime.checked_sub(earlier.uptime);
        }
        self.wall.checked_sub(earlier.wall).filter(|_| earlier.wall >= EARLIEST)
    }
}

pub(super) trait Clock: Debug + Send + Sync {
    fn now(&self) -> Moment;
}

#[derive(Debug)]
pub(super) struct SystemClock {
    start: Instant,
    boot: u64,
}

impl SystemClock {
    pub(super) fn start() -> Self {
        SystemClock { start: Instant::now(), boot: boot() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let wall = millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let steady = i64::try_from(millis(self.start.elapsed())).unwrap_or(i64::MAX);
        Moment { stamp: Stamp { wall, boot: self.boot, uptime: uptime() }, steady }
    }
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Linux's id of this run of the system.
#[cfg(target_os = "linux")]
fn boot() -> u64 {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&digits, 16).unwrap_or(0)
}

#[cfg(target_os = "linux")]
fn uptime() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    millis(std::time::Duration::try_from(time).unwrap_or_default())
}

#[cfg(not(target_os = "linux"))]
fn boot() -> u64 {
    0
}

#[cfg(not(target_os = "linux"))]
fn uptime() -> u64 {
    0
}
