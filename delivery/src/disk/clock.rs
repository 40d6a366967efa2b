//! Three clocks: one that tells the time, one that only goes forward, and one that runs as long as the system.

use std::fmt::Debug;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Before this nobody can have stored anything: a clock that says so was not set yet. 2025-01-01.
const EARLIEST: u64 = 1_735_689_600_000;

/// One moment on all clocks.
///
/// What this process stores ages by the steady clock, so that setting the other one back or forth makes nothing too old
/// and keeps nothing too long. What another process stored is dated by its [`Stamp`] once, when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// What is written beside what is stored.
    pub(super) stamp: Stamp,
    /// Milliseconds since this process began to count.
    pub(super) steady: i64,
}

/// A moment as another process can understand it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Milliseconds since 1970, as far as anybody knows.
    pub(super) wall: u64,
    /// Tells one run of the operating system from another; 0 if the system does not say.
    pub(super) boot: u64,
    /// Milliseconds since that run began.
    pub(super) uptime: u64,
}

impl Stamp {
    /// Milliseconds from an earlier moment to this one; `None` if nobody can tell. Within one run of the system its uptime
    /// says it, whatever happened to the wall clock. Otherwise the wall clock does, unless it contradicts itself, or
    /// was not set when the earlier moment was taken.
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
