//! Settings of telemetry that waits for a receiver.

use std::time::Duration;

use llm_trace_delivery::Backoff;

use super::env::{self, Source, invalid};
use super::{Builder, ConfigError, range};

pub(super) const MAX_RETRY_AFTER: &str = "LLM_TRACE_MAX_RETRY_AFTER";
pub(super) const SELF_METRICS: &str = "LLM_TRACE_SELF_METRICS";

const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

const DEFAULT_MAX_QUEUE_BYTES: usize = 32 * 1024 * 1024;
const LONGEST_RETRY_SECOND: Duration = Duration::from_secs(60);

/// The settings of delivery that are the same for every signal.
#[derive(Debug)]
pub(crate) struct DeliverySettings {
    /// Of each signal.
    pub(crate) max_queue_bytes: usize,
    pub(crate) backoff: Backoff,
    /// The longest pause that a receiver may ask for.
    pub(crate) max_retry_after: Duration,
    /// Whether delivery is measured.
    pub(crate) self_metrics: bool,
}

impl DeliverySettings {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Self, ConfigError> {
        let max_queue_bytes = builder.max_queue_bytes.unwrap_or(DEFAULT_MAX_QUEUE_BYTES);
        range::BYTES.check_size("with_max_queue_bytes", max_queue_bytes)?;
        if let Some(second) = builder.retry_second {
            range::check_duration("with_retry_second", second, LONGEST_RETRY_SECOND)?;
        }
        let backoff = builder.retry_second.map(Backoff::with_second).unwrap_or_default();
        let max_retry_after = max_retry_after(builder, source)?;
        let self_metrics = match builder.self_metrics {
            Some(on) => on,
            None => env::flag(source, SELF_METRICS)?.unwrap_or(true),
        };
        Ok(DeliverySettings { max_queue_bytes, backoff, max_retry_after, self_metrics })
    }
}

fn max_retry_after(builder: &Builder, source: &dyn Source) -> Result<Duration, ConfigError> {
    const ALLOWED: &str = "expected 1 second to 24 hours";
    let is_allowed = |length: &Duration| (Duration::from_secs(1)..=LONGEST_RETRY_AFTER).contains(length);
    if let Some(length) = builder.max_retry_after {
        return Some(length)
            .filter(is_allowed)
            .ok_or_else(|| invalid("with_max_retry_after", format!("{length:?}"), ALLOWED));
    }
    let Some(value) = source.get(MAX_RETRY_AFTER)? else { return Ok(DEFAULT_MAX_RETRY_AFTER) };
    let expected = "expected a whole number with a unit, `1s` to `24h`: `90s`, `5m`, `1h`";
    let length = env::with_unit(value.trim()).filter(is_allowed);
    length.ok_or_else(|| invalid(MAX_RETRY_AFTER, value, expected))
}
