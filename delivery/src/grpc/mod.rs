//! OTLP over gRPC: a [`Transport`] that sends the same protobuf as over HTTP, in a frame of five bytes more, over HTTP/2.
//!
//! Only a unary call is needed, so the HTTP/2 engine is used directly, without a framework around it. Its async runtime is private: made,
//! used and dropped on the sender's thread. It is independent of the program's runtime.

mod connect;
#[cfg(test)]
mod fuzz;
mod status;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, TE, USER_AGENT};
use http::{HeaderMap, Request, Uri};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tracing::subscriber::NoSubscriber;

pub use connect::Failure;
pub use status::{Code, Reply};

use super::TransportConfig;
use super::encoding::Encoding;
use super::http::{PRODUCT, is_told_by_its_kind, is_unreachable, spoken};
use super::messages::printable;
use super::transport::suppress_telemetry;
use super::{ExportRequest, Outcome, Signal, Transport, TransportFactory};
use connect::Connector;

/// A receiver's answer is a status and a short message.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// One connection to a receiver, made when it is needed.
struct GrpcTransport {
    /// Always there, but for the moment of the end.
    runtime: Option<Runtime>,
    client: Client,
    connection: RefCell<Option<SendRequest<Bytes>>>,
    timeout: Duration,
}

/// State shared by all calls to a receiver.
#[derive(Clone)]
struct Client {
    connector: Connector,
    /// Scheme, host and port.
    endpoint: Uri,
    /// Values are marked sensitive, which keeps them out of `Debug`.
    headers: HeaderMap,
    encoding: Encoding,
}

/// Makes wires to the receiver of a signal.
pub(crate) fn transport(settings: TransportConfig) -> TransportFactory {
    let (client, timeout) = (Client::new(&settings), settings.timeout);
    drop(settings);
    Box::new(move || {
        let runtime = runtime().ok();
        Box::new(GrpcTransport { runtime, client: client.clone(), connection: RefCell::default(), timeout })
    })
}

/// Calls a receiver once over gRPC, with nothing to export.
///
/// # Errors
///
/// If the server does not speak gRPC, or does not answer within the timeout of the configuration.
pub fn probe(settings: &TransportConfig, signal: Signal) -> Result<Reply, Failure> {
    if tokio::runtime::Handle::try_current().is_ok() {
        return Err(Failure::Unusable("a thread of an async runtime"));
    }
    let runtime = runtime().map_err(Failure::Io)?;
    let client = Client::new(settings);
    let nothing = crate::probe::nothing(signal);
    let reply = run(&runtime, async {
        let call = async {
            let mut connection = client.connector.connect(&client.endpoint).await?;
            client.call(&mut connection, &nothing, settings.timeout).await
        };
        timeout(settings.timeout, call).await.unwrap_or(Err(Failure::Timeout))
    });
    unobserved(|| runtime.shutdown_background());
    reply
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()
}

fn run<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    unobserved(|| runtime.block_on(work))
}

/// Runs `work` without telemetry: traces of HTTP/2 and TLS would be exported, traced, exported, and so on.
fn unobserved<T>(work: impl FnOnce() -> T) -> T {
    let _suppressed = suppress_telemetry();
    tracing::subscriber::with_default(NoSubscriber::default(), work)
}

impl Transport for GrpcTransport {
    fn send(&self, request: &ExportRequest, deadline: Instant) -> Outcome {
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(runtime) = self.runtime.as_ref().filter(|_| !left.is_zero()) else {
            let reason =
                if left.is_zero() { "no time was left for an attempt" } else { "no thread was to be had" };
            return Outcome::Retry { after: None, reason: reason.to_owned() };
        };
        let sent = run(runtime, async {
            let attempt = timeout(left, self.attempt(request, left)).await;
            attempt.unwrap_or(Err(Failure::Timeout))
        });
        match sent {
            Ok(reply) => reply.outcome(),
            Err(failure) => {
                // In any case, the next attempt starts with a new connection.
                unobserved(|| self.connection.replace(None));
                self.outcome(&failure, left)
            }
        }
    }
}

impl GrpcTransport {
    async fn attempt(&self, request: &ExportRequest, left: Duration) -> Result<Reply, Failure> {
        let connected = self.connection.take();
        if let Some(mut connection) = connected {
            // Between two requests the connection is not polled: its end is only detected now.
            match self.client.call(&mut connection, request, left).await {
                Err(failure) if is_stale(&failure) => {}
                other => {
                    self.connection.replace(Some(connection));
                    return other;
                }
            }
        }
        let mut connection = self.client.connector.connect(&self.client.endpoint).await?;
        let reply = self.client.call(&mut connection, request, left).await?;
        self.connection.replace(Some(connection));
        Ok(reply)
    }

