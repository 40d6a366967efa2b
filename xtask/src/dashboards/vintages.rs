//! Adds the metric names of the October 2026 conventions to queries written with those of August. Dashboards show both.
//!
//! A process emits one version, so nothing is counted twice. After a restart under the same `service.instance.id`,
//! series of both versions can have the same labels, and `or` would keep only one. Series of October therefore get one
//! more label, unless their labels differ anyway.

/// Renamed histograms, without suffixes.
const RENAMED: [(&str, &str); 4] = [
    ("gen_ai_client_operation_duration_seconds", "gen_ai_client_inference_duration_seconds"),
    (
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        "gen_ai_client_inference_time_to_first_chunk_seconds",
    ),
    (
        "gen_ai_client_operation_time_per_output_chunk_seconds",
        "gen_ai_client_inference_time_per_output_chunk_seconds",
    ),
    ("gen_ai_workflow_duration_seconds", "gen_ai_invoke_workflow_duration_seconds"),
];

/// Token metrics: the histogram of August, its token type, and the counter of October. The counters have one more
/// label, the modality.
const TOKENS: [(&str, &str, &str); 7] = [
    ("gen_ai_client_token_usage_sum", "input", "gen_ai_client_inference_usage_input_tokens_total"),
    ("gen_ai_client_token_usage_sum", "output", "gen_ai_client_inference_usage_output_tokens_total"),
    ("gen_ai_client_token_usage_count", "input", "gen_ai_client_inference_operation_input_tokens_count"),
    ("gen_ai_client_token_usage_count", "output", "gen_ai_client_inference_operation_output_tokens_count"),
    (
        "llm_trace_token_details_total",
        "cache_read",
        "gen_ai_client_inference_usage_cache_read_input_tokens_total",
    ),
    (
        "llm_trace_token_details_total",
        "cache_creation",
        "gen_ai_client_inference_usage_cache_write_input_tokens_total",
    ),
    (
        "llm_trace_token_details_total",
        "reasoning",
        "gen_ai_client_inference_usage_reasoning_output_tokens_total",
    ),
];

/// Both versions of a query written for August. `rate` and `increase` of a renamed metric must be inside a `sum`.
pub(super) fn both(query: &str) -> String {
    let mut whole = String::new();
    let mut rest = query;
    while let Some(end) = rest.find("])").map(|at| at + "])".len()) {
        let (before, after) = rest.split_at(end);
        whole.push_str(before);
        let begin = before.rfind("rate(").max(before.rfind("increase("));
        whole.extend(begin.and_then(|begin| of_october(&before[begin..])));
        rest = after;
    }
    whole + rest
}

/// The expression to add to `rate(metric{labels}[range])`.
fn of_october(august: &str) -> Option<String> {
    let (function, rest) = august.split_once('(')?;
    let (metric, rest) = rest.split_once('{')?;
    let (labels, range) = rest.split_once('}')?;
    for (name, october) in RENAMED {
        if let Some(suffix) = metric.strip_prefix(name) {
            let renamed = format!("{function}({october}{suffix}{{{labels}}}{range}");
            return Some(format!(" or label_replace({renamed}, \"vintage\", \"october\", \"\", \"\")"));
        }
    }
    let of_metric: Vec<_> = TOKENS.iter().filter(|(name, ..)| *name == metric).collect();
    for (_, kind, october) in &of_metric {
        let only = format!(", gen_ai_token_type=\"{kind}\"");
        if labels.contains(&only) {
            return Some(format!(" or {function}({october}{{{}}}{range}", labels.replace(&only, "")));
        }
    }
    let by_type = of_metric.iter().map(|(_, kind, october)| {
        let of_type = format!("{function}({october}{{{labels}}}{range}");
        format!(" or label_replace({of_type}, \"gen_ai_token_type\", \"{kind}\", \"\", \"\")")
    });
    Some(by_type.collect())
}

#[test]
fn a_query_gets_the_names_of_both_versions() {
    for (august, expected) in [
        ("sum(rate(gen_ai_usage_cost_USD_sum{a}[5m]))", "sum(rate(gen_ai_usage_cost_USD_sum{a}[5m]))"),
        (
            "sum by (le) (increase(gen_ai_workflow_duration_seconds_bucket{a, b}[5m])) / 2",
            "sum by (le) (increase(gen_ai_workflow_duration_seconds_bucket{a, b}[5m]) \
             or label_replace(increase(gen_ai_invoke_workflow_duration_seconds_bucket{a, b}[5m]), \
             \"vintage\", \"october\", \"\", \"\")) / 2",
        ),
        (
            "sum(rate(gen_ai_client_token_usage_count{a, gen_ai_token_type=\"output\"}[5m]))",
            "sum(rate(gen_ai_client_token_usage_count{a, gen_ai_token_type=\"output\"}[5m]) \
             or rate(gen_ai_client_inference_operation_output_tokens_count{a}[5m]))",
        ),
        (
            "sum by (gen_ai_token_type) (rate(gen_ai_client_token_usage_sum{a}[5m]))",
            "sum by (gen_ai_token_type) (rate(gen_ai_client_token_usage_sum{a}[5m]) \
             or label_replace(rate(gen_ai_client_inference_usage_input_tokens_total{a}[5m]), \"gen_ai_token_type\", \"input\", \"\", \"\") \
             or label_replace(rate(gen_ai_client_inference_usage_output_tokens_total{a}[5m]), \"gen_ai_token_type\", \"output\", \"\", \"\"))",
        ),
    ] {
        assert_eq!(both(august), expected);
    }
}
