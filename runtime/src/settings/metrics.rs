//! How measurements become metrics.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::metrics::{Aggregation, Instrument, InstrumentKind, Stream, Temporality};

use super::env::{self, Source};
use super::{Builder, ConfigError, range};
use crate::semconv::SCOPE_NAME;
use crate::sinks::metrics::DEFAULT_LIMIT;

const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
const HISTOGRAMS: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
const EXEMPLARS: &str = "OTEL_METRICS_EXEMPLAR_FILTER";

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// As the specification has it.
const EXPONENTIAL: Aggregation =
    Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };

/// A view: what becomes of an instrument's measurements.
pub(super) type View = Arc<dyn Fn(&Instrument) -> Option<Stream> + Send + Sync>;

/// Intervals, temporality and views.
pub(crate) struct MetricSettings {
    pub(crate) interval: Duration,
    pub(crate) temporality: Temporality,
    /// Of the builder, in its order.
    pub(crate) views: Vec<View>,
    /// Histograms without a view have buckets that grow exponentially.
    pub(crate) exponential: bool,
}

impl MetricSettings {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Self, ConfigError> {
        let temporalities = [
            ("cumulative", Temporality::Cumulative),
            ("delta", Temporality::Delta),
            ("lowmemory", Temporality::LowMemory),
        ];
        let aggregations =
            [("explicit_bucket_histogram", false), ("base2_exponential_bucket_histogram", true)];
        // The SDK records no exemplars, but a word that is none is a mistake all the same.
        let filters = [("always_on", ()), ("always_off", ()), ("trace_based", ())];
        env::choice(source, EXEMPLARS, &filters)?;
        Ok(MetricSettings {
            interval: range::milliseconds(source, INTERVAL)?.unwrap_or(DEFAULT_INTERVAL),
            temporality: env::choice(source, TEMPORALITY, &temporalities)?.unwrap_or_default(),
            views: builder.views.iter().map(|view| Arc::clone(&view.0)).collect(),
            exponential: env::choice(source, HISTOGRAMS, &aggregations)?.unwrap_or(false),
        })
    }

    /// The view of instruments that no view of the builder takes, if they need one: every view that takes an instrument
    /// makes a stream of its own.
    pub(crate) fn default_view(
        &self,
        cardinality_limit: usize,
    ) -> Option<impl Fn(&Instrument) -> Option<Stream> + use<>> {
        let (views, exponential) = (self.views.clone(), self.exponential);
        // The SDK has a limit of its own, beyond which all labels are gone; ours is to come first.
        let has_higher_limit = cardinality_limit > DEFAULT_LIMIT;
        let view = move |instrument: &Instrument| {
            let is_exponential = exponential && instrument.kind() == InstrumentKind::Histogram;
            let is_limited = has_higher_limit && instrument.scope().name() == SCOPE_NAME;
            if !(is_exponential || is_limited) || views.iter().any(|view| view(instrument).is_some()) {
                return None;
            }
            let mut stream = Stream::builder();
            if is_limited {
                stream = stream.with_cardinality_limit(2 * cardinality_limit);
            }
            if is_exponential {
                stream = stream.with_aggregation(EXPONENTIAL);
            }
            stream.build().ok()
        };
        (exponential || has_higher_limit).then_some(view)
    }
}

impl fmt::Debug for MetricSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricSettings")
            .field("interval", &self.interval)
            .field("temporality", &self.temporality)
            .field("views", &self.views.len())
            .field("exponential", &self.exponential)
            .finish()
    }
}
