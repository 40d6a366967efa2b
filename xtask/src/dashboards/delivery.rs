//! Delivery of the telemetry itself.

use super::grafana::{Dashboard, Panel, Row};

/// Items that an exporter is done with.
const EXPORTED: &str = "__name__=~\"otel_sdk_exporter_(span|log|metric_data_point)_exported_total\", APPS";

/// Losses of processors and exporters. A newer state of the same metrics loses nothing.
const LOST: &str = "__name__=~\"otel_sdk_(processor|exporter)_(span|log|metric_data_point)_(processed|exported)_total\", APPS, error_type!~\"|superseded\"";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "llm-trace-delivery",
        title: "Telemetry delivery",
        description: "What was started is delivered, dropped, or still on its way, and nothing else.",
        rows: vec![account(), ways(), limits()],
    }
}

/// How much was lost in a time. A series begins with its first loss, which `increase` does not see.
fn lost(time: &str) -> String {
    format!("(({{{LOST}}} - {{{LOST}}} offset {time}) >= 0 or {{{LOST}}})")
}

fn account() -> Row {
    let delivered = format!("sum(increase({{{EXPORTED}, error_type=\"\"}}[$__range]))");
    let dropped = format!("sum({})", lost("$__range"));
    let inflight = "__name__=~\"otel_sdk_exporter_(span|log|metric_data_point)_inflight\", APPS";
    let queued = "__name__=~\"otel_sdk_processor_(span|log)_queue_size\", APPS";
    Row {
        title: "The account",
        panels: vec![
            Panel::stat("Delivered", "Of what was decided over the time shown: the rest was dropped.")
                .width(4)
                .unit("percentunit")
                .query("delivered", &format!("{delivered} / ({delivered} + ({dropped} or vector(0)))")),
            Panel::stat("Dropped", "Spans, events and metrics over the time shown.")
                .width(4)
                .thresholds(&[(1.0, "red")])
                .query("dropped", &format!("{dropped} or vector(0)")),
            Panel::bars("Dropped by reason", "Over the time shown.").width(16).query(
                "{{service_name}} {{deployment_environment_name}}: {{otel_component_type}}, {{error_type}}",
                &format!(
                    "topk(10, sum by (service_name, deployment_environment_name, otel_component_type, error_type) {} > 0)",
                    lost("$__range")
                ),
            ),
            Panel::lines("Started", "Spans and events per second.")
                .query("spans", "sum(rate(otel_sdk_span_started_total{APPS}[$__rate_interval]))")
                .query("events", "sum(rate(otel_sdk_log_created_total{APPS}[$__rate_interval]))"),
            Panel::lines("Delivered", "Items per second that the receiver confirmed, by exporter.").query(
                "{{otel_component_type}}",
                &format!("sum by (otel_component_type) (rate({{{EXPORTED}, error_type=\"\"}}[$__rate_interval]))"),
            ),
            Panel::lines("Dropped", "Items, by component and reason.").query(
                "{{otel_component_type}} {{error_type}}",
                &format!("sum by (otel_component_type, error_type) {}", lost("$__rate_interval")),
            ),
            Panel::lines("Open calls", "Begun and not ended.").query("spans", "sum(otel_sdk_span_live{APPS})"),
            Panel::lines("Queued", "Waiting for the exporter, of what the queue holds.")
                .query("{{otel_component_type}}", &format!("sum by (otel_component_type) ({{{queued}}})"))
                .query(
                    "capacity of {{otel_component_type}}",
                    "sum by (otel_component_type) ({__name__=~\"otel_sdk_processor_(span|log)_queue_capacity\", APPS})",
                ),
            Panel::lines("In flight", "Handed to the exporter, and neither delivered nor dropped.")
                .query("{{otel_component_type}}", &format!("sum by (otel_component_type) ({{{inflight}}})")),
            Panel::lines("Spooled", "Those in flight that wait on disk, if there is a spool.")
                .query("{{llm_trace_signal}}", "sum by (llm_trace_signal) (llm_trace_delivery_spooled{APPS})"),
        ],
    }
}

fn ways() -> Row {
    Row {
        title: "The way to the receiver",
        panels: vec![
            Panel::lines("Duration of exports", "95th percentile in seconds, from the first attempt to the last, by receiver.")
                .unit("s")
                .query(
                    "{{otel_component_type}} {{server_address}}",
                    "histogram_quantile(0.95, sum by (le, otel_component_type, server_address) (rate(otel_sdk_exporter_operation_duration_seconds_bucket{APPS}[$__rate_interval])))",
                ),
            Panel::lines("Retries", "Requests per second that were sent again.").query(
                "{{llm_trace_signal}}",
                "sum by (llm_trace_signal) (rate(llm_trace_delivery_retries_total{APPS}[$__rate_interval]))",
            ),
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
