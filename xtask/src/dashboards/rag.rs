//! Retrieval, and the use of its documents in answers.

use super::grafana::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "llm-trace-rag",
        title: "RAG",
        description: "Retrieval: how fast, how good, and what answers make of what was found; what an answer costs, step by step.",
        rows: vec![answers(), retrieval(), found(), used(), traces()],
    }
}

fn answers() -> Row {
    Row {
        title: "Workflows",
        panels: vec![
            Panel::lines("Workflows", "Per second, by name.").unit("reqps").query(
                "{{gen_ai_workflow_name}}",
                "sum by (gen_ai_workflow_name) (rate(gen_ai_workflow_duration_seconds_count{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Failed workflows", "Share of all, by name.").unit("percentunit").query(
                "{{gen_ai_workflow_name}}",
                "sum by (gen_ai_workflow_name) (rate(gen_ai_workflow_duration_seconds_count{APPS, error_type!=\"\"}[$__rate_interval]))
                   / sum by (gen_ai_workflow_name) (rate(gen_ai_workflow_duration_seconds_count{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Workflow duration, p95", "By name.").unit("s").query(
                "{{gen_ai_workflow_name}}",
                "histogram_quantile(0.95, sum by (le, gen_ai_workflow_name) (rate(gen_ai_workflow_duration_seconds_bucket{APPS}[$__rate_interval])))",
            ),
            Panel::lines("Cost per answer by step", "US dollars per workflow, by the operation that costs them.")
                .unit("currencyUSD")
                .stacked()
                .query(
                    "{{gen_ai_operation_name}}",
                    "sum by (gen_ai_operation_name) (rate(gen_ai_usage_cost_USD_sum{APPS}[$__rate_interval]))
                       / on () group_left () sum(rate(gen_ai_workflow_duration_seconds_count{APPS}[$__rate_interval]))",
                ),
            Panel::lines("Tokens per answer by step", "Per workflow, by the operation that uses them.").stacked().query(
                "{{gen_ai_operation_name}} {{gen_ai_token_type}}",
                "sum by (gen_ai_operation_name, gen_ai_token_type) (rate(gen_ai_client_token_usage_sum{APPS}[$__rate_interval]))
                   / on () group_left () sum(rate(gen_ai_workflow_duration_seconds_count{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Time by step, mean", "Which step makes answers slow?").unit("s").query(
                "{{gen_ai_operation_name}}",
                "sum by (gen_ai_operation_name) (rate(gen_ai_client_operation_duration_seconds_sum{APPS}[$__rate_interval]))
                   / sum by (gen_ai_operation_name) (rate(gen_ai_client_operation_duration_seconds_count{APPS}[$__rate_interval]))",
            ),
        ],
    }
}

fn retrieval() -> Row {
    let quantile = |quantile: &str, operation: &str| {
        format!(
            "histogram_quantile({quantile}, sum by (le) (rate(gen_ai_client_operation_duration_seconds_bucket{{APPS, gen_ai_operation_name=\"{operation}\"}}[$__rate_interval])))"
        )
    };
    Row {
        title: "Retrieval",
        panels: vec![
            Panel::lines("Retrieval duration", "With the embedding of the query, if the function does both.")
                .unit("s")
                .query("p50", &quantile("0.5", "retrieval"))
                .query("p95", &quantile("0.95", "retrieval")),
            Panel::lines("Embeddings and reranking, p95", "The steps around the search.")
                .unit("s")
                .query("embeddings", &quantile("0.95", "embeddings"))
                .query("rerank", &quantile("0.95", "rerank")),
            Panel::lines("Retrievals by database", "Per second.").unit("reqps").query(
                "{{gen_ai_provider_name}} {{server_address}}",
                "sum by (gen_ai_provider_name, server_address) (rate(gen_ai_client_operation_duration_seconds_count{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))",
            ),
        ],
    }
}

fn found() -> Row {
    Row {
        title: "What is found",
        panels: vec![
            Panel::lines("Empty results", "Share of retrievals that found nothing, by data source.").unit("percentunit").query(
                "{{gen_ai_data_source_id}}",
                "sum by (gen_ai_data_source_id) (rate(llm_trace_retrieval_empty_total{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))
                   / sum by (gen_ai_data_source_id) (rate(llm_trace_retrieval_documents_count{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))",
            ),
            Panel::lines("Documents per retrieval", "And how many of them are duplicates of another.")
                .query(
                    "found in {{gen_ai_data_source_id}}",
                    "sum by (gen_ai_data_source_id) (rate(llm_trace_retrieval_documents_sum{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))
                       / sum by (gen_ai_data_source_id) (rate(llm_trace_retrieval_documents_count{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))",
                )
                .query(
                    "duplicates in {{gen_ai_data_source_id}}",
                    "sum by (gen_ai_data_source_id) (rate(llm_trace_retrieval_duplicates_sum{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))
                       / sum by (gen_ai_data_source_id) (rate(llm_trace_retrieval_duplicates_count{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))",
                ),
            Panel::heat_map("Score of the best document", "How well the best result fits, as the search says.").query(
                "",
                "sum by (le) (increase(llm_trace_retrieval_top_score_bucket{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))",
            ),
            Panel::lines("Score of the best document", "Median and the worst twentieth, by data source.")
                .query(
                    "p50 {{gen_ai_data_source_id}}",
                    "histogram_quantile(0.5, sum by (le, gen_ai_data_source_id) (rate(llm_trace_retrieval_top_score_bucket{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval])))",
                )
                .query(
                    "p5 {{gen_ai_data_source_id}}",
                    "histogram_quantile(0.05, sum by (le, gen_ai_data_source_id) (rate(llm_trace_retrieval_top_score_bucket{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval])))",
                ),
            Panel::lines("Score gap, mean", "Between the best two documents: a small one means that the search cannot decide.").query(
                "{{gen_ai_data_source_id}}",
                "sum by (gen_ai_data_source_id) (rate(llm_trace_retrieval_score_gap_sum{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))
                   / sum by (gen_ai_data_source_id) (rate(llm_trace_retrieval_score_gap_count{APPS, gen_ai_operation_name=\"retrieval\"}[$__rate_interval]))",
            ),
        ],
    }
}

fn used() -> Row {
    let mean = |metric: &str| {
        format!(
            "sum by (gen_ai_request_model) (rate(llm_trace_answer_{metric}_sum{{CALLS}}[$__rate_interval]))
               / sum by (gen_ai_request_model) (rate(llm_trace_answer_{metric}_count{{CALLS}}[$__rate_interval]))"
        )
    };
    Row {
        title: "What answers make of it",
        panels: vec![
            Panel::lines("Context window used, mean", "Share of the model's window that the prompt fills.")
                .unit("percentunit")
                .query("{{gen_ai_request_model}}", &mean("context_utilization")),
            Panel::lines(
                "Answer from the context, mean",
                "Share of the answer's words that are in the documents found before: a low one is an answer made up. Only if asked for.",
            )
            .unit("percentunit")
            .query("{{gen_ai_request_model}}", &mean("context_overlap")),
            Panel::lines(
                "Sentences with a citation, mean",
                "Share of an answer's sentences that cite a source.",
            )
            .unit("percentunit")
            .query("{{gen_ai_request_model}}", &mean("citation_coverage")),
        ],
    }
}

fn traces() -> Row {
    Row {
        title: "Traces",
        panels: vec![
            Panel::traces(
                "Slow retrievals",
                "Retrievals that took longer than a fifth of a second.",
                "{ SPANS && span.gen_ai.operation.name = \"retrieval\" && duration > 200ms }
                 | select(span.gen_ai.data_source.id, span.gen_ai.retrieval.top_k, span.gen_ai.provider.name)",
            ),
            Panel::traces(
                "Failed workflows",
                "Workflows that gave no answer, and why.",
                "{ SPANS && span.gen_ai.operation.name = \"invoke_workflow\" && status = error }
                 | select(span.gen_ai.workflow.name, span.error.type, span.gen_ai.conversation.id)",
            ),
        ],
    }
}
