//! Quality of answers over time.

use super::grafana::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "llm-trace-quality",
        title: "Answer quality",
        description: "Scores of evaluators and users, and what can be told from answers without a judge.",
        rows: vec![scores(), answers(), events()],
    }
}

fn scores() -> Row {
    let pass = "sum by (gen_ai_evaluation_name) (rate(llm_trace_evaluation_score_count{APPS, gen_ai_evaluation_score_label=\"pass\"}[$__rate_interval]))
        / sum by (gen_ai_evaluation_name) (rate(llm_trace_evaluation_score_count{APPS}[$__rate_interval]))";
    let all_day = pass.replace("rate(", "increase(").replace("$__rate_interval", "$__range");
    Row {
        title: "Scores",
        panels: vec![
            Panel::lines("Pass ratio", "Share of scores with the label `pass`, by evaluation: when did it begin to fall?")
                .width(12)
                .unit("percentunit")
                .query("{{gen_ai_evaluation_name}}", pass),
            Panel::bars("Pass ratio", "Over the time shown.").width(6).unit("percentunit").query("{{gen_ai_evaluation_name}}", &all_day),
            Panel::lines("Scores", "Per second, by evaluation and label.").width(6).unit("reqps").query(
                "{{gen_ai_evaluation_name}} {{gen_ai_evaluation_score_label}}",
                "sum by (gen_ai_evaluation_name, gen_ai_evaluation_score_label) (rate(llm_trace_evaluation_score_count{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Score, mean", "By evaluation.").query(
                "{{gen_ai_evaluation_name}}",
                "sum by (gen_ai_evaluation_name) (rate(llm_trace_evaluation_score_sum{APPS}[$__rate_interval]))
                   / sum by (gen_ai_evaluation_name) (rate(llm_trace_evaluation_score_count{APPS}[$__rate_interval]))",
            ),
            Panel::heat_map("Score, distribution", "How many scores were how high.").query(
                "",
                "sum by (le) (increase(llm_trace_evaluation_score_bucket{APPS}[$__rate_interval]))",
            ),
            Panel::lines("User feedback", "Thumbs per second, up and down.").unit("reqps").query(
                "{{gen_ai_evaluation_score_label}}",
                "sum by (gen_ai_evaluation_score_label) (rate(llm_trace_evaluation_score_count{APPS, gen_ai_evaluation_name=\"user_feedback\"}[$__rate_interval]))",
            ),
        ],
    }
}

fn answers() -> Row {
    // Every inference is checked for repetition or truncation; the count of durations is their total.
    let share = |metric: &str| {
        format!(
            "sum by (gen_ai_request_model) (rate(llm_trace_answer_{metric}_total{{CALLS}}[$__rate_interval]))
               / sum by (gen_ai_request_model) (rate(gen_ai_client_operation_duration_seconds_count{{CALLS, error_type=\"\"}}[$__rate_interval]))"
        )
    };
    Row {
        title: "What answers tell by themselves",
        panels: vec![
            Panel::lines("Refusals", "Share of answers that refuse, by model.").width(6).unit("percentunit").query("{{gen_ai_request_model}}", &share("refusals")),
            Panel::lines("Cut answers", "Share of answers that ended at the limit of tokens, by model.")
                .width(6)
                .unit("percentunit")
                .query("{{gen_ai_request_model}}", &share("truncations")),
            Panel::lines("Repetition, mean", "Share of an answer that was said before in it, by model. Only if asked for.").width(6).unit("percentunit").query(
                "{{gen_ai_request_model}}",
                "sum by (gen_ai_request_model) (rate(llm_trace_answer_repetition_sum{CALLS}[$__rate_interval]))
                   / sum by (gen_ai_request_model) (rate(llm_trace_answer_repetition_count{CALLS}[$__rate_interval]))",
            ),
            Panel::lines("Answers not measured", "Per second, by model: more than 256 waited. What is told of answers' texts is a sample then.")
                .unit("reqps")
                .width(6)
                .query(
                    "{{gen_ai_request_model}}",
                    "sum by (gen_ai_request_model) (rate(llm_trace_answer_unmeasured_total{CALLS}[$__rate_interval]))
                       or 0 * sum by (gen_ai_request_model) (rate(gen_ai_client_operation_duration_seconds_count{CALLS}[$__rate_interval]))",
                ),
        ],
    }
}

fn events() -> Row {
    Row {
        title: "Low scores",
        panels: vec![Panel::logs(
            "Low-scored answers",
            "Each event has the ids of the trace it is about: open it, then the trace.",
            "{service_name=~\"$application\"} | deployment_environment_name=~\"$environment\" | gen_ai_evaluation_score_value < 0.5",
        )],
    }
}
