//! The same telemetry over gRPC and as JSON, compressed and uncompressed.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llm_trace::{Builder, Compression, ExportReport, Protocol};
use llm_trace_test_support::grpc::{GrpcAnswer, GrpcReceiver};
use llm_trace_test_support::otlp::{Answer, Receiver, unreachable_endpoint};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::program::{LOGGING, run, stderr};
use crate::tls::{self, file};
use crate::{answer, one_at_a_time, span, text};

fn grpc(receiver: &GrpcReceiver) -> Builder {
    llm_trace::builder().with_endpoint(receiver.endpoint()).with_protocol(Protocol::Grpc)
}

/// Three spans and the metrics of two calls.
fn deliver(builder: Builder) -> ExportReport {
    let telemetry = builder.init().unwrap();
    answer();
    telemetry.shutdown()
}

#[test]
fn grpc_carries_every_signal_and_the_headers() {
    let _turn = one_at_a_time();
    let receiver = GrpcReceiver::start();
    let telemetry =
        grpc(&receiver).with_header("Authorization", "Bearer abc").with_events(true).init().unwrap();
    answer();
    llm_trace::score("relevance").with_value(0.5).record();
    let receipt = telemetry.shutdown();
    assert!(receipt.is_complete() && receipt.spans().delivered() == 3, "{receipt}");
    let spans = receiver.spans();
    assert_eq!((spans.len(), receiver.metrics_and_logs()), (3, (1, 1)));
    assert_eq!(text(&span(&spans, "chat gpt-4o-mini").attributes, "gen_ai.request.model"), "gpt-4o-mini");
    for call in receiver.calls() {
        let of_protocol = ["content-type", "te", "authorization"].map(|name| call.header(name));
        assert_eq!(of_protocol, [Some("application/grpc"), Some("trailers"), Some("Bearer abc")]);
        assert!(call.header("user-agent").is_some_and(|agent| agent.contains("llm-trace/")), "{call:?}");
        let patience =
            call.header("grpc-timeout").and_then(|text| text.strip_suffix('m')?.parse::<u64>().ok());
        assert!(patience.is_some_and(|patience| (1..=10_000).contains(&patience)), "{call:?}");
        assert!(!call.is_compressed);
    }
}

#[test]
fn requests_are_compressed_as_asked_in_every_protocol() {
    let _turn = one_at_a_time();
    for (compression, name) in [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd")] {
        let receiver = GrpcReceiver::start();
        assert!(deliver(grpc(&receiver).with_compression(compression)).is_complete());
        assert_eq!((receiver.spans().len(), receiver.metrics_and_logs().0), (3, 1));
        let calls = receiver.calls();
        assert!(calls.iter().all(|call| call.is_compressed && call.header("grpc-encoding") == Some(name)));
    }

    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let receiver = Receiver::start();
        let builder = llm_trace::builder().with_endpoint(receiver.endpoint()).with_protocol(protocol);
        assert!(deliver(builder.with_compression(Compression::Zstd)).is_complete());
        let requests = receiver.received();
        assert_eq!(requests.len(), 2);
        for request in requests {
            assert_eq!(request.header("content-encoding"), Some("zstd"));
            let body = zstd::bulk::decompress(&request.body, 1 << 20).unwrap();
            let is_read = match (protocol, request.path.as_str()) {
                (Protocol::HttpJson, _) => serde_json::from_slice::<serde_json::Value>(&body).is_ok(),
                (_, "/v1/traces") => ExportTraceServiceRequest::decode(&body[..]).is_ok(),
                _ => ExportMetricsServiceRequest::decode(&body[..]).is_ok(),
            };
            assert!(is_read, "{protocol} {}", request.path);
        }
    }
}

