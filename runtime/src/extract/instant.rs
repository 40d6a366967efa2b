//! Durations as Go prints them, `6m0s`, and RFC 3339 times: the two forms in which providers report when a limit is reset.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp};

/// The last second that RFC 3339 can write.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

/// Seconds in `1h2m3.5s`, `20ms`, `1d`; infinite where they are more than can be counted.
pub(super) fn duration(text: &str) -> Option<f64> {
    let span = match text.parse::<Span>() {
        Err(_) if is_huge(text) => return Some(f64::INFINITY),
        span => span.ok()?,
    };
    let seconds = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.as_secs_f64();
    (seconds >= 0.0).then_some(seconds)
}

/// Time since 1970 at `2026-11-24T08:00:00.5+01:00`.
pub(super) fn instant(text: &str) -> Option<Duration> {
    let at = match text.parse::<Timestamp>() {
        Err(error) if error.is_range() && text.starts_with("9999-") => return Some(END_OF_TIME),
        at => at.ok()?,
    };
    at.as_duration().try_into().ok()
}

/// A number of ten digits or more with its unit.
fn is_huge(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_unit = !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_lowercase());
    is_unit && text.len() - unit.len() >= 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        for (text, seconds) in
            [("6m0s", 360.0), ("1h2m3.5s", 3723.5), ("20ms", 0.02), ("1d", 86400.0), ("5µs", 5e-6)]
        {
            let read = duration(text).expect("a duration");
            assert!((read - seconds).abs() < 1e-12, "{text}: {read}");
        }
        for text in ["", "6", "m", "6x", "1.2.3s", "-1s", "é"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_beyond_every_calendar_is_beyond_every_bound() {
        assert_eq!(duration("99999999999h"), Some(f64::INFINITY));
        assert_eq!(instant("9999-12-31T23:59:59Z"), Some(END_OF_TIME));
    }

    #[test]
    fn times_are_read_with_leap_years_fractions_and_zones() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2024-02-29T12:00:00Z", 1_709_208_000.0),
            ("2026-11-24T08:00:00.25Z", 1_795_507_200.25),
            ("2026-11-24t09:30:00+01:30", 1_795_507_200.0),
            ("2026-11-24 03:00:00-05:00", 1_795_507_200.0),
            ("2100-03-01T00:00:00Z", 4_107_542_400.0),
        ] {
            assert_eq!(instant(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T08:00:00",
            "2026-11-24T24:00:00Z",
            "2026-00-01T00:00:00Z",
            "T",
            "1969-01-01T00:00:00Z",
            "2026-11-24T08:00:00.xZ",
            "2026-11-24T08:00:00Zé",
            "+026-11-24T08:00:00Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
