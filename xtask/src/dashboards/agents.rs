//! Agents and the tools they call.

use super::grafana::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "llm-trace-agents",
        title: "Agents and tools",
        description: "How often agents run, how many turns they take, which tools they call and which of these fail.",
        rows: vec![agents(), tools(), mcp(), traces()],
    }
}

fn agents() -> Row {
    let per_run = |metric: &str| {
        format!(
            "sum by (gen_ai_agent_name) (rate(gen_ai_invoke_agent_{metric}_sum{{APPS}}[$__rate_interval]))
               / sum by (gen_ai_agent_name) (rate(gen_ai_invoke_agent_{metric}_count{{APPS}}[$__rate_interval]))"
        )
    };
    Row {
        title: "Agents",
        panels: vec![
            Panel::lines("Runs", "Per second, by agent.").unit("reqps").query(
                "{{gen_ai_agent_name}}",
                "sum by (gen_ai_agent_name) (rate(gen_ai_invoke_agent_duration_seconds_count{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Failed runs", "Share of all, by agent and error.").unit("percentunit").query(
                "{{gen_ai_agent_name}} {{error_type}}",
                "sum by (gen_ai_agent_name, error_type) (rate(gen_ai_invoke_agent_duration_seconds_count{APPS, error_type!=\"\"}[$__rate_interval]))
                   / on (gen_ai_agent_name) group_left () sum by (gen_ai_agent_name) (rate(gen_ai_invoke_agent_duration_seconds_count{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Duration", "Median and p95, by agent.")
                .unit("s")
                .query(
                    "p50 {{gen_ai_agent_name}}",
                    "histogram_quantile(0.5, sum by (le, gen_ai_agent_name) (rate(gen_ai_invoke_agent_duration_seconds_bucket{APPS}[$__rate_interval])))",
                )
                .query(
                    "p95 {{gen_ai_agent_name}}",
                    "histogram_quantile(0.95, sum by (le, gen_ai_agent_name) (rate(gen_ai_invoke_agent_duration_seconds_bucket{APPS}[$__rate_interval])))",
                ),
            Panel::lines("Turns per run", "Calls to a model, mean by agent.")
                .query("{{gen_ai_agent_name}}", &per_run("inference_calls")),
            Panel::lines("Tool calls per run", "Mean by agent.").query("{{gen_ai_agent_name}}", &per_run("tool_calls")),
            Panel::lines("Loops", "Share of runs with more than 8 calls to a model: an agent that goes round in circles.")
                .unit("percentunit")
                .query(
                    "{{gen_ai_agent_name}}",
                    "1 - sum by (gen_ai_agent_name) (rate(gen_ai_invoke_agent_inference_calls_bucket{APPS, le=~\"8|8.0\"}[$__rate_interval]))
                       / sum by (gen_ai_agent_name) (rate(gen_ai_invoke_agent_inference_calls_count{APPS}[$__rate_interval]))",
                ),
            Panel::heat_map("Turns per run, distribution", "How many runs took how many calls to a model.").width(12).query(
                "",
                "sum by (le) (increase(gen_ai_invoke_agent_inference_calls_bucket{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Cost per run", "US dollars of all calls of an application that runs agents, for each run.")
                .width(12)
                .unit("currencyUSD")
                .query(
                    "{{service_name}}",
                    "sum by (service_name) (rate(gen_ai_usage_cost_USD_sum{APPS}[$__rate_interval]))
                       / sum by (service_name) (rate(gen_ai_invoke_agent_duration_seconds_count{APPS}[$__rate_interval]))",
                ),
        ],
    }
}

fn tools() -> Row {
    Row {
        title: "Tools",
        panels: vec![
            Panel::lines("Tool calls", "Per second, by tool.").unit("reqps").query(
                "{{gen_ai_tool_name}}",
                "sum by (gen_ai_tool_name) (rate(gen_ai_execute_tool_duration_seconds_count{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Tool errors", "Share of the tool's calls, by error.").unit("percentunit").query(
                "{{gen_ai_tool_name}} {{error_type}}",
                "sum by (gen_ai_tool_name, error_type) (rate(gen_ai_execute_tool_duration_seconds_count{APPS, error_type!=\"\"}[$__rate_interval]))
                   / on (gen_ai_tool_name) group_left () sum by (gen_ai_tool_name) (rate(gen_ai_execute_tool_duration_seconds_count{APPS}[$__rate_interval]))",
            ),
            Panel::lines("Tool duration, p95", "By tool.").unit("s").query(
                "{{gen_ai_tool_name}}",
                "histogram_quantile(0.95, sum by (le, gen_ai_tool_name) (rate(gen_ai_execute_tool_duration_seconds_bucket{APPS}[$__rate_interval])))",
            ),
            Panel::bars("Top tools", "Calls over the time shown.").width(12).query(
                "{{gen_ai_tool_name}} ({{gen_ai_agent_name}})",
                "topk(10, sum by (gen_ai_tool_name, gen_ai_agent_name) (increase(gen_ai_execute_tool_duration_seconds_count{APPS}[$__range])))",
            ),
            Panel::bars("Time spent in tools", "Seconds over the time shown.").width(12).unit("s").query(
                "{{gen_ai_tool_name}}",
                "topk(10, sum by (gen_ai_tool_name) (increase(gen_ai_execute_tool_duration_seconds_sum{APPS}[$__range])))",
            ),
        ],
    }
}

fn mcp() -> Row {
    let rate = |side: &str, labels: &str, by: &str| {
        format!(
            "sum by ({by}) (rate(mcp_{side}_operation_duration_seconds_count{{APPS{labels}}}[$__rate_interval]))"
        )
    };
    let p95 = |side: &str| {
        format!(
            "histogram_quantile(0.95, sum by (le, mcp_method_name, gen_ai_tool_name) (rate(mcp_{side}_operation_duration_seconds_bucket{{APPS}}[$__rate_interval])))"
        )
    };
    let session = |side: &str| {
        format!(
            "sum by (service_name) (rate(mcp_{side}_session_duration_seconds_sum{{APPS}}[$__rate_interval]))
               / sum by (service_name) (rate(mcp_{side}_session_duration_seconds_count{{APPS}}[$__rate_interval]))"
        )
    };
    let failed = |side: &str| {
        format!(
            "{} / on (mcp_method_name) group_left () {}",
            rate(side, ", error_type!=\"\"", "mcp_method_name, error_type"),
            rate(side, "", "mcp_method_name"),
        )
    };
    Row {
        title: "MCP",
        panels: vec![
            Panel::lines(
                "Messages",
                "Sent to MCP servers and handled for MCP clients, per second, by method.",
            )
            .unit("reqps")
            .query("sent {{mcp_method_name}}", &rate("client", "", "mcp_method_name"))
            .query("handled {{mcp_method_name}}", &rate("server", "", "mcp_method_name")),
            Panel::lines("Failed messages", "Share of the method's messages, by error.")
                .unit("percentunit")
                .query("sent {{mcp_method_name}} {{error_type}}", &failed("client"))
                .query("handled {{mcp_method_name}} {{error_type}}", &failed("server")),
            Panel::lines("Message duration, p95", "By method and tool.")
                .unit("s")
                .query("sent {{mcp_method_name}} {{gen_ai_tool_name}}", &p95("client"))
                .query("handled {{mcp_method_name}} {{gen_ai_tool_name}}", &p95("server")),
            Panel::lines("Session length", "Mean of the sessions that ended, by application.")
                .width(24)
                .unit("s")
                .query("client {{service_name}}", &session("client"))
                .query("server {{service_name}}", &session("server")),
        ],
    }
}

fn traces() -> Row {
    Row {
        title: "Traces",
        panels: vec![
            Panel::traces(
                "Failed tools",
                "With the class of the error and the agent that called.",
                "{ SPANS && span.gen_ai.operation.name = \"execute_tool\" && status = error }
                 | select(span.gen_ai.tool.name, span.error.type, span.gen_ai.agent.name)",
            ),
            Panel::traces(
                "Long runs",
                "Runs of agents that took longer than ten seconds, with the calls to models inside.",
                "{ SPANS && span.gen_ai.operation.name = \"invoke_agent\" && duration > 10s }
                 | select(span.gen_ai.agent.name, span.gen_ai.conversation.id)",
            ),
        ],
    }
}
