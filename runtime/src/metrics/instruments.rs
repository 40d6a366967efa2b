//! The instruments, created once per meter provider.

use std::sync::{Arc, RwLock};

use opentelemetry::global;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};

use crate::semconv::metric;

/// Every instrument this crate records to.
pub(crate) struct Instruments {
    pub(crate) duration: Histogram<f64>,
    pub(crate) tokens: Histogram<u64>,
    pub(crate) tool_duration: Histogram<f64>,
    pub(crate) workflow_duration: Histogram<f64>,
    pub(crate) agent_duration: Histogram<f64>,
    pub(crate) agent_inference_calls: Histogram<u64>,
    pub(crate) agent_tool_calls: Histogram<u64>,
    pub(crate) cost: Histogram<f64>,
    pub(crate) unpriced: Counter<u64>,
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
        let seconds = |name, buckets: &[f64], description| {
            let histogram = meter.f64_histogram(name).with_unit(metric::UNIT_SECONDS);
            histogram.with_description(description).with_boundaries(buckets.to_vec()).build()
        };
        let counts = |name, unit, buckets: &[f64], description| {
            let histogram = meter.u64_histogram(name).with_unit(unit);
            histogram.with_description(description).with_boundaries(buckets.to_vec()).build()
        };
        Instruments {
            duration: seconds(
                metric::OPERATION_DURATION,
                metric::DURATION_BUCKETS,
                "GenAI operation duration.",
            ),
            tokens: counts(
                metric::TOKEN_USAGE,
                metric::UNIT_TOKENS,
                metric::TOKEN_BUCKETS,
                "Number of input and output tokens used.",
            ),
            tool_duration: seconds(
                metric::EXECUTE_TOOL_DURATION,
                metric::DURATION_BUCKETS,
                "GenAI tool execution duration.",
            ),
            workflow_duration: seconds(
                metric::WORKFLOW_DURATION,
                metric::WORKFLOW_DURATION_BUCKETS,
                "GenAI workflow duration.",
            ),
            agent_duration: seconds(
                metric::INVOKE_AGENT_DURATION,
                metric::AGENT_DURATION_BUCKETS,
                "GenAI agent invocation duration.",
            ),
            agent_inference_calls: counts(
                metric::INVOKE_AGENT_INFERENCE_CALLS,
                metric::UNIT_INFERENCE_CALLS,
                metric::CALL_COUNT_BUCKETS,
                "Number of inference calls an agent makes during one invocation.",
            ),
            agent_tool_calls: counts(
                metric::INVOKE_AGENT_TOOL_CALLS,
                metric::UNIT_TOOL_CALLS,
                metric::CALL_COUNT_BUCKETS,
                "Number of tools an agent runs during one invocation.",
            ),
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
        }
    }
}
