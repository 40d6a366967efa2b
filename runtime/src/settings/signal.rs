//! The three signals, and where each goes.

use http::Uri;
use llm_trace_delivery::Protocol;

use super::env::{self, Source};
use super::{Builder, Origin, Parameter, Resolved, Result, SignalSettings, builder, endpoint};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_GRPC_ENDPOINT: &str = "http://localhost:4317";

/// One of the three signals, with the names of its settings.
pub(super) struct Signal {
    /// In the output of the doctor.
    pub(super) name: &'static str,
    /// Appended to the base URL of a receiver.
    path: &'static str,
    /// The builder's method for this signal's endpoint, what it was given, and the variable.
    method: &'static str,
    pub(super) in_code: fn(&builder::Destination) -> Option<&builder::Url>,
    endpoint: &'static str,
    exporter: Parameter,
    /// By preference: OTLP if there is a receiver, else the next.
    exporters: &'static [(&'static str, Destination<Receiver>)],
    pub(super) protocol: Parameter,
    pub(super) insecure: Parameter,
    pub(super) compression: Parameter,
    pub(super) timeout: Parameter,
    /// Time limit of the processor for one export; an upper bound for that of the exporter.
    pub(super) patience: Parameter,
    /// The builder's headers are added to those of the variables.
    pub(super) headers: Parameter,
    pub(super) certificate: Parameter,
    pub(super) client_certificate: Parameter,
    pub(super) client_key: Parameter,
}

/// A signal's own variable, then the one for all signals.
macro_rules! variables {
    ($signal:literal, $setting:literal) => {
        &[concat!("OTEL_EXPORTER_OTLP_", $signal, "_", $setting), concat!("OTEL_EXPORTER_OTLP_", $setting)]
    };
}

macro_rules! signal {
    ($name:literal, $word:ident, $signal:literal, $exporters:expr, $patience:literal) => {
        Signal {
            name: $name,
            path: concat!("/v1/", stringify!($word)),
            method: concat!("with_", stringify!($word), "_endpoint"),
            in_code: |destination| destination.$word.as_ref(),
            endpoint: concat!("OTEL_EXPORTER_OTLP_", $signal, "_ENDPOINT"),
            exporter: Parameter::of_variables(&[concat!("OTEL_", $signal, "_EXPORTER")]),
            exporters: $exporters,
            protocol: Parameter::new("with_protocol", variables!($signal, "PROTOCOL")),
            insecure: Parameter::of_variables(variables!($signal, "INSECURE")),
            compression: Parameter::new("with_compression", variables!($signal, "COMPRESSION")),
            timeout: Parameter::new("with_timeout", variables!($signal, "TIMEOUT")),
            patience: Parameter::of_variables(&[$patience]),
            headers: Parameter::of_variables(variables!($signal, "HEADERS")),
            certificate: Parameter::of_variables(variables!($signal, "CERTIFICATE")),
            client_certificate: Parameter::of_variables(variables!($signal, "CLIENT_CERTIFICATE")),
            client_key: Parameter::of_variables(variables!($signal, "CLIENT_KEY")),
        }
    };
}

const OTLP_OR_TERMINAL: &[(&str, Destination<Receiver>)] = &[
    ("otlp", Destination::Otlp(Receiver::DEFAULT)),
    ("console", Destination::Terminal),
    ("none", Destination::Nowhere),
];
const OTLP_OR_NOTHING: &[(&str, Destination<Receiver>)] =
    &[("otlp", Destination::Otlp(Receiver::DEFAULT)), ("none", Destination::Nowhere)];

pub(super) static TRACES: Signal =
    signal!("traces", traces, "TRACES", OTLP_OR_TERMINAL, "OTEL_BSP_EXPORT_TIMEOUT");
pub(super) static METRICS: Signal =
    signal!("metrics", metrics, "METRICS", OTLP_OR_NOTHING, "OTEL_METRIC_EXPORT_TIMEOUT");
pub(super) static LOGS: Signal = signal!("events", logs, "LOGS", OTLP_OR_NOTHING, "OTEL_BLRP_EXPORT_TIMEOUT");

