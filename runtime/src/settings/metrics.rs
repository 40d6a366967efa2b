//! How measurements become metrics.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::metrics::{Aggregation, Instrument, InstrumentKind, Stream, Temporality};

use super::env::{self, Source};
use super::error::invalid;
use super::{Builder, Origin, Parameter, Resolved, Result, range};
use crate::semconv::SCOPE_NAME;
use crate::sinks::metrics::{DEFAULT_LIMIT, LIMIT_VARIABLE, LIMIT_WORDS, is_limit, limit_from};

const INTERVAL: Parameter = Parameter::of_variables(&["OTEL_METRIC_EXPORT_INTERVAL"]);
const TEMPORALITY: Parameter =
    Parameter::of_variables(&["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"]);
const HISTOGRAMS: Parameter =
    Parameter::of_variables(&["OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"]);
const EXEMPLARS: Parameter = Parameter::of_variables(&["OTEL_METRICS_EXEMPLAR_FILTER"]);
const CARDINALITY_LIMIT: Parameter = Parameter::new("with_metric_cardinality_limit", &[LIMIT_VARIABLE]);

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// As the specification has it.
const EXPONENTIAL: Aggregation =
    Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };

/// A view: what becomes of an instrument's measurements.
pub(super) type View = Arc<dyn Fn(&Instrument) -> Option<Stream> + Send + Sync>;

/// Intervals, temporality and views.
pub(crate) struct MetricSettings {
    pub(crate) interval: Resolved<Duration>,
    pub(crate) temporality: Resolved<Temporality>,
    /// Of the builder, in its order.
    pub(crate) views: Resolved<Vec<View>>,
    /// Histograms without a view have buckets that grow exponentially.
    pub(crate) exponential: Resolved<bool>,
}

impl MetricSettings {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Self> {
        let temporalities = env::choice(&[
            ("cumulative", Temporality::Cumulative),
            ("delta", Temporality::Delta),
            ("lowmemory", Temporality::LowMemory),
        ]);
        let aggregations = env::choice(&[
            ("explicit_bucket_histogram", false),
            ("base2_exponential_bucket_histogram", true),
        ]);
        // The SDK records no exemplars, but a word that is none is a mistake all the same.
        let filters = env::choice(&[("always_on", ()), ("always_off", ()), ("trace_based", ())]);
        EXEMPLARS.find(None, source, filters)?;
        let views: Vec<_> = builder.views.iter().map(|view| Arc::clone(&view.0)).collect();
        Ok(MetricSettings {
            interval: INTERVAL.resolve(None, source, range::milliseconds, DEFAULT_INTERVAL)?,
            temporality: TEMPORALITY.resolve(None, source, temporalities, Temporality::default())?,
            views: Resolved::list("with_view", views),
            exponential: HISTOGRAMS.resolve(None, source, aggregations, false)?,
        })
    }

    /// The view of instruments that no view of the builder takes, if they need one: every view that takes an instrument
    /// makes a stream of its own.
    pub(crate) fn default_view(
        &self,
        cardinality_limit: usize,
    ) -> Option<impl Fn(&Instrument) -> Option<Stream> + use<>> {
        let (views, exponential) = (self.views.value.clone(), self.exponential.value);
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

/// Label sets of one metric.
pub(super) fn cardinality_limit(builder: &Builder, source: &dyn Source) -> Result<Resolved<usize>> {
    let parse =
        |variable, text: String| limit_from(&text).ok_or_else(|| invalid(variable, text, LIMIT_WORDS));
    let limit = CARDINALITY_LIMIT.resolve(builder.cardinality_limit, source, parse, DEFAULT_LIMIT)?;
    match limit.origin {
        Origin::Builder(method) if !is_limit(limit.value) => {
            Err(invalid(method, limit.value.to_string(), LIMIT_WORDS))
        }
        _ => Ok(limit),
    }
}
