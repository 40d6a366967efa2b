//! One request without items, to see what answers.

use std::time::SystemTime;

use bytes::Bytes;

#[cfg(feature = "grpc")]
pub use crate::grpc::{Code, Failure, Reply, probe as grpc};
pub use crate::http::Answer;

use crate::client::HttpClient;
use crate::{ExportRequest, Signal, TransportConfig};

/// Sends a request without items over HTTP, in the same way as exports.
///
/// # Errors
///
/// If nothing was answered that is HTTP, or not within the timeout of the configuration.
pub fn http(config: &TransportConfig, signal: Signal) -> Result<Answer, ureq::Error> {
    crate::http::ask(&HttpClient::new(config), &nothing(signal), config.timeout)
}

pub(crate) fn nothing(signal: Signal) -> ExportRequest {
    ExportRequest { signal, body: Bytes::new(), item_count: 0, created: SystemTime::now() }
}
