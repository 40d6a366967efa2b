//! How much a span and an event may hold.

use opentelemetry_sdk::trace::SpanLimits;

use super::env::Source;
use super::{Parameter, Resolved, Result, range};
use crate::sinks::events::EventLimits;

/// The specification's default of every count.
const DEFAULT_COUNT: u32 = 128;

/// Limits of spans, events and links. A signal's own variable goes before the one for all attributes.
pub(crate) struct Limits {
    pub(super) span_attributes: Resolved<u32>,
    /// Characters of one text on a span, its events and links.
    pub(crate) span_text: Resolved<Option<usize>>,
    pub(super) span_events: Resolved<u32>,
    pub(super) span_links: Resolved<u32>,
    pub(super) span_event_attributes: Resolved<u32>,
    pub(super) link_attributes: Resolved<u32>,
    pub(super) event_attributes: Resolved<usize>,
    pub(super) event_text: Resolved<Option<usize>>,
}

macro_rules! counts {
    ($name:literal) => {
        &[concat!("OTEL_", $name, "_ATTRIBUTE_COUNT_LIMIT"), "OTEL_ATTRIBUTE_COUNT_LIMIT"]
    };
}

macro_rules! lengths {
    ($name:literal) => {
        &[concat!("OTEL_", $name, "_ATTRIBUTE_VALUE_LENGTH_LIMIT"), "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"]
    };
}

impl Limits {
    pub(super) fn resolve(source: &dyn Source) -> Result<Self> {
        let count =
            |variables| range::LIMIT.resolve(Parameter::of_variables(variables), None, source, DEFAULT_COUNT);
        let length = |variables| {
            let parse = |variable, text| range::LIMIT.parse(variable, text).map(Some);
            Parameter::of_variables(variables).resolve(None, source, parse, None)
        };
        Ok(Limits {
            span_attributes: count(counts!("SPAN"))?,
            span_text: length(lengths!("SPAN"))?,
            span_events: count(&["OTEL_SPAN_EVENT_COUNT_LIMIT"])?,
            span_links: count(&["OTEL_SPAN_LINK_COUNT_LIMIT"])?,
            span_event_attributes: count(counts!("EVENT"))?,
            link_attributes: count(counts!("LINK"))?,
            event_attributes: count(counts!("LOGRECORD"))?.map(|count| count as usize),
            event_text: length(lengths!("LOGRECORD"))?,
        })
    }

    /// Those that the SDK enforces.
    pub(crate) fn spans(&self) -> SpanLimits {
        SpanLimits {
            max_attributes_per_span: self.span_attributes.value,
            max_events_per_span: self.span_events.value,
            max_links_per_span: self.span_links.value,
            max_attributes_per_event: self.span_event_attributes.value,
            max_attributes_per_link: self.link_attributes.value,
        }
    }

    pub(crate) fn events(&self) -> EventLimits {
        EventLimits { attributes: self.event_attributes.value, text: self.event_text.value }
    }
}
