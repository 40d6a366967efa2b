//! In: a configuration and its sources. Out: every value in words, with where it comes from. For the doctor.

mod content;
mod delivery;
mod limits;

use http::Uri;
use llm_trace_delivery::TransportConfig;

use super::env::Source;
use super::signal::{self, GENERAL, Signal};
use super::{Builder, ConfigError, Events, Metrics, Origin, Setting, Settings, Traces, sdk};
use crate::semconv::resource::{DEPLOYMENT_ENVIRONMENT_NAME, SERVICE_NAME};
use crate::semconv::version;

/// Parts of a URL's path that are no secret. Others may be a token.
const KNOWN_PARTS: [&str; 15] = [
    "",
    "api",
    "insert",
    "logs",
    "metrics",
    "opentelemetry",
    "otel",
    "otlp",
    "public",
    "traces",
    "v0.6",
    "v1",
    "v1.0",
    "v2",
    "write",
];

/// Every setting that is in force.
pub(crate) fn of(
    builder: &Builder,
    source: &dyn Source,
    settings: &Settings,
) -> Result<Vec<Setting>, ConfigError> {
    let mut rows = Rows { source, rows: Vec::new() };
    resource(&mut rows, builder, settings)?;
    let (terminal, nowhere) = ("the terminal", "nowhere");
    match &settings.traces {
        Traces::Otlp(traces) => exported(&mut rows, builder, "traces", &signal::TRACES, traces)?,
        Traces::Terminal => rows.push("traces", terminal, None, &["OTEL_TRACES_EXPORTER"])?,
        Traces::Nowhere => rows.push("traces", nowhere, None, &["OTEL_TRACES_EXPORTER"])?,
    }
    match &settings.metrics {
        Metrics::Otlp(metrics) => exported(&mut rows, builder, "metrics", &signal::METRICS, metrics)?,
        Metrics::Nowhere => rows.push("metrics", nowhere, None, &["OTEL_METRICS_EXPORTER"])?,
    }
    match &settings.events {
        Events::Otlp { signal: events, .. } => exported(&mut rows, builder, "events", &signal::LOGS, events)?,
        Events::Nowhere => rows.push("events", nowhere, None, &["OTEL_LOGS_EXPORTER"])?,
    }
    delivery::rows(&mut rows, builder, settings)?;
    processing(&mut rows, builder, settings)?;
    limits::rows(&mut rows, builder, settings)?;
    content::rows(&mut rows, builder, settings)?;
    Ok(rows.rows)
}

struct Rows<'a> {
    source: &'a dyn Source,
    rows: Vec<Setting>,
}

