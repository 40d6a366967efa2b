//! Settings of telemetry that waits for a receiver.

use std::time::Duration;

use llm_trace_delivery::Backoff;

use super::env::{self, Source};
use super::error::invalid;
use super::{Builder, Origin, Parameter, Resolved, Result, range};

const MAX_QUEUE_BYTES: Parameter = Parameter::new("with_max_queue_bytes", &[]);
const MAX_RETRY_AFTER: Parameter = Parameter::new("with_max_retry_after", &["LLM_TRACE_MAX_RETRY_AFTER"]);
const SELF_METRICS: Parameter = Parameter::new("with_self_metrics", &["LLM_TRACE_SELF_METRICS"]);

const DEFAULT_MAX_QUEUE_BYTES: usize = 32 * 1024 * 1024;
const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST_RETRY_SECOND: Duration = Duration::from_secs(60);

/// The settings of delivery that are the same for every signal.
pub(crate) struct DeliverySettings {
    /// Of each signal.
    pub(crate) max_queue_bytes: Resolved<usize>,
    pub(crate) backoff: Backoff,
    /// The longest pause that a receiver may ask for.
    pub(crate) max_retry_after: Resolved<Duration>,
    /// Whether delivery is measured.
    pub(crate) self_metrics: Resolved<bool>,
}

impl DeliverySettings {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Self> {
        let given = builder.max_queue_bytes;
        let max_queue_bytes =
            range::BYTES.resolve(MAX_QUEUE_BYTES, given, source, DEFAULT_MAX_QUEUE_BYTES)?;
        if let Some(second) = builder.retry_second {
            range::check_duration("with_retry_second", second, LONGEST_RETRY_SECOND)?;
        }
        let backoff = builder.retry_second.map(Backoff::with_second).unwrap_or_default();
        let max_retry_after = max_retry_after(builder, source)?;
        let self_metrics = SELF_METRICS.resolve(builder.self_metrics, source, env::flag, true)?;
        Ok(DeliverySettings { max_queue_bytes, backoff, max_retry_after, self_metrics })
    }
}

fn max_retry_after(builder: &Builder, source: &dyn Source) -> Result<Resolved<Duration>> {
    let is_allowed = |length: &Duration| (Duration::from_secs(1)..=LONGEST_RETRY_AFTER).contains(length);
    let parse = |variable, text: String| {
        let expected = "expected a whole number with a unit, `1s` to `24h`: `90s`, `5m`, `1h`";
        let length = env::with_unit(text.trim()).filter(is_allowed);
        length.ok_or_else(|| invalid(variable, text, expected))
    };
    let length = MAX_RETRY_AFTER.resolve(builder.max_retry_after, source, parse, DEFAULT_MAX_RETRY_AFTER)?;
    match length {
        Resolved { value, origin: Origin::Builder(method) } if !is_allowed(&value) => {
            Err(invalid(method, format!("{value:?}"), "expected 1 second to 24 hours"))
        }
        length => Ok(length),
    }
}
