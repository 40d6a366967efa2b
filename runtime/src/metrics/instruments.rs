//! The instruments, created once per meter provider.

use std::sync::{Arc, RwLock};

use opentelemetry::global;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};

use crate::semconv::metric;

/// Every instrument this crate records to.
pub(crate) struct Instruments {
    pub(crate) duration: Histogram<f64>,
    pub(crate) tokens: Histogram<u64>,
    pub(crate) cost: Histogram<f64>,
    pub(crate) unpriced: Counter<u64>,
    pub(crate) time_to_first_chunk: Histogram<f64>,
    pub(crate) time_per_output_chunk: Histogram<f64>,
}

type Provider = Arc<dyn MeterProvider + Send + Sync>;

/// The instruments of the global meter provider. An application may install its provider after our first call,
/// and a test may replace it, so they are kept together with the provider they belong to.
pub(crate) fn current() -> Arc<Instruments> {
    static CURRENT: RwLock<Option<(Provider, Arc<Instruments>)>> = RwLock::new(None);

    let provider = global::meter_provider();
    if let Ok(current) = CURRENT.read()
        && let Some((of, instruments)) = current.as_ref()
        && Arc::ptr_eq(of, &provider)
    {
        return Arc::clone(instruments);
    }
    let instruments = Arc::new(Instruments::new(&provider));
    if let Ok(mut current) = CURRENT.write() {
        *current = Some((provider, Arc::clone(&instruments)));
    }
    instruments
}

impl Instruments {
    fn new(provider: &Provider) -> Self {
        let meter = provider.meter_with_scope(crate::scope());
        Instruments {
            duration: meter
                .f64_histogram(metric::OPERATION_DURATION)
                .with_unit(metric::UNIT_SECONDS)
                .with_description("GenAI operation duration.")
                .with_boundaries(metric::DURATION_BUCKETS.to_vec())
                .build(),
            tokens: meter
                .u64_histogram(metric::TOKEN_USAGE)
                .with_unit(metric::UNIT_TOKENS)
                .with_description("Number of input and output tokens used.")
                .with_boundaries(metric::TOKEN_BUCKETS.to_vec())
                .build(),
            cost: meter
                .f64_histogram(metric::COST)
                .with_unit(metric::UNIT_USD)
                .with_description("Cost of GenAI operations in US dollars.")
                .with_boundaries(metric::COST_BUCKETS.to_vec())
                .build(),
            unpriced: meter
                .u64_counter(metric::UNPRICED)
                .with_unit(metric::UNIT_CALLS)
                .with_description("GenAI operations that used tokens of a model without a known price.")
                .build(),
            time_to_first_chunk: meter
                .f64_histogram(metric::TIME_TO_FIRST_CHUNK)
                .with_unit(metric::UNIT_SECONDS)
                .with_description("Time to receive the first chunk of a streamed response.")
                .with_boundaries(metric::DURATION_BUCKETS.to_vec())
                .build(),
            time_per_output_chunk: meter
                .f64_histogram(metric::TIME_PER_OUTPUT_CHUNK)
                .with_unit(metric::UNIT_SECONDS)
                .with_description("Time per output chunk of a streamed response after the first.")
                .with_boundaries(metric::DURATION_BUCKETS.to_vec())
                .build(),
        }
    }
}
