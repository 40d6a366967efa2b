//! How much a span and an event may hold.

use opentelemetry_sdk::trace::SpanLimits;

use super::ConfigError;
use super::env::Source;
use super::range;
use crate::sinks::events::EventLimits;

const COUNT: &str = "OTEL_ATTRIBUTE_COUNT_LIMIT";
const LENGTH: &str = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT";

/// The specification's default of every count.
const DEFAULT_COUNT: u32 = 128;

/// Limits of spans, events and links: those that the SDK enforces, and those that we do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) spans: SpanLimits,
    /// Characters of one text on a span, its events and links.
    pub(crate) span_text: Option<usize>,
    pub(crate) events: EventLimits,
}

impl Limits {
    /// A signal's own variable goes before the one for all attributes.
    pub(super) fn resolve(source: &dyn Source) -> Result<Self, ConfigError> {
        let count = size(source, COUNT)?;
        let length = size(source, LENGTH)?;
        let counted =
            |variable| Ok::<_, ConfigError>(size(source, variable)?.or(count).unwrap_or(DEFAULT_COUNT));
        let alone = |variable| Ok::<_, ConfigError>(size(source, variable)?.unwrap_or(DEFAULT_COUNT));
        let measured = |variable| Ok::<_, ConfigError>(size(source, variable)?.or(length));
        Ok(Limits {
            spans: SpanLimits {
                max_attributes_per_span: counted("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT")?,
                max_events_per_span: alone("OTEL_SPAN_EVENT_COUNT_LIMIT")?,
                max_links_per_span: alone("OTEL_SPAN_LINK_COUNT_LIMIT")?,
                max_attributes_per_event: counted("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT")?,
                max_attributes_per_link: counted("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT")?,
            },
            span_text: measured("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT")?.map(|limit| limit as usize),
            events: EventLimits {
                attributes: counted("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT")? as usize,
                text: measured("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT")?.map(|limit| limit as usize),
            },
        })
    }
}

fn size(source: &dyn Source, variable: &'static str) -> Result<Option<u32>, ConfigError> {
    // The range is that of the type.
    Ok(range::LIMIT.read(source, variable)?.and_then(|size| u32::try_from(size).ok()))
}
