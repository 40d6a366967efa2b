//! Dashboards as data, and the JSON that Grafana 11 and newer imports.

use serde_json::{Value, json};

use super::vintages;

/// A dashboard; panels from top to bottom.
pub struct Dashboard {
    /// The id in Grafana and the name of the file.
    pub uid: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) rows: Vec<Row>,
}

pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

pub(super) struct Panel {
    kind: Kind,
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    width: u64,
    stacked: bool,
    /// The legend of the query on the right axis, and the unit of that axis.
    right: Option<(&'static str, &'static str)>,
    thresholds: Vec<(f64, &'static str)>,
    queries: Vec<Query>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stat,
    Lines,
    Bars,
    Pie,
    HeatMap,
    Traces,
    Logs,
}

struct Query {
    text: String,
    legend: &'static str,
}

/// Filters of metrics of calls; replaces `CALLS` in an expression.
const CALLS: &str = "service_name=~\"$application\", deployment_environment_name=~\"$environment\", \
    gen_ai_provider_name=~\"$provider\", gen_ai_request_model=~\"$model\", gen_ai_operation_name=~\"$operation\"";
/// Filters of metrics without an operation: rate limits.
const MODELS: &str = "service_name=~\"$application\", deployment_environment_name=~\"$environment\", \
    gen_ai_provider_name=~\"$provider\", gen_ai_request_model=~\"$model\"";
/// Filters of metrics with neither operation nor model: tools, agents, workflows, scores, delivery.
const APPS: &str = "service_name=~\"$application\", deployment_environment_name=~\"$environment\"";
/// The same filters for spans. In `TraceQL` no expression matches a missing attribute, and some applications set no
/// environment: with all environments chosen, the first comparison is true. Several values are joined as alternatives
/// without backslashes, which would end up in the JSON of links.
const SPANS: &str = "resource.service.name=~\"${application:pipe}\" && \
    (\"${environment:pipe}\" = \".*\" || resource.deployment.environment.name=~\"${environment:pipe}\")";
const SPANS_OF_CALLS: &str = "span.gen_ai.provider.name=~\"${provider:pipe}\" && \
    span.gen_ai.request.model=~\"${model:pipe}\" && span.gen_ai.operation.name=~\"${operation:pipe}\"";

/// Labels that identify the spans of a line, and the span attributes that correspond to them.
const LABELS_OF_SPANS: [(&str, &str); 9] = [
    ("service_name", "resource.service.name"),
    ("gen_ai_provider_name", "span.gen_ai.provider.name"),
    ("gen_ai_request_model", "span.gen_ai.request.model"),
    ("gen_ai_operation_name", "span.gen_ai.operation.name"),
    ("gen_ai_agent_name", "span.gen_ai.agent.name"),
    ("gen_ai_tool_name", "span.gen_ai.tool.name"),
    ("gen_ai_workflow_name", "span.gen_ai.workflow.name"),
    ("gen_ai_data_source_id", "span.gen_ai.data_source.id"),
    ("error_type", "span.error.type"),
];

impl Panel {
    fn new(kind: Kind, width: u64, title: &'static str, description: &'static str) -> Self {
        Panel {
            kind,
            title,
            description,
            unit: "short",
            width,
            stacked: false,
            right: None,
            thresholds: Vec::new(),
            queries: Vec::new(),
        }
    }

    /// A single number.
    pub(super) fn stat(title: &'static str, description: &'static str) -> Self {
        Panel::new(Kind::Stat, 3, title, description)
    }

    /// Lines over time.
    pub(super) fn lines(title: &'static str, description: &'static str) -> Self {
        Panel::new(Kind::Lines, 8, title, description)
    }

    /// The largest values, as bars.
    pub(super) fn bars(title: &'static str, description: &'static str) -> Self {
        Panel::new(Kind::Bars, 8, title, description)
    }

    /// A pie chart.
    pub(super) fn pie(title: &'static str, description: &'static str) -> Self {
        Panel::new(Kind::Pie, 6, title, description)
    }

