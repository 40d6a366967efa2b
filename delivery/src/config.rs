//! Configuration of the transport to one receiver.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Uri};
use opentelemetry::KeyValue;
use ureq::tls::TlsConfig;

use crate::http::destination;
use crate::stats::component;
use crate::{Signal, TransportFactory, names};

/// OTLP transport protocol and encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Protobuf over HTTP/1.1; collectors receive it on port 4318. `http/protobuf`.
    #[default]
    HttpProtobuf,
    /// JSON over HTTP/1.1, for receivers and gateways that take nothing else. `http/json`; needs the feature `http-json`.
    HttpJson,
    /// gRPC; collectors receive it on port 4317. `grpc`; needs the feature `grpc`.
    Grpc,
}

/// Compression of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all. `none`.
    #[default]
    None,
    /// Supported by every receiver. `gzip`.
    Gzip,
    /// Smaller and quicker, where the receiver takes it, as collectors do. `zstd`; needs the feature `zstd`.
    Zstd,
}

impl Protocol {
    /// The names of the OpenTelemetry specification.
    pub const NAMES: [(&str, Protocol); 3] = [
        ("http/protobuf", Protocol::HttpProtobuf),
        ("http/json", Protocol::HttpJson),
        ("grpc", Protocol::Grpc),
    ];
}

impl Compression {
    /// The names of the OpenTelemetry specification, and `zstd`.
    pub const NAMES: [(&str, Compression); 3] =
        [("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("none", Compression::None)];
}

/// Destination and transport of one signal.
pub struct TransportConfig {
    /// The URL of the signal: over HTTP with its path, such as `http://localhost:4318/v1/traces`; over gRPC scheme, host and
    /// port count. User and password in it are sent as basic authentication, over HTTP.
    pub endpoint: Uri,
    /// The protocol of the receiver.
    pub protocol: Protocol,
    /// Compression of requests.
    pub compression: Compression,
    /// Headers of every request. Mark values that are secret as [sensitive](http::HeaderValue::set_sensitive).
    pub headers: HeaderMap,
    /// For the answer to one request.
    pub timeout: Duration,
    /// Trusted certificates, and the client's certificate.
    pub tls: TlsConfig,
    /// The proxy on the way, which is used for every request. gRPC takes an HTTP proxy only.
    pub proxy: Option<ureq::Proxy>,
}

impl TransportConfig {
    /// The endpoint as it may be shown: scheme, host and port, without credentials or tokens in the path.
    pub fn destination(&self) -> String {
        destination(&self.endpoint)
    }

    /// The attributes of metrics about exports of a signal to this receiver: `otel.component.type`, `otel.component.name`,
    /// `server.address` and `server.port`.
    pub fn attributes(&self, signal: Signal) -> Vec<KeyValue> {
        use Protocol::{Grpc, HttpJson, HttpProtobuf};
        let component_type = match (signal, self.protocol) {
            (Signal::Traces, HttpProtobuf) => "otlp_http_span_exporter",
            (Signal::Traces, HttpJson) => "otlp_http_json_span_exporter",
            (Signal::Traces, Grpc) => "otlp_grpc_span_exporter",
            (Signal::Metrics, HttpProtobuf) => "otlp_http_metric_exporter",
            (Signal::Metrics, HttpJson) => "otlp_http_json_metric_exporter",
            (Signal::Metrics, Grpc) => "otlp_grpc_metric_exporter",
            (Signal::Logs, HttpProtobuf) => "otlp_http_log_exporter",
            (Signal::Logs, HttpJson) => "otlp_http_json_log_exporter",
            (Signal::Logs, Grpc) => "otlp_grpc_log_exporter",
        };
        let default_port = if self.endpoint.scheme_str() == Some("https") { 443 } else { 80 };
        let host = self.endpoint.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let mut attributes = component(component_type).to_vec();
        attributes.push(KeyValue::new(names::SERVER_ADDRESS, host));
        let port = self.endpoint.port_u16().unwrap_or(default_port);
        attributes.push(KeyValue::new(names::SERVER_PORT, i64::from(port)));
        attributes
    }

    /// Makes transports to this receiver.
    pub fn into_factory(self) -> TransportFactory {
        match self.protocol {
            #[cfg(feature = "grpc")]
            Protocol::Grpc => crate::grpc::transport(self),
            _ => crate::http::transport(self),
        }
    }
}

/// Without what may be a secret in a URL, or in a key.
impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("endpoint", &self.destination())
            .field("protocol", &self.protocol)
            .field("headers", &self.headers)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// As the OpenTelemetry specification names it.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(self, &Self::NAMES))
    }
}

/// As the OpenTelemetry specification names it.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(self, &Self::NAMES))
    }
}

fn word<T: PartialEq>(value: &T, choices: &[(&'static str, T)]) -> &'static str {
    choices.iter().find(|(_, choice)| choice == value).map_or("", |(word, _)| word)
}
