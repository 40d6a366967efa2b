//! How one receiver is reached.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Uri};
use ureq::tls::TlsConfig;

use super::http::destination;

/// How OTLP is spoken to receivers.
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

/// How requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all. `none`.
    #[default]
    None,
    /// What every receiver takes. `gzip`.
    Gzip,
    /// Smaller and quicker, where the receiver takes it, as collectors do. `zstd`; needs the feature `zstd`.
    Zstd,
}

/// The words of the OpenTelemetry specification.
pub(crate) const PROTOCOLS: [(&str, Protocol); 3] =
    [("http/protobuf", Protocol::HttpProtobuf), ("http/json", Protocol::HttpJson), ("grpc", Protocol::Grpc)];

/// The words of the OpenTelemetry specification, and `zstd`.
pub(crate) const COMPRESSIONS: [(&str, Compression); 3] =
    [("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("none", Compression::None)];

/// Where one signal is sent, and how.
pub(crate) struct TransportConfig {
    pub(crate) endpoint: Uri,
    pub(crate) protocol: Protocol,
    pub(crate) compression: Compression,
    pub(crate) headers: HeaderMap,
    /// For the answer to one request.
    pub(crate) timeout: Duration,
    pub(crate) tls: TlsConfig,
    /// The one that is used.
    pub(crate) proxy: Option<ureq::Proxy>,
}

/// Without what may be a secret in a URL, or in a key.
impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("endpoint", &destination(&self.endpoint))
            .field("protocol", &self.protocol)
            .field("headers", &self.headers)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// As the OpenTelemetry specification names it.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(self, &PROTOCOLS))
    }
}

/// As the OpenTelemetry specification names it.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(self, &COMPRESSIONS))
    }
}

fn word<T: PartialEq>(value: &T, choices: &[(&'static str, T)]) -> &'static str {
    choices.iter().find(|(_, choice)| choice == value).map_or("", |(word, _)| word)
}
