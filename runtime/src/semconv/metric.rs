//! Metric names, units and buckets.

/// Histogram, seconds: how long an operation took, by operation, provider, model and error.
pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
/// Histogram, `{token}`: tokens used by a call, by token type.
pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
/// Histogram, seconds: from the call's begin to the first text, reasoning or tool call that was streamed.
pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
/// Histogram, seconds: between a streamed chunk and the one before it; one record per chunk after the first.
pub const TIME_PER_OUTPUT_CHUNK: &str = "gen_ai.client.operation.time_per_output_chunk";
/// Histogram, seconds: how long a tool ran.
pub const EXECUTE_TOOL_DURATION: &str = "gen_ai.execute_tool.duration";
/// Histogram, seconds: how long a workflow took.
pub const WORKFLOW_DURATION: &str = "gen_ai.workflow.duration";
/// Histogram, seconds: how long an agent in this process took.
pub const INVOKE_AGENT_DURATION: &str = "gen_ai.invoke_agent.duration";
/// Histogram, `{inference_call}`: calls to a model per invocation of an agent.
pub const INVOKE_AGENT_INFERENCE_CALLS: &str = "gen_ai.invoke_agent.inference_calls";
/// Histogram, `{tool_call}`: tools run per invocation of an agent.
pub const INVOKE_AGENT_TOOL_CALLS: &str = "gen_ai.invoke_agent.tool_calls";
/// Histogram, seconds: from sending an MCP message to its answer.
pub const MCP_CLIENT_OPERATION_DURATION: &str = "mcp.client.operation.duration";
/// Histogram, seconds: how long an MCP message was worked on.
pub const MCP_SERVER_OPERATION_DURATION: &str = "mcp.server.operation.duration";
/// Histogram, seconds: how long an MCP session lasted, as the client saw it.
pub const MCP_CLIENT_SESSION_DURATION: &str = "mcp.client.session.duration";
/// Histogram, seconds: how long an MCP session lasted, as the server saw it.
pub const MCP_SERVER_SESSION_DURATION: &str = "mcp.server.session.duration";
/// Histogram, seconds: how long an inference took, since October 2026.
pub const INFERENCE_DURATION: &str = "gen_ai.client.inference.duration";
/// Counter, `{token}`: input tokens, since October 2026.
pub const INFERENCE_INPUT_TOKENS: &str = "gen_ai.client.inference.usage.input_tokens";
/// Counter, `{token}`: output tokens, since October 2026.
pub const INFERENCE_OUTPUT_TOKENS: &str = "gen_ai.client.inference.usage.output_tokens";
/// Counter, `{token}`: input tokens read from the cache, since October 2026.
pub const INFERENCE_CACHE_READ_TOKENS: &str = "gen_ai.client.inference.usage.cache_read.input_tokens";
/// Counter, `{token}`: input tokens written to the cache, since October 2026.
pub const INFERENCE_CACHE_WRITE_TOKENS: &str = "gen_ai.client.inference.usage.cache_write.input_tokens";
/// Counter, `{token}`: output tokens spent on reasoning, since October 2026.
pub const INFERENCE_REASONING_TOKENS: &str = "gen_ai.client.inference.usage.reasoning.output_tokens";
/// Histogram, `{token}`: input tokens per inference, since October 2026.
pub const INFERENCE_INPUT_TOKENS_PER_CALL: &str = "gen_ai.client.inference.operation.input_tokens";
/// Histogram, `{token}`: output tokens per inference, since October 2026.
pub const INFERENCE_OUTPUT_TOKENS_PER_CALL: &str = "gen_ai.client.inference.operation.output_tokens";
/// Histogram, seconds: the same as [`TIME_TO_FIRST_CHUNK`], since October 2026.
pub const INFERENCE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.inference.time_to_first_chunk";
/// Histogram, seconds: the same as [`TIME_PER_OUTPUT_CHUNK`], since October 2026.
pub const INFERENCE_TIME_PER_OUTPUT_CHUNK: &str = "gen_ai.client.inference.time_per_output_chunk";
/// Histogram, seconds: how long a workflow took, since October 2026.
pub const INVOKE_WORKFLOW_DURATION: &str = "gen_ai.invoke_workflow.duration";
/// Histogram, `USD`: what a call cost. Ours.
pub const COST: &str = super::attribute::USAGE_COST;
/// Counter, `{token}`: tokens, of those in [`TOKEN_USAGE`], that have a separate price, by token type: `cache_read`, `cache_creation`,
/// `reasoning`. Until October 2026, whose conventions have a counter for each. Ours.
pub const TOKEN_DETAILS: &str = "llm_trace.token.details";
/// Counter, `{call}`: calls that reported usage but whose model has no known price. Ours.
pub const UNPRICED: &str = "llm_trace.unpriced";
/// Counter, `{measurement}`: measurements of a metric that has its limit of label sets, by `llm_trace.metric.name`: their
/// models, tools and the like are `other`. Ours.
pub const OVERFLOW: &str = "llm_trace.metrics.overflow";
/// Counter, `{value}`: values that were left out because they cannot be, by `llm_trace.value.kind`. Ours.
pub const IMPLAUSIBLE: &str = "llm_trace.implausible";
/// Histogram, `{document}`: documents returned by a retrieval or a reranking. Ours.
pub const RETRIEVAL_DOCUMENTS: &str = super::attribute::RETRIEVAL_DOCUMENTS;
/// Counter, `{retrieval}`: retrievals and rerankings that returned no document. Ours.
pub const RETRIEVAL_EMPTY: &str = "llm_trace.retrieval.empty";
/// Histogram, `1`: the highest score of a retrieval or a reranking. Ours.
pub const RETRIEVAL_TOP_SCORE: &str = super::attribute::RETRIEVAL_TOP_SCORE;
/// Histogram, `1`: how far the highest score is above the second highest. Ours.
pub const RETRIEVAL_SCORE_GAP: &str = super::attribute::RETRIEVAL_SCORE_GAP;
/// Histogram, `{document}`: documents that repeat an earlier one of the same result. Ours.
pub const RETRIEVAL_DUPLICATES: &str = super::attribute::RETRIEVAL_DUPLICATES;
/// Histogram, `1`: the share of the model's context window that the input took. Ours.
pub const ANSWER_CONTEXT_UTILIZATION: &str = super::attribute::ANSWER_CONTEXT_UTILIZATION;
/// Histogram, `1`: the share of an answer's words that occur in the documents retrieved for it. Ours.
pub const ANSWER_CONTEXT_OVERLAP: &str = "llm_trace.answer.context_overlap";
/// Histogram, `1`: the share of an answer's sentences that cite a source. Ours.
pub const ANSWER_CITATION_COVERAGE: &str = "llm_trace.answer.citation_coverage";
/// Histogram, `1`: the share of an answer's runs of four words that occurred before. Ours.
pub const ANSWER_REPETITION: &str = "llm_trace.answer.repetition";
/// Counter, `{answer}`: answers whose text was not measured, as too many were waiting. Ours.
pub const ANSWER_UNMEASURED: &str = "llm_trace.answer.unmeasured";
/// Counter, `{answer}`: answers that the model or the provider's filter refused. Ours.
pub const ANSWER_REFUSALS: &str = "llm_trace.answer.refusals";
/// Counter, `{answer}`: answers that ended because they may not be longer. Ours.
pub const ANSWER_TRUNCATIONS: &str = "llm_trace.answer.truncations";
/// Histogram, `1`: what answers were found to be worth, by name and label of the evaluation. Ours.
pub const EVALUATION_SCORE: &str = "llm_trace.evaluation.score";
/// Gauge, `{request}`: requests that the provider allows. Ours.
pub const RATELIMIT_REQUESTS_LIMIT: &str = "llm_trace.ratelimit.requests.limit";
/// Gauge, `{request}`: requests that the provider still allows. Ours.
pub const RATELIMIT_REQUESTS_REMAINING: &str = "llm_trace.ratelimit.requests.remaining";
/// Gauge, seconds: time until the provider allows all requests again. Ours.
pub const RATELIMIT_REQUESTS_RESET: &str = "llm_trace.ratelimit.requests.reset";
/// Gauge, `{token}`: tokens that the provider allows. Ours.
pub const RATELIMIT_TOKENS_LIMIT: &str = "llm_trace.ratelimit.tokens.limit";
/// Gauge, `{token}`: tokens that the provider still allows. Ours.
pub const RATELIMIT_TOKENS_REMAINING: &str = "llm_trace.ratelimit.tokens.remaining";
/// Gauge, seconds: time until the provider allows all tokens again. Ours.
pub const RATELIMIT_TOKENS_RESET: &str = "llm_trace.ratelimit.tokens.reset";
/// Counter, `{item}`: spans that the sampler left out, at their start or at the end of their trace. Ours, like all of
/// `llm_trace.delivery`; what else is measured of delivery has names of OpenTelemetry, `otel.sdk.*`.
pub const DELIVERY_UNSAMPLED: &str = "llm_trace.delivery.unsampled";
/// Up-down counter, `{item}`: what waits on disk, by `llm_trace.signal`.
pub const DELIVERY_SPOOLED: &str = "llm_trace.delivery.spooled";
/// Counter, `{request}`: requests that failed and are sent again, by `llm_trace.signal`.
pub const DELIVERY_RETRIES: &str = "llm_trace.delivery.retries";

