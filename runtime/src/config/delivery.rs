//! What waits while a receiver is away.

use std::time::Duration;

use super::{Builder, ConfigError, range};
use crate::export::Pace;

const DEFAULT_MAX_QUEUE_BYTES: usize = 32 * 1024 * 1024;
const LONGEST_RETRY_SECOND: Duration = Duration::from_secs(60);

/// The settings of delivery that are the same for every signal.
#[derive(Debug)]
pub(crate) struct DeliverySettings {
    /// Of each signal.
    pub(crate) max_queue_bytes: usize,
    pub(crate) pace: Pace,
}

impl DeliverySettings {
    pub(super) fn resolve(builder: &Builder) -> Result<Self, ConfigError> {
        let max_queue_bytes = builder.max_queue_bytes.unwrap_or(DEFAULT_MAX_QUEUE_BYTES);
        range::BYTES.check_size("with_max_queue_bytes", max_queue_bytes)?;
        if let Some(second) = builder.retry_second {
            range::check_duration("with_retry_second", second, LONGEST_RETRY_SECOND)?;
        }
        let pace = builder.retry_second.map(Pace::with_second).unwrap_or_default();
        Ok(DeliverySettings { max_queue_bytes, pace })
    }
}
