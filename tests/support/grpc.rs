//! A real OTLP/gRPC receiver on the loopback interface, with scriptable answers.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use opentelemetry_http::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

/// The answer of the receiver to a call.
#[derive(Clone, Debug)]
pub enum GrpcAnswer {
    /// Accepts everything.
    Accept,
    /// Accepts everything and closes the connection.
    AcceptAndClose,
    /// Accepts the request and rejects this many of its items, with a message.
    Reject(i64, &'static str),
    /// This code and message, and details in base64, which may be empty.
    Status(u16, &'static str, &'static str),
    /// One answer to the first call of every method, and another to all later calls.
    Then(Box<GrpcAnswer>, Box<GrpcAnswer>),
    /// No answer until the client gives up.
    Hang,
    /// Resets the call.
    Reset,
    /// A plain HTTP response of a gateway: a status and a content type.
    Http(u16, &'static str),
}

/// One call as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub path: String,
    /// The metadata.
    pub headers: HeaderMap,
    /// Whether the message was compressed.
    pub is_compressed: bool,
    /// The message, decompressed.
    pub message: Vec<u8>,
    /// The index of the connection.
    pub connection: usize,
}

impl Call {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The receiver. Its thread ends with the process.
pub struct GrpcReceiver {
    port: u16,
    scheme: &'static str,
    received: Arc<Mutex<Vec<Call>>>,
}

impl GrpcReceiver {
    /// A receiver that accepts everything.
    pub fn start() -> Self {
        GrpcReceiver::answering(GrpcAnswer::Accept)
    }

    /// A receiver that gives the same answer to every call.
    pub fn answering(answer: GrpcAnswer) -> Self {
        GrpcReceiver::listening(answer, None)
    }

    /// A receiver behind TLS that accepts everything.
    pub fn behind(tls: Arc<tokio_rustls::rustls::ServerConfig>) -> Self {
        GrpcReceiver::listening(GrpcAnswer::Accept, Some(tls.into()))
    }

