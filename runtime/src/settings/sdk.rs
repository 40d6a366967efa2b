//! Variables that the OpenTelemetry SDK would read itself, silently replacing values that it cannot read by defaults.

use std::time::Duration;

use opentelemetry_sdk::logs;

use super::env::{Source, invalid};
use super::{Builder, ConfigError, Limits, MetricSettings, Origin, Resolved, Sampling, range};

/// 40 ms of 200,000 spans a second, for which the thread that encodes may have to wait on a busy core. The specification's default is 2048.
const DEFAULT_SPAN_QUEUE: usize = 8192;
/// The specification's defaults.
const DEFAULT_EVENT_QUEUE: usize = 2048;
const WRITE_AHEAD_DELAY: Duration = Duration::from_millis(100);
const DEFAULT_BATCH: usize = 512;

/// The variables of one batch processor.
pub(super) struct BatchVariables {
    pub(super) queue: &'static str,
    pub(super) batch: &'static str,
    pub(super) delay: &'static str,
    default_queue: usize,
    default_delay: Duration,
}

pub(super) const SPANS: BatchVariables = BatchVariables {
    queue: "OTEL_BSP_MAX_QUEUE_SIZE",
    batch: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    delay: "OTEL_BSP_SCHEDULE_DELAY",
    default_queue: DEFAULT_SPAN_QUEUE,
    default_delay: Duration::from_secs(5),
};

pub(super) const EVENTS: BatchVariables = BatchVariables {
    queue: "OTEL_BLRP_MAX_QUEUE_SIZE",
    batch: "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    delay: "OTEL_BLRP_SCHEDULE_DELAY",
    default_queue: DEFAULT_EVENT_QUEUE,
    default_delay: Duration::from_secs(1),
};

/// Sampling, limits, batches and intervals.
#[derive(Debug)]
pub(crate) struct SdkSettings {
    pub(crate) sampling: Sampling,
    pub(crate) limits: Limits,
    pub(crate) batches: Batches,
    pub(crate) event_batches: Batches,
    pub(crate) metrics: MetricSettings,
}

impl SdkSettings {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Self, ConfigError> {
        Ok(SdkSettings {
            sampling: Sampling::resolve(builder, source)?,
            limits: Limits::resolve(source)?,
            batches: batches(source, &SPANS)?,
            event_batches: batches(source, &EVENTS)?,
            metrics: MetricSettings::resolve(builder, source)?,
        })
    }

    /// Has spans and events wait less in memory, as a kill loses what is there. What a variable says is kept to.
    pub(super) fn hasten(&mut self, source: &dyn Source) -> Result<(), ConfigError> {
        for (variables, batches) in [(&SPANS, &mut self.batches), (&EVENTS, &mut self.event_batches)] {
            if source.get(variables.delay)?.is_none() {
                batches.delay = WRITE_AHEAD_DELAY;
            }
        }
        Ok(())
    }
}

/// Queue size, batch size and interval of a batch processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    pub(crate) queue: usize,
    pub(crate) batch: Resolved<usize>,
    pub(crate) delay: Duration,
}

impl Batches {
    pub(crate) fn of_events(self) -> logs::BatchConfig {
        logs::BatchConfigBuilder::default()
            .with_max_queue_size(self.queue)
            .with_max_export_batch_size(self.batch.value)
            .with_scheduled_delay(self.delay)
            .build()
    }
}

fn batches(source: &dyn Source, variables: &BatchVariables) -> Result<Batches, ConfigError> {
    let queue = range::QUEUE.read_size(source, variables.queue)?.unwrap_or(variables.default_queue);
    let batch = match range::QUEUE.read_size(source, variables.batch)? {
        None if queue < DEFAULT_BATCH => Resolved { value: queue, origin: Origin::Variable(variables.queue) },
        None => Resolved { value: DEFAULT_BATCH, origin: Origin::Default },
        Some(value) if value <= queue => Resolved { value, origin: Origin::Variable(variables.batch) },
        Some(batch) => {
            let expected = format!("expected at most the size of the queue (`{}`, {queue})", variables.queue);
            return Err(invalid(variables.batch, batch.to_string(), expected));
        }
    };
    let delay = range::milliseconds(source, variables.delay)?.unwrap_or(variables.default_delay);
    Ok(Batches { queue, batch, delay })
}