/// Where a signal goes.
#[derive(Clone)]
pub(crate) enum Destination<S = SignalSettings> {
    Otlp(S),
    /// Of traces only.
    Terminal,
    Nowhere,
}

impl<S> Destination<S> {
    pub(crate) fn otlp(&self) -> Option<&S> {
        if let Destination::Otlp(settings) = self { Some(settings) } else { None }
    }
}

impl Destination<Receiver> {
    pub(super) fn resolve(
        self,
        builder: &Builder,
        source: &dyn Source,
        signal: &Signal,
    ) -> Result<Destination> {
        Ok(match self {
            Destination::Otlp(receiver) => {
                Destination::Otlp(SignalSettings::resolve(&receiver, builder, source, signal)?)
            }
            Destination::Terminal => Destination::Terminal,
            Destination::Nowhere => Destination::Nowhere,
        })
    }
}

/// A receiver as configured.
#[derive(Clone)]
pub(super) struct Receiver {
    origin: Origin,
    url: Option<String>,
    /// For this signal alone.
    is_own: bool,
    /// What asks for this signal in particular.
    pub(super) asked_by: Option<Origin>,
}

impl Receiver {
    /// The one that the specification assumes when OTLP is asked for without an address.
    const DEFAULT: Self = Receiver { origin: Origin::Default, url: None, is_own: false, asked_by: None };

    pub(super) fn endpoint(
        &self,
        protocol: Protocol,
        is_insecure: bool,
        signal: &Signal,
    ) -> Result<Resolved<Uri>> {
        let (origin, url) = (self.origin, self.url.as_deref());
        let value = if protocol == Protocol::Grpc {
            let url = url.unwrap_or(DEFAULT_GRPC_ENDPOINT);
            endpoint::parse_grpc(origin.parameter(), url, is_insecure)?
        } else {
            // The specification: a signal's own URL is used as it is.
            let path = if self.is_own { "" } else { signal.path };
            endpoint::parse(origin.parameter(), url.unwrap_or(DEFAULT_ENDPOINT), path)?
        };
        Ok(Resolved { value, origin })
    }
}

impl Signal {
    /// The exporter of the variable, or else one that fits: OTLP if there is a receiver.
    pub(super) fn choose(
        &self,
        builder: &Builder,
        source: &dyn Source,
    ) -> Result<Resolved<Destination<Receiver>>> {
        let exporter = self.exporter.find(None, source, env::choice(self.exporters))?;
        let asked_by = match exporter {
            Some(Resolved { value: Destination::Otlp(_), origin }) => Some(origin),
            Some(elsewhere) => return Ok(elsewhere),
            None => None,
        };
        let receiver = match (self.receiver(builder, source)?, asked_by) {
            (Some(receiver), _) => receiver,
            (None, Some(origin)) => Receiver { origin, ..Receiver::DEFAULT },
            (None, None) => {
                let value = self.exporters[1].1.clone();
                return Ok(Resolved { value, origin: Origin::Default });
            }
        };
        let asked_by = asked_by.or(receiver.is_own.then_some(receiver.origin));
        Ok(Resolved { origin: receiver.origin, value: Destination::Otlp(Receiver { asked_by, ..receiver }) })
    }

    /// The receiver that is configured, if any is. The builder's for all signals goes before the variable of one.
    fn receiver(&self, builder: &Builder, source: &dyn Source) -> Result<Option<Receiver>> {
        let receiver = |origin, url, is_own| Receiver { origin, url: Some(url), is_own, ..Receiver::DEFAULT };
        if let Some(url) = (self.in_code)(&builder.destination) {
            return Ok(Some(receiver(Origin::Builder(self.method), url.0.clone(), true)));
        }
        if let Some((method, base)) = builder.destination.base()? {
            return Ok(Some(receiver(Origin::Builder(method), base, false)));
        }
        if let Some(url) = source.get(self.endpoint)? {
            return Ok(Some(receiver(Origin::Variable(self.endpoint), url, true)));
        }
        Ok(source.get(ENDPOINT)?.map(|base| receiver(Origin::Variable(ENDPOINT), base, false)))
    }
}
