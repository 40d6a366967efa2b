//! The range of every number that can be configured. Outside of it a number is an error, and never clamped.

use std::time::Duration;

use super::ConfigError;
use super::env::{self, Source, invalid};

/// Whole numbers that a parameter takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    least: u64,
    most: u64,
    what: &'static str,
    zero: &'static str,
}

/// 24 days: the most that 32 bits hold, which some use for "never".
const MAX_MILLISECONDS: u64 = i32::MAX as u64;

/// Zero would mean to wait for nothing, or never to wait.
pub(super) const MILLISECONDS: Range = Range::of("number of milliseconds", 1, MAX_MILLISECONDS);
pub(super) const PATIENCE: Range =
    Range { zero: ", 0 for no limit", ..Range::of("number of milliseconds", 0, MAX_MILLISECONDS) };
/// The SDK reserves memory for a whole queue when it starts: 25 MB for the longest.
pub(super) const QUEUE: Range = Range::of("whole number", 1, 65_536);
/// Of attributes, events, links and characters.
pub(super) const LIMIT: Range = Range::of("whole number", 0, u32::MAX as u64);
/// A terabyte is more than any memory or spool, and can be added up without overflow.
pub(super) const BYTES: Range = Range::of("number of bytes", 1, 1 << 40);
/// Of content: what is recorded is held in memory several times, and no receiver takes more than a gigabyte.
pub(super) const CONTENT_BYTES: Range = Range::of("number of bytes", 0, 1 << 30);

impl Range {
    const fn of(what: &'static str, least: u64, most: u64) -> Self {
        Range { least, most, what, zero: "" }
    }

    /// Reads a variable; `None` if it is not set.
    pub(super) fn read(
        self,
        source: &dyn Source,
        variable: &'static str,
    ) -> Result<Option<u64>, ConfigError> {
        let Some(value) = source.get(variable)? else { return Ok(None) };
        let number = value.trim().parse().ok().filter(|number| self.has(*number));
        number.map(Some).ok_or_else(|| invalid(variable, value, self.expected()))
    }

    /// Like [`read`](Self::read), for what is held in memory.
    pub(super) fn read_size(
        self,
        source: &dyn Source,
        variable: &'static str,
    ) -> Result<Option<usize>, ConfigError> {
        let Some(number) = self.read(source, variable)? else { return Ok(None) };
        let size =
            usize::try_from(number).map_err(|_| invalid(variable, number.to_string(), self.expected()));
        size.map(Some)
    }

    /// Checks the value of a builder method.
    pub(super) fn check(self, method: &'static str, number: u64) -> Result<(), ConfigError> {
        if self.has(number) { Ok(()) } else { Err(invalid(method, number.to_string(), self.expected())) }
    }

    /// Like [`check`](Self::check), for what is held in memory.
    pub(super) fn check_size(self, method: &'static str, number: usize) -> Result<(), ConfigError> {
        self.check(method, number as u64)
    }

    fn has(self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }

    fn expected(self) -> String {
        format!("expected a {} from {} to {}{}", self.what, self.least, self.most, self.zero)
    }
}

/// A number of milliseconds, in a variable.
pub(super) fn milliseconds(
    source: &dyn Source,
    variable: &'static str,
) -> Result<Option<Duration>, ConfigError> {
    Ok(MILLISECONDS.read(source, variable)?.map(Duration::from_millis))
}

/// A number of milliseconds, of which zero means no limit, in a variable.
pub(super) fn patience(source: &dyn Source, variable: &'static str) -> Result<Option<Duration>, ConfigError> {
    let milliseconds = PATIENCE.read(source, variable)?.filter(|milliseconds| *milliseconds > 0);
    Ok(milliseconds.map(Duration::from_millis))
}

/// A duration set by the builder: above zero, and no longer than `most`.
pub(super) fn check_duration(
    method: &'static str,
    duration: Duration,
    most: Duration,
) -> Result<(), ConfigError> {
    if !duration.is_zero() && duration <= most {
        return Ok(());
    }
    let shown = if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") };
    Err(env::invalid(method, shown, format!("expected a duration above 0 and at most {most:?}")))
}

/// The longest that one answer may be waited for.
pub(super) const LONGEST_TIMEOUT: Duration = Duration::from_millis(MAX_MILLISECONDS);
