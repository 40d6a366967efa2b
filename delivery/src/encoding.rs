//! In: a request in protobuf. Out: the same as its receiver takes it.

use std::borrow::Cow;
use std::io::{self, Write as _};

use flate2::write::GzEncoder;

use super::ExportRequest;
use super::{Compression, Protocol};

/// Encoding of requests to one receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    pub(crate) protocol: Protocol,
    pub(crate) compression: Compression,
}

impl Encoding {
    /// The value of `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self.protocol {
            Protocol::HttpProtobuf => "application/x-protobuf",
            Protocol::HttpJson => "application/json",
            Protocol::Grpc => "application/grpc",
        }
    }

    /// The value of `Content-Encoding` or `grpc-encoding`, if there is one to give.
    pub(crate) fn content_encoding(self) -> Option<&'static str> {
        match self.compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        }
    }

    /// The body of a request, or the message of a call.
    pub(crate) fn encode(self, request: &ExportRequest) -> io::Result<Cow<'_, [u8]>> {
        let body = match self.protocol {
            Protocol::HttpProtobuf | Protocol::Grpc => Cow::Borrowed(&request.body[..]),
            Protocol::HttpJson => Cow::Owned(json(request)?),
        };
        match self.compression {
            Compression::None => Ok(body),
            Compression::Gzip => gzip(&body).map(Cow::Owned),
            Compression::Zstd => zstd(&body).map(Cow::Owned),
        }
    }
}

/// At level 1: level 6 takes four times as long, longer than all else that is done for a span.
fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(feature = "zstd")]
fn zstd(body: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(body, zstd::DEFAULT_COMPRESSION_LEVEL)
}

/// Never called: the configuration reports the missing feature.
#[cfg(not(feature = "zstd"))]
fn zstd(_: &[u8]) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(feature = "http-json")]
fn json(request: &ExportRequest) -> io::Result<Vec<u8>> {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;
    use serde::Serialize;

    use super::Signal;

    fn written<R: Message + Default + Serialize>(body: &[u8]) -> io::Result<Vec<u8>> {
        let request = R::decode(body).map_err(io::Error::other)?;
        serde_json::to_vec(&request).map_err(io::Error::other)
    }
    match request.signal {
        Signal::Traces => written::<ExportTraceServiceRequest>(&request.body),
        Signal::Metrics => written::<ExportMetricsServiceRequest>(&request.body),
        Signal::Logs => written::<ExportLogsServiceRequest>(&request.body),
    }
}

/// Never called: the configuration reports the missing feature.
#[cfg(not(feature = "http-json"))]
fn json(_: &ExportRequest) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}
