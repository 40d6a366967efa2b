//! The HTTP client under opentelemetry-otlp's encoder.

use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, Request, Response, Uri};
use opentelemetry_http::{Bytes, HttpClient, HttpError};

/// A receiver's answer is a status and a short message.
const MAX_RESPONSE_BYTES: u64 = 4 * 1024 * 1024;

/// A blocking client: exports run on the processors' own threads, where blocking is what is wanted, and need no
/// async runtime that may be missing, busy or gone.
#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    /// Added to every request when it is sent. Values are marked sensitive, which keeps them out of `Debug`.
    headers: HeaderMap,
}

impl Client {
    pub(super) fn new(headers: HeaderMap, timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // A redirect would carry the credentials to wherever it points.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Client { agent: config.new_agent(), headers }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut parts, body) = request.into_parts();
        // The exporter adds headers from the environment on its own; ours were resolved with the full precedence.
        parts.headers.extend(self.headers.clone());
        let mut response = self.agent.run(Request::from_parts(parts, &body[..]))?;
        let body = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES).read_to_vec()?;
        let (parts, _) = response.into_parts();
        Ok(Response::from_parts(parts, Bytes::from(body)))
    }
}

/// The endpoint as it may be shown: scheme, host and port, without credentials or tokens in the path.
pub(super) fn destination(endpoint: &Uri) -> String {
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
