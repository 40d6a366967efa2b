//! The instruments, created once per meter provider.

use std::sync::{Arc, RwLock};

use opentelemetry::global;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};

use crate::semconv::metric;
use crate::vintage;

/// Every instrument this crate records to.
pub(crate) struct Instruments {
    pub(crate) duration: Histogram<f64>,
    pub(crate) inference_duration: Histogram<f64>,
    pub(crate) tokens: Tokens,
    pub(crate) tool_duration: Histogram<f64>,
    pub(crate) workflow_duration: Histogram<f64>,
    pub(crate) agent_duration: Histogram<f64>,
    pub(crate) agent_inference_calls: Histogram<u64>,
    pub(crate) agent_tool_calls: Histogram<u64>,
    pub(crate) cost: Histogram<f64>,
    pub(crate) unpriced: Counter<u64>,
}

/// Tokens are measured differently from vintage to vintage.
pub(crate) enum Tokens {
    /// Input and output of every kind of call, told apart by a label.
    ByType(Histogram<u64>),
    /// Inference only, one instrument for each count.
    ByCount(Box<TokenCounters>),
}

/// The instruments of [`Tokens::ByCount`].
pub(crate) struct TokenCounters {
    pub(crate) input: Counter<u64>,
    pub(crate) output: Counter<u64>,
    pub(crate) cache_read: Counter<u64>,
    pub(crate) cache_write: Counter<u64>,
    pub(crate) reasoning: Counter<u64>,
    pub(crate) input_per_call: Histogram<u64>,
    pub(crate) output_per_call: Histogram<u64>,
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
        let names = vintage::names();
        let seconds = |name, buckets: &[f64], description| {
            let histogram = meter.f64_histogram(name).with_unit(metric::UNIT_SECONDS);
            histogram.with_description(description).with_boundaries(buckets.to_vec()).build()
        };
        let counts = |name, unit, buckets: &[f64], description| {
            let histogram = meter.u64_histogram(name).with_unit(unit);
            histogram.with_description(description).with_boundaries(buckets.to_vec()).build()
        };
        let token_counts =
            |name, description| counts(name, metric::UNIT_TOKENS, metric::TOKEN_BUCKETS, description);
        let token_counter = |name, description| {
            meter.u64_counter(name).with_unit(metric::UNIT_TOKENS).with_description(description).build()
        };
        let tokens = match names.token_histogram {
            Some(name) => Tokens::ByType(token_counts(name, "Number of input and output tokens used.")),
            None => Tokens::ByCount(Box::new(TokenCounters {
                input: token_counter(metric::INFERENCE_INPUT_TOKENS, "Number of input tokens used."),
                output: token_counter(metric::INFERENCE_OUTPUT_TOKENS, "Number of output tokens used."),
                cache_read: token_counter(
                    metric::INFERENCE_CACHE_READ_TOKENS,
                    "Number of input tokens read from the provider's cache.",
                ),
                cache_write: token_counter(
                    metric::INFERENCE_CACHE_WRITE_TOKENS,
                    "Number of input tokens written to the provider's cache.",
                ),
                reasoning: token_counter(
                    metric::INFERENCE_REASONING_TOKENS,
                    "Number of output tokens spent on reasoning.",
                ),
                input_per_call: token_counts(
                    metric::INFERENCE_INPUT_TOKENS_PER_CALL,
                    "Number of input tokens per inference.",
                ),
                output_per_call: token_counts(
                    metric::INFERENCE_OUTPUT_TOKENS_PER_CALL,
                    "Number of output tokens per inference.",
                ),
            })),
        };
        Instruments {
            duration: seconds(
                metric::OPERATION_DURATION,
                metric::DURATION_BUCKETS,
                "GenAI operation duration.",
            ),
            inference_duration: seconds(
                names.inference_duration,
                metric::DURATION_BUCKETS,
                "GenAI operation duration.",
            ),
            tokens,
            tool_duration: seconds(
                metric::EXECUTE_TOOL_DURATION,
                metric::DURATION_BUCKETS,
                "GenAI tool execution duration.",
            ),
            workflow_duration: seconds(
                names.workflow_duration,
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