impl Rows<'_> {
    /// The origin is the method, if the builder set it, or else the first of the variables that is set.
    fn push(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
        method: Option<&'static str>,
        variables: &[&'static str],
    ) -> Result<(), ConfigError> {
        let origin = match method {
            Some(method) => Origin::Builder(method),
            None => self.first(variables)?.map_or(Origin::Default, Origin::Variable),
        };
        self.rows.push(Setting { name: name.into(), value: value.into(), origin });
        Ok(())
    }

    fn first(&self, variables: &[&'static str]) -> Result<Option<&'static str>, ConfigError> {
        for variable in variables {
            if self.source.get(variable)?.is_some() {
                return Ok(Some(variable));
            }
        }
        Ok(None)
    }
}

fn resource(rows: &mut Rows<'_>, builder: &Builder, settings: &Settings) -> Result<(), ConfigError> {
    const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let in_variable: Vec<String> =
        super::env::pairs(rows.source, ATTRIBUTES)?.into_iter().map(|(key, _)| key).collect();
    for attribute in &settings.resource {
        let key = attribute.key.as_str();
        let by_name = key == SERVICE_NAME && builder.service_name.is_some();
        let by_environment = key == DEPLOYMENT_ENVIRONMENT_NAME && builder.environment.is_some();
        let method = if by_name {
            Some("with_service_name")
        } else if by_environment {
            Some("with_environment")
        } else {
            let is_given = builder.resource.iter().any(|(given, _)| given == key);
            is_given.then_some("with_resource_attribute")
        };
        let mut variables = Vec::new();
        if key == SERVICE_NAME {
            variables.push("OTEL_SERVICE_NAME");
        }
        if in_variable.iter().any(|given| given == key) {
            variables.push(ATTRIBUTES);
        }
        rows.push(key, attribute.value.to_string(), method, &variables)?;
    }
    Ok(())
}

fn exported(
    rows: &mut Rows<'_>,
    builder: &Builder,
    name: &str,
    signal: &Signal,
    settings: &TransportConfig,
) -> Result<(), ConfigError> {
    let own = &signal.own;
    let method = signal.method_in_use(builder)?;
    let exporter = signal.exporter;
    rows.push(name, shown(&settings.endpoint), method, &[own.endpoint, GENERAL.endpoint, exporter])?;
    let method = builder.protocol.map(|_| "with_protocol");
    let variables = [own.protocol, GENERAL.protocol];
    rows.push(format!("{name} protocol"), settings.protocol.to_string(), method, &variables)?;
    let method = builder.compression.map(|_| "with_compression");
    let variables = [own.compression, GENERAL.compression];
    rows.push(format!("{name} compression"), settings.compression.to_string(), method, &variables)?;
    let timeout = format!("{} ms", settings.timeout.as_millis());
    let origin = signal::timeout(builder, rows.source, signal)?.origin;
    rows.rows.push(Setting { name: format!("{name} timeout"), value: timeout, origin });
    for header in settings.headers.keys() {
        let method = builder.destination.method_of_header(header);
        rows.push(format!("{name} header {header}"), "***", method, &[own.headers, GENERAL.headers])?;
    }
    for (what, variables) in [
        ("certificate", [own.certificate, GENERAL.certificate]),
        ("client certificate", [own.client_certificate, GENERAL.client_certificate]),
        ("client key", [own.client_key, GENERAL.client_key]),
    ] {
        if let Some((_, path)) = super::env::first(rows.source, variables)? {
            rows.push(format!("{name} {what}"), path, None, &variables)?;
        }
    }
    Ok(())
}

fn processing(rows: &mut Rows<'_>, builder: &Builder, settings: &Settings) -> Result<(), ConfigError> {
    let sdk = &settings.sdk;
    let sampler = sdk.sampling.to_string();
    let method = builder.sampler.as_ref().map(|_| "with_sampler");
    rows.push("sampler", sampler, method, &["OTEL_TRACES_SAMPLER"])?;
    for (name, batches, variables) in
        [("span", sdk.batches, &sdk::SPANS), ("event", sdk.event_batches, &sdk::EVENTS)]
    {
        rows.push(format!("{name} queue"), batches.queue.to_string(), None, &[variables.queue])?;
        let (batch, origin) = (batches.batch.value.to_string(), batches.batch.origin);
        rows.rows.push(Setting { name: format!("{name} batch"), value: batch, origin });
        rows.push(
            format!("{name} delay"),
            format!("{} ms", batches.delay.as_millis()),
            None,
            &[variables.delay],
        )?;
    }
    let interval = format!("{} ms", sdk.metrics.interval.as_millis());
    rows.push("metric interval", interval, None, &["OTEL_METRIC_EXPORT_INTERVAL"])?;
    let temporality = format!("{:?}", sdk.metrics.temporality).to_lowercase();
    let variables = ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"];
    rows.push("metric temporality", temporality, None, &variables)?;
    let method = (!builder.views.is_empty()).then_some("with_view");
    rows.push("metric views", builder.views.len().to_string(), method, &[])?;
    for (name, keys, given, method) in [
        ("tag labels", &settings.tags.labels, &builder.tag_labels, "with_tag_labels"),
        ("baggage keys", &settings.tags.baggage, &builder.baggage_keys, "with_baggage_keys"),
    ] {
        let keys: Vec<_> = keys.iter().map(opentelemetry::Key::as_str).collect();
        rows.push(name, listed(&keys), (!given.is_empty()).then_some(method), &[])?;
    }
    rows.push("propagators", settings.propagators.to_string(), None, &["OTEL_PROPAGATORS"])?;
    let method = builder.semconv.map(|_| "with_semconv");
    rows.push("conventions", format!("{:?}", settings.semconv), method, &[version::OPT_IN])?;
    Ok(())
}

fn listed(words: &[&str]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// The URL of a receiver without what may be a secret in it: user, query, and unknown parts of the path.
pub(crate) fn shown(endpoint: &Uri) -> String {
    let parts = endpoint.path().split('/').map(|part| if KNOWN_PARTS.contains(&part) { part } else { "…" });
    let path = parts.collect::<Vec<_>>().join("/");
    let query = if endpoint.query().is_some() { "?…" } else { "" };
    format!("{}{path}{query}", llm_trace_delivery::destination(endpoint))
}
