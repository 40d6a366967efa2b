//! What the OpenTelemetry SDK would read from the environment by itself, silently putting a default in the place of
//! what it cannot read.

use std::time::Duration;

use opentelemetry_sdk::trace::{BatchConfig, BatchConfigBuilder, Sampler};

use super::ConfigError;
use super::env::{self, Source, invalid};

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
const QUEUE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
const BATCH: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
const DELAY: &str = "OTEL_BSP_SCHEDULE_DELAY";
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";

/// The specification's defaults.
const DEFAULT_QUEUE: usize = 2048;
const DEFAULT_BATCH: usize = 512;
const DEFAULT_DELAY: Duration = Duration::from_secs(5);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// Sampling, batches and intervals.
#[derive(Debug)]
pub(crate) struct SdkSettings {
    pub(crate) sampler: Sampler,
    pub(crate) batches: BatchConfig,
    pub(crate) metric_interval: Duration,
}

impl SdkSettings {
    pub(super) fn resolve(source: &dyn Source) -> Result<Self, ConfigError> {
        Ok(SdkSettings {
            sampler: sampler(source)?,
            batches: batches(source)?,
            metric_interval: env::milliseconds(source, INTERVAL)?.unwrap_or(DEFAULT_INTERVAL),
        })
    }
}

#[derive(Clone, Copy)]
enum Base {
    On,
    Off,
    Ratio,
}

fn sampler(source: &dyn Source) -> Result<Sampler, ConfigError> {
    let ratio = ratio(source)?;
    let choices = [
        ("always_on", (Base::On, false)),
        ("always_off", (Base::Off, false)),
        ("traceidratio", (Base::Ratio, false)),
        ("parentbased_always_on", (Base::On, true)),
        ("parentbased_always_off", (Base::Off, true)),
        ("parentbased_traceidratio", (Base::Ratio, true)),
    ];
    let (base, parent_based) = env::choice(source, SAMPLER, &choices)?.unwrap_or((Base::On, true));
    let base = match base {
        Base::On => Sampler::AlwaysOn,
        Base::Off => Sampler::AlwaysOff,
        Base::Ratio => Sampler::TraceIdRatioBased(ratio),
    };
    Ok(if parent_based { Sampler::ParentBased(Box::new(base)) } else { base })
}

fn ratio(source: &dyn Source) -> Result<f64, ConfigError> {
    let Some(value) = source.get(SAMPLER_ARGUMENT)? else { return Ok(1.0) };
    match value.trim().parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(invalid(SAMPLER_ARGUMENT, value, "expected a number between 0 and 1")),
    }
}

fn batches(source: &dyn Source) -> Result<BatchConfig, ConfigError> {
    let queue = env::count(source, QUEUE)?.unwrap_or(DEFAULT_QUEUE);
    let batch = match env::count(source, BATCH)? {
        None => DEFAULT_BATCH.min(queue),
        Some(batch) if batch <= queue => batch,
        Some(batch) => {
            let expected = format!("expected at most the size of the queue (`{QUEUE}`, {queue})");
            return Err(invalid(BATCH, batch.to_string(), expected));
        }
    };
    // Both are for processors that export concurrently; this one does not, but a value that is no number is a mistake.
    env::milliseconds(source, "OTEL_BSP_EXPORT_TIMEOUT")?;
    env::count(source, "OTEL_BSP_MAX_CONCURRENT_EXPORTS")?;
    Ok(BatchConfigBuilder::default()
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch)
        .with_scheduled_delay(env::milliseconds(source, DELAY)?.unwrap_or(DEFAULT_DELAY))
        .build())
}
