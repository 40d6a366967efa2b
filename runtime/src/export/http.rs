//! The HTTP client under opentelemetry-otlp's encoder.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response, Uri};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use ureq::tls::TlsConfig;

use super::answer;
use super::exchange::{Exchange, Outcome};
use super::printable::printable;

/// A receiver's answer is a status and a short message.
const MAX_RESPONSE_BYTES: u64 = 4 * 1024 * 1024;

/// A blocking client: exports run on the processors' own threads, where blocking is what is wanted, and need no
/// async runtime that may be missing, busy or gone.
#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    /// Added to every request when it is sent. Values are marked sensitive, which keeps them out of `Debug`.
    headers: HeaderMap,
    exchange: Arc<Exchange>,
}

impl Client {
    pub(super) fn new(endpoint: &Uri, headers: HeaderMap, tls: TlsConfig, exchange: Arc<Exchange>) -> Self {
        Client { agent: agent(endpoint, tls), headers, exchange }
    }

    fn send(&self, request: Request<Bytes>, time_left: Duration) -> Result<Response<Bytes>, ureq::Error> {
        let (mut parts, body) = request.into_parts();
        // The exporter adds headers from the environment on its own; ours were resolved with the full precedence.
        parts.headers.extend(self.headers.clone());
        let request = Request::from_parts(parts, &body[..]);
        let request = self.agent.configure_request(request).timeout_global(Some(time_left)).build();
        let mut response = self.agent.run(request)?;
        let body = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES).read_to_vec()?;
        let (parts, _) = response.into_parts();
        Ok(Response::from_parts(parts, Bytes::from(body)))
    }

    fn reason(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(_) => self.exchange.timed_out(),
            ureq::Error::Io(error) if error.kind() == ErrorKind::TimedOut => self.exchange.timed_out(),
            // In the same words on every system.
            ureq::Error::Io(error) if is_told_by_its_kind(error.kind()) => error.kind().to_string(),
            ureq::Error::Io(error) => printable(&error.to_string()),
            // These two quote the URL, which can have credentials in it.
            ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => "the URL cannot be used".to_owned(),
            other => printable(&other.to_string()),
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let Some(time_left) = self.exchange.time_left() else {
            // What the last attempt came to stays the reason.
            return Err("no time is left for another attempt".into());
        };
        let mut response = self.send(request, time_left).inspect_err(|error| {
            self.exchange.note(Outcome::Failed(self.reason(error)));
        })?;
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let outcome = answer::judge(response.status(), content_type, response.body());
        self.exchange.note(outcome);
        // It has been read; what is no OTLP would only confuse the exporter.
        *response.body_mut() = Bytes::new();
        Ok(response)
    }
}

/// The client for a receiver.
pub(crate) fn agent(endpoint: &Uri, tls: TlsConfig) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        // A redirect would carry the credentials to wherever it points.
        .max_redirects(0)
        .max_redirects_will_error(false);
    if is_loopback(endpoint) {
        // No proxy can reach what listens on this machine only.
        config = config.proxy(None);
    }
    config.build().new_agent()
}

fn is_told_by_its_kind(kind: ErrorKind) -> bool {
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

fn is_loopback(endpoint: &Uri) -> bool {
    let host = endpoint.host().unwrap_or_default().to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The endpoint as it may be shown: scheme, host and port, without credentials or tokens in the path.
pub(crate) fn destination(endpoint: &Uri) -> String {
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

    #[test]
    fn loopback_is_known_in_every_spelling() {
        let loopback = [
            "http://localhost",
            "http://LOCALHOST:1",
            "http://a.localhost",
            "http://127.8.0.1",
            "http://[::1]:1",
        ];
        for url in loopback {
            assert!(is_loopback(&url.parse().expect("a URI")), "{url}");
        }
        for url in ["http://collector:4318", "http://10.0.0.1", "http://localhost.example", "http://[::2]"] {
            assert!(!is_loopback(&url.parse().expect("a URI")), "{url}");
        }
    }
}
