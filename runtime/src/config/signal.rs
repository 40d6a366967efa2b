//! Where and how one signal is sent.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use ureq::tls::TlsConfig;

use super::env::{self, Source, invalid};
use super::{Builder, ConfigError, endpoint, tls};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The receiver that the specification assumes when OTLP is asked for without an address.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";

/// The settings of one signal that is exported.
#[derive(Debug)]
pub(crate) struct SignalSettings {
    pub(crate) endpoint: Uri,
    pub(crate) headers: HeaderMap,
    /// For one export: all attempts, and their answers.
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    pub(crate) tls: TlsConfig,
}

/// The variables of one signal; each falls back to the general one.
pub(super) struct Variables {
    pub(super) endpoint: &'static str,
    headers: &'static str,
    timeout: &'static str,
    compression: &'static str,
    protocol: &'static str,
    pub(super) certificate: &'static str,
    pub(super) client_key: &'static str,
    pub(super) client_certificate: &'static str,
}

/// The names of the variables that begin with `prefix`.
macro_rules! variables {
    ($prefix:literal) => {
        Variables {
            endpoint: concat!($prefix, "_ENDPOINT"),
            headers: concat!($prefix, "_HEADERS"),
            timeout: concat!($prefix, "_TIMEOUT"),
            compression: concat!($prefix, "_COMPRESSION"),
            protocol: concat!($prefix, "_PROTOCOL"),
            certificate: concat!($prefix, "_CERTIFICATE"),
            client_key: concat!($prefix, "_CLIENT_KEY"),
            client_certificate: concat!($prefix, "_CLIENT_CERTIFICATE"),
        }
    };
}

pub(super) const GENERAL: Variables = variables!("OTEL_EXPORTER_OTLP");
pub(super) const TRACES: Variables = variables!("OTEL_EXPORTER_OTLP_TRACES");
pub(super) const METRICS: Variables = variables!("OTEL_EXPORTER_OTLP_METRICS");
pub(super) const LOGS: Variables = variables!("OTEL_EXPORTER_OTLP_LOGS");

impl SignalSettings {
    /// Everything about a signal that goes to `endpoint`.
    pub(super) fn resolve(
        endpoint: Uri,
        builder: &Builder,
        source: &dyn Source,
        own: &Variables,
    ) -> Result<Self, ConfigError> {
        check_protocol(source, own)?;
        Ok(SignalSettings {
            endpoint,
            headers: headers(builder, source, own)?,
            timeout: timeout(builder, source, own)?,
            gzip: gzip(source, own)?,
            tls: tls::resolve(source, own)?,
        })
    }
}

/// The receiver that is configured for a signal, if any is.
pub(super) fn configured_endpoint(
    builder: &Builder,
    source: &dyn Source,
    own: &Variables,
    path: &str,
) -> Result<Option<Uri>, ConfigError> {
    if let Some(base) = &builder.endpoint {
        return endpoint::parse("with_endpoint", base, path).map(Some);
    }
    if let Some(url) = source.get(own.endpoint)? {
        // The specification: a signal's own URL is used as it is.
        return endpoint::parse(own.endpoint, &url, "").map(Some);
    }
    match source.get(GENERAL.endpoint)? {
        Some(base) => endpoint::parse(GENERAL.endpoint, &base, path).map(Some),
        None => Ok(None),
    }
}

/// The receiver that is assumed when OTLP is asked for by name.
pub(super) fn default_endpoint(path: &str) -> Result<Uri, ConfigError> {
    endpoint::parse(GENERAL.endpoint, DEFAULT_ENDPOINT, path)
}

fn timeout(builder: &Builder, source: &dyn Source, own: &Variables) -> Result<Duration, ConfigError> {
    match builder.timeout {
        Some(timeout) if timeout.is_zero() => {
            Err(invalid("with_timeout", "0".to_owned(), "expected a duration above 0"))
        }
        Some(timeout) => Ok(timeout),
        None => Ok(env::milliseconds(source, own.timeout)?
            .or(env::milliseconds(source, GENERAL.timeout)?)
            .unwrap_or(DEFAULT_TIMEOUT)),
    }
}

fn check_protocol(source: &dyn Source, own: &Variables) -> Result<(), ConfigError> {
    match env::first(source, [own.protocol, GENERAL.protocol])? {
        Some((variable, protocol)) if protocol != "http/protobuf" => {
            let expected = "expected `http/protobuf`; collectors receive it on port 4318";
            Err(invalid(variable, protocol, expected))
        }
        _ => Ok(()),
    }
}

fn gzip(source: &dyn Source, own: &Variables) -> Result<bool, ConfigError> {
    let choices = [("gzip", true), ("none", false)];
    let own = env::choice(source, own.compression, &choices)?;
    Ok(own.or(env::choice(source, GENERAL.compression, &choices)?).unwrap_or(false))
}

fn headers(builder: &Builder, source: &dyn Source, own: &Variables) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    let variable = if source.get(own.headers)?.is_some() { own.headers } else { GENERAL.headers };
    for (name, value) in env::pairs(source, variable)? {
        insert_header(&mut headers, variable, &name, &value)?;
    }
    for (name, value) in &builder.headers {
        insert_header(&mut headers, "with_header", name, &value.0)?;
    }
    Ok(headers)
}

fn insert_header(
    headers: &mut HeaderMap,
    parameter: &'static str,
    name: &str,
    value: &str,
) -> Result<(), ConfigError> {
    let Ok(header) = HeaderName::try_from(name) else {
        return Err(invalid(parameter, name.to_owned(), "expected an HTTP header name"));
    };
    // They say how this very request is framed, encoded and routed; another value breaks every export.
    let reserved = [
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
        header::HOST,
    ];
    if reserved.contains(&header) {
        return Err(invalid(
            parameter,
            format!("{name}=***"),
            "expected another header: this one is set by the export",
        ));
    }
    let Ok(mut secret) = HeaderValue::try_from(value) else {
        let expected = format!("the value of `{name}` has characters that a header must not have");
        return Err(invalid(parameter, format!("{name}=***"), expected));
    };
    secret.set_sensitive(true); // keeps it out of Debug output and logs
    headers.insert(header, secret);
    Ok(())
}
