//! In: the headers of a response. Out: how much of the provider's limits is left, and when they are full again.
//!
//! Names are taken apart instead of listed: `x-ratelimit-remaining-tokens` (`OpenAI`, Azure, Groq, xAI),
//! `anthropic-ratelimit-input-tokens-remaining`, `x-ratelimit-remaining-tokens-minute` (Mistral, Cerebras).

use std::time::{Duration, SystemTime};

use crate::value::bounds::{self, Number};

use super::instant::{duration, instant};

/// Limits of requests and of tokens, from headers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RateLimits {
    pub(crate) requests: Limit,
    pub(crate) tokens: Limit,
}

/// One limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limit {
    pub(crate) allowed: Option<u64>,
    pub(crate) remaining: Option<u64>,
    /// Time until all of it is there again.
    pub(crate) reset: Option<Duration>,
}

/// The meaning of a header, parsed from its name.
#[derive(Debug, PartialEq)]
struct Name {
    field: Field,
    of: Of,
    /// The rest of the name, which distinguishes this limit from others: `input`, `minute`.
    window: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Limit,
    Remaining,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Requests,
    Tokens,
}

/// No header about limits is longer.
const MAX_LENGTH: usize = 64;

impl RateLimits {
    /// `None` if no header is about limits.
    pub(crate) fn read<N: AsRef<str>, V: AsRef<[u8]>>(
        headers: impl IntoIterator<Item = (N, V)>,
        now: SystemTime,
    ) -> Option<Self> {
        let mut found: Vec<(Of, String, Limit)> = Vec::new();
        let mut retry_after = None;
        for (name, value) in headers {
            let (name, value) = (name.as_ref(), value.as_ref());
            if name.len() > MAX_LENGTH || value.len() > MAX_LENGTH {
                continue;
            }
            let Ok(value) = std::str::from_utf8(value) else { continue };
            let value = value.trim();
            if let Some(scale) = retry_after_scale(name) {
                let seconds = value.parse().ok().map(|number: f64| number * scale);
                retry_after = retry_after.or(seconds.and_then(bounds::seconds));
            } else if let Some(Name { field, of, window }) = Name::parse(name) {
                let at = found.iter().position(|known| known.0 == of && known.1 == window);
                let at = at.unwrap_or_else(|| {
                    found.push((of, window, Limit::default()));
                    found.len() - 1
                });
                found[at].2.set(field, value, now);
            }
        }
        let mut limits =
            RateLimits { requests: tightest(&found, Of::Requests), tokens: tightest(&found, Of::Tokens) };
        // Sent when a limit is reached: whichever it was, no request is answered before.
        limits.requests.reset = limits.requests.reset.or(retry_after);
        (limits != RateLimits::default()).then_some(limits)
    }
}

impl Limit {
    /// Sets a field. A value that cannot be read, including -1 for "unknown", is not recorded.
    fn set(&mut self, field: Field, value: &str, now: SystemTime) {
        match field {
            Field::Limit => self.allowed = count(value),
            Field::Remaining => self.remaining = count(value),
            Field::Reset => self.reset = until_reset(value, now).and_then(bounds::seconds),
        }
    }

    /// Returns the share that is left, from 0 to 1; an unknown share is 1.
    fn share_left(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an order is all that is wanted")]
        match (self.remaining, self.allowed) {
            (Some(remaining), Some(limit)) => remaining as f64 / limit.max(1) as f64,
            (Some(0), None) => 0.0,
            _ => 1.0,
        }
    }
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let rest = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"]
            .into_iter()
            .find_map(|prefix| name.strip_prefix(prefix))?;
        let (mut field, mut of, mut window) = (None, None, Vec::new());
        for part in rest.split('-') {
            match part {
                "limit" => field = Some(Field::Limit),
                "remaining" => field = Some(Field::Remaining),
                "reset" => field = Some(Field::Reset),
                "requests" | "request" | "req" => of = Some(Of::Requests),
                "tokens" | "token" => of = Some(Of::Tokens),
                other => window.push(other),
            }
        }
        let is_time = |part: &&str| matches!(*part, "second" | "minute" | "hour" | "day" | "month");
        // Some providers count requests only, and then name no unit; images and the like are neither.
        let of = of.or_else(|| window.iter().all(is_time).then_some(Of::Requests))?;
        Some(Name { field: field?, of, window: window.join("-") })
    }
}

