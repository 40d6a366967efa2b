//! From an endpoint to an HTTP/2 connection.

use std::fmt;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{StatusCode, Uri};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use ureq::tls::{RootCerts, TlsConfig};

/// A proxy's answer is a few lines.
const MAX_PROXY_ANSWER: usize = 8 * 1024;

/// Why a call came to nothing.
#[derive(Debug)]
pub enum Failure {
    /// No answer in time.
    Timeout,
    /// The connection failed. TLS fails with a [`rustls`] error in it.
    Io(io::Error),
    /// The proxy did not let us through.
    Proxy(String),
    /// TLS was agreed on, but not HTTP/2.
    NoHttp2,
    /// HTTP/2 failed.
    Http2(h2::Error),
    /// An answer of HTTP/2, but not of gRPC.
    NotGrpc {
        /// The status of the answer.
        status: StatusCode,
        /// Content type of the response.
        content_type: String,
    },
    /// Something of the configuration.
    Unusable(&'static str),
}

/// Makes connections to one receiver.
#[derive(Clone)]
pub(super) struct Connector {
    tls: Option<Result<TlsConnector, &'static str>>,
    proxy: Option<ureq::Proxy>,
}

impl Connector {
    pub(super) fn new(endpoint: &Uri, tls: &TlsConfig, proxy: Option<ureq::Proxy>) -> Self {
        let is_encrypted = endpoint.scheme_str() == Some("https");
        Connector {
            tls: is_encrypted.then(|| client_config(tls).map(|config| TlsConnector::from(Arc::new(config)))),
            proxy,
        }
    }

    pub(super) async fn connect(&self, endpoint: &Uri) -> Result<SendRequest<Bytes>, Failure> {
        let host = host(endpoint);
        let port = port(endpoint);
        let socket = match &self.proxy {
            Some(proxy) => through(proxy, endpoint).await?,
            None => TcpStream::connect((host, port)).await?,
        };
        // A call is written in one piece, and its answer waited for.
        socket.set_nodelay(true)?;
        match &self.tls {
            None => speak(socket).await,
            Some(Err(what)) => Err(Failure::Unusable(what)),
            Some(Ok(connector)) => {
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|_| Failure::Unusable("the host's name"))?;
                let stream = connector.connect(name, socket).await?;
                if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                    return Err(Failure::NoHttp2);
                }
                speak(stream).await
            }
        }
    }
}

async fn speak<S>(stream: S) -> Result<SendRequest<Bytes>, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (requests, connection) = h2::client::handshake(stream).await?;
    // It ends with the last request that holds it; errors are reported by the requests.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(requests)
}

/// A tunnel through an HTTP proxy.
async fn through(proxy: &ureq::Proxy, endpoint: &Uri) -> Result<TcpStream, Failure> {
    let connected = TcpStream::connect((proxy.host(), proxy.port())).await;
    let mut socket = connected.map_err(|error| Failure::Proxy(error.to_string()))?;
    let target = format!("{}:{}", endpoint.host().unwrap_or_default(), port(endpoint));
    let credentials = proxy.username().map_or_else(String::new, |user| {
        let credentials = format!("{user}:{}", proxy.password().unwrap_or_default());
        format!("proxy-authorization: Basic {}\r\n", BASE64_STANDARD.encode(credentials))
    });
    let request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{credentials}\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > MAX_PROXY_ANSWER {
            return Err(Failure::Proxy("the answer is too long".to_owned()));
        }
        // Byte by byte: what follows the head is the receiver's.
        answer.push(socket.read_u8().await?);
    }
    let first_line = String::from_utf8_lossy(&answer);
    let status = first_line.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(socket) } else { Err(Failure::Proxy(format!("HTTP status {status}"))) }
}

/// The same trust as over HTTP, and HTTP/2 only.
fn client_config(tls: &TlsConfig) -> Result<ClientConfig, &'static str> {
    let mut roots = RootCertStore::empty();
    match tls.root_certs() {
        RootCerts::Specific(certificates) => {
            for certificate in certificates.iter() {
                let certificate = CertificateDer::from(certificate.der().to_vec());
                roots.add(certificate).map_err(|_| "a certificate to trust")?;
            }
        }
        _ => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| "the versions of TLS")?
        .with_root_certificates(roots);
    let mut config = match tls.client_cert() {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = client.certs().iter().map(|one| CertificateDer::from(one.der().to_vec())).collect();
            let key = PrivateKeyDer::try_from(client.private_key().der().to_vec());
            let key = key.map_err(|_| "the client's key")?;
            builder.with_client_auth_cert(chain, key).map_err(|_| "the client's certificate with its key")?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Without user and password, which are no part of it in HTTP/2.
pub(super) fn authority(endpoint: &Uri) -> &str {
    let authority = endpoint.authority().map_or("", http::uri::Authority::as_str);
    authority.rsplit_once('@').map_or(authority, |(_, address)| address)
}

fn host(endpoint: &Uri) -> &str {
    endpoint.host().unwrap_or_default().trim_matches(['[', ']'])
}

fn port(endpoint: &Uri) -> u16 {
    let default = if endpoint.scheme_str() == Some("https") { 443 } else { 80 };
    endpoint.port_u16().unwrap_or(default)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Timeout => f.write_str("timeout"),
            Failure::Io(error) => error.fmt(f),
            Failure::Proxy(why) => write!(f, "the proxy did not let the request through: {why}"),
            Failure::NoHttp2 => f.write_str("the receiver does not speak HTTP/2 here, and so no gRPC"),
            Failure::Http2(error) => error.fmt(f),
            Failure::NotGrpc { status, content_type } => {
                let what = if content_type.is_empty() { "nothing" } else { content_type };
                write!(f, "HTTP status {status} with {what}: this is not a gRPC receiver")
            }
            Failure::Unusable(what) => write!(f, "{what} cannot be used"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

impl From<h2::Error> for Failure {
    fn from(error: h2::Error) -> Self {
        // Errors below HTTP/2 are reported as I/O errors.
        if error.is_io() {
            error.into_io().map_or(Failure::NoHttp2, Failure::Io)
        } else {
            Failure::Http2(error)
        }
    }
}