/// Seconds.
pub const UNIT_SECONDS: &str = "s";
/// Tokens.
pub const UNIT_TOKENS: &str = "{token}";
/// Spans, data points or log records.
pub const UNIT_ITEMS: &str = "{item}";
/// US dollars.
pub const UNIT_USD: &str = "USD";
/// Calls to a model.
pub const UNIT_INFERENCE_CALLS: &str = "{inference_call}";
/// Calls of tools.
pub const UNIT_TOOL_CALLS: &str = "{tool_call}";
/// Calls.
pub const UNIT_CALLS: &str = "{call}";
/// Requests to a provider, or to a receiver of telemetry.
pub const UNIT_REQUESTS: &str = "{request}";
/// Measurements.
pub const UNIT_MEASUREMENTS: &str = "{measurement}";
/// Values.
pub const UNIT_VALUES: &str = "{value}";
/// Documents.
pub const UNIT_DOCUMENTS: &str = "{document}";
/// Retrievals.
pub const UNIT_RETRIEVALS: &str = "{retrieval}";
/// Answers.
pub const UNIT_ANSWERS: &str = "{answer}";
/// A number without a dimension: a score, a share.
pub const UNIT_ONE: &str = "1";

/// Bucket boundaries of durations, as the conventions advise.
pub const DURATION_BUCKETS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Bucket boundaries of durations of MCP messages and sessions, as the conventions advise.
pub const MCP_DURATION_BUCKETS: &[f64] =
    &[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// Bucket boundaries of an agent's duration, as the conventions advise.
pub const AGENT_DURATION_BUCKETS: &[f64] =
    &[0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6];
/// Bucket boundaries of a workflow's duration, as the conventions advise.
pub const WORKFLOW_DURATION_BUCKETS: &[f64] =
    &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];
/// Bucket boundaries of calls per agent, as the conventions advise.
pub const CALL_COUNT_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// Bucket boundaries of token counts, as the conventions advise.
pub const TOKEN_BUCKETS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Bucket boundaries of costs: from a cached embedding to a long agent run.
pub const COST_BUCKETS: &[f64] = &[1e-6, 1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// Bucket boundaries of numbers of documents.
pub const DOCUMENT_BUCKETS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
/// Bucket boundaries of retrieval scores: ranks that were fused (0.03), similarities and relevance (up to 1), BM25.
pub const RETRIEVAL_SCORE_BUCKETS: &[f64] =
    &[0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
/// Bucket boundaries of the gap between two retrieval scores.
pub const SCORE_GAP_BUCKETS: &[f64] =
    &[0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Bucket boundaries of shares.
pub const SHARE_BUCKETS: &[f64] = &[0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0];
/// Bucket boundaries of evaluations: thumbs (-1, 1), shares of 1, one to five stars, percentages.
pub const EVALUATION_BUCKETS: &[f64] = &[
    -1.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 25.0, 50.0, 75.0,
    100.0,
];
