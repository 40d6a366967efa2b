//! Number, outcome, duration and cost of calls.

use super::grafana::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "llm-trace-overview",
        title: "LLM overview",
        description: "Calls to models: how many, how they end, how long they take, what they cost, what is left of the limits.",
        rows: vec![at_a_glance(), requests(), latency(), tokens(), cost(), limits(), traces()],
    }
}

fn at_a_glance() -> Row {
    Row {
        title: "At a glance",
        panels: vec![
            Panel::stat("Requests", "Calls per second.").unit("reqps").query(
                "requests",
                "sum(rate(gen_ai_client_operation_duration_seconds_count{CALLS}[$__rate_interval]))",
            ),
            Panel::stat("Success", "Share of calls that did not fail. Cancelled calls count as neither.")
                .unit("percentunit")
                .query(
                    "success",
                    "1 - (sum(rate(gen_ai_client_operation_duration_seconds_count{CALLS, error_type!=\"\"}[$__rate_interval])) or vector(0))
                       / sum(rate(gen_ai_client_operation_duration_seconds_count{CALLS, llm_trace_outcome=\"\"}[$__rate_interval]))",
                ),
            Panel::stat("Duration, p95", "19 of 20 calls take at most this long.").unit("s").query(
                "p95",
                "histogram_quantile(0.95, sum by (le) (rate(gen_ai_client_operation_duration_seconds_bucket{CALLS}[$__rate_interval])))",
            ),
            Panel::stat("First chunk, p95", "19 of 20 streamed answers begin within this time.").unit("s").query(
                "p95",
                "histogram_quantile(0.95, sum by (le) (rate(gen_ai_client_operation_time_to_first_chunk_seconds_bucket{CALLS}[$__rate_interval])))",
            ),
            Panel::stat("Tokens", "Input and output, over the whole time shown.")
                .query("tokens", "sum(increase(gen_ai_client_token_usage_sum{CALLS}[$__range]))"),
            Panel::stat("Cost", "US dollars, over the whole time shown.")
                .unit("currencyUSD")
                .query("cost", "sum(increase(gen_ai_usage_cost_USD_sum{CALLS}[$__range]))"),
            Panel::stat("Cost per request", "Of calls with a known price.").unit("currencyUSD").query(
                "cost",
                "sum(rate(gen_ai_usage_cost_USD_sum{CALLS}[$__rate_interval])) / sum(rate(gen_ai_usage_cost_USD_count{CALLS}[$__rate_interval]))",
            ),
            Panel::stat("Unpriced", "Share of calls that used tokens of a model without a known price: what the cost leaves out.")
                .unit("percentunit")
                .thresholds(&[(0.01, "orange"), (0.1, "red")])
                .query(
                    "unpriced",
                    "(sum(rate(llm_trace_unpriced_total{CALLS}[$__rate_interval])) or vector(0))
                       / (sum(rate(gen_ai_usage_cost_USD_count{CALLS}[$__rate_interval])) + (sum(rate(llm_trace_unpriced_total{CALLS}[$__rate_interval])) or vector(0)))",
                ),
        ],
    }
}

fn requests() -> Row {
    let share = |by: &str| {
        format!("sum by ({by}) (increase(gen_ai_client_operation_duration_seconds_count{{CALLS}}[$__range]))")
    };
    Row {
        title: "Requests",
        panels: vec![
            Panel::lines("Requests by operation", "Calls per second.").unit("reqps").query(
                "{{gen_ai_operation_name}}",
                "sum by (gen_ai_operation_name) (rate(gen_ai_client_operation_duration_seconds_count{CALLS}[$__rate_interval]))",
            ),
            Panel::lines("How they end", "Calls per second that completed, failed, or were given up by the caller.")
                .unit("reqps")
                .stacked()
                .query(
                    "completed",
                    "sum(rate(gen_ai_client_operation_duration_seconds_count{CALLS, error_type=\"\", llm_trace_outcome=\"\"}[$__rate_interval]))",
                )
                .query(
                    "failed",
                    "sum(rate(gen_ai_client_operation_duration_seconds_count{CALLS, error_type!=\"\"}[$__rate_interval]))",
                )
                .query(
                    "cancelled",
                    "sum(rate(gen_ai_client_operation_duration_seconds_count{CALLS, llm_trace_outcome=\"cancelled\"}[$__rate_interval]))",
                ),
            Panel::lines("Errors by type", "Share of all calls.").unit("percentunit").stacked().query(
                "{{error_type}}",
                "sum by (error_type) (rate(gen_ai_client_operation_duration_seconds_count{CALLS, error_type!=\"\"}[$__rate_interval]))
                   / on () group_left () sum(rate(gen_ai_client_operation_duration_seconds_count{CALLS}[$__rate_interval]))",
            ),
            Panel::bars("Top models by requests", "Calls over the time shown.").query(
                "{{gen_ai_request_model}}",
                "topk(10, sum by (gen_ai_request_model) (increase(gen_ai_client_operation_duration_seconds_count{CALLS, gen_ai_request_model!=\"\"}[$__range])))",
            ),
            Panel::pie("By provider", "Calls over the time shown.").width(4).query("{{gen_ai_provider_name}}", &share("gen_ai_provider_name")),
            Panel::pie("By operation", "Calls over the time shown.").width(4).query("{{gen_ai_operation_name}}", &share("gen_ai_operation_name")),
            Panel::pie("By environment", "Calls over the time shown.").width(4).query("{{deployment_environment_name}}", &share("deployment_environment_name")),
            Panel::pie("By application", "Calls over the time shown.").width(4).query("{{service_name}}", &share("service_name")),
        ],
    }
}

fn latency() -> Row {
    let quantile = |quantile: &str| {
        format!(
            "histogram_quantile({quantile}, sum by (le) (rate(gen_ai_client_operation_duration_seconds_bucket{{CALLS}}[$__rate_interval])))"
        )
    };
    Row {
        title: "Latency",
        panels: vec![
            Panel::lines("Duration", "From the request to the end of the answer, for streams to the last chunk.")
                .unit("s")
                .query("p50", &quantile("0.5"))
                .query("p95", &quantile("0.95"))
                .query("p99", &quantile("0.99")),
            Panel::heat_map("Duration, distribution", "How many calls took how long.").unit("s").query(
                "",
                "sum by (le) (increase(gen_ai_client_operation_duration_seconds_bucket{CALLS}[$__rate_interval]))",
            ),
            Panel::lines("Duration by model, p95", "Which model is slow?").unit("s").query(
                "{{gen_ai_request_model}}",
                "histogram_quantile(0.95, sum by (le, gen_ai_request_model) (rate(gen_ai_client_operation_duration_seconds_bucket{CALLS}[$__rate_interval])))",
            ),
            Panel::lines("Time to first chunk", "Until the first text, reasoning or tool call of a stream.")
                .unit("s")
                .query("p50", "histogram_quantile(0.5, sum by (le) (rate(gen_ai_client_operation_time_to_first_chunk_seconds_bucket{CALLS}[$__rate_interval])))")
                .query("p95", "histogram_quantile(0.95, sum by (le) (rate(gen_ai_client_operation_time_to_first_chunk_seconds_bucket{CALLS}[$__rate_interval])))"),
            Panel::lines("Time to first chunk by model, p95", "Which model keeps users waiting?").unit("s").query(
                "{{gen_ai_request_model}}",
                "histogram_quantile(0.95, sum by (le, gen_ai_request_model) (rate(gen_ai_client_operation_time_to_first_chunk_seconds_bucket{CALLS}[$__rate_interval])))",
            ),
            Panel::lines("Time between chunks, p95", "How smoothly answers flow, by model.").unit("s").query(
                "{{gen_ai_request_model}}",
                "histogram_quantile(0.95, sum by (le, gen_ai_request_model) (rate(gen_ai_client_operation_time_per_output_chunk_seconds_bucket{CALLS}[$__rate_interval])))",
            ),
        ],
    }
}

fn tokens() -> Row {
    Row {
        title: "Tokens",
        panels: vec![
            Panel::lines("Tokens", "Per second; input includes cached tokens, output includes reasoning.").stacked().query(
                "{{gen_ai_token_type}}",
                "sum by (gen_ai_token_type) (rate(gen_ai_client_token_usage_sum{CALLS}[$__rate_interval]))",
            ),
            Panel::lines("Of these", "Per second: input read from the provider's cache or written to it, output spent on reasoning.").query(
                "{{gen_ai_token_type}}",
                "sum by (gen_ai_token_type) (rate(llm_trace_token_details_total{CALLS}[$__rate_interval]))",
            ),
            Panel::lines("Input read from the cache", "Share of input tokens, by model: a prompt whose beginning changes loses it.")
                .unit("percentunit")
                .query(
                    "{{gen_ai_request_model}}",
                    "sum by (gen_ai_request_model) (rate(llm_trace_token_details_total{CALLS, gen_ai_token_type=\"cache_read\"}[$__rate_interval]))
                       / sum by (gen_ai_request_model) (rate(gen_ai_client_token_usage_sum{CALLS, gen_ai_token_type=\"input\"}[$__rate_interval]))",
                ),
            Panel::lines("Input tokens per request", "By model: prompts that grow cost more and take longer.").query(
                "{{gen_ai_request_model}}",
                "sum by (gen_ai_request_model) (rate(gen_ai_client_token_usage_sum{CALLS, gen_ai_token_type=\"input\"}[$__rate_interval]))
                   / sum by (gen_ai_request_model) (rate(gen_ai_client_token_usage_count{CALLS, gen_ai_token_type=\"input\"}[$__rate_interval]))",
            ),
            Panel::lines("Output tokens per request", "By model.").query(
                "{{gen_ai_request_model}}",
                "sum by (gen_ai_request_model) (rate(gen_ai_client_token_usage_sum{CALLS, gen_ai_token_type=\"output\"}[$__rate_interval]))
                   / sum by (gen_ai_request_model) (rate(gen_ai_client_token_usage_count{CALLS, gen_ai_token_type=\"output\"}[$__rate_interval]))",
            ),
            Panel::lines("Tokens against cost", "Lines that part mean that tokens have become dearer: another model, or fewer cached ones.")
                .right_axis("US dollars per hour", "currencyUSD")
                .query("tokens per second", "sum(rate(gen_ai_client_token_usage_sum{CALLS}[$__rate_interval]))")
                .query("US dollars per hour", "sum(rate(gen_ai_usage_cost_USD_sum{CALLS}[$__rate_interval])) * 3600"),
        ],
    }
}

fn cost() -> Row {
    Row {
        title: "Cost",
        panels: vec![
            Panel::stat("A month at this pace", "What thirty days like the time shown would cost.").width(4).unit("currencyUSD").query(
                "month",
                "sum(rate(gen_ai_usage_cost_USD_sum{CALLS}[$__range])) * 30 * 86400",
            ),
            Panel::stat("Per 1000 tokens", "Over the time shown, all models.").width(4).unit("currencyUSD").query(
                "per 1000",
                "1000 * sum(increase(gen_ai_usage_cost_USD_sum{CALLS}[$__range])) / sum(increase(gen_ai_client_token_usage_sum{CALLS}[$__range]))",
            ),
            Panel::lines("Cost and forecast", "US dollars per hour, and what they will be in an hour if the last hour's trend goes on.")
                .unit("currencyUSD")
                .width(16)
                .query("now", "sum(rate(gen_ai_usage_cost_USD_sum{CALLS}[$__rate_interval])) * 3600")
                .query(
                    "in an hour",
                    "predict_linear(sum(rate(gen_ai_usage_cost_USD_sum{CALLS}[15m]))[1h:5m], 3600) * 3600",
                ),
            Panel::lines("Cost by model", "US dollars per hour.").unit("currencyUSD").stacked().query(
                "{{gen_ai_request_model}}",
                "sum by (gen_ai_request_model) (rate(gen_ai_usage_cost_USD_sum{CALLS}[$__rate_interval])) * 3600",
            ),
            Panel::lines("Cost by application", "US dollars per hour.").unit("currencyUSD").stacked().query(
                "{{service_name}} {{deployment_environment_name}}",
                "sum by (service_name, deployment_environment_name) (rate(gen_ai_usage_cost_USD_sum{CALLS}[$__rate_interval])) * 3600",
            ),
            Panel::lines("Cost per request by model", "US dollars; what a router or a longer prompt changes.").unit("currencyUSD").query(
                "{{gen_ai_request_model}}",
                "sum by (gen_ai_request_model) (rate(gen_ai_usage_cost_USD_sum{CALLS}[$__rate_interval]))
                   / sum by (gen_ai_request_model) (rate(gen_ai_usage_cost_USD_count{CALLS}[$__rate_interval]))",
            ),
            Panel::bars("Top models by cost", "US dollars over the time shown.").unit("currencyUSD").query(
                "{{gen_ai_request_model}}",
                "topk(10, sum by (gen_ai_request_model) (increase(gen_ai_usage_cost_USD_sum{CALLS}[$__range])))",
            ),
            Panel::pie("Cost by provider", "US dollars over the time shown.").width(8).unit("currencyUSD").query(
                "{{gen_ai_provider_name}}",
                "sum by (gen_ai_provider_name) (increase(gen_ai_usage_cost_USD_sum{CALLS}[$__range]))",
            ),
            Panel::bars("Cost per 1000 tokens", "US dollars, by model, over the time shown.").unit("currencyUSD").query(
                "{{gen_ai_request_model}}",
                "1000 * sum by (gen_ai_request_model) (increase(gen_ai_usage_cost_USD_sum{CALLS}[$__range]))
                   / sum by (gen_ai_request_model) (increase(gen_ai_client_token_usage_sum{CALLS}[$__range]))",
            ),
            Panel::bars("Unpriced calls", "Calls of models without a known price, over the time shown.").query(
                "{{gen_ai_provider_name}} {{gen_ai_request_model}}",
                "sum by (gen_ai_provider_name, gen_ai_request_model) (increase(llm_trace_unpriced_total{CALLS}[$__range]))",
            ),
        ],
    }
}

fn limits() -> Row {
    Row {
        title: "Rate limits",
        panels: vec![
            Panel::lines("Requests left", "Of the provider's limit, as its response headers tell.").unit("percentunit").query(
                "{{gen_ai_provider_name}} {{gen_ai_request_model}}",
                "min by (gen_ai_provider_name, gen_ai_request_model) (llm_trace_ratelimit_requests_remaining{MODELS} / llm_trace_ratelimit_requests_limit{MODELS})",
            ),
            Panel::lines("Tokens left", "Of the provider's limit.").unit("percentunit").query(
                "{{gen_ai_provider_name}} {{gen_ai_request_model}}",
                "min by (gen_ai_provider_name, gen_ai_request_model) (llm_trace_ratelimit_tokens_remaining{MODELS} / llm_trace_ratelimit_tokens_limit{MODELS})",
            ),
            Panel::lines("Until requests run out", "If the last quarter of an hour goes on; nothing where the rest does not shrink.").unit("s").query(
                "{{gen_ai_provider_name}} {{gen_ai_request_model}}",
                "min by (gen_ai_provider_name, gen_ai_request_model) (llm_trace_ratelimit_requests_remaining{MODELS} / -(deriv(llm_trace_ratelimit_requests_remaining{MODELS}[15m]) < 0))",
            ),
            Panel::lines("Refused for the limit", "Calls per second that failed as the limit was reached.").unit("reqps").query(
                "{{gen_ai_provider_name}} {{gen_ai_request_model}}",
                "sum by (gen_ai_provider_name, gen_ai_request_model) (rate(gen_ai_client_operation_duration_seconds_count{CALLS, error_type=~\"429|rate_limit.*\"}[$__rate_interval]))",
            ),
            Panel::lines("Requests: until the reset", "Seconds until the provider's window begins anew.").unit("s").query(
                "{{gen_ai_provider_name}} {{gen_ai_request_model}}",
                "max by (gen_ai_provider_name, gen_ai_request_model) (llm_trace_ratelimit_requests_reset_seconds{MODELS})",
            ),
            Panel::lines("Tokens: until the reset", "Seconds until the provider's window begins anew.").unit("s").query(
                "{{gen_ai_provider_name}} {{gen_ai_request_model}}",
                "max by (gen_ai_provider_name, gen_ai_request_model) (llm_trace_ratelimit_tokens_reset_seconds{MODELS})",
            ),
        ],
    }
}

fn traces() -> Row {
    Row {
        title: "Traces",
        panels: vec![
            Panel::traces(
                "Slow calls",
                "Calls to models that took longer than the limit above.",
                "{ SPANS && SPANS_OF_CALLS && duration > $slow }
                 | select(span.gen_ai.request.model, span.gen_ai.usage.input_tokens, span.gen_ai.usage.output_tokens, span.gen_ai.response.time_to_first_chunk)",
            ),
            Panel::traces(
                "Failed calls",
                "Calls to models that failed, with the class of the error.",
                "{ SPANS && SPANS_OF_CALLS && status = error }
                 | select(span.error.type, span.gen_ai.request.model, span.gen_ai.provider.name, span.gen_ai.conversation.id)",
            ),
            Panel::traces(
                "Costly calls",
                "Calls to models that cost more than the limit above.",
                "{ SPANS && SPANS_OF_CALLS && span.gen_ai.usage.cost > $costly }
                 | select(span.gen_ai.usage.cost, span.gen_ai.request.model, span.gen_ai.usage.input_tokens, span.gen_ai.usage.output_tokens, span.user.id)",
            ),
            Panel::logs(
                "Low-scored answers",
                "Scores below a half. Each event has the ids of the trace that it is about: open it, then the trace.",
                "{service_name=~\"$application\"} | deployment_environment_name=~\"$environment\" | gen_ai_evaluation_score_value < 0.5",
            ),
        ],
    }
}