    /// A histogram over time.
    pub(super) fn heat_map(title: &'static str, description: &'static str) -> Self {
        Panel::new(Kind::HeatMap, 8, title, description)
    }

    /// The spans found by a `TraceQL` query.
    pub(super) fn traces(title: &'static str, description: &'static str, query: &str) -> Self {
        Panel::new(Kind::Traces, 24, title, description).query("", query)
    }

    /// The events found by a `LogQL` query.
    pub(super) fn logs(title: &'static str, description: &'static str, query: &str) -> Self {
        Panel::new(Kind::Logs, 24, title, description).query("", query)
    }

    /// Adds a query, written with the names of August 2026; the legend refers to labels as `{{label}}`.
    pub(super) fn query(mut self, legend: &'static str, query: &str) -> Self {
        let words = query.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = vintages::both(&words)
            .replace("SPANS_OF_CALLS", SPANS_OF_CALLS)
            .replace("SPANS", SPANS)
            .replace("CALLS", CALLS)
            .replace("MODELS", MODELS)
            .replace("APPS", APPS);
        self.queries.push(Query { text, legend });
        self
    }

    /// The unit, by Grafana's name: `s`, `reqps`, `percentunit`, `currencyUSD`.
    pub(super) fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// The width in columns; a row has 24.
    pub(super) fn width(mut self, width: u64) -> Self {
        self.width = width;
        self
    }

    pub(super) fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }

    pub(super) fn right_axis(mut self, legend: &'static str, unit: &'static str) -> Self {
        self.right = Some((legend, unit));
        self
    }

    /// The lowest value of each colour.
    pub(super) fn thresholds(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = steps.to_vec();
        self
    }

    fn height(&self) -> u64 {
        if self.kind == Kind::Stat { 4 } else { 8 }
    }

    fn data_source(&self) -> Value {
        match self.kind {
            Kind::Traces => json!({ "type": "tempo", "uid": "${traces}" }),
            Kind::Logs => json!({ "type": "loki", "uid": "${logs}" }),
            _ => json!({ "type": "prometheus", "uid": "${metrics}" }),
        }
    }

    fn json(&self, id: u64, x: u64, y: u64) -> Value {
        let targets: Vec<_> =
            self.queries.iter().zip('A'..).map(|(query, id)| self.target(query, id)).collect();
        let kind = match self.kind {
            Kind::Stat => "stat",
            Kind::Lines => "timeseries",
            Kind::Bars => "bargauge",
            Kind::Pie => "piechart",
            Kind::HeatMap => "heatmap",
            Kind::Traces => "table",
            Kind::Logs => "logs",
        };
        json!({
            "id": id,
            "type": kind,
            "title": self.title,
            "description": self.description,
            "gridPos": { "h": self.height(), "w": self.width, "x": x, "y": y },
            "datasource": self.data_source(),
            "fieldConfig": { "defaults": self.field(), "overrides": self.overrides() },
            "options": self.options(),
            "targets": targets,
        })
    }

    fn target(&self, query: &Query, id: char) -> Value {
        let common = json!({ "refId": id.to_string(), "datasource": self.data_source() });
        // A query over the whole time range returns one number.
        let instant = matches!(self.kind, Kind::Bars | Kind::Pie)
            || (self.kind == Kind::Stat && query.text.contains("$__range"));
        let own = match self.kind {
            Kind::Traces => json!({
                "queryType": "traceql", "query": query.text, "limit": 20, "tableType": "spans",
            }),
            Kind::Logs => json!({ "expr": query.text, "queryType": "range", "maxLines": 50 }),
            Kind::HeatMap => json!({
                "expr": query.text, "legendFormat": "{{le}}", "format": "heatmap", "range": true,
                "instant": false,
            }),
            _ => json!({
                "expr": query.text, "legendFormat": query.legend, "range": !instant, "instant": instant,
            }),
        };
        merged(common, own)
    }

