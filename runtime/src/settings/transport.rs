//! How one signal is sent.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use llm_trace_delivery::ureq::Proxy;
use llm_trace_delivery::{Compression, Protocol, TransportConfig};

use super::env::{self, Source};
use super::error::invalid;
use super::signal::{Receiver, Signal};
use super::tls::Certificates;
use super::{Builder, ConfigError, Origin, Resolved, Result, proxy, range};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

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
    ) -> Result<Self> {
        let protocol = protocol(builder, source, signal)?;
        let is_insecure = signal.insecure.resolve(None, source, env::flag, false)?.value;
        let endpoint = receiver.endpoint(protocol.value, is_insecure, signal)?;
        Ok(SignalSettings {
            proxy: proxy::resolve(source, &endpoint.value, protocol.value)?,
            endpoint,
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

fn protocol(builder: &Builder, source: &dyn Source, signal: &Signal) -> Result<Resolved<Protocol>> {
    let parse = env::choice(&Protocol::NAMES);
    let protocol = signal.protocol.resolve(builder.protocol, source, parse, Protocol::default())?;
    let missing = match protocol.value {
        Protocol::HttpJson if cfg!(not(feature = "http-json")) => "http-json",
        Protocol::Grpc if cfg!(not(feature = "grpc")) => "grpc",
        _ => return Ok(protocol),
    };
    Err(needs(protocol.origin, protocol.value.to_string(), missing))
}

fn compression(builder: &Builder, source: &dyn Source, signal: &Signal) -> Result<Resolved<Compression>> {
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
fn timeout(builder: &Builder, source: &dyn Source, signal: &Signal) -> Result<Resolved<Duration>> {
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
) -> Result<HeaderMap<Resolved<HeaderValue>>> {
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
) -> Result<()> {
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
