//! An OTLP/HTTP receiver: keeps what arrives and says 200.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::KeyValue,
    metrics::v1::Metric,
    trace::v1::Span,
};
use prost::Message as _;

pub(crate) struct Sink {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

#[derive(Clone)]
pub(crate) struct Request {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Everything that arrived, decoded.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) requests: Vec<Request>,
    pub(crate) spans: Vec<Span>,
    pub(crate) metrics: Vec<Metric>,
    /// Of the last trace export.
    pub(crate) resource: Vec<KeyValue>,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let kept = Arc::clone(&requests);
        // Threads end with the test process.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || serve(connection.unwrap(), &kept));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived so far: a request is kept before it is answered, so a sender that is done has been
    /// heard.
    pub(crate) fn received(&self) -> Received {
        let mut received =
            Received { requests: self.requests.lock().unwrap().clone(), ..Received::default() };
        for request in &received.requests {
            match request.path.as_str() {
                "/v1/traces" => {
                    let export = ExportTraceServiceRequest::decode(&*request.body).unwrap();
                    for part in export.resource_spans {
                        received.resource = part.resource.unwrap().attributes;
                        received.spans.extend(part.scope_spans.into_iter().flat_map(|scope| scope.spans));
                    }
                }
                "/v1/metrics" => {
                    let export = ExportMetricsServiceRequest::decode(&*request.body).unwrap();
                    let scopes = export.resource_metrics.into_iter().flat_map(|part| part.scope_metrics);
                    received.metrics.extend(scopes.flat_map(|scope| scope.metrics));
                }
                other => panic!("unexpected path {other}"),
            }
        }
        received
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn serve(mut connection: TcpStream, kept: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        kept.lock().unwrap().push(request);
        connection
            .write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
            )
            .unwrap();
    }
}

/// One request, or none when the client has closed the connection.
fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut request = Request { path, headers, body: Vec::new() };
    let length = request.header("content-length").expect("a body of known length").parse().unwrap();
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}
