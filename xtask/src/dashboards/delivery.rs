//! What becomes of the telemetry itself.

use super::grafana::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "llm-trace-delivery",
        title: "Telemetry delivery",
        description: "The ledger: what was started is delivered, dropped, or still on its way, and nothing else.",
        rows: vec![ledger(), limits()],
    }
}

fn ledger() -> Row {
    let by_signal = |metric: &str| {
        format!(
            "sum by (llm_trace_signal) (rate(llm_trace_delivery_{metric}_total{{APPS}}[$__rate_interval]))"
        )
    };
    let level = |metric: &str| format!("sum by (llm_trace_signal) (llm_trace_delivery_{metric}{{APPS}})");
    Row {
        title: "The ledger",
        panels: vec![
            Panel::stat("Delivered", "Of what was decided over the time shown: the rest was dropped.")
                .width(4)
                .unit("percentunit")
                .query(
                    "delivered",
                    "sum(increase(llm_trace_delivery_delivered_total{APPS}[$__range]))
                       / (sum(increase(llm_trace_delivery_delivered_total{APPS}[$__range])) + (sum(increase(llm_trace_delivery_dropped_total{APPS}[$__range])) or vector(0)))",
                ),
            Panel::stat("Dropped", "Spans, events and metrics over the time shown.")
                .width(4)
                .thresholds(&[(1.0, "red")])
                .query("dropped", "sum(increase(llm_trace_delivery_dropped_total{APPS}[$__range])) or vector(0)"),
            Panel::bars("Dropped by reason", "Over the time shown.").width(16).query(
                "{{service_name}} {{deployment_environment_name}}: {{llm_trace_signal}}, {{llm_trace_drop_reason}}",
                "topk(10, sum by (service_name, deployment_environment_name, llm_trace_signal, llm_trace_drop_reason) (increase(llm_trace_delivery_dropped_total{APPS}[$__range])) > 0)",
            ),
            Panel::lines("Started", "Items per second, by signal.").query("{{llm_trace_signal}}", &by_signal("started")),
            Panel::lines("Delivered", "Items per second that the receiver confirmed, by signal.")
                .query("{{llm_trace_signal}}", &by_signal("delivered")),
            Panel::lines("Dropped", "Items per second, by signal and reason.").query(
                "{{llm_trace_signal}} {{llm_trace_drop_reason}}",
                "sum by (llm_trace_signal, llm_trace_drop_reason) (rate(llm_trace_delivery_dropped_total{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Open calls", "Begun and not ended.").query("{{llm_trace_signal}}", &level("open")),
            Panel::lines("Queued", "Waiting in memory.").query("{{llm_trace_signal}}", &level("queued")),
            Panel::lines("Spooled", "Waiting on disk, if there is a spool.").query("{{llm_trace_signal}}", &level("spooled")),
            Panel::lines("Retries", "Requests per second that were sent again.").query("{{llm_trace_signal}}", &by_signal("retries")),
        ],
    }
}

fn limits() -> Row {
    Row {
        title: "What was left out on purpose",
        panels: vec![
            Panel::lines("Not sampled", "Items per second that the sampler left out; metrics count them all the same.")
                .width(8)
                .query("{{llm_trace_signal}}", "sum by (llm_trace_signal) (rate(llm_trace_delivery_unsampled_total{APPS}[$__rate_interval]))"),
            Panel::lines("Measurements without their labels", "Per second, by metric: more label sets than the cap; they are counted under `other`.")
                .width(8)
                .query("{{llm_trace_metric_name}}", "sum by (llm_trace_metric_name) (rate(llm_trace_metrics_overflow_total{APPS}[$__rate_interval]))"),
            Panel::lines("Implausible values", "Per second, by kind: values of requests and responses that are outside of their range; the rest is recorded.")
                .width(8)
                .query("{{llm_trace_value_kind}}", "sum by (llm_trace_value_kind) (rate(llm_trace_implausible_total{APPS}[$__rate_interval]))"),
        ],
    }
}
