//! Where and how one signal is sent.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use llm_trace_delivery::ureq::Proxy;
use llm_trace_delivery::{Compression, Protocol, TransportConfig};

use super::builder::Destination;
use super::env::{self, Source, invalid};
use super::tls::Certificates;
use super::{Builder, ConfigError, Origin, Parameter, Resolved, endpoint, proxy, range};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

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
    in_code: fn(&Destination) -> Option<&String>,
    endpoint: &'static str,
    exporter: Parameter,
    protocol: Parameter,
    insecure: Parameter,
    compression: Parameter,
    timeout: Parameter,
    /// Time limit of the processor for one export; an upper bound for that of the exporter.
    patience: Parameter,
    /// The builder's headers are added to those of the variables.
    headers: Parameter,
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
    ($name:literal, $word:ident, $signal:literal, $patience:literal) => {
        Signal {
            name: $name,
            path: concat!("/v1/", stringify!($word)),
            method: concat!("with_", stringify!($word), "_endpoint"),
            in_code: |destination| destination.$word.as_ref(),
            endpoint: concat!("OTEL_EXPORTER_OTLP_", $signal, "_ENDPOINT"),
            exporter: Parameter::of_variables(&[concat!("OTEL_", $signal, "_EXPORTER")]),
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

pub(super) static TRACES: Signal = signal!("traces", traces, "TRACES", "OTEL_BSP_EXPORT_TIMEOUT");
pub(super) static METRICS: Signal = signal!("metrics", metrics, "METRICS", "OTEL_METRIC_EXPORT_TIMEOUT");
pub(super) static LOGS: Signal = signal!("events", logs, "LOGS", "OTEL_BLRP_EXPORT_TIMEOUT");

/// How one signal is sent, to a receiver over OTLP.
pub(crate) struct SignalSettings {
    pub(super) endpoint: Resolved<Uri>,
    pub(super) protocol: Resolved<Protocol>,
    pub(super) compression: Resolved<Compression>,
    pub(super) timeout: Resolved<Duration>,
    pub(super) headers: HeaderMap<Resolved<HeaderValue>>,
    pub(super) certificates: Certificates,
    pub(super) proxy: Option<Resolved<Proxy>>,
}

impl SignalSettings {
    pub(super) fn resolve(
        receiver: &Receiver,
        builder: &Builder,
        source: &dyn Source,
        signal: &Signal,
    ) -> Result<Self, ConfigError> {
        let protocol = protocol(builder, source, signal)?;
        let is_insecure = signal.insecure.resolve(None, source, env::flag, false)?.value;
        let endpoint = receiver.endpoint(protocol.value, is_insecure, signal)?;
        Ok(SignalSettings {
            proxy: proxy::resolve(source, &endpoint, protocol.value)?,
            endpoint: Resolved { value: endpoint, origin: receiver.origin },
            protocol,
            compression: compression(builder, source, signal)?,
            headers: headers(builder, source, signal)?,
            timeout: timeout(builder, source, signal)?,
            certificates: Certificates::resolve(source, signal)?,
        })
    }

    pub(crate) fn transport(&self) -> TransportConfig {
        let headers = self.headers.iter().map(|(name, header)| (name.clone(), header.value.clone()));
        TransportConfig {
            endpoint: self.endpoint.value.clone(),
            protocol: self.protocol.value,
            compression: self.compression.value,
            headers: headers.collect(),
            timeout: self.timeout.value,
            tls: self.certificates.tls.clone(),
            proxy: self.proxy.as_ref().map(|proxy| proxy.value.clone()),
        }
    }
}

/// What becomes of a signal.
pub(super) enum Choice {
    Otlp(Receiver),
    Console,
    None,
    /// Neither an exporter nor a receiver is configured.
    Nothing,
}

/// A receiver as configured.
pub(super) struct Receiver {
    origin: Origin,
    /// Without one it is the receiver that the specification assumes when OTLP is asked for.
    url: Option<String>,
    /// For this signal alone.
    is_own: bool,
    /// What asks for this signal in particular.
    pub(super) asked_by: Option<Origin>,
}

impl Receiver {
    fn endpoint(&self, protocol: Protocol, is_insecure: bool, signal: &Signal) -> Result<Uri, ConfigError> {
        let (parameter, url) = (self.origin.parameter(), self.url.as_deref());
        if protocol == Protocol::Grpc {
            return endpoint::parse_grpc(parameter, url.unwrap_or(DEFAULT_GRPC_ENDPOINT), is_insecure);
        }
        // The specification: a signal's own URL is used as it is.
        let path = if self.is_own { "" } else { signal.path };
        endpoint::parse(parameter, url.unwrap_or(DEFAULT_ENDPOINT), path)
    }
}

impl Signal {
    /// Chooses among exporters by the variable, or else by whether there is a receiver.
    pub(super) fn choose(
        &self,
        exporters: &[(&str, Exporter)],
        builder: &Builder,
        source: &dyn Source,
    ) -> Result<Resolved<Choice>, ConfigError> {
        let exporter = self.exporter.find(None, source, env::choice(exporters))?;
        let asked_by = match exporter {
            Some(Resolved { value: Exporter::None, origin }) => {
                return Ok(Resolved { value: Choice::None, origin });
            }
            Some(Resolved { value: Exporter::Console, origin }) => {
                return Ok(Resolved { value: Choice::Console, origin });
            }
            Some(Resolved { value: Exporter::Otlp, origin }) => Some(origin),
            None => None,
        };
        let receiver = match (self.receiver(builder, source)?, asked_by) {
            (Some(receiver), _) => receiver,
            (None, Some(origin)) => Receiver { origin, url: None, is_own: false, asked_by: None },
            (None, None) => return Ok(Resolved { value: Choice::Nothing, origin: Origin::Default }),
        };
        let asked_by = asked_by.or(receiver.is_own.then_some(receiver.origin));
        Ok(Resolved { origin: receiver.origin, value: Choice::Otlp(Receiver { asked_by, ..receiver }) })
    }

    /// The receiver that is configured, if any is. The builder's for all signals goes before the variable of one.
    fn receiver(&self, builder: &Builder, source: &dyn Source) -> Result<Option<Receiver>, ConfigError> {
        let receiver = |origin, url, is_own| Receiver { origin, url: Some(url), is_own, asked_by: None };
        if let Some(url) = (self.in_code)(&builder.destination) {
            return Ok(Some(receiver(Origin::Builder(self.method), url.clone(), true)));
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

/// Exporters selected by `OTEL_{TRACES,METRICS,LOGS}_EXPORTER`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Exporter {
    Otlp,
    Console,
    None,
}

fn protocol(
    builder: &Builder,
    source: &dyn Source,
    signal: &Signal,
) -> Result<Resolved<Protocol>, ConfigError> {
    let parse = env::choice(&Protocol::NAMES);
    let protocol = signal.protocol.resolve(builder.protocol, source, parse, Protocol::default())?;
    let missing = match protocol.value {
        Protocol::HttpJson if cfg!(not(feature = "http-json")) => "http-json",
        Protocol::Grpc if cfg!(not(feature = "grpc")) => "grpc",
        _ => return Ok(protocol),
    };
    Err(needs(protocol.origin, protocol.value.to_string(), missing))
}

fn compression(
    builder: &Builder,
    source: &dyn Source,
    signal: &Signal,
) -> Result<Resolved<Compression>, ConfigError> {
    let parse = env::choice(&Compression::NAMES);
    let compression =
        signal.compression.resolve(builder.compression, source, parse, Compression::default())?;
    if compression.value == Compression::Zstd && cfg!(not(feature = "zstd")) {
        return Err(needs(compression.origin, compression.value.to_string(), "zstd"));
    }
    Ok(compression)
}

fn needs(origin: Origin, value: String, feature: &str) -> ConfigError {
    invalid(origin.parameter(), value, format!("needs the feature `{feature}` of the crate `llm-trace`"))
}

/// For the answer to one request; the shorter of the exporter's and the processor's.
fn timeout(
    builder: &Builder,
    source: &dyn Source,
    signal: &Signal,
) -> Result<Resolved<Duration>, ConfigError> {
    let timeout = signal.timeout.resolve(builder.timeout, source, range::milliseconds, DEFAULT_TIMEOUT)?;
    if let Origin::Builder(method) = timeout.origin {
        range::check_duration(method, timeout.value, range::LONGEST_TIMEOUT)?;
        return Ok(timeout);
    }
    let parse = |variable, text| range::PATIENCE.parse(variable, text).map(Duration::from_millis);
    let patience = signal.patience.find(None, source, parse)?;
    let is_shorter =
        |patience: &Resolved<Duration>| !patience.value.is_zero() && patience.value < timeout.value;
    Ok(patience.filter(is_shorter).unwrap_or(timeout))
}

fn headers(
    builder: &Builder,
    source: &dyn Source,
    signal: &Signal,
) -> Result<HeaderMap<Resolved<HeaderValue>>, ConfigError> {
    let mut headers = HeaderMap::default();
    if let Some(Resolved { value, origin }) = signal.headers.find(None, source, env::pairs)? {
        for (name, value) in value {
            insert_header(&mut headers, origin, &name, &value)?;
        }
    }
    let goes_to_base = (signal.in_code)(&builder.destination).is_none();
    for (method, name, value) in builder.destination.headers(goes_to_base)? {
        insert_header(&mut headers, Origin::Builder(method), name, &value)?;
    }
    Ok(headers)
}

/// They say how this very request is framed, encoded and routed, and how the connection is used; another value breaks every
/// export.
const RESERVED: [HeaderName; 8] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::HOST,
    header::CONNECTION,
    header::TE,
    header::UPGRADE,
];

fn insert_header(
    headers: &mut HeaderMap<Resolved<HeaderValue>>,
    origin: Origin,
    name: &str,
    value: &str,
) -> Result<(), ConfigError> {
    let parameter = origin.parameter();
    let Ok(header) = HeaderName::try_from(name) else {
        // Not the name: it may be a token in the wrong place.
        let expected = "expected the name of an HTTP header: letters, digits and `-`";
        return Err(invalid(parameter, "…".to_owned(), expected));
    };
    if RESERVED.contains(&header) || header.as_str().starts_with("grpc-") {
        let expected = "expected another header: this one is set by the export";
        return Err(invalid(parameter, format!("{name}=***"), expected));
    }
    let Ok(mut secret) = HeaderValue::try_from(value) else {
        let expected = format!("the value of `{name}` has characters that a header must not have");
        return Err(invalid(parameter, format!("{name}=***"), expected));
    };
    secret.set_sensitive(true); // keeps it out of Debug output and logs
    headers.insert(header, Resolved { value: secret, origin });
    Ok(())
}
