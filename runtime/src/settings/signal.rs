//! Where and how one signal is sent.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use llm_trace_delivery::{Protocol, TransportConfig};

use super::builder::Destination;
use super::env::{self, Source, invalid};
use super::{Builder, ConfigError, Origin, Resolved, endpoint, protocol, proxy, range, tls};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_GRPC_ENDPOINT: &str = "http://localhost:4317";

/// One of the three signals.
pub(super) struct Signal {
    /// Appended to the base URL of a receiver.
    path: &'static str,
    pub(super) own: Variables,
    /// Time limit of the processor for one export; an upper bound for that of the exporter.
    pub(super) patience: &'static str,
    /// Variable that selects the exporter.
    pub(super) exporter: &'static str,
    /// The builder's method for this signal's endpoint.
    method: &'static str,
    in_code: fn(&Destination) -> Option<&String>,
}

/// The variables of one signal; each falls back to the general one.
pub(super) struct Variables {
    pub(super) endpoint: &'static str,
    pub(super) headers: &'static str,
    pub(super) timeout: &'static str,
    pub(super) compression: &'static str,
    pub(super) protocol: &'static str,
    pub(super) insecure: &'static str,
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
            insecure: concat!($prefix, "_INSECURE"),
            certificate: concat!($prefix, "_CERTIFICATE"),
            client_key: concat!($prefix, "_CLIENT_KEY"),
            client_certificate: concat!($prefix, "_CLIENT_CERTIFICATE"),
        }
    };
}

pub(super) const GENERAL: Variables = variables!("OTEL_EXPORTER_OTLP");
pub(super) const TRACES: Signal = Signal {
    path: "/v1/traces",
    own: variables!("OTEL_EXPORTER_OTLP_TRACES"),
    patience: "OTEL_BSP_EXPORT_TIMEOUT",
    exporter: "OTEL_TRACES_EXPORTER",
    method: "with_traces_endpoint",
    in_code: |destination| destination.traces.as_ref(),
};
pub(super) const METRICS: Signal = Signal {
    path: "/v1/metrics",
    own: variables!("OTEL_EXPORTER_OTLP_METRICS"),
    patience: "OTEL_METRIC_EXPORT_TIMEOUT",
    exporter: "OTEL_METRICS_EXPORTER",
    method: "with_metrics_endpoint",
    in_code: |destination| destination.metrics.as_ref(),
};
pub(super) const LOGS: Signal = Signal {
    path: "/v1/logs",
    own: variables!("OTEL_EXPORTER_OTLP_LOGS"),
    patience: "OTEL_BLRP_EXPORT_TIMEOUT",
    exporter: "OTEL_LOGS_EXPORTER",
    method: "with_logs_endpoint",
    in_code: |destination| destination.logs.as_ref(),
};

/// Everything about a signal that goes to `receiver`.
pub(super) fn resolve(
    receiver: &Receiver,
    builder: &Builder,
    source: &dyn Source,
    signal: &Signal,
) -> Result<TransportConfig, ConfigError> {
    let protocol = protocol::protocol(builder, source, signal)?;
    let own = env::flag(source, signal.own.insecure)?;
    let is_insecure = own.or(env::flag(source, GENERAL.insecure)?).unwrap_or(false);
    let endpoint = receiver.endpoint(protocol, is_insecure, signal)?;
    Ok(TransportConfig {
        proxy: proxy::resolve(source, &endpoint, protocol)?,
        endpoint,
        protocol,
        compression: protocol::compression(builder, source, signal)?,
        headers: headers(builder, source, signal)?,
        timeout: timeout(builder, source, signal)?.value,
        tls: tls::resolve(source, &signal.own)?,
    })
}

/// A receiver as configured.
pub(super) struct Receiver {
    /// Who did.
    parameter: &'static str,
    url: Option<String>,
    /// For this signal alone.
    is_own: bool,
}

impl Receiver {
    /// The one that the specification assumes when OTLP is asked for without an address.
    pub(super) const DEFAULT: Self = Receiver { parameter: GENERAL.endpoint, url: None, is_own: false };