#[test]
fn json_is_that_of_otlp() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let builder = llm_trace::builder().with_endpoint(receiver.endpoint()).with_protocol(Protocol::HttpJson);
    assert!(deliver(builder).is_complete());
    let requests = receiver.received();
    let request = requests.iter().find(|request| request.path == "/v1/traces").unwrap();
    assert_eq!(request.header("content-type"), Some("application/json"));
    let json: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let spans = json["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let chat = spans.iter().find(|span| span["name"] == "chat gpt-4o-mini").unwrap();
    let is_hex = |id: &serde_json::Value, digits| {
        id.as_str().is_some_and(|id| id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    assert!(is_hex(&chat["traceId"], 32) && is_hex(&chat["spanId"], 16), "ids are hex, not base64: {chat}");
    assert_eq!(chat["kind"], 3, "enums are numbers");
    assert!(chat["startTimeUnixNano"].is_string(), "64-bit numbers are text: {chat}");
    let attributes = chat["attributes"].as_array().unwrap();
    let value = |key: &str| &attributes.iter().find(|attribute| attribute["key"] == key).unwrap()["value"];
    assert_eq!(value("gen_ai.usage.input_tokens")["intValue"], "812");
    assert_eq!(value("gen_ai.request.temperature")["doubleValue"], 0.5);
    assert_eq!(value("gen_ai.response.finish_reasons")["arrayValue"]["values"][0]["stringValue"], "stop");
    let metrics = requests.iter().find(|request| request.path == "/v1/metrics").unwrap();
    let json: serde_json::Value = serde_json::from_slice(&metrics.body).unwrap();
    let metrics = json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let duration =
        metrics.iter().find(|metric| metric["name"] == "gen_ai.client.operation.duration").unwrap();
    let point = &duration["histogram"]["dataPoints"][0];
    assert!(point["count"].is_string() && point["bucketCounts"][0].is_string(), "{point}");
    assert_eq!(duration["histogram"]["aggregationTemporality"], 2);
}

#[test]
fn items_rejected_by_a_json_receiver_are_counted() {
    let _turn = one_at_a_time();
    let answer = br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
    let receiver = Receiver::answering(Answer::Body("application/json", answer));
    let receipt =
        deliver(llm_trace::builder().with_endpoint(receiver.endpoint()).with_protocol(Protocol::HttpJson));
    assert_eq!((receipt.spans().delivered(), receipt.spans().dropped()), (1, 2), "{receipt}");
    assert!(receipt.to_string().contains("too old"), "{receipt}");
}

#[test]
fn the_status_of_a_grpc_receiver_is_in_the_receipt() {
    let _turn = one_at_a_time();
    let cases = [
        (GrpcAnswer::Accept, 3, ""),
        (GrpcAnswer::Then(GrpcAnswer::Status(14, "busy", "").into(), GrpcAnswer::Accept.into()), 3, ""),
        (GrpcAnswer::Then(GrpcAnswer::Reset.into(), GrpcAnswer::Accept.into()), 3, ""),
        (GrpcAnswer::Reject(2, "too old"), 1, "too old"),
        (GrpcAnswer::Status(3, "not%20valid", ""), 0, "gRPC status INVALID_ARGUMENT: not valid"),
        (GrpcAnswer::Status(16, "who%20is%20it", ""), 0, "gRPC status UNAUTHENTICATED: who is it"),
        (GrpcAnswer::Http(200, "text/html"), 0, "text/html: this is not a gRPC receiver"),
    ];
    for (answer, delivered, reason) in cases {
        let receiver = GrpcReceiver::answering(answer.clone());
        let receipt = deliver(grpc(&receiver).with_timeout(Duration::from_secs(1)));
        assert_eq!(
            (receipt.spans().delivered(), receipt.spans().dropped()),
            (delivered, 3 - delivered),
            "{answer:?}: {receipt}"
        );
        assert!(receipt.to_string().contains(reason), "{answer:?}: {receipt}");
    }
}

#[test]
fn a_request_that_is_too_large_for_grpc_is_halved() {
    let _turn = one_at_a_time();
    let too_large = GrpcAnswer::Status(8, "received message larger than max", "");
    let receiver = GrpcReceiver::answering(GrpcAnswer::Then(too_large.into(), GrpcAnswer::Accept.into()));
    let telemetry = grpc(&receiver).init().unwrap();
    (0..4).for_each(|_| crate::retrieve());
    let receipt = telemetry.flush();
    assert_eq!(receipt.spans().delivered(), 4, "{receipt}");
    let calls = receiver.calls().iter().filter(|call| call.path.contains("Trace")).count();
    assert!(calls >= 2, "{calls}");
    assert!(telemetry.shutdown().is_complete());
}

#[test]
fn a_connection_is_reused_and_reopened_after_the_receiver_closes_it() {
    let _turn = one_at_a_time();
    let connections = |answer: GrpcAnswer| {
        let receiver = GrpcReceiver::answering(answer);
        let telemetry = grpc(&receiver).init().unwrap();
        for _ in 0..3 {
            crate::retrieve();
            let receipt = telemetry.flush();
            assert_eq!(receipt.spans().dropped(), 0, "{receipt}");
        }
        assert!(telemetry.shutdown().is_complete());
        let calls = receiver.calls();
        let traces = calls.iter().filter(|call| call.path.contains("Trace"));
        let mut connections: Vec<_> = traces.map(|call| call.connection).collect();
        assert_eq!(receiver.spans().len(), 3);
        connections.dedup();
        connections.len()
    };
    assert_eq!(connections(GrpcAnswer::Accept), 1);
    assert_eq!(connections(GrpcAnswer::AcceptAndClose), 3);
}

#[test]
fn a_grpc_receiver_that_is_not_there_or_never_answers_is_given_up() {
    let _turn = one_at_a_time();
    let hanging = GrpcReceiver::answering(GrpcAnswer::Hang);
    let cases = [(hanging.endpoint(), "no answer within"), (unreachable_endpoint(), "connection refused")];
    for (endpoint, reason) in cases {
        let started = Instant::now();
        let builder = llm_trace::builder().with_endpoint(&endpoint).with_protocol(Protocol::Grpc);
        let receipt = deliver(builder.with_timeout(Duration::from_millis(300)));
        assert_eq!(receipt.spans().dropped(), 3);
        assert!(receipt.failure().is_some_and(|failure| failure.contains(reason)), "{receipt}");
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    }
}

#[test]
fn grpc_checks_certificates_and_sends_client_certificates() {
    let known = file("ca.pem");
    let (certificate, key) = (file("client.pem"), file("client.key"));
    let receiver = |only_known_clients, protocols: &[&[u8]]| {
        let mut config = tls::config("server.pem", "server.key", only_known_clients);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        GrpcReceiver::behind(Arc::new(config))
    };
    let stderr_of = |receiver: &GrpcReceiver, more: &[(&str, &str)]| {
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".into()),
        ];
        let environment = environment.iter().map(|(key, value)| (*key, value.as_str()));
        stderr(&run(&environment.chain(more.iter().copied()).collect::<Vec<_>>()))
    };
    let trusted = ("OTEL_EXPORTER_OTLP_CERTIFICATE", known.as_str());
    let own = [
        trusted,
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate.as_str()),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", key.as_str()),
    ];
    let anybody = receiver(false, &[b"h2"]);
    assert_eq!(stderr_of(&anybody, &[trusted]), "");
    assert_eq!(anybody.spans().len(), 3);
    assert!(stderr_of(&anybody, &[]).contains("UnknownIssuer"));
    let known_only = receiver(true, &[b"h2"]);
    assert_eq!(stderr_of(&known_only, &own), "");
    assert_eq!(known_only.spans().len(), 3);
    assert!(stderr_of(&known_only, &[trusted]).contains("not delivered"));
    assert!(stderr_of(&receiver(false, &[]), &[trusted]).contains("does not speak HTTP/2"));
}

