//! Builder and environment resolved into one value per setting.

#[cfg(test)]
mod tests;

use std::fmt;

use opentelemetry::KeyValue;
use secrecy::ExposeSecret as _;

use super::env::{self, Source};
use super::error::invalid;
use super::signal::{self, Destination, Signal};
use super::tags::TagSettings;
use super::{
    Builder, ContentSettings, DeliverySettings, Origin, Parameter, Resolved, Result, SdkSettings,
    SpoolSettings, content, metrics, resource,
};
use crate::enrich::quality::{QualitySignals, Topics};
use crate::semconv::resource::SERVICE_NAME;
use crate::semconv::version::{self, SemconvVersion};

const DISABLED: Parameter = Parameter::of_variables(&["OTEL_SDK_DISABLED"]);
const SEMCONV: Parameter = Parameter::new("with_semconv", &[version::OPT_IN]);

/// The effective configuration. `Debug` prints what the doctor does.
pub(crate) struct Settings {
    pub(crate) traces: Resolved<Destination>,
    pub(crate) metrics: Resolved<Destination>,
    /// Events are log records.
    pub(crate) events: Resolved<Destination>,
    /// A receiver of logs is configured, or events are enabled. A receiver that was only named for all signals may take no logs: it
    /// gets those that the program makes itself, and those with content.
    pub(crate) are_events_asked_for: Resolved<bool>,
    pub(crate) delivery: DeliverySettings,
    pub(crate) spool: Option<SpoolSettings>,
    pub(crate) sdk: SdkSettings,
    pub(crate) cardinality_limit: Resolved<usize>,
    pub(crate) resource: Vec<Resolved<KeyValue>>,
    pub(crate) semconv: Resolved<SemconvVersion>,
    pub(crate) tags: TagSettings,
    pub(crate) content: ContentSettings,
    pub(crate) quality: Resolved<QualitySignals>,
    pub(crate) topics: Resolved<Option<Topics>>,
}

impl Settings {
    /// Resolves each setting once, by [`Parameter::resolve`]. `None` if telemetry is switched off, whatever else is configured.
    pub(crate) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Option<Self>> {
        if is_disabled(source) {
            return Ok(None);
        }
        config_file(source)?;
        let traces = destination(&signal::TRACES, builder, source)?;
        let metrics = destination(&signal::METRICS, builder, source)?;
        let capture = content::capture(builder, source)?;
        let (events, are_events_asked_for) = events(builder, source, capture.value.on_events())?;
        let parse_semconv = |_, words: String| Ok(version::from_opt_in(&words));
        let semconv = SEMCONV.resolve(builder.semconv, source, parse_semconv, SemconvVersion::default())?;
        let delivery = DeliverySettings::resolve(builder, source)?;
        let spool = SpoolSettings::resolve(builder, source)?;
        let sdk = SdkSettings::resolve(builder, source, spool.as_ref())?;
        let tags = TagSettings::resolve(builder, source)?;
        let is_watched = matches!(traces.value, Destination::Terminal) && source.stderr_is_terminal();
        let content = ContentSettings::resolve(builder, source, capture, is_watched, sdk.limits.span_text)?;
        let cardinality_limit = metrics::cardinality_limit(builder, source)?;
        let quality =
            Resolved::of_builder("with_quality_signals", builder.quality, QualitySignals::default());
        let topics = topics(builder)?;
        let resource = resource::resolve(builder, source)?;
        let spool = spool.map(|spool| spool.of_service(&service_name(&resource))).transpose()?;
        Ok(Some(Settings {
            traces,
            metrics,
            events,
            are_events_asked_for,
            delivery,
            spool,
            sdk,
            cardinality_limit,
            resource,
            semconv,
            tags,
            content,
            quality,
            topics,
        }))
    }
}

/// Each value with its origin, and no secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.overview()).finish()
    }
}

/// The specification: whatever is not `true` does not disable. It is the switch that has to work when nothing else
/// does, so a value that is neither is no error.
fn is_disabled(source: &dyn Source) -> bool {
    match DISABLED.resolve(None, source, env::flag, false) {
        Ok(disabled) => disabled.value,
        Err(error) => {
            tracing::warn!(target: "llm_trace", "telemetry stays on: {error}");
            false
        }
    }
}

/// A file is not read, and whoever names one expects that it is: not an error, as it may be for the other programs that
/// are started with the same environment.
fn config_file(source: &dyn Source) -> Result<()> {
    for variable in ["OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"] {
        if source.get(variable)?.is_some() {
            tracing::warn!(target: "llm_trace", "{variable} is set, but configuration files are not read");
        }
    }
    Ok(())
}

fn destination(signal: &Signal, builder: &Builder, source: &dyn Source) -> Result<Resolved<Destination>> {
    let Resolved { value, origin } = signal.choose(builder, source)?;
    Ok(Resolved { value: value.resolve(builder, source, signal)?, origin })
}

fn events(
    builder: &Builder,
    source: &dyn Source,
    have_content: bool,
) -> Result<(Resolved<Destination>, Resolved<bool>)> {
    let Resolved { value: destination, mut origin } = signal::LOGS.choose(builder, source)?;
    let mut asked_for = Resolved::of_builder("with_events", builder.events, false);
    if let (Origin::Default, Destination::Otlp(receiver)) = (asked_for.origin, &destination)
        && let Some(origin) = receiver.asked_by
    {
        asked_for = Resolved { value: true, origin };
    }
    let value = match destination.resolve(builder, source, &signal::LOGS) {
        // Set for the logs of another program, most likely: no events are enabled here.
        Err(error) if !asked_for.value && !have_content => {
            tracing::warn!(target: "llm_trace", "no events are sent: {error}");
            origin = error.origin();
            Destination::Nowhere
        }
        resolved => resolved?,
    };
    Ok((Resolved { value, origin }, asked_for))
}

/// A short salt could be guessed, and questions with it.
fn topics(builder: &Builder) -> Result<Resolved<Option<Topics>>> {
    const METHOD: &str = "with_topics";
    const MIN_SALT: usize = 16;
    if let Some(Topics::QuestionHash { salt }) = &builder.topics
        && salt.expose_secret().len() < MIN_SALT
    {
        let value = format!("a salt of {} bytes", salt.expose_secret().len());
        return Err(invalid(METHOD, value, format!("expected at least {MIN_SALT} bytes")));
    }
    Ok(Resolved::of_builder(METHOD, builder.topics.clone().map(Some), None))
}

fn service_name(resource: &[Resolved<KeyValue>]) -> String {
    let name = resource.iter().find(|attribute| attribute.value.key.as_str() == SERVICE_NAME);
    name.map(|name| name.value.value.to_string()).unwrap_or_default()
}