    fn endpoint(&self, protocol: Protocol, is_insecure: bool, signal: &Signal) -> Result<Uri, ConfigError> {
        let Receiver { parameter, url, is_own } = self;
        if protocol == Protocol::Grpc {
            return endpoint::parse_grpc(
                parameter,
                url.as_deref().unwrap_or(DEFAULT_GRPC_ENDPOINT),
                is_insecure,
            );
        }
        // The specification: a signal's own URL is used as it is.
        let path = if *is_own { "" } else { signal.path };
        endpoint::parse(parameter, url.as_deref().unwrap_or(DEFAULT_ENDPOINT), path)
    }
}

impl Signal {
    /// The receiver that is configured, if any is.
    pub(super) fn receiver(
        &self,
        builder: &Builder,
        source: &dyn Source,
    ) -> Result<Option<Receiver>, ConfigError> {
        let receiver = |parameter, url, is_own| Ok(Some(Receiver { parameter, url: Some(url), is_own }));
        if let Some(url) = (self.in_code)(&builder.destination) {
            return receiver(self.method, url.clone(), true);
        }
        if let Some((method, base)) = builder.destination.base()? {
            return receiver(method, base, false);
        }
        if let Some(url) = source.get(self.own.endpoint)? {
            return receiver(self.own.endpoint, url, true);
        }
        match source.get(GENERAL.endpoint)? {
            Some(base) => receiver(GENERAL.endpoint, base, false),
            None => Ok(None),
        }
    }

    /// The method that gave the receiver, if one did.
    pub(super) fn method_in_use(&self, builder: &Builder) -> Result<Option<&'static str>, ConfigError> {
        if (self.in_code)(&builder.destination).is_some() {
            return Ok(Some(self.method));
        }
        Ok(builder.destination.base()?.map(|(method, _)| method))
    }

    /// Whether this signal has a separate receiver.
    pub(super) fn is_named(&self, builder: &Builder, source: &dyn Source) -> Result<bool, ConfigError> {
        let destination = &builder.destination;
        Ok((self.in_code)(destination).is_some()
            || (destination.base()?.is_none() && source.get(self.own.endpoint)?.is_some()))
    }
}

/// For the answer to one request; the shorter of the exporter's and the processor's.
pub(super) fn timeout(
    builder: &Builder,
    source: &dyn Source,
    signal: &Signal,
) -> Result<Resolved<Duration>, ConfigError> {
    if let Some(timeout) = builder.timeout {
        range::check_duration("with_timeout", timeout, range::LONGEST_TIMEOUT)?;
        return Ok(Resolved { value: timeout, origin: Origin::Builder("with_timeout") });
    }
    let own = range::milliseconds(source, signal.own.timeout)?;
    let (value, origin) = match (own, range::milliseconds(source, GENERAL.timeout)?) {
        (Some(own), _) => (own, Origin::Variable(signal.own.timeout)),
        (None, Some(general)) => (general, Origin::Variable(GENERAL.timeout)),
        (None, None) => (DEFAULT_TIMEOUT, Origin::Default),
    };
    Ok(match range::patience(source, signal.patience)? {
        Some(patience) if patience < value => {
            Resolved { value: patience, origin: Origin::Variable(signal.patience) }
        }
        _ => Resolved { value, origin },
    })
}

fn headers(builder: &Builder, source: &dyn Source, signal: &Signal) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    let own = &signal.own;
    let variable = if source.get(own.headers)?.is_some() { own.headers } else { GENERAL.headers };
    for (name, value) in env::pairs(source, variable)? {
        insert_header(&mut headers, variable, &name, &value)?;
    }
    for (method, name, value) in
        builder.destination.headers((signal.in_code)(&builder.destination).is_none())?
    {
        insert_header(&mut headers, method, name, &value)?;
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
    headers: &mut HeaderMap,
    parameter: &'static str,
    name: &str,
    value: &str,
) -> Result<(), ConfigError> {
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
    headers.insert(header, secret);
    Ok(())
}
