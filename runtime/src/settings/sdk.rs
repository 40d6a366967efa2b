//! Variables that the OpenTelemetry SDK would read itself, silently replacing values that it cannot read by defaults.

use std::time::Duration;

use opentelemetry_sdk::logs;

use super::env::Source;
use super::error::invalid;
use super::{
    Builder, Limits, MetricSettings, Origin, Parameter, Resolved, Result, Sampling, SpoolSettings, range,
};

/// 40 ms of 200,000 spans a second, for which the thread that encodes may have to wait on a busy core. The specification's default is 2048.
const DEFAULT_SPAN_QUEUE: usize = 8192;
/// The specification's defaults.
const DEFAULT_EVENT_QUEUE: usize = 2048;
const DEFAULT_BATCH: usize = 512;

/// Spans and events wait less in memory, as a kill loses what is there.
const WRITE_AHEAD_DELAY: Duration = Duration::from_millis(100);

/// The variables of one batch processor.
struct BatchVariables {
    queue: Parameter,
    batch: Parameter,
    delay: Parameter,
    default_queue: usize,
    default_delay: Duration,
}

macro_rules! variables {
    ($processor:literal, $default_queue:ident, $default_delay:literal) => {
        BatchVariables {
            queue: Parameter::of_variables(&[concat!("OTEL_", $processor, "_MAX_QUEUE_SIZE")]),
            batch: Parameter::of_variables(&[concat!("OTEL_", $processor, "_MAX_EXPORT_BATCH_SIZE")]),
            delay: Parameter::of_variables(&[concat!("OTEL_", $processor, "_SCHEDULE_DELAY")]),
            default_queue: $default_queue,
            default_delay: Duration::from_secs($default_delay),
        }
    };
}

const SPANS: BatchVariables = variables!("BSP", DEFAULT_SPAN_QUEUE, 5);
const EVENTS: BatchVariables = variables!("BLRP", DEFAULT_EVENT_QUEUE, 1);

/// Sampling, limits, batches and intervals.
pub(crate) struct SdkSettings {
    pub(crate) sampling: Resolved<Sampling>,
    pub(crate) limits: Limits,
    pub(crate) batches: Batches,
    pub(crate) event_batches: Batches,
    pub(crate) metrics: MetricSettings,
}

impl SdkSettings {
    pub(super) fn resolve(
        builder: &Builder,
        source: &dyn Source,
        spool: Option<&SpoolSettings>,
    ) -> Result<Self> {
        let write_ahead = spool.and_then(SpoolSettings::write_ahead);
        Ok(SdkSettings {
            sampling: Sampling::resolve(builder, source)?,
            limits: Limits::resolve(source)?,
            batches: Batches::resolve(source, &SPANS, write_ahead)?,
            event_batches: Batches::resolve(source, &EVENTS, write_ahead)?,
            metrics: MetricSettings::resolve(builder, source)?,
        })
    }
}

/// Queue size, batch size and interval of a batch processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    pub(crate) queue: Resolved<usize>,
    pub(crate) batch: Resolved<usize>,
    pub(crate) delay: Resolved<Duration>,
}

impl Batches {
    /// `write_ahead`: what has telemetry written to the spool first, if anything does.
    fn resolve(source: &dyn Source, variables: &BatchVariables, write_ahead: Option<Origin>) -> Result<Self> {
        let queue = range::QUEUE.resolve(variables.queue, None, source, variables.default_queue)?;
        let batch = range::QUEUE.resolve(variables.batch, None, source, DEFAULT_BATCH)?;
        let batch = match batch.origin {
            _ if batch.value <= queue.value => batch,
            Origin::Default => queue,
            origin => {
                let (name, size) = (variables.queue.variables[0], queue.value);
                let expected = format!("expected at most the size of the queue (`{name}`, {size})");
                return Err(invalid(origin.parameter(), batch.value.to_string(), expected));
            }
        };
        let mut delay =
            variables.delay.resolve(None, source, range::milliseconds, variables.default_delay)?;
        if let (Origin::Default, Some(origin)) = (delay.origin, write_ahead) {
            delay = Resolved { value: WRITE_AHEAD_DELAY, origin };
        }
        Ok(Batches { queue, batch, delay })
    }

    pub(crate) fn of_events(self) -> logs::BatchConfig {
        logs::BatchConfigBuilder::default()
            .with_max_queue_size(self.queue.value)
            .with_max_export_batch_size(self.batch.value)
            .with_scheduled_delay(self.delay.value)
            .build()
    }
}