/// The limit that is for all, or else that of which the least is left.
fn tightest(found: &[(Of, String, Limit)], of: Of) -> Limit {
    let mut limits: Vec<_> = found.iter().filter(|(known, ..)| *known == of).collect();
    limits.sort_by(|(_, a, left), (_, b, right)| {
        let whole = b.is_empty().cmp(&a.is_empty());
        whole.then(left.share_left().total_cmp(&right.share_left()))
    });
    limits.first().map(|(.., limit)| *limit).unwrap_or_default()
}

/// Parses a count. Some providers send -1 for an unknown count.
fn count(value: &str) -> Option<u64> {
    if value == "-1" { None } else { Number::RateLimit.whole(value.parse().ok()?) }
}

/// Seconds from now: a duration (`6m0s`, `20ms`, `59` seconds) or a time (RFC 3339, or seconds or milliseconds since 1970).
fn until_reset(value: &str, now: SystemTime) -> Option<f64> {
    /// As a number of seconds from now this is 31 years; as one of milliseconds since 1970 it is in 2001.
    const SINCE_1970: f64 = 1e9;
    let at = match value.parse::<f64>() {
        Ok(number) if number >= SINCE_1970 * 1000.0 => number / 1000.0,
        Ok(number) if number >= SINCE_1970 => number,
        Ok(number) => return Some(number),
        Err(_) => match duration(value) {
            Some(seconds) => return Some(seconds),
            None => instant(value)?.as_secs_f64(),
        },
    };
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs_f64();
    // A time that has passed is now.
    Some((at - now).max(0.0))
}