    fn field(&self) -> Value {
        let first =
            json!({ "color": if self.thresholds.is_empty() { "blue" } else { "green" }, "value": null });
        let rest = self.thresholds.iter().map(|(value, color)| json!({ "color": color, "value": value }));
        let steps: Vec<_> = [first].into_iter().chain(rest).collect();
        let colour = if self.kind == Kind::Stat { "thresholds" } else { "palette-classic" };
        let common = json!({
            "unit": self.unit,
            "color": { "mode": colour },
            "thresholds": { "mode": "absolute", "steps": steps },
        });
        let own = match self.kind {
            Kind::Lines => json!({
                "custom": {
                    "fillOpacity": if self.stacked { 40 } else { 10 },
                    "showPoints": "never",
                    "stacking": { "mode": if self.stacked { "normal" } else { "none" } },
                },
                "links": self.links(),
            }),
            Kind::Bars => json!({ "links": self.links() }),
            _ => json!({}),
        };
        merged(common, own)
    }

    fn overrides(&self) -> Value {
        let Some((legend, unit)) = self.right else { return json!([]) };
        json!([{
            "matcher": { "id": "byName", "options": legend },
            "properties": [
                { "id": "unit", "value": unit },
                { "id": "custom.axisPlacement", "value": "right" },
            ],
        }])
    }

    /// Links from a line to its traces, in any data source; metrics of delivery have none.
    fn links(&self) -> Value {
        let is_about = |what: &str| self.queries.iter().any(|query| query.text.contains(what));
        if is_about("otel_sdk_") || is_about("llm_trace_delivery") || is_about("llm_trace_metrics") {
            return json!([]);
        }
        let mut conditions = vec![SPANS.to_owned()];
        conditions.extend(is_about("$model").then(|| SPANS_OF_CALLS.to_owned()));
        for (label, attribute) in LABELS_OF_SPANS {
            if self.queries.iter().all(|query| query.legend.contains(&format!("{{{{{label}}}}}"))) {
                conditions.push(format!("{attribute}=\"${{__field.labels.{label}}}\""));
            }
        }
        let query = format!("{{ {} }}", conditions.join(" && "));
        let jaeger = json!({ "queryType": "search", "service": "${application}" });
        json!([
            {
                "title": "Traces in Tempo", "targetBlank": true,
                "url": explore("${traces}", json!({ "queryType": "traceql", "query": query })),
            },
            {
                "title": "Traces in Jaeger (of one application)", "targetBlank": true,
                "url": explore("${jaeger}", jaeger),
            },
        ])
    }

