//! What the OpenTelemetry SDK would read from the environment by itself, silently putting a default in the place of
//! what it cannot read.

use std::time::Duration;

use opentelemetry_sdk::logs;
use opentelemetry_sdk::trace::{BatchConfig, BatchConfigBuilder};

use super::env::{self, Source, invalid};
use super::{Builder, ConfigError, Limits, MetricSettings, Sampling};

/// The specification's defaults.
const DEFAULT_QUEUE: usize = 2048;
const DEFAULT_BATCH: usize = 512;

/// The variables of one batch processor.
struct BatchVariables {
    queue: &'static str,
    batch: &'static str,
    delay: &'static str,
    default_delay: Duration,
}

const SPANS: BatchVariables = BatchVariables {
    queue: "OTEL_BSP_MAX_QUEUE_SIZE",
    batch: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    delay: "OTEL_BSP_SCHEDULE_DELAY",
    default_delay: Duration::from_secs(5),
};

const EVENTS: BatchVariables = BatchVariables {
    queue: "OTEL_BLRP_MAX_QUEUE_SIZE",
    batch: "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    delay: "OTEL_BLRP_SCHEDULE_DELAY",
    default_delay: Duration::from_secs(1),
};

/// Sampling, limits, batches and intervals.
#[derive(Debug)]
pub(crate) struct SdkSettings {
    pub(crate) sampling: Sampling,
    pub(crate) limits: Limits,
    pub(crate) batches: BatchConfig,
    pub(crate) event_batches: logs::BatchConfig,
    pub(crate) metrics: MetricSettings,
}

impl SdkSettings {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Self, ConfigError> {
        Ok(SdkSettings {
            sampling: Sampling::resolve(builder, source)?,
            limits: Limits::resolve(source)?,
            batches: span_batches(source)?,
            event_batches: event_batches(source)?,
            metrics: MetricSettings::resolve(builder, source)?,
        })
    }
}

fn span_batches(source: &dyn Source) -> Result<BatchConfig, ConfigError> {
    let Batches { queue, batch, delay } = batches(source, &SPANS)?;
    Ok(BatchConfigBuilder::default()
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch)
        .with_scheduled_delay(delay)
        .build())
}

fn event_batches(source: &dyn Source) -> Result<logs::BatchConfig, ConfigError> {
    let Batches { queue, batch, delay } = batches(source, &EVENTS)?;
    Ok(logs::BatchConfigBuilder::default()
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch)
        .with_scheduled_delay(delay)
        .build())
}

struct Batches {
    queue: usize,
    batch: usize,
    delay: Duration,
}

fn batches(source: &dyn Source, variables: &BatchVariables) -> Result<Batches, ConfigError> {
    let queue = env::count(source, variables.queue)?.unwrap_or(DEFAULT_QUEUE);
    let batch = match env::count(source, variables.batch)? {
        None => DEFAULT_BATCH.min(queue),
        Some(batch) if batch <= queue => batch,
        Some(batch) => {
            let expected = format!("expected at most the size of the queue (`{}`, {queue})", variables.queue);
            return Err(invalid(variables.batch, batch.to_string(), expected));
        }
    };
    let delay = env::milliseconds(source, variables.delay)?.unwrap_or(variables.default_delay);
    Ok(Batches { queue, batch, delay })
}
