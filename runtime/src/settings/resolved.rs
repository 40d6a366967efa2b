//! Builder and environment resolved into one value per setting.

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;

use llm_trace_delivery::TransportConfig;
use opentelemetry::KeyValue;
use secrecy::ExposeSecret as _;

use super::builder::Upload;
use super::env::{self, Source};
use super::propagators::Propagators;
use super::signal::{self, Receiver};
use super::{
    Builder, ConfigError, DeliverySettings, SdkSettings, SpoolSettings, content, propagators, resource,
    spool, tags,
};
use crate::content::openinference::OPENINFERENCE;
use crate::content::{CAPTURE_ERROR_MESSAGES, ContentCapture, Rules};
use crate::enrich::quality::{QualitySignals, Topics};
use crate::runtime::TagRules;
use crate::semconv::version::{self, SemconvVersion};
use crate::sinks::metrics;

const DISABLED: &str = "OTEL_SDK_DISABLED";

/// The effective configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) traces: Traces,
    pub(crate) metrics: Metrics,
    pub(crate) events: Events,
    pub(crate) delivery: DeliverySettings,
    pub(crate) sdk: SdkSettings,
    pub(crate) resource: Vec<KeyValue>,
    pub(crate) error_messages: bool,
    pub(crate) semconv: SemconvVersion,
    pub(crate) propagators: Propagators,
    pub(crate) content: ContentCapture,
    pub(crate) content_rules: Rules,
    pub(crate) content_upload: Option<Upload>,
    pub(crate) cardinality_limit: usize,
    pub(crate) tags: TagRules,
    pub(crate) quality: QualitySignals,
    pub(crate) topics: Option<Topics>,
    /// Whether spans speak OpenInference too.
    pub(crate) openinference: bool,
    pub(crate) spool: Option<SpoolSettings>,
}

/// Where spans go.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is moved once")]
pub(crate) enum Traces {
    Otlp(TransportConfig),
    Terminal,
    Nowhere,
}

/// Where metrics go.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is moved once")]
pub(crate) enum Metrics {
    Otlp(TransportConfig),
    Nowhere,
}

/// Where events go, which are log records.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is moved once")]
pub(crate) enum Events {
    Otlp {
        signal: TransportConfig,
        /// A receiver of logs is configured, or events are enabled. A receiver that was only named for all
        /// signals may take no logs: it gets those that the program makes itself, and those with content.
        asked_for: bool,
    },
    Nowhere,
}

/// Exporters selected by `OTEL_{TRACES,METRICS,LOGS}_EXPORTER`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exporter {
    Otlp,
    Console,
    None,
}

impl Settings {
    /// The one place where precedence is decided. `None` if telemetry is switched off, whatever else is configured.
    pub(crate) fn resolve(builder: Builder, source: &dyn Source) -> Result<Option<Self>, ConfigError> {
        if is_disabled(source) {
            return Ok(None);
        }
        config_file(source)?;
        let traces = traces(&builder, source)?;
        let metrics = metrics(&builder, source)?;
        let content = content::capture(&builder, source)?;
        let events = events(&builder, source, content)?;
        let error_messages = match builder.error_messages {
            Some(record) => record,
            // On the developer's own terminal a message leaves for nowhere. Without one, stderr is likely collected.
            None => env::flag(source, CAPTURE_ERROR_MESSAGES)?
                .unwrap_or(matches!(traces, Traces::Terminal) && source.stderr_is_terminal()),
        };
        let opt_in = source.get(version::OPT_IN)?.map(|value| version::from_opt_in(&value));
        let semconv = builder.semconv.or(opt_in).unwrap_or_default();
        let delivery = DeliverySettings::resolve(&builder, source)?;
        let spool = spool::resolve(&builder, source)?;
        let mut sdk = SdkSettings::resolve(&builder, source)?;
        if spool.as_ref().is_some_and(SpoolSettings::writes_ahead) {
            sdk.hasten(source)?;
        }
        let tags = tags::rules(&builder)?;
        let mut propagators = propagators::resolve(source)?;
        propagators.baggage |= !tags.baggage.is_empty();
        let content_rules = content::rules(&builder, source, sdk.limits.span_text)?;
        let content_upload = builder.content_rules.upload.clone();
        let cardinality_limit = cardinality_limit(&builder, source)?;
        let quality = builder.quality;
        let topics = topics(&builder)?;
        let openinference = match builder.openinference {
            Some(on) => on,
            None => env::flag(source, OPENINFERENCE)?.unwrap_or(false),
        };
        let spool_parameter = spool::parameter(&builder);
        let resource = resource::resolve(builder, source)?;
        let spool = spool.map(|spool| spool::of_service(spool, &resource, spool_parameter)).transpose()?;
        Ok(Some(Settings {
            traces,
            metrics,
            events,
            delivery,
            sdk,
            resource,
            error_messages,
            semconv,
            propagators,
            content,
            content_rules,
            content_upload,
            cardinality_limit,
            tags,
            quality,
            topics,
            openinference,
            spool,
        }))
    }
}