/// Returns the factor that converts a number in this header to seconds.
fn retry_after_scale(name: &str) -> Option<f64> {
    if name.eq_ignore_ascii_case("retry-after") {
        return Some(1.0);
    }
    name.eq_ignore_ascii_case("retry-after-ms").then_some(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_507_200)
    }

    fn limit(allowed: u64, remaining: u64, reset: f64) -> Limit {
        let reset = Some(Duration::from_secs_f64(reset));
        Limit { allowed: Some(allowed), remaining: Some(remaining), reset }
    }

    fn read<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<RateLimits> {
        RateLimits::read(headers, now())
    }

    #[test]
    fn openai_azure_and_groq_send_a_limit_for_requests_and_one_for_tokens() {
        let openai = read([
            ("x-request-id", "req_1"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-limit-tokens", "200000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-remaining-tokens", "199990"),
            ("x-ratelimit-reset-requests", "8.64s"),
            ("x-ratelimit-reset-tokens", "3ms"),
        ]);
        let expected =
            RateLimits { requests: limit(10000, 9999, 8.64), tokens: limit(200_000, 199_990, 0.003) };
        assert_eq!(openai, Some(expected));

        let groq = read([
            ("X-RateLimit-Limit-Requests", "14400"),
            ("X-RateLimit-Limit-Tokens", "18000"),
            ("X-RateLimit-Remaining-Requests", "14370"),
            ("X-RateLimit-Remaining-Tokens", "17997"),
            ("X-RateLimit-Reset-Requests", "2m59.56s"),
            ("X-RateLimit-Reset-Tokens", "7.66s"),
            ("Retry-After", "2"),
        ]);
        let expected =
            RateLimits { requests: limit(14400, 14370, 179.56), tokens: limit(18000, 17997, 7.66) };
        assert_eq!(groq, Some(expected));

        let azure = read([
            ("x-ratelimit-remaining-requests", "-1"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "57"),
            ("retry-after-ms", "57250"),
            ("retry-after", "57"),
        ]);
        let reset = |seconds| Some(Duration::from_secs_f64(seconds));
        let requests = Limit { reset: reset(57.25), ..Limit::default() };
        let tokens = Limit { remaining: Some(0), reset: reset(57.0), allowed: None };
        assert_eq!(azure, Some(RateLimits { requests, tokens }));
    }

    #[test]
    fn anthropic_sends_times_and_limits_of_input_and_output() {
        let with = |more: &[(&'static str, &'static str)]| {
            let common = [
                ("anthropic-ratelimit-requests-limit", "4000"),
                ("anthropic-ratelimit-requests-remaining", "3999"),
                ("anthropic-ratelimit-requests-reset", "2026-11-24T08:00:01Z"),
                ("anthropic-ratelimit-input-tokens-limit", "400000"),
                ("anthropic-ratelimit-input-tokens-remaining", "399000"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-11-24T09:00:00.500+01:00"),
                ("anthropic-ratelimit-output-tokens-limit", "80000"),
                ("anthropic-ratelimit-output-tokens-remaining", "20000"),
                ("anthropic-ratelimit-output-tokens-reset", "2026-11-24T08:00:45Z"),
            ];
            read(common.into_iter().chain(more.iter().copied())).expect("limits")
        };
        assert_eq!(with(&[]).requests, limit(4000, 3999, 1.0));
        assert_eq!(with(&[]).tokens, limit(80000, 20000, 45.0), "of which the least is left");
        let of_all = with(&[
            ("anthropic-ratelimit-tokens-limit", "480000"),
            ("anthropic-ratelimit-tokens-remaining", "419000"),
            ("anthropic-ratelimit-tokens-reset", "2026-11-24T07:59:59Z"),
        ]);
        assert_eq!(of_all.tokens, limit(480_000, 419_000, 0.0), "a time that has passed is now");
    }

    #[test]
    fn mistral_and_cerebras_name_the_time_that_a_limit_is_for() {
        let mistral = read([
            ("x-ratelimit-limit-req-minute", "60"),
            ("x-ratelimit-remaining-req-minute", "59"),
            ("x-ratelimit-limit-tokens-minute", "500000"),
            ("x-ratelimit-remaining-tokens-minute", "499900"),
            ("x-ratelimit-limit-tokens-month", "1000000"),
            ("x-ratelimit-remaining-tokens-month", "1000"),
            ("x-ratelimit-tokens-query-cost", "100"),
        ])
        .expect("limits");
        assert_eq!((mistral.requests.allowed, mistral.requests.remaining), (Some(60), Some(59)));
        assert_eq!((mistral.tokens.allowed, mistral.tokens.remaining), (Some(1_000_000), Some(1000)));

        let cerebras = read([
            ("x-ratelimit-limit-requests-day", "14400"),
            ("x-ratelimit-remaining-requests-day", "14399"),
            ("x-ratelimit-reset-requests-day", "33011.382867"),
        ]);
        assert_eq!(cerebras.expect("limits").requests, limit(14400, 14399, 33_011.382_867));
    }

    #[test]
    fn a_limit_of_nothing_in_particular_is_one_of_requests() {
        let openrouter = read([
            ("X-RateLimit-Limit", "20"),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Reset", "1795507260000"),
        ]);
        assert_eq!(openrouter.expect("limits").requests, limit(20, 0, 60.0));
        assert_eq!(
            read([("x-ratelimit-reset", "1795507205")]).expect("limits").requests.reset,
            Some(Duration::from_secs(5))
        );
        assert_eq!(read([("x-ratelimit-limit-images", "5")]), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_told() {
        let long = "9".repeat(100);
        for (name, value) in [
            ("content-type", "application/json"),
            ("x-ratelimit-remaining-requests", "plenty"),
            ("x-ratelimit-reset-tokens", "soon"),
            ("x-ratelimit-reset-tokens", "-5s"),
            ("x-ratelimit-reset-tokens", "2026-13-45T99:99:99Z"),
            ("x-ratelimit-limit-tokens", long.as_str()),
            ("retry-after", "-1"),
            ("retry-after", "NaN"),
            ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("x-ratelimit-", "1"),
        ] {
            assert_eq!(read([(name, value)]), None, "{name}: {value}");
        }
        assert_eq!(RateLimits::read([("x-ratelimit-limit-tokens", &b"\xff"[..])], now()), None);
    }
}
