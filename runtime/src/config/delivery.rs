//! What waits while a receiver is away.

use super::env::invalid;
use super::{Builder, ConfigError};
use crate::export::Pace;

const DEFAULT_MAX_QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// The settings of delivery that are the same for every signal.
#[derive(Debug)]
pub(crate) struct DeliverySettings {
    /// Of each signal.
    pub(crate) max_queue_bytes: usize,
    pub(crate) pace: Pace,
}

impl DeliverySettings {
    pub(super) fn resolve(builder: &Builder) -> Result<Self, ConfigError> {
        let max_queue_bytes = match builder.max_queue_bytes {
            Some(0) => {
                return Err(invalid(
                    "with_max_queue_bytes",
                    "0".to_owned(),
                    "expected a number of bytes above 0",
                ));
            }
            bytes => bytes.unwrap_or(DEFAULT_MAX_QUEUE_BYTES),
        };
        let pace = builder.retry_second.map(Pace::with_second).unwrap_or_default();
        Ok(DeliverySettings { max_queue_bytes, pace })
    }
}