    fn listening(answer: GrpcAnswer, tls: Option<TlsAcceptor>) -> Self {
        let received = Arc::<Mutex<Vec<Call>>>::default();
        let shared = Arc::clone(&received);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (ready, started) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap().port()).unwrap();
                for connection in 0.. {
                    let (socket, _) = listener.accept().await.unwrap();
                    let script = Script { answer: answer.clone(), received: Arc::clone(&shared), connection };
                    let tls = tls.clone();
                    tokio::spawn(async move {
                        match tls {
                            None => script.serve(socket).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(socket).await {
                                    script.serve(stream).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        GrpcReceiver { port: started.recv().unwrap(), scheme, received }
    }

    /// The port of the receiver.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL to export to.
    pub fn endpoint(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port)
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.received.lock().unwrap().clone()
    }

    /// All received spans.
    pub fn spans(&self) -> Vec<Span> {
        let resources = self.decoded::<ExportTraceServiceRequest>("trace.v1.TraceService");
        let scopes = resources.into_iter().flat_map(|request| request.resource_spans);
        scopes.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The number of decodable requests with metrics, and with logs.
    pub fn metrics_and_logs(&self) -> (usize, usize) {
        (
            self.decoded::<ExportMetricsServiceRequest>("metrics.v1.MetricsService").len(),
            self.decoded::<ExportLogsServiceRequest>("logs.v1.LogsService").len(),
        )
    }

    fn decoded<M: Message + Default>(&self, service: &str) -> Vec<M> {
        let path = format!("/opentelemetry.proto.collector.{service}/Export");
        let calls = self.calls();
        let of_signal = calls.iter().filter(|call| call.path == path);
        of_signal.map(|call| M::decode(&call.message[..]).unwrap()).collect()
    }
}

struct Script {
    answer: GrpcAnswer,
    received: Arc<Mutex<Vec<Call>>>,
    connection: usize,
}

impl Script {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S) {
        let Ok(mut connection) = h2::server::handshake(stream).await else { return };
        while let Some(Ok((request, respond))) = connection.accept().await {
            // The connection makes progress only while it is polled, so the call is served concurrently.
            let answered = self.answer(request, respond);
            tokio::pin!(answered);
            tokio::select! {
                closes = &mut answered => {
                    if closes {
                        connection.graceful_shutdown();
                    }
                }
                _ = std::future::poll_fn(|context| connection.poll_closed(context)) => return,
            }
        }
    }

    /// Answers a call. Returns whether to close the connection.
    async fn answer(&self, request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) -> bool {
        let (head, mut body) = request.into_parts();
        let mut frame = Vec::new();
        while let Some(Ok(part)) = body.data().await {
            body.flow_control().release_capacity(part.len()).unwrap();
            frame.extend_from_slice(&part);
        }
        let is_compressed = frame[0] == 1;
        assert_eq!(u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize, frame.len() - 5);
        let mut message = Vec::new();
        match head.headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
            Some(b"gzip") if is_compressed => {
                let mut reader = flate2::read::GzDecoder::new(&frame[5..]);
                std::io::Read::read_to_end(&mut reader, &mut message).unwrap();
            }
            Some(b"zstd") if is_compressed => {
                message = zstd::bulk::decompress(&frame[5..], 1 << 20).unwrap();
            }
            None if !is_compressed => message.extend_from_slice(&frame[5..]),
            other => panic!("compressed: {is_compressed}, with {other:?}"),
        }
        let path = head.uri.path().to_owned();
        let call = Call { path, headers: head.headers, is_compressed, message, connection: self.connection };
        let earlier = {
            let mut received = self.received.lock().unwrap();
            let earlier = received.iter().filter(|earlier| earlier.path == call.path).count();
            crate::golden::request(&call.path, &call.message);
            received.push(call);
            earlier
        };
        let answer = match &self.answer {
            GrpcAnswer::Then(first, _) if earlier == 0 => first,
            GrpcAnswer::Then(_, others) => others,
            other => other,
        };
        match answer {
            GrpcAnswer::Accept | GrpcAnswer::AcceptAndClose => reply(&mut respond, &[]),
            GrpcAnswer::Reject(items, why) => reply(&mut respond, &rejection(*items, why)),
            GrpcAnswer::Status(code, message, details) => {
                // Only a status: a trailers-only response.
                let mut response = grpc();
                let headers = response.headers_mut();
                headers.insert("grpc-status", (*code).into());
                headers.insert("grpc-message", HeaderValue::from_static(message));
                if !details.is_empty() {
                    headers.insert("grpc-status-details-bin", HeaderValue::from_static(details));
                }
                respond.send_response(response, true).unwrap();
            }
            GrpcAnswer::Hang => std::future::pending().await,
            GrpcAnswer::Reset => respond.send_reset(h2::Reason::INTERNAL_ERROR),
            GrpcAnswer::Http(status, kind) => {
                let response = Response::builder().status(*status).header("content-type", *kind);
                let mut body = respond.send_response(response.body(()).unwrap(), false).unwrap();
                body.send_data(Bytes::from_static(b"<html>"), true).unwrap();
            }
            GrpcAnswer::Then(..) => unreachable!("answers do not nest"),
        }
        matches!(answer, GrpcAnswer::AcceptAndClose)
    }
}

fn grpc() -> Response<()> {
    Response::builder().header("content-type", "application/grpc").body(()).unwrap()
}

fn reply(respond: &mut SendResponse<Bytes>, message: &[u8]) {
    let mut body = respond.send_response(grpc(), false).unwrap();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    body.send_data([&[0][..], &length, message].concat().into(), false).unwrap();
    let trailers =
        HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from(0))]);
    body.send_trailers(trailers).unwrap();
}

/// Encodes a rejection; the responses of all signals have the same fields.
fn rejection(items: i64, why: &str) -> Vec<u8> {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    let partial = ExportTracePartialSuccess { rejected_spans: items, error_message: why.to_owned() };
    ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
}
