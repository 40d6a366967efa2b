//! Headers of providers' responses.

use std::time::{Duration, SystemTime};

use llm_trace_fuzz::fuzz;

use super::rate_limits::RateLimits;
use super::request_id;
use crate::value::bounds::{self, Number};

#[test]
fn fuzz_headers() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_500_000);
    fuzz("headers", |input| {
        let lines = input.split(|byte| *byte == b'\n');
        let headers: Vec<(String, &[u8])> = lines
            .filter_map(|line| {
                let colon = line.iter().position(|byte| *byte == b':')?;
                Some((String::from_utf8_lossy(&line[..colon]).into_owned(), &line[colon + 1..]))
            })
            .collect();
        let pairs = || headers.iter().map(|(name, value)| (name.as_str(), *value));
        let limits = RateLimits::read(pairs(), now);
        for limit in limits.iter().flat_map(|limits| [limits.requests, limits.tokens]) {
            let counts = [limit.allowed, limit.remaining].into_iter().flatten();
            for count in counts {
                assert_eq!(Number::RateLimit.check_count(count), Some(count));
            }
            assert_eq!(limit.reset.and_then(bounds::duration), limit.reset);
        }
        // Each header is independent: another header may hide its value but not change it.
        let backwards = RateLimits::read(pairs().chain([("x-other", &b"1"[..])]), now);
        assert_eq!(limits, backwards);
        let ids: Vec<_> = pairs().filter_map(|(name, value)| request_id::read(name, value)).collect();
        for id in &ids {
            let id = id.value.as_str();
            assert!(
                id.len() <= crate::value::bounds::MAX_NAME && id.bytes().all(|byte| byte.is_ascii_graphic()),
                "{id:?}"
            );
        }
        format!("{limits:?} {ids:?}")
    });
}