impl Settings {
    /// Those of the signals that are exported.
    pub(super) fn signals(&self) -> impl Iterator<Item = &TransportConfig> {
        let traces = if let Traces::Otlp(traces) = &self.traces { Some(traces) } else { None };
        let metrics = if let Metrics::Otlp(metrics) = &self.metrics { Some(metrics) } else { None };
        let events = if let Events::Otlp { signal, .. } = &self.events { Some(signal) } else { None };
        [traces, metrics, events].into_iter().flatten()
    }
}

/// The specification: whatever is not `true` does not disable. It is the switch that has to work when nothing else
/// does, so a value that is neither is no error.
fn is_disabled(source: &dyn Source) -> bool {
    match env::flag(source, DISABLED) {
        Ok(disabled) => disabled.unwrap_or(false),
        Err(error) => {
            tracing::warn!(target: "llm_trace", "telemetry stays on: {error}");
            false
        }
    }
}

/// A short salt could be guessed, and questions with it.
fn topics(builder: &Builder) -> Result<Option<Topics>, ConfigError> {
    const MIN_SALT: usize = 16;
    if let Some(Topics::QuestionHash { salt }) = &builder.topics
        && salt.expose_secret().len() < MIN_SALT
    {
        let value = format!("a salt of {} bytes", salt.expose_secret().len());
        return Err(env::invalid("with_topics", value, format!("expected at least {MIN_SALT} bytes")));
    }
    Ok(builder.topics.clone())
}

fn cardinality_limit(builder: &Builder, source: &dyn Source) -> Result<usize, ConfigError> {
    if let Some(limit) = builder.cardinality_limit {
        let is_valid = metrics::is_limit(limit);
        let error = || env::invalid("with_metric_cardinality_limit", limit.to_string(), metrics::LIMIT_WORDS);
        return is_valid.then_some(limit).ok_or_else(error);
    }
    let Some(text) = source.get(metrics::LIMIT_VARIABLE)? else { return Ok(metrics::DEFAULT_LIMIT) };
    metrics::limit_from(&text)
        .ok_or_else(|| env::invalid(metrics::LIMIT_VARIABLE, text, metrics::LIMIT_WORDS))
}

/// A file is not read, and whoever names one expects that it is: not an error, as it may be for the other programs that
/// are started with the same environment.
fn config_file(source: &dyn Source) -> Result<(), ConfigError> {
    for variable in ["OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"] {
        if source.get(variable)?.is_some() {
            tracing::warn!(target: "llm_trace", "{variable} is set, but configuration files are not read");
        }
    }
    Ok(())
}

fn traces(builder: &Builder, source: &dyn Source) -> Result<Traces, ConfigError> {
    let choices = [("otlp", Exporter::Otlp), ("console", Exporter::Console), ("none", Exporter::None)];
    let exporter = env::choice(source, signal::TRACES.exporter, &choices)?;
    let signal = &signal::TRACES;
    let receiver = match exporter {
        Some(Exporter::None) => return Ok(Traces::Nowhere),
        Some(Exporter::Console) => return Ok(Traces::Terminal),
        Some(Exporter::Otlp) | None => signal.receiver(builder, source)?,
    };
    let receiver = match receiver {
        Some(receiver) => receiver,
        None if exporter == Some(Exporter::Otlp) => Receiver::DEFAULT,
        None => return Ok(Traces::Terminal),
    };
    signal::resolve(&receiver, builder, source, signal).map(Traces::Otlp)
}

fn metrics(builder: &Builder, source: &dyn Source) -> Result<Metrics, ConfigError> {
    let choices = [("otlp", Exporter::Otlp), ("none", Exporter::None)];
    let exporter = env::choice(source, signal::METRICS.exporter, &choices)?;
    let signal = &signal::METRICS;
    if exporter == Some(Exporter::None) {
        return Ok(Metrics::Nowhere);
    }
    let receiver = match signal.receiver(builder, source)? {
        Some(receiver) => receiver,
        None if exporter == Some(Exporter::Otlp) => Receiver::DEFAULT,
        None => return Ok(Metrics::Nowhere),
    };
    signal::resolve(&receiver, builder, source, signal).map(Metrics::Otlp)
}

fn events(builder: &Builder, source: &dyn Source, content: ContentCapture) -> Result<Events, ConfigError> {
    let choices = [("otlp", Exporter::Otlp), ("none", Exporter::None)];
    let exporter = env::choice(source, signal::LOGS.exporter, &choices)?;
    let signal = &signal::LOGS;
    if exporter == Some(Exporter::None) {
        return Ok(Events::Nowhere);
    }
    let is_named = exporter.is_some() || signal.is_named(builder, source)?;
    let receiver = match signal.receiver(builder, source)? {
        Some(receiver) => receiver,
        None if exporter == Some(Exporter::Otlp) => Receiver::DEFAULT,
        None => return Ok(Events::Nowhere),
    };
    let asked_for = builder.events.unwrap_or(is_named);
    match signal::resolve(&receiver, builder, source, signal) {
        Ok(signal) => Ok(Events::Otlp { signal, asked_for }),
        // Set for the logs of another program, most likely: no events are enabled here.
        Err(error) if !asked_for && !content.on_events() => {
            tracing::warn!(target: "llm_trace", "no events are sent: {error}");
            Ok(Events::Nowhere)
        }
        Err(error) => Err(error),
    }
}
