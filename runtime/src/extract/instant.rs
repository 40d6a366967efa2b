//! Durations as Go prints them, `6m0s`, and times as RFC 3339 writes them: the two forms in which providers say when a limit
//! is reset. A library for each would be more than the few lines that they take.

use std::time::Duration;

/// Seconds in `1h2m3.5s`, `20ms`: numbers with their units, one after the other.
pub(super) fn duration(text: &str) -> Option<f64> {
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "d" => 86400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        rest = &rest[end..];
        seconds += number * unit;
    }
    (!text.is_empty()).then_some(seconds)
}

/// Time since 1970 at `2026-11-24T08:00:00.5+01:00`.
pub(super) fn instant(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':')?;
    let is_valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_valid || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let offset = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        (sign, zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let minutes = number(hours)? * 60 + number(minutes)?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let seconds = days_since_1970(year, month, day) * 86400 + (hour * 60 + minute - offset) * 60 + second;
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    Some(Duration::from_secs(u64::try_from(seconds).ok()?) + Duration::try_from_secs_f64(fraction).ok()?)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(number);
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn number(text: &str) -> Option<i64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// In the Gregorian calendar; years begin in March, so that the day that not every year has is the last of one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
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
        for text in ["", "6", "m", "6x", "1.2.3s", "-1s", "6m 0s", "é"] {
            assert_eq!(duration(text), None, "{text}");
        }
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
