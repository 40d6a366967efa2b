//! The instruments, created once per meter provider.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, ObservableCounter};

use super::cardinality::{Instrument, Limited};
use crate::semconv::version::Names;
use crate::semconv::{attribute, metric};
use crate::value::bounds;

/// Every instrument this crate records to.
pub(crate) struct Instruments {
    pub(crate) duration: Limited<Histogram<f64>>,
    pub(crate) inference_duration: Limited<Histogram<f64>>,
    pub(crate) tokens: Tokens,
    pub(crate) tool_duration: Limited<Histogram<f64>>,
    pub(crate) workflow_duration: Limited<Histogram<f64>>,
    pub(crate) agent_duration: Limited<Histogram<f64>>,
    pub(crate) agent_inference_calls: Limited<Histogram<u64>>,
    pub(crate) agent_tool_calls: Limited<Histogram<u64>>,
    pub(crate) cost: Limited<Histogram<f64>>,
    pub(crate) unpriced: Limited<Counter<u64>>,
    _implausible: ObservableCounter<u64>,
    pub(crate) time_to_first_chunk: Limited<Histogram<f64>>,
    pub(crate) time_per_output_chunk: Limited<Histogram<f64>>,
    pub(super) quality: super::quality::Instruments,
    pub(super) mcp: super::mcp::Instruments,
    pub(super) rate_limits: super::rate_limits::Instruments,
}

/// Token instruments, which differ between versions of the conventions.
pub(crate) enum Tokens {
    /// Input and output of every kind of call, separated by a label; and their parts that have a separate price.
    ByType { usage: Limited<Histogram<u64>>, details: Limited<Counter<u64>> },
    /// Inference only, one instrument for each count.
    ByCount(Box<TokenCounters>),
}

/// The instruments of [`Tokens::ByCount`].
pub(crate) struct TokenCounters {
    pub(crate) input: Limited<Counter<u64>>,
    pub(crate) output: Limited<Counter<u64>>,
    pub(crate) cache_read: Limited<Counter<u64>>,
    pub(crate) cache_write: Limited<Counter<u64>>,
    pub(crate) reasoning: Limited<Counter<u64>>,
    pub(crate) input_per_call: Limited<Histogram<u64>>,
    pub(crate) output_per_call: Limited<Histogram<u64>>,
}

impl Instruments {
    pub(crate) fn new(meter: Meter, names: &Names, cardinality_limit: usize) -> Self {
        let make = Make::new(meter, cardinality_limit);
        let call = metric::DURATION_BUCKETS;
        let seconds = |name| make.seconds(name, call, "GenAI operation duration.");
        let duration = seconds(metric::OPERATION_DURATION);
        // One metric, one limit: where inferences are measured by the same, it is the same instrument.
        let inference_duration = match names.inference_duration {
            metric::OPERATION_DURATION => duration.clone(),
            own => seconds(own),
        };
        Instruments {
            _implausible: make
                .meter
                .u64_observable_counter(metric::IMPLAUSIBLE)
                .with_unit(metric::UNIT_VALUES)
                .with_description("Values that were left out because they cannot be.")
                .with_callback(|observer| {
                    for (kind, count) in bounds::left_out_by_kind() {
                        observer.observe(count, &[KeyValue::new(attribute::VALUE_KIND, kind)]);
                    }
                })
                .build(),
            quality: super::quality::Instruments::new(&make),
            mcp: super::mcp::Instruments::new(&make),
            rate_limits: super::rate_limits::Instruments::new(&make),
            duration,
            inference_duration,
            time_to_first_chunk: make.seconds(
                names.time_to_first_chunk,
                call,
                "Time to receive the first chunk of a streamed response.",
            ),
            time_per_output_chunk: make.seconds(
                names.time_per_output_chunk,
                call,
                "Time per output chunk of a streamed response after the first.",
            ),
            tokens: match names.token_histogram {
                Some(name) => Tokens::ByType {
                    usage: make.tokens(name, "Number of input and output tokens used."),
                    details: make.counter(
                        metric::TOKEN_DETAILS,
                        metric::UNIT_TOKENS,
                        "Number of tokens, of those used, that were read from or written to a cache or spent on reasoning.",
                    ),
                },
                None => Tokens::ByCount(Box::new(make.token_counters())),
            },
            tool_duration: make.seconds(
                metric::EXECUTE_TOOL_DURATION,
                call,
                "GenAI tool execution duration.",
            ),
            workflow_duration: make.seconds(
                names.workflow_duration,
                metric::WORKFLOW_DURATION_BUCKETS,
                "GenAI workflow duration.",
            ),
            agent_duration: make.seconds(
                metric::INVOKE_AGENT_DURATION,
                metric::AGENT_DURATION_BUCKETS,
                "GenAI agent invocation duration.",
            ),
            agent_inference_calls: make.counts(
                metric::INVOKE_AGENT_INFERENCE_CALLS,
                metric::UNIT_INFERENCE_CALLS,
                metric::CALL_COUNT_BUCKETS,
                "Number of inference calls an agent makes during one invocation.",
            ),
            agent_tool_calls: make.counts(
                metric::INVOKE_AGENT_TOOL_CALLS,
                metric::UNIT_TOOL_CALLS,
                metric::CALL_COUNT_BUCKETS,
                "Number of tools an agent runs during one invocation.",
            ),
            cost: make.amounts(
                metric::COST,
                metric::UNIT_USD,
                metric::COST_BUCKETS,
                "Cost of GenAI operations in US dollars.",
            ),
            unpriced: make.counter(
                metric::UNPRICED,
                metric::UNIT_CALLS,
                "GenAI operations that used tokens of a model without a known price.",
            ),
        }
    }
}

