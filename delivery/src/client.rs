//! The HTTP client, without its logs showing what is secret.
//!
//! ureq writes every byte of a request's head to `log` at TRACE, whatever logger the program has. So the client gets a head without
//! secrets, and our ureq [`Transport`] inserts them below it: the path, which may contain a token, and the configured headers.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use ureq::Body;
use ureq::config::AutoHeaderValue;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};

use super::TransportConfig;
use super::encoding::Encoding;
use super::http::PRODUCT;

/// A client for one receiver.
pub(crate) struct HttpClient {
    agent: ureq::Agent,
    /// Without user, path and query.
    address: Uri,
    encoding: Encoding,
    head: Vec<u8>,
    next: Next,
}

/// The head that the next request has, for the transport that sends it. One request is under way at a time.
#[derive(Clone, Default)]
struct Next(Arc<Mutex<Option<Vec<u8>>>>);

impl HttpClient {
    pub(crate) fn new(settings: &TransportConfig) -> Self {
        let next = Next::default();
        let config = ureq::Agent::config_builder()
            .tls_config(settings.tls.clone())
            .proxy(settings.proxy.clone())
            .http_status_as_error(false)
            // A redirect would carry the credentials to wherever it points.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // These are in our head.
            .user_agent(AutoHeaderValue::None)
            .accept(AutoHeaderValue::None)
            .build();
        let connector = DefaultConnector::new().chain(HeadConnector(next.clone()));
        HttpClient {
            agent: ureq::Agent::with_parts(config, connector, DefaultResolver::default()),
            address: address(&settings.endpoint),
            encoding: Encoding { protocol: settings.protocol, compression: settings.compression },
            head: head(&settings.endpoint, &settings.headers),
            next,
        }
    }

    /// Returns the encoding of bodies that are sent with this client.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Sends a body, and waits so long for the answer.
    pub(crate) fn post(&self, body: &[u8], timeout: Duration) -> Result<Response<Body>, ureq::Error> {
        let mut request =
            Request::post(self.address.clone()).header(CONTENT_TYPE, self.encoding.content_type());
        if let Some(encoding) = self.encoding.content_encoding() {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        let request = self.agent.configure_request(request.body(body)?).timeout_global(Some(timeout)).build();
        *self.next.lock() = Some(self.head.clone());
        self.agent.run(request)
    }
}

/// Returns the receiver's address as the client gets it.
fn address(endpoint: &Uri) -> Uri {
    let authority = endpoint.authority().map_or("", http::uri::Authority::as_str);
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let uri =
        Uri::builder().scheme(endpoint.scheme_str().unwrap_or("http")).authority(address).path_and_query("/");
    // A part of a URL is one.
    uri.build().unwrap_or_default()
}

/// The request line, and the headers that the client does not make.
fn head(endpoint: &Uri, configured: &HeaderMap) -> Vec<u8> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
    headers.extend(credentials(endpoint).map(|credentials| (AUTHORIZATION, credentials)));
    // Configured headers win.
    headers.extend(configured.clone());
    let target = endpoint.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut head = format!("POST {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in &headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head
}

/// Of the URL.
fn credentials(endpoint: &Uri) -> Option<HeaderValue> {
    let (credentials, _) = endpoint.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))).ok()
}

impl Next {
    fn lock(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}

/// Comes last: above TLS, and not between the client and a proxy.
#[derive(Debug)]
struct HeadConnector(Next);

impl<T: Transport> Connector<T> for HeadConnector {
    type Out = HeadTransport<T>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<T>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| HeadTransport { inner, next: self.0.clone() }))
    }
}

#[derive(Debug)]
struct HeadTransport<T> {
    inner: T,
    next: Next,
}

/// Start of a request of the client, unlike messages to a proxy, and encrypted bytes.
const METHOD: &[u8] = b"POST ";
const LINE_END: &[u8] = b"\r\n";

impl<T: Transport> Transport for HeadTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let written = &self.inner.buffers().output()[..amount];
        let head = if written.starts_with(METHOD) { self.next.lock().take() } else { None };
        let Some(mut request) = head else { return self.inner.transmit_output(amount, timeout) };
        let Some(line) = written.windows(LINE_END.len()).position(|bytes| bytes == LINE_END) else {
            return Err(io::Error::other("the request cannot be written").into());
        };
        request.extend_from_slice(&written[line + LINE_END.len()..]);
        let mut rest = &request[..];
        while !rest.is_empty() {
            let output = self.inner.buffers().output();
            let length = output.len().min(rest.len());
            let (now, later) = rest.split_at(length);
            output[..length].copy_from_slice(now);
            self.inner.transmit_output(length, timeout)?;
            rest = later;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn head_of(url: &str, headers: &[(&'static str, &'static str)]) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        String::from_utf8(head(&url.parse().expect("a URI"), &headers.collect())).expect("text")
    }

    #[test]
    fn the_client_is_told_no_secret_of_a_url_and_the_head_has_them() {
        let endpoint: Uri = "https://me:pw@otlp.example:4318/v1/traces?key=secret".parse().expect("a URI");
        assert_eq!(address(&endpoint).to_string(), "https://otlp.example:4318/");
        let head = head_of("https://me:pw@otlp.example:4318/v1/traces?key=secret", &[]);
        assert!(head.starts_with("POST /v1/traces?key=secret HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("authorization: Basic bWU6cHc=\r\n") && head.ends_with("\r\n"), "{head}");
    }

    #[test]
    fn what_is_configured_wins() {
        let head = head_of(
            "http://me:pw@c:4318",
            &[("authorization", "Bearer t"), ("user-agent", "mine"), ("accept", "x/y"), ("x-scope", "a")],
        );
        assert_eq!(
            head,
            "POST / HTTP/1.1\r\naccept: x/y\r\nuser-agent: mine\r\nauthorization: Bearer t\r\nx-scope: a\r\n"
        );
    }
}
