//! The range of every number that can be configured. Outside of it a number is an error, and never clamped.

use std::fmt::Display;
use std::time::Duration;

use super::env::Source;
use super::error::invalid;
use super::{Origin, Parameter, Resolved, Result};

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

    /// Resolves a number of the builder or of a variable.
    pub(super) fn resolve<N: Number>(
        self,
        parameter: Parameter,
        given: Option<N>,
        source: &dyn Source,
        default: N,
    ) -> Result<Resolved<N>> {
        let number =
            parameter.resolve(given, source, |variable, text| self.parse(variable, text), default)?;
        if let Origin::Builder(method) = number.origin {
            self.check(method, number.value)?;
        }
        Ok(number)
    }

    /// Parses the text of a variable.
    pub(super) fn parse<N: Number>(self, variable: &'static str, text: String) -> Result<N> {
        let number = text.trim().parse().ok().filter(|number| self.has(*number));
        let number = number.and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| invalid(variable, text, self.expected()))
    }

    /// Checks the value of a builder method.
    pub(super) fn check<N: Number>(self, method: &'static str, number: N) -> Result<()> {
        if number.try_into().is_ok_and(|number| self.has(number)) {
            return Ok(());
        }
        Err(invalid(method, number.to_string(), self.expected()))
    }

    fn has(self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }

    fn expected(self) -> String {
        format!("expected a {} from {} to {}{}", self.what, self.least, self.most, self.zero)
    }
}

/// A whole number of any width.
pub(super) trait Number: Copy + Display + TryFrom<u64> + TryInto<u64> {}

impl<N: Copy + Display + TryFrom<u64> + TryInto<u64>> Number for N {}

/// Parses a number of milliseconds.
pub(super) fn milliseconds(variable: &'static str, text: String) -> Result<Duration> {
    MILLISECONDS.parse(variable, text).map(Duration::from_millis)
}

/// A duration set by the builder: above zero, and no longer than `most`.
pub(super) fn check_duration(method: &'static str, duration: Duration, most: Duration) -> Result<()> {
    if !duration.is_zero() && duration <= most {
        return Ok(());
    }
    let shown = if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") };
    Err(invalid(method, shown, format!("expected a duration above 0 and at most {most:?}")))
}

/// The longest that one answer may be waited for.
pub(super) const LONGEST_TIMEOUT: Duration = Duration::from_millis(MAX_MILLISECONDS);