/// Makes instruments of the few kinds there are.
pub(super) struct Make {
    meter: Meter,
    overflow: Counter<u64>,
    cardinality_limit: usize,
}

impl Make {
    fn new(meter: Meter, cardinality_limit: usize) -> Self {
        let overflow = meter
            .u64_counter(metric::OVERFLOW)
            .with_unit(metric::UNIT_MEASUREMENTS)
            .with_description(
                "Measurements whose labels were replaced, as their metric has its limit of label sets.",
            )
            .build();
        Make { meter, overflow, cardinality_limit }
    }

    fn limited<I: Instrument>(&self, name: &'static str, instrument: I) -> Limited<I> {
        Limited::new(name, instrument, &self.overflow, self.cardinality_limit)
    }

    pub(super) fn seconds(
        &self,
        name: &'static str,
        buckets: &[f64],
        description: &'static str,
    ) -> Limited<Histogram<f64>> {
        self.amounts(name, metric::UNIT_SECONDS, buckets, description)
    }

    pub(super) fn amounts(
        &self,
        name: &'static str,
        unit: &'static str,
        buckets: &[f64],
        description: &'static str,
    ) -> Limited<Histogram<f64>> {
        let histogram = self.meter.f64_histogram(name).with_unit(unit).with_description(description);
        self.limited(name, histogram.with_boundaries(buckets.to_vec()).build())
    }

    pub(super) fn counts(
        &self,
        name: &'static str,
        unit: &'static str,
        buckets: &[f64],
        description: &'static str,
    ) -> Limited<Histogram<u64>> {
        let histogram = self.meter.u64_histogram(name).with_unit(unit).with_description(description);
        self.limited(name, histogram.with_boundaries(buckets.to_vec()).build())
    }

    fn tokens(&self, name: &'static str, description: &'static str) -> Limited<Histogram<u64>> {
        self.counts(name, metric::UNIT_TOKENS, metric::TOKEN_BUCKETS, description)
    }

    pub(super) fn counter(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
    ) -> Limited<Counter<u64>> {
        self.limited(name, self.meter.u64_counter(name).with_unit(unit).with_description(description).build())
    }

    /// A gauge that counts.
    pub(super) fn count(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
    ) -> Limited<Gauge<u64>> {
        self.limited(name, self.meter.u64_gauge(name).with_unit(unit).with_description(description).build())
    }

    /// A gauge of seconds.
    pub(super) fn time(&self, name: &'static str, description: &'static str) -> Limited<Gauge<f64>> {
        let gauge = self.meter.f64_gauge(name).with_unit(metric::UNIT_SECONDS);
        self.limited(name, gauge.with_description(description).build())
    }

    fn token_counters(&self) -> TokenCounters {
        let counter = |name, description| self.counter(name, metric::UNIT_TOKENS, description);
        TokenCounters {
            input: counter(metric::INFERENCE_INPUT_TOKENS, "Number of input tokens used."),
            output: counter(metric::INFERENCE_OUTPUT_TOKENS, "Number of output tokens used."),
            cache_read: counter(
                metric::INFERENCE_CACHE_READ_TOKENS,
                "Number of input tokens read from the provider's cache.",
            ),
            cache_write: counter(
                metric::INFERENCE_CACHE_WRITE_TOKENS,
                "Number of input tokens written to the provider's cache.",
            ),
            reasoning: counter(
                metric::INFERENCE_REASONING_TOKENS,
                "Number of output tokens spent on reasoning.",
            ),
            input_per_call: self
                .tokens(metric::INFERENCE_INPUT_TOKENS_PER_CALL, "Number of input tokens per inference."),
            output_per_call: self
                .tokens(metric::INFERENCE_OUTPUT_TOKENS_PER_CALL, "Number of output tokens per inference."),
        }
    }
}