    fn options(&self) -> Value {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self.kind {
            Kind::Stat => {
                json!({ "reduceOptions": last, "graphMode": if self.queries.iter().any(|query| query.text.contains("$__range")) { "none" } else { "area" }, "colorMode": "value" })
            }
            Kind::Lines => json!({
                "legend": { "displayMode": "table", "placement": "bottom", "calcs": ["mean", "max"] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Kind::Bars => {
                json!({ "reduceOptions": last, "orientation": "horizontal", "displayMode": "gradient" })
            }
            Kind::Pie => json!({
                "reduceOptions": last, "pieType": "donut",
                "legend": { "displayMode": "table", "placement": "right", "values": ["value", "percent"] },
            }),
            Kind::HeatMap => json!({
                "calculate": false, "yAxis": { "unit": self.unit }, "color": { "scheme": "Blues", "mode": "scheme" },
                "cellGap": 1, "rowsFrame": { "layout": "auto" },
            }),
            Kind::Traces => json!({ "showHeader": true, "cellHeight": "sm" }),
            Kind::Logs => json!({
                "showTime": true, "enableLogDetails": true, "prettifyLogMessage": false, "sortOrder": "Descending",
            }),
        }
    }
}

impl Dashboard {
    /// The JSON model that Grafana imports, as in `dashboards/grafana/{uid}.json`.
    pub fn json(&self) -> Value {
        let mut panels = Vec::new();
        let mut y = 0;
        let mut id = 0;
        let mut next = || {
            id += 1;
            id
        };
        for row in &self.rows {
            panels.push(json!({
                "id": next(), "type": "row", "title": row.title, "collapsed": false,
                "gridPos": { "h": 1, "w": 24, "x": 0, "y": y }, "panels": [],
            }));
            y += 1;
            let (mut x, mut height) = (0, 0);
            for panel in &row.panels {
                if x + panel.width > 24 {
                    (x, y, height) = (0, y + height, 0);
                }
                panels.push(panel.json(next(), x, y));
                x += panel.width;
                height = height.max(panel.height());
            }
            y += height;
        }
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["llm-trace"],
            "schemaVersion": 39,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": { "from": "now-6h", "to": "now" },
            "timezone": "",
            "annotations": { "list": [] },
            "links": [{
                "type": "dashboards", "tags": ["llm-trace"], "title": "llm-trace", "asDropdown": true,
                "includeVars": true, "keepTime": true,
            }],
            "templating": { "list": variables() },
            "panels": panels,
        })
    }
}

/// The variables, equal on every dashboard, so that links between dashboards keep the selection.
fn variables() -> Value {
    let source = |name: &str, label: &str, kind: &str, hide: u8| json!({ "name": name, "label": label, "type": "datasource", "query": kind, "hide": hide, "refresh": 1 });
    // Loki requires one matcher that does not match the empty string; every series has an application.
    let all_of = |name: &str| if name == "application" { ".+" } else { ".*" };
    let filter = |name: &str, label: &str, series: &str, of: &str| {
        let query = format!("label_values({series}, {of})");
        json!({
            "name": name, "label": label, "type": "query",
            "datasource": { "type": "prometheus", "uid": "${metrics}" },
            "definition": query, "query": { "query": query, "refId": "values" },
            "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": all_of(name),
            "current": { "text": ["All"], "value": ["$__all"] },
        })
    };
    let limit = |name: &str, label: &str, value: &str| {
        json!({
            "name": name, "label": label, "type": "textbox", "query": value,
            "current": { "text": value, "value": value },
        })
    };
    // Metrics of either version of the conventions, including those of applications without model calls.
    let all = "{__name__=~\"gen_ai_.+_duration_seconds_count\"}";
    let calls = "{__name__=~\"gen_ai_client_(operation|inference)_duration_seconds_count\"}";
    json!([
        source("metrics", "Metrics", "prometheus", 0),
        source("traces", "Traces (Tempo)", "tempo", 0),
        source("jaeger", "Traces (Jaeger)", "jaeger", 0),
        source("logs", "Events (Loki)", "loki", 0),
        filter("application", "Application", all, "service_name"),
        filter("environment", "Environment", all, "deployment_environment_name"),
        filter("provider", "Provider", calls, "gen_ai_provider_name"),
        filter("model", "Model", calls, "gen_ai_request_model"),
        filter("operation", "Operation", calls, "gen_ai_operation_name"),
        limit("slow", "Slow is", "5s"),
        limit("costly", "Costly is (USD)", "0.01"),
    ])
}

/// The link to a query in Grafana's Explore.
fn explore(data_source: &str, query: Value) -> String {
    let panes = json!({ "traces": {
        "datasource": data_source,
        "queries": [merged(json!({ "refId": "A", "datasource": { "uid": data_source } }), query)],
        "range": { "from": "${__from}", "to": "${__to}" },
    }});
    format!("/explore?schemaVersion=1&panes={}", percent_encoded(&panes.to_string()))
}

/// Percent-encodes all but Grafana's variables, which must stay readable for Grafana.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    let mut rest = text;
    while let Some((before, variable)) = rest.split_once("${") {
        let (name, after) = variable.split_once('}').unwrap_or((variable, ""));
        encoded.extend([&encoded_part(before), "${", name, "}"]);
        rest = after;
    }
    encoded + &encoded_part(rest)
}

fn encoded_part(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect::<Vec<_>>().concat()
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}
