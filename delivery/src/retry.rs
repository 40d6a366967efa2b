//! Backoff between attempts.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant, SystemTime};

/// While the program runs, by what went wrong before.
const FIRST_PAUSE: u32 = 1;
const LONGEST_PAUSE: u32 = 60;
/// First pause during a flush or shutdown.
const FIRST_PAUSE_IN_A_HURRY: Duration = Duration::from_millis(100);

/// Scale of retry delays: one second is one second, except in tests.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    second: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { second: Duration::from_secs(1) }
    }
}

impl Backoff {
    /// Makes a second of every pause so long, for tests.
    pub fn with_second(second: Duration) -> Self {
        Backoff { second }
    }

    /// After so many failures in a row: anywhere between nothing and twice as long as the last time (full jitter), so that
    /// many programs do not come back all at once.
    pub(crate) fn backoff(self, failures: u32) -> Duration {
        let ceiling = doubled(FIRST_PAUSE, failures).min(LONGEST_PAUSE);
        (self.second * ceiling).mul_f64(fraction())
    }

    /// Backoff during a flush or shutdown: up to a second.
    pub(crate) fn backoff_in_a_hurry(self, failures: u32) -> Duration {
        let ceiling = FIRST_PAUSE_IN_A_HURRY * doubled(1, failures).min(10);
        self.scaled(ceiling).min(ceiling).mul_f64(fraction())
    }

    /// Backoff for errors that need intervention: the longest pause, whether or not it failed before.
    pub(crate) fn until_somebody_helps(self) -> Duration {
        (self.second * LONGEST_PAUSE).mul_f64(0.5 + fraction() / 2.0)
    }

    /// Returns the pause that a receiver requested.
    pub(crate) fn asked_for(self, pause: Duration) -> Duration {
        self.scaled(pause)
    }

    fn scaled(self, duration: Duration) -> Duration {
        // Exact without scaling; must not overflow, whatever pause a receiver requests.
        if self.second == Duration::from_secs(1) {
            return duration;
        }
        Duration::try_from_secs_f64(duration.as_secs_f64() * self.second.as_secs_f64()).unwrap_or(duration)
    }
}

fn doubled(first: u32, failures: u32) -> u32 {
    first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX))
}

/// Anything from 0 to 1. The keys of the standard library's hash maps are random.
fn fraction() -> f64 {
    let bits = RandomState::new().hash_one(()) >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

/// The instant so long from now, but at most in a year: `Duration::MAX` from now is no instant.
pub(crate) fn after(length: Duration) -> Instant {
    Instant::now() + length.min(Duration::from_secs(365 * 24 * 60 * 60))
}

/// Reads `Retry-After`: seconds, or a date by the clock of the answer (`Date`) if it has one, else by ours.
pub(crate) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than can be counted is more than any bound.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    Some(until.duration_since(now.unwrap_or_else(SystemTime::now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_spread_below() {
        let backoff = Backoff::default();
        for (failures, ceiling) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
            let pauses: Vec<_> = (0..200).map(|_| backoff.backoff(failures)).collect();
            let ceiling = Duration::from_secs(ceiling);
            assert!(pauses.iter().all(|pause| *pause <= ceiling), "{failures}");
            assert!(pauses.iter().any(|pause| *pause > ceiling / 2), "{failures}");
            assert!(pauses.iter().any(|pause| *pause < ceiling / 2), "{failures}");
            assert!(backoff.backoff_in_a_hurry(failures) <= Duration::from_secs(1), "{failures}");
        }
        assert!(backoff.until_somebody_helps() >= Duration::from_secs(30));
    }

    #[test]
    fn what_a_receiver_asks_for_is_kept_to_in_full() {
        assert_eq!(Backoff::default().asked_for(Duration::from_secs(86_400)), Duration::from_secs(86_400));
        let fast = Backoff::with_second(Duration::from_millis(1));
        assert_eq!(fast.asked_for(Duration::from_secs(30)), Duration::from_millis(30));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = Some("Tue, 24 Nov 2026 08:00:00 GMT");
        let cases = [
            ("30", None, Some(30)),
            (" 0 ", None, Some(0)),
            ("18446744073709551615", None, Some(u64::MAX)),
            ("18446744073709551616", None, Some(u64::MAX)),
            ("Tue, 24 Nov 2026 08:01:30 GMT", date, Some(90)),
            ("Tue, 24 Nov 2026 07:00:00 GMT", date, Some(0)),
            ("Mon, 01 Jan 2001 00:00:00 GMT", None, Some(0)),
            ("-1", None, None),
            ("1e9", None, None),
            ("soon", date, None),
            ("", None, None),
        ];
        for (value, date, expected) in cases {
            assert_eq!(retry_after(value, date), expected.map(Duration::from_secs), "{value}");
        }
        let by_our_clock = retry_after("Fri, 31 Dec 9999 23:59:59 GMT", None).expect("a date");
        assert!(by_our_clock > Duration::from_secs(1_000_000));
    }
}
