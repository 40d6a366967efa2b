//! The instruments, created once per meter provider.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, ObservableCounter};

use super::cardinality::{Instrument, Limited};
use super::cells::Cells;
use crate::model::response::Modality;
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
    pub(crate) cells: Cells,
}

/// Token instruments, which differ between versions of the conventions.
pub(crate) enum Tokens {
    /// Every kind of call, separated by a label.
    ByType(Box<TokensByType>),
    /// Inference only, one instrument for each count.
    ByCount(Box<TokenCounters>),
}

/// Input and output, and their parts that have a separate price.
pub(crate) struct TokensByType {
    pub(crate) input: Limited<Histogram<u64>>,
    pub(crate) output: Limited<Histogram<u64>>,
    pub(crate) cache_read: Limited<Counter<u64>>,
    pub(crate) cache_creation: Limited<Counter<u64>>,
    pub(crate) reasoning: Limited<Counter<u64>>,
}

/// The instruments of [`Tokens::ByCount`].
pub(crate) struct TokenCounters {
    pub(crate) input: ByModality,
    pub(crate) output: ByModality,
    pub(crate) cache_read: ByModality,
    pub(crate) cache_write: ByModality,
    pub(crate) reasoning: ByModality,
    pub(crate) input_per_call: Limited<Histogram<u64>>,
    pub(crate) output_per_call: Limited<Histogram<u64>>,
}

/// A counter that is separated by a label.
pub(crate) struct ByModality {
    pub(crate) unknown: Limited<Counter<u64>>,
    /// In the order of [`Modality::ALL`].
    pub(crate) known: [Limited<Counter<u64>>; Modality::ALL.len()],
}

impl Instruments {
    /// `is_bound`: the meter is one of the SDK's. Any other would lose what is measured with labels that were looked up before.
    pub(crate) fn new(meter: Meter, names: &Names, cardinality_limit: usize, is_bound: bool) -> Self {
        let make = Make::new(meter, cardinality_limit, is_bound);
        let call = metric::DURATION_BUCKETS;
        let seconds = |name| make.seconds(name, call, "GenAI operation duration.");
        let duration = seconds(metric::OPERATION_DURATION);
        // One metric, one limit: where inferences are measured by the same, it is the same instrument.
        let inference_duration = match names.inference_duration {
            metric::OPERATION_DURATION => duration.clone(),
            own => seconds(own),
        };
        let tokens = match names.token_histogram {
            Some(name) => Tokens::ByType(Box::new(make.tokens_by_type(name))),
            None => Tokens::ByCount(Box::new(make.token_counters())),
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
            tokens,
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
            cells: Cells::new(CELLS_PER_LIMIT * cardinality_limit, make.slots.get()),
        }
    }
}

/// Makes instruments of the few kinds there are.
pub(super) struct Make {
    meter: Meter,
    pub(super) overflow: Counter<u64>,
    pub(super) cardinality_limit: usize,
    #[cfg(feature = "otlp")]
    pub(super) is_bound: bool,
    /// That were given out.
    slots: std::cell::Cell<usize>,
}

/// More label sets than a metric may have are kept: metrics differ in their labels.
const CELLS_PER_LIMIT: usize = 4;

impl Make {
    #[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "the SDK is not there"))]
    fn new(meter: Meter, cardinality_limit: usize, is_bound: bool) -> Self {
        let overflow = meter
            .u64_counter(metric::OVERFLOW)
            .with_unit(metric::UNIT_MEASUREMENTS)
            .with_description(
                "Measurements whose labels were replaced, as their metric has its limit of label sets.",
            )
            .build();
        Make {
            meter,
            overflow,
            cardinality_limit,
            #[cfg(feature = "otlp")]
            is_bound,
            slots: std::cell::Cell::new(0),
        }
    }

    /// The next slot of each cell.
    pub(super) fn slot(&self) -> usize {
        self.slots.replace(self.slots.get() + 1)
    }

    fn limited<I: Instrument>(&self, name: &'static str, instrument: I) -> Limited<I> {
        Limited::new(name, instrument, self)
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

    fn tokens_by_type(&self, name: &'static str) -> TokensByType {
        let usage = self.tokens(name, "Number of input and output tokens used.");
        let details = self.counter(
            metric::TOKEN_DETAILS,
            metric::UNIT_TOKENS,
            "Number of tokens, of those used, that were read from or written to a cache or spent on reasoning.",
        );
        let usage = |token_type| usage.with_label(attribute::TOKEN_TYPE, token_type, self);
        let details = |token_type| details.with_label(attribute::TOKEN_TYPE, token_type, self);
        TokensByType {
            input: usage("input"),
            output: usage("output"),
            cache_read: details("cache_read"),
            cache_creation: details("cache_creation"),
            reasoning: details("reasoning"),
        }
    }

    fn token_counters(&self) -> TokenCounters {
        let counter = |name, description| {
            let counter = self.counter(name, metric::UNIT_TOKENS, description);
            let of = |modality| counter.with_label(attribute::TOKEN_MODALITY, modality, self);
            ByModality { unknown: of("unknown"), known: Modality::ALL.map(|modality| of(modality.word())) }
        };
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
