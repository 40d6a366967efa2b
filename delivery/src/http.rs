//! OTLP over HTTP: a [`Transport`] that sends protobuf or JSON, optionally compressed.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, Uri};

use super::TransportConfig;
use super::answer;
use super::client::HttpClient;
use super::messages::printable;
use super::{ExportRequest, Outcome, Transport, TransportFactory};

/// A receiver's answer is a status and a short message.
const MAX_RESPONSE_BYTES: u64 = 4 * 1024 * 1024;

/// The encoder's product, as the specification requires, and ours.
pub(crate) const PRODUCT: &str =
    concat!("OTel-OTLP-Exporter-Rust/0.33 llm-trace/", env!("CARGO_PKG_VERSION"));

/// An attempt that is cut short by less than this by the end of a program has had its time.
const GRACE: Duration = Duration::from_millis(250);

/// A receiver's answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, as they came.
    pub headers: HeaderMap,
    /// At most 4 MiB. Empty if it could not be read and does not matter.
    pub body: Vec<u8>,
}

/// Sends a request and reads the answer.
pub(crate) fn ask(
    client: &HttpClient,
    request: &ExportRequest,
    time_left: Duration,
) -> Result<Answer, ureq::Error> {
    let mut response = client.post(&client.encoding().encode(request)?, time_left)?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES).read_to_vec();
    // A refusal is a refusal, even if its page cannot be read.
    let body = if status.is_success() { body? } else { body.unwrap_or_default() };
    Ok(Answer { status, headers: std::mem::take(response.headers_mut()), body })
}

impl Answer {
    /// Returns the outcome of the request.
    pub fn outcome(&self) -> Outcome {
        answer::judge(self.status, &self.headers, &self.body)
    }
}

/// A blocking client: it runs on the sender's thread, which may block, and needs no async runtime that may be missing, busy or gone.
struct HttpTransport {
    client: HttpClient,
    timeout: Duration,
}

/// Makes wires to the receiver of a signal.
pub(crate) fn transport(settings: TransportConfig) -> TransportFactory {
    Box::new(move || {
        Box::new(HttpTransport { client: HttpClient::new(&settings), timeout: settings.timeout })
    })
}

impl Transport for HttpTransport {
    fn send(&self, request: &ExportRequest, deadline: Instant) -> Outcome {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Outcome::Retry { after: None, reason: "no time was left for an attempt".to_owned() };
        }
        match ask(&self.client, request, left) {
            Ok(answer) => answer.outcome(),
            Err(error) => self.failure(&error, left),
        }
    }
}

impl HttpTransport {
    fn failure(&self, error: &ureq::Error, time_left: Duration) -> Outcome {
        let reason = match error {
            ureq::Error::Timeout(_) => self.no_answer(time_left),
            ureq::Error::Io(error) if error.kind() == ErrorKind::TimedOut => self.no_answer(time_left),
            // In the same words on every system.
            ureq::Error::Io(error) if is_told_by_its_kind(error.kind()) => error.kind().to_string(),
            ureq::Error::Io(error) => printable(&error.to_string()),
            // These two quote the URL, which can have credentials in it.
            ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => "the URL cannot be used".to_owned(),
            other => printable(&other.to_string()),
        };
        match error {
            ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::BodyExceedsLimit(_) => {
                Outcome::Refused { reason }
            }
            ureq::Error::HostNotFound => Outcome::Unreachable { reason },
            ureq::Error::Io(error) if is_unreachable(error) => Outcome::Unreachable { reason },
            _ => Outcome::Retry { after: None, reason },
        }
    }

    fn no_answer(&self, time_left: Duration) -> String {
        if time_left + GRACE >= self.timeout {
            return format!("timeout: no answer within {}", spoken(self.timeout));
        }
        format!("timeout: no answer within the {} that were left", spoken(time_left))
    }
}

pub(crate) fn spoken(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{} s", duration.as_secs()),
        _ => format!("{} ms", duration.as_millis()),
    }
}

pub(crate) fn is_told_by_its_kind(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::BrokenPipe
    )
}

/// Connection refused, or no such host.
pub(crate) fn is_unreachable(error: &std::io::Error) -> bool {
    let is_refused = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
    );
    // The resolver's error has no `io::ErrorKind`.
    is_refused || error.to_string().contains("lookup address")
}

/// An endpoint as it may be shown: scheme, host and port, without credentials or tokens in the path.
pub fn destination(endpoint: &Uri) -> String {
    let scheme = endpoint.scheme_str().unwrap_or("http");
    let host = endpoint.host().unwrap_or_default();
    match endpoint.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_shows_no_credentials() {
        let endpoint = "https://user:token@otlp.example:4318/v1/traces?key=secret".parse().expect("a URI");
        assert_eq!(destination(&endpoint), "https://otlp.example:4318");
    }
}