    fn outcome(&self, failure: &Failure, left: Duration) -> Outcome {
        let after = None;
        match failure {
            Failure::Timeout if left < self.timeout => {
                Outcome::Retry { after, reason: format!("timeout: no answer within {}", spoken(left)) }
            }
            Failure::Timeout => Outcome::Retry {
                after,
                reason: format!("timeout: no answer within {}", spoken(self.timeout)),
            },
            Failure::Io(error) if is_unreachable(error) => {
                let reason = match error.kind() {
                    kind if is_told_by_its_kind(kind) => kind.to_string(),
                    _ => printable(&failure.to_string()),
                };
                Outcome::Unreachable { reason }
            }
            // In the same words on every system.
            Failure::Io(error) if is_told_by_its_kind(error.kind()) => {
                Outcome::Retry { after, reason: error.kind().to_string() }
            }
            // A gateway without its receiver.
            Failure::NotGrpc { status, .. } if matches!(status.as_u16(), 429 | 502 | 503 | 504) => {
                Outcome::Retry { after, reason: format!("HTTP status {status}") }
            }
            Failure::NotGrpc { .. } | Failure::NoHttp2 | Failure::Unusable(_) => {
                Outcome::Refused { reason: printable(&failure.to_string()) }
            }
            Failure::Io(_) | Failure::Proxy(_) | Failure::Http2(_) => {
                Outcome::Retry { after, reason: printable(&failure.to_string()) }
            }
        }
    }
}

/// Does not block: a pending name lookup must not delay the end of the program.
impl Drop for GrpcTransport {
    fn drop(&mut self) {
        unobserved(|| {
            self.connection.replace(None);
            if let Some(runtime) = self.runtime.take() {
                runtime.shutdown_background();
            }
        });
    }
}

/// The connection was closed while it was idle. The receiver may have received the request nevertheless, and then receives it twice: a
/// repeated span is the same span.
fn is_stale(failure: &Failure) -> bool {
    match failure {
        Failure::Io(_) => true,
        Failure::Http2(error) => error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM),
        _ => false,
    }
}

impl Client {
    fn new(settings: &TransportConfig) -> Self {
        Client {
            connector: Connector::new(&settings.endpoint, &settings.tls, settings.proxy.clone()),
            endpoint: settings.endpoint.clone(),
            headers: settings.headers.clone(),
            encoding: Encoding { protocol: settings.protocol, compression: settings.compression },
        }
    }

    /// One unary call.
    async fn call(
        &self,
        connection: &mut SendRequest<Bytes>,
        request: &ExportRequest,
        time_left: Duration,
    ) -> Result<Reply, Failure> {
        std::future::poll_fn(|context| connection.poll_ready(context)).await?;
        let head = self.request(request.signal, time_left)?;
        let frame = self.frame(request)?;
        let (response, mut stream) = connection.send_request(head, false)?;
        stream.send_data(frame, true)?;
        let response = response.await?;
        let (head, mut body) = response.into_parts();
        let mut received = Vec::new();
        while let Some(part) = body.data().await {
            let part = part?;
            if received.len() + part.len() > MAX_RESPONSE_BYTES {
                return Err(Failure::NotGrpc { status: head.status, content_type: "too much".to_owned() });
            }
            received.extend_from_slice(&part);
            body.flow_control().release_capacity(part.len())?;
        }
        let trailers = body.trailers().await?;
        Reply::read(head.status, &head.headers, trailers.as_ref(), &received)
    }

    fn request(&self, signal: Signal, time_left: Duration) -> Result<Request<()>, Failure> {
        let uri = Uri::builder()
            .scheme(self.endpoint.scheme_str().unwrap_or("http"))
            .authority(connect::authority(&self.endpoint))
            .path_and_query(method(signal))
            .build();
        let mut request = Request::post(uri.map_err(|_| Failure::Unusable("the URL"))?)
            .header(CONTENT_TYPE, self.encoding.content_type())
            .header(TE, "trailers")
            .header(USER_AGENT, PRODUCT)
            .header("grpc-timeout", format!("{}m", time_left.as_millis().clamp(1, 99_999_999)))
            .body(())
            .map_err(|_| Failure::Unusable("the request"))?;
        let headers = request.headers_mut();
        if let Some(encoding) = self.encoding.content_encoding() {
            headers.insert(HeaderName::from_static("grpc-encoding"), HeaderValue::from_static(encoding));
        }
        headers.extend(self.headers.clone());
        Ok(request)
    }

    /// Compression flag, length, and message.
    fn frame(&self, request: &ExportRequest) -> Result<Bytes, Failure> {
        let message = self.encoding.encode(request)?;
        let is_compressed = u8::from(self.encoding.content_encoding().is_some());
        let length = u32::try_from(message.len()).map_err(std::io::Error::other)?;
        Ok([&[is_compressed][..], &length.to_be_bytes(), &message].concat().into())
    }
}

fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}
