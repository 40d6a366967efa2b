//! What the OpenTelemetry SDK would read from the environment by itself, silently putting a default in the place of
//! what it cannot read.

use std::time::Duration;

use opentelemetry_sdk::logs;
use opentelemetry_sdk::trace::{BatchConfig, BatchConfigBuilder, Sampler};

use super::ConfigError;
use super::env::{self, Source, invalid};

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";

/// The specification's defaults.
const DEFAULT_QUEUE: usize = 2048;
const DEFAULT_BATCH: usize = 512;
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// The variables of one batch processor.
struct BatchVariables {
    queue: &'static str,
    batch: &'static str,
    delay: &'static str,
    default_delay: Duration,
    /// Not for this kind of processor, but a value that is no number is a mistake.
    timeout: &'static str,
}

const SPANS: BatchVariables = BatchVariables {
    queue: "OTEL_BSP_MAX_QUEUE_SIZE",
    batch: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    delay: "OTEL_BSP_SCHEDULE_DELAY",
    default_delay: Duration::from_secs(5),
    timeout: "OTEL_BSP_EXPORT_TIMEOUT",
};

const EVENTS: BatchVariables = BatchVariables {
    queue: "OTEL_BLRP_MAX_QUEUE_SIZE",
    batch: "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    delay: "OTEL_BLRP_SCHEDULE_DELAY",
    default_delay: Duration::from_secs(1),
    timeout: "OTEL_BLRP_EXPORT_TIMEOUT",
};

/// Sampling, batches and intervals.
#[derive(Debug)]
pub(crate) struct SdkSettings {
    pub(crate) sampler: Sampler,
    pub(crate) batches: BatchConfig,
    pub(crate) event_batches: logs::BatchConfig,
    pub(crate) metric_interval: Duration,
}

impl SdkSettings {
    pub(super) fn resolve(source: &dyn Source) -> Result<Self, ConfigError> {
        Ok(SdkSettings {
            sampler: sampler(source)?,
            batches: span_batches(source)?,
            event_batches: event_batches(source)?,
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

fn span_batches(source: &dyn Source) -> Result<BatchConfig, ConfigError> {
    // Also for processors that export concurrently only.
    env::count(source, "OTEL_BSP_MAX_CONCURRENT_EXPORTS")?;
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
    env::milliseconds(source, variables.timeout)?;
    let delay = env::milliseconds(source, variables.delay)?.unwrap_or(variables.default_delay);
    Ok(Batches { queue, batch, delay })
}