#[test]
fn grpc_goes_through_the_proxy() {
    let proxy = Receiver::answering(Answer::Status(407));
    let text = stderr(&run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.invalid:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("HTTPS_PROXY", &proxy.endpoint().replace("http://", "http://me:secret@")),
    ]));
    assert!(text.contains("the proxy did not let the request through: HTTP status 407"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let request = proxy.received().remove(0);
    assert_eq!(
        (request.path.as_str(), request.header("proxy-authorization")),
        ("collector.invalid:4317", Some("Basic bWU6c2VjcmV0"))
    );
}

#[test]
fn grpc_arrives_through_a_proxy_with_and_without_tls() {
    let authority = file("misfits-ca.pem");
    let mut config = tls::config("misnamed.pem", "misfit.key", false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    for (scheme, receiver) in
        [("http", GrpcReceiver::start()), ("https", GrpcReceiver::behind(Arc::new(config)))]
    {
        // The host does not exist, and a loopback address would bypass the proxy.
        let endpoint = format!("{scheme}://other.example:4317");
        let tunnel = Tunnel::to(receiver.port());
        let mut environment = vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("ALL_PROXY", &tunnel.url),
        ];
        if scheme == "https" {
            environment.push(("OTEL_EXPORTER_OTLP_CERTIFICATE", &authority));
        }
        assert_eq!(stderr(&run(&environment)), "", "{scheme}");
        assert_eq!((receiver.spans().len(), receiver.metrics_and_logs().0), (3, 1), "{scheme}");
        let requests = tunnel.requests.lock().unwrap().clone();
        let connect = "CONNECT other.example:4317 HTTP/1.1";
        assert!(!requests.is_empty() && requests.iter().all(|line| line == connect), "{requests:?}");
    }
}

/// A proxy that forwards every client to one address.
struct Tunnel {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&requests);
        std::thread::spawn(move || {
            for mut client in listener.incoming().filter_map(Result::ok) {
                let head = head(&mut client);
                lines.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
                let mut receiver = TcpStream::connect(("localhost", port)).unwrap();
                let (mut back, mut from) = (client.try_clone().unwrap(), receiver.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut back);
                    let _ = back.shutdown(Shutdown::Both);
                });
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut client, &mut receiver);
                    let _ = receiver.shutdown(Shutdown::Both);
                });
            }
        });
        Tunnel { url, requests }
    }
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn sending_over_grpc_is_not_traced_itself() {
    let receiver = GrpcReceiver::start();
    let text = stderr(&run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        (LOGGING, "everything"),
    ]));
    assert_eq!(receiver.spans().len(), 3);
    assert_eq!(text, "");
}
