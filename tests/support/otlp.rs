//! A real OTLP/HTTP receiver on the loopback interface, with scriptable answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// The answer of the receiver to a request.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// This status with an empty body.
    Status(u16),
    /// Status 200 with a content type, which may be empty, and a body. The request is not counted as taken.
    Body(&'static str, &'static [u8]),
    /// As `Body`, by a receiver that takes the request without its first items.
    Partial(&'static str, &'static [u8], usize),
    /// These bytes, then closes the connection.
    Raw(&'static [u8]),
    /// Status 200 and an endless body.
    Endless,
    /// This status and `Retry-After`.
    Busy(u16, &'static str),
    /// The beginning of a response with status 200, then closes the connection.
    Reset,
    /// No answer until the client gives up.
    Hang,
    /// No answer to requests for this path, 200 to others.
    HangOn(&'static str),
    /// This status to requests for this path, 200 to others.
    StatusOn(&'static str, u16),
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The path.
    pub path: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The answer to the request.
    pub answer: Answer,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The receiver. Its threads end with the process.
pub struct Receiver {
    address: String,
    state: Arc<State>,
}

/// The answer to a request, by the number of earlier requests for the same path.
type Script = dyn Fn(usize, &Received) -> Answer + Send + Sync;

struct State {
    script: Box<Script>,
    received: Mutex<Vec<Received>>,
    arrived: Condvar,
}

impl Receiver {
    /// A receiver that accepts everything.
    pub fn start() -> Self {
        Receiver::answering(Answer::Status(200))
    }

    /// A receiver that gives the same answer to every request.
    pub fn answering(answer: Answer) -> Self {
        Receiver::scripted(move |_, _| answer)
    }

    /// A receiver with scripted answers, by the number of earlier requests for the same path.
    pub fn scripted(script: impl Fn(usize, &Received) -> Answer + Send + Sync + 'static) -> Self {
        Receiver::listening(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// As `scripted`, on this listener.
    pub fn listening(
        listener: TcpListener,
        script: impl Fn(usize, &Received) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let script = Box::new(script);
        let state = Arc::new(State { script, received: Mutex::default(), arrived: Condvar::new() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Receiver { address, state }
    }

    /// The base URL to export to.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything received so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Waits until `count` requests have arrived.
    pub fn wait_for(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut received = self.state.received.lock().unwrap();
        while received.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} requests arrived in time", received.len());
            received = self.state.arrived.wait_timeout(received, left).unwrap().0;
        }
    }

    /// The decoded trace requests.
    pub fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        self.decoded("/v1/traces")
    }

    /// The decoded metric requests.
    pub fn metric_requests(&self) -> Vec<ExportMetricsServiceRequest> {
        self.decoded("/v1/metrics")
    }

    /// Every span received.
    pub fn spans(&self) -> Vec<Span> {
        let resources = self.traces().into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// Every span that the receiver took.
    pub fn spans_taken(&self) -> Vec<Span> {
        let requests = self.received().into_iter().filter(|request| request.path == "/v1/traces");
        let taken = requests.flat_map(|request| {
            let rejected = match request.answer {
                Answer::Status(200) => 0,
                Answer::Partial(_, _, rejected) => rejected,
                _ => return Vec::new(),
            };
            let decoded = ExportTraceServiceRequest::decode(&request.body[..]).unwrap();
            let scopes = decoded.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            scopes.flat_map(|scope| scope.spans).skip(rejected).collect()
        });
        taken.collect()
    }

    /// The decoded log requests.
    pub fn log_requests(&self) -> Vec<ExportLogsServiceRequest> {
        self.decoded("/v1/logs")
    }

    /// Every log record received.
    pub fn logs(&self) -> Vec<LogRecord> {
        let resources = self.log_requests().into_iter().flat_map(|request| request.resource_logs);
        resources.flat_map(|resource| resource.scope_logs).flat_map(|scope| scope.log_records).collect()
    }

    /// The metrics of the last request.
    pub fn metrics(&self) -> Vec<Metric> {
        let last = self.metric_requests().pop().unwrap_or_default();
        let resources = last.resource_metrics.into_iter();
        resources.flat_map(|resource| resource.scope_metrics).flat_map(|scope| scope.metrics).collect()
    }

    fn decoded<M: Message + Default>(&self, path: &str) -> Vec<M> {
        let received = self.received();
        let of_signal = received.iter().filter(|request| request.path == path);
        of_signal.map(|request| M::decode(&request.body[..]).unwrap()).collect()
    }
}

/// An address without a listener. A port that was just free could be assigned to a receiver of another test; this one
/// is reserved.
pub fn unreachable_endpoint() -> String {
    "http://127.0.0.1:1".to_owned()
}

fn serve(stream: &TcpStream, state: &State) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let answer = {
            let mut received = state.received.lock().unwrap();
            let before = received.iter().filter(|earlier| earlier.path == request.path).count();
            let answer = match (state.script)(before, &request) {
                Answer::HangOn(path) if request.path == path => Answer::Hang,
                Answer::StatusOn(path, status) if request.path == path => Answer::Status(status),
                Answer::HangOn(_) | Answer::StatusOn(..) => Answer::Status(200),
                other => other,
            };
            crate::golden::request(&request.path, &request.body);
            received.push(Received { answer, ..request });
            answer
        };
        state.arrived.notify_all();
        let (head, body): (_, &[u8]) = match answer {
            Answer::Status(status) => (format!("HTTP/1.1 {status} Answer\r\n"), &[]),
            Answer::Body("", body) => ("HTTP/1.1 200 OK\r\n".to_owned(), body),
            Answer::Body(kind, body) | Answer::Partial(kind, body, _) => {
                (format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n"), body)
            }
            Answer::Busy(status, pause) => {
                (format!("HTTP/1.1 {status} Busy\r\nretry-after: {pause}\r\n"), &[])
            }
            Answer::Reset => {
                let mut writer = stream;
                let _ = writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthe begin");
                return;
            }
            Answer::Raw(bytes) => {
                let mut writer = stream;
                let _ = writer.write_all(bytes);
                return;
            }
            Answer::Endless => {
                let mut writer = stream;
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n";
                let mut sent = writer.write_all(head);
                while sent.is_ok() {
                    std::thread::sleep(Duration::from_millis(1));
                    sent = writer.write_all(b"1\r\n\n\r\n");
                }
                return;
            }
            Answer::Hang | Answer::HangOn(_) | Answer::StatusOn(..) => {
                let _ = reader.read(&mut [0; 1]); // returns when the client gives up
                return;
            }
        };
        let mut writer = stream;
        let answer = [format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
        if writer.write_all(&answer).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { path, headers, body, answer: Answer::Hang })
}
