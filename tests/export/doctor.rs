//! The doctor's diagnosis of every kind of receiver that does not work.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use llm_trace::doctor::{Origin, Problem, ProblemKind, Report};
use llm_trace::{Builder, Compression, ConfigError, Protocol, Topics};
use llm_trace_test_support::grpc::{GrpcAnswer, GrpcReceiver};
use llm_trace_test_support::otlp::{Answer, Receiver, unreachable_endpoint};

use crate::one_at_a_time;
use crate::tls::{self, file};

/// A secret that must not be printed.
const SECRET: &str = "CANARY";

fn builder(endpoint: &str) -> Builder {
    llm_trace::builder().with_endpoint(endpoint).with_timeout(Duration::from_millis(500))
}

/// The kind of problem that all signals share.
fn kind(report: &Report) -> Option<ProblemKind> {
    let kinds: Vec<_> =
        report.checks().iter().map(|check| check.problem.as_ref().map(Problem::kind)).collect();
    assert_eq!(kinds.len(), 3, "{report}");
    assert!(kinds.iter().all(|kind| *kind == kinds[0]), "{report}");
    assert_eq!(report.is_healthy(), kinds[0].is_none(), "{report}");
    kinds[0]
}

/// A server that sends the same bytes to every client and closes the connection.
fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            std::thread::spawn(move || {
                let _ = stream.write_all(answer);
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    format!("http://{address}")
}

#[test]
fn a_receiver_that_works_is_healthy() {
    let receiver = Receiver::start();
    let report = builder(&receiver.endpoint()).doctor();
    assert_eq!(kind(&report), None);
    let text = report.to_string();
    assert!(text.contains(&format!("✓ traces: {}/v1/traces answered in", receiver.endpoint())), "{text}");
    let mut requests = receiver.received();
    requests.sort_by(|one, other| one.path.cmp(&other.path));
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/v1/logs", "/v1/metrics", "/v1/traces"]);
    for request in requests {
        assert_eq!((request.header("content-type"), request.body.len()), (Some("application/x-protobuf"), 0));
    }
}

#[test]
fn the_answer_of_a_receiver_is_explained() {
    let page = Answer::Body("text/html; charset=utf-8", b"<html>Sign in</html>");
    let cases = [
        (Answer::Status(401), ProblemKind::Unauthorized, "OTEL_EXPORTER_OTLP_HEADERS"),
        (Answer::Status(403), ProblemKind::Forbidden, "right to write"),
        (Answer::Status(404), ProblemKind::NoSuchPath, "`/otlp`"),
        (Answer::Status(405), ProblemKind::MethodNotAllowed, "traces only"),
        (Answer::Status(415), ProblemKind::UnsupportedEncoding, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        (Answer::Status(429), ProblemKind::RateLimited, "limit"),
        (Answer::Status(503), ProblemKind::ServerError, "logs"),
        (Answer::Status(400), ProblemKind::Other, "logs"),
        (Answer::Hang, ProblemKind::Timeout, "firewall"),
        (page, ProblemKind::NotAReceiver, "4318"),
    ];
    for (answer, expected, helps) in cases {
        let receiver = Receiver::answering(answer);
        let report = builder(&receiver.endpoint()).doctor();
        assert_eq!(kind(&report), Some(expected), "{report}");
        let text = report.to_string();
        assert!(text.contains("✗ traces: ") && text.contains(helps), "{helps}: {text}");
    }
}

#[test]
fn an_answer_that_the_exporter_rejects_is_not_healthy() {
    let too_long = Box::leak(vec![b' '; 5 << 20].into_boxed_slice());
    let broken = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n";
    let short = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nthe beginning";
    let cases = [
        (Answer::Body("application/json", br#"{"error":"login required"}"#), ProblemKind::NotAReceiver),
        (Answer::Body("application/json", b"no JSON at all"), ProblemKind::NotAReceiver),
        (Answer::Body("text/plain", b"OK"), ProblemKind::NotAReceiver),
        (Answer::Body("application/x-protobuf", b"<html>"), ProblemKind::NotAReceiver),
        (Answer::Body("application/json", too_long), ProblemKind::NotAReceiver),
        (Answer::Raw(broken), ProblemKind::NotAReceiver),
        (Answer::Raw(short), ProblemKind::NotAReceiver),
        (Answer::Endless, ProblemKind::Timeout),
        (Answer::Body("application/json", br#"{"partialSuccess":{"rejectedSpans":-1}}"#), ProblemKind::Other),
        (Answer::Body("application/x-protobuf", b"\x0a\x02\x08\x02"), ProblemKind::Other),
    ];
    for (answer, expected) in cases {
        let receiver = Receiver::answering(answer);
        let name = format!("{answer:?}").chars().take(80).collect::<String>();
        let report = builder(&receiver.endpoint()).doctor();
        assert_eq!(kind(&report), Some(expected), "{name}: {report}");
    }
    for body in ["{}", r#"{"partialSuccess":{"rejectedSpans":"0"}}"#, r#"{"partial_success":{}}"#] {
        let receiver = Receiver::answering(Answer::Body("application/json", body.as_bytes()));
        let report = builder(&receiver.endpoint()).doctor();
        assert_eq!(kind(&report), None, "{body}: {report}");
    }
}

#[test]
fn credentials_that_are_not_accepted_are_named_and_not_shown() {
    let receiver = Receiver::answering(Answer::Status(401));
    let endpoint = receiver.endpoint().replace("http://", &format!("http://me:{SECRET}@"));
    let endpoint = format!("{endpoint}/{SECRET}/otlp?token={SECRET}");
    let builder = builder(&endpoint).with_header("authorization", format!("Bearer {SECRET}"));
    let report = builder.doctor();
    let text = report.to_string();
    assert!(text.contains("What is sent: authorization."), "{text}");
    assert!(text.contains("/…/otlp/v1/traces?…"), "{text}");
    assert!(!text.contains(SECRET) && !format!("{report:?}").contains(SECRET), "{report:?}");
    let header =
        report.settings().iter().find(|setting| setting.name == "traces header authorization").unwrap();
    assert_eq!((header.value.as_str(), header.origin), ("***", Origin::Builder("with_header")));
}

#[test]
fn a_missing_signal_path_is_suggested_for_a_signal_endpoint() {
    let receiver = Receiver::answering(Answer::Status(404));
    let report = llm_trace::builder().with_traces_endpoint(receiver.endpoint()).doctor();
    assert!(report.to_string().contains("needs `/v1/traces`"), "{report}");
}

#[test]
fn disabled_events_are_not_a_problem() {
    let receiver = Receiver::answering(Answer::StatusOn("/v1/logs", 405));
    let report = builder(&receiver.endpoint()).doctor();
    assert!(report.is_healthy() && report.to_string().contains("Nobody asked for events"), "{report}");
    assert!(!builder(&receiver.endpoint()).with_events(true).doctor().is_healthy());
}

#[test]
fn connection_errors_of_http_are_explained() {
    let silent_tls = server(b"").replace("http://", "https://");
    let settings = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\x01"; // SETTINGS, GOAWAY
    let plain =
        server(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").replace("http://", "https://");
    let words = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let moved =
        b"HTTP/1.1 302 Found\r\nlocation: https://login.example/?next=CANARY\r\ncontent-length: 0\r\n\r\n";
    let cases = [
        ("http://collector.invalid:4318".to_owned(), ProblemKind::UnknownHost, "`collector.invalid`"),
        (unreachable_endpoint(), ProblemKind::ConnectionRefused, "4318"),
        (plain, ProblemKind::NoTls, "`http://`"),
        (tls::receiver(false).replace("https://", "http://"), ProblemKind::TlsExpected, "`https://`"),
        (server(words), ProblemKind::TlsExpected, "`https://`"),
        (server(settings), ProblemKind::GrpcPort, "4317"),
        (server(b"SSH-2.0-OpenSSH_9.2\r\n"), ProblemKind::NotAReceiver, "not of the protocol http/protobuf"),
        (silent_tls, ProblemKind::NotAReceiver, "TLS"),
        (server(moved), ProblemKind::Redirect, "https://login.example"),
    ];
    for (endpoint, expected, helps) in cases {
        let report = builder(&endpoint).doctor();
        assert_eq!(kind(&report), Some(expected), "{endpoint}: {report}");
        let text = report.to_string();
        assert!(text.contains(helps) && !text.contains(SECRET), "{helps}: {text}");
    }
}

#[test]
fn the_answer_of_a_grpc_receiver_is_explained() {
    let cases = [
        (GrpcAnswer::Accept, None, "answered in"),
        (GrpcAnswer::Status(16, "", ""), Some(ProblemKind::Unauthorized), "OTEL_EXPORTER_OTLP_HEADERS"),
        (GrpcAnswer::Status(7, "", ""), Some(ProblemKind::Forbidden), "right to write"),
        (GrpcAnswer::Status(12, "", ""), Some(ProblemKind::NoSuchPath), "without a pipeline"),
        (GrpcAnswer::Status(8, "", ""), Some(ProblemKind::RateLimited), "limit"),
        (GrpcAnswer::Status(14, "", ""), Some(ProblemKind::ServerError), "logs"),
        (GrpcAnswer::Status(3, "", ""), Some(ProblemKind::Other), "INVALID_ARGUMENT"),
        (GrpcAnswer::Hang, Some(ProblemKind::Timeout), "firewall"),
        (GrpcAnswer::Reset, Some(ProblemKind::NotAReceiver), "not of the protocol grpc"),
        (GrpcAnswer::Http(403, "text/html"), Some(ProblemKind::Forbidden), "right to write"),
        (GrpcAnswer::Http(502, "text/html"), Some(ProblemKind::ServerError), "logs"),
        (GrpcAnswer::Http(200, "text/html"), Some(ProblemKind::NotAReceiver), "4317"),
    ];
    for (answer, expected, helps) in cases {
        let receiver = GrpcReceiver::answering(answer);
        let report = builder(&receiver.endpoint()).with_protocol(Protocol::Grpc).doctor();
        assert_eq!(kind(&report), expected, "{report}");
        assert!(report.to_string().contains(helps), "{helps}: {report}");
        assert!(receiver.calls().iter().all(|call| call.message.is_empty()));
    }
}

#[test]
fn connection_errors_of_grpc_are_explained() {
    let cases = [
        ("http://collector.invalid:4317".to_owned(), ProblemKind::UnknownHost, "`collector.invalid`"),
        (unreachable_endpoint(), ProblemKind::ConnectionRefused, "running"),
        (server(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), ProblemKind::HttpPort, "4317"),
        (server(b"SSH-2.0-OpenSSH_9.2\r\n"), ProblemKind::NotAReceiver, "not of the protocol grpc"),
        (tls::receiver(false).replace("https://", "http://"), ProblemKind::TlsExpected, "`https://`"),
        (GrpcReceiver::start().endpoint().replace("http://", "https://"), ProblemKind::NoTls, "`http://`"),
    ];
    for (endpoint, expected, helps) in cases {
        let report = builder(&endpoint).with_protocol(Protocol::Grpc).doctor();
        assert_eq!(kind(&report), Some(expected), "{endpoint}: {report}");
        assert!(report.to_string().contains(helps), "{helps}: {report}");
    }
    // An HTTP receiver behind TLS that does not support HTTP/2.
    let text = run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &tls::receiver(false)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", &file("ca.pem")),
    ]);
    assert!(text.contains("[Some(HttpPort), Some(HttpPort), Some(HttpPort)]"), "{text}");
}

#[test]
fn a_grpc_port_is_recognised_over_http() {
    let receiver = GrpcReceiver::start();
    assert_eq!(kind(&builder(&receiver.endpoint()).doctor()), Some(ProblemKind::GrpcPort));
}

#[test]
fn an_empty_export_is_one_in_json_and_compressed_too() {
    let receiver = Receiver::start();
    let builder = builder(&receiver.endpoint()).with_protocol(Protocol::HttpJson);
    assert_eq!(kind(&builder.clone().doctor()), None);
    for request in receiver.received() {
        assert_eq!(request.header("content-type"), Some("application/json"));
        let json: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert!(json.as_object().unwrap().values().all(|items| items == &serde_json::json!([])), "{json}");
    }
    assert_eq!(kind(&builder.with_compression(Compression::Gzip).doctor()), None);
    assert!(receiver.received().iter().any(|request| request.header("content-encoding") == Some("gzip")));
}

/// The program that the tests below start, configured by the environment.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    let report = llm_trace::doctor();
    let kinds: Vec<_> =
        report.checks().iter().map(|check| check.problem.as_ref().map(Problem::kind)).collect();
    std::io::stderr().write_all(format!("{report}\n{kinds:?}\n{report:?}").as_bytes()).unwrap();
}

fn run(environment: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "doctor::program", "--nocapture"]).env_clear();
    command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn certificate_errors_are_explained() {
    let (known, misfits) = (file("ca.pem"), file("misfits-ca.pem"));
    let misfit = |certificate| tls::receiver_with(certificate, "misfit.key", false);
    let cases = [
        (tls::receiver(false), known.as_str(), "None"),
        (tls::receiver(false), misfits.as_str(), "UnknownAuthority"),
        (misfit("misnamed.pem"), misfits.as_str(), "NameMismatch"),
        (misfit("expired.pem"), misfits.as_str(), "BadCertificate"),
        (tls::receiver(true), known.as_str(), "ClientCertificate"),
    ];
    for (endpoint, authority, expected) in cases {
        let text =
            run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_EXPORTER_OTLP_CERTIFICATE", authority)]);
        let each = if expected == "None" { expected.to_owned() } else { format!("Some({expected})") };
        assert!(text.contains(&format!("[{each}, {each}, {each}]")), "{expected}: {text}");
    }
}

#[test]
fn a_proxy_that_does_not_work_is_not_taken_for_the_receiver() {
    let proxy = unreachable_endpoint().replace("http://", "http://me:CANARY@");
    let receiver = Receiver::answering(Answer::Status(407));
    let refusing = receiver.endpoint();
    for proxy in [proxy, refusing] {
        let environment =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.invalid:4318"), ("HTTPS_PROXY", &proxy)];
        let text = run(&environment);
        assert!(text.contains("[Some(Proxy), Some(Proxy), Some(Proxy)]"), "{text}");
        assert!(text.contains("HTTPS_PROXY") && !text.contains(SECRET), "{text}");
    }
}

#[test]
fn every_value_has_its_source() {
    let receiver = Receiver::start();
    let text = run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20CANARY"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "1234"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=search,service.name=bot"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_PROPAGATORS", "baggage"),
    ]);
    let rows: Vec<Vec<_>> = text.lines().map(|line| line.split("  ").map(str::trim).collect()).collect();
    let row = |name: &str| {
        let row =
            rows.iter().find(|row| row.get(1) == Some(&name)).unwrap_or_else(|| panic!("{name}: {text}"));
        let filled: Vec<_> = row.iter().filter(|cell| !cell.is_empty()).copied().collect();
        (filled[1].to_owned(), filled[2].to_owned())
    };
    let endpoint = format!("{}/v1/traces", receiver.endpoint());
    let expected = [
        ("service.name", "bot", "OTEL_RESOURCE_ATTRIBUTES"),
        ("team", "search", "OTEL_RESOURCE_ATTRIBUTES"),
        ("traces", endpoint.as_str(), "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("traces timeout", "10000 ms", "default"),
        ("metrics timeout", "1234 ms", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"),
        ("events compression", "gzip", "OTEL_EXPORTER_OTLP_COMPRESSION"),
        ("metrics header authorization", "***", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("sampler", "traceidratio 0.25", "OTEL_TRACES_SAMPLER"),
        ("span queue", "100", "OTEL_BSP_MAX_QUEUE_SIZE"),
        ("span batch", "100", "OTEL_BSP_MAX_QUEUE_SIZE"),
        ("event queue", "2048", "default"),
        ("propagators", "baggage", "OTEL_PROPAGATORS"),
        ("content", "NoContent", "default"),
    ];
    for (name, value, origin) in expected {
        assert_eq!(row(name), (value.to_owned(), origin.to_owned()), "{name}: {text}");
    }
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn every_setting_is_shown_with_its_source() {
    let builder = || {
        llm_trace::builder()
            .with_endpoint(unreachable_endpoint())
            .with_max_queue_bytes(4096)
            .with_spool_limits(1 << 20, Duration::from_secs(3600))
            .with_tag_labels(["tenant"])
            .with_baggage_keys(["tenant", "plan"])
            .with_content_budget(1000, 2000)
            .with_topics(Topics::PromptName)
            .with_redaction("[0-9]{6}", "customer")
    };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new");
    let report = builder().with_service_name("bot").with_spool(&folder).doctor();
    let folder = folder.join("bot").display().to_string();
    let expected = [
        ("waiting in memory", "4096 bytes per signal", "with_max_queue_bytes"),
        ("spool", folder.as_str(), "with_spool"),
        ("spool size", "1048576 bytes", "with_spool_limits"),
        ("spool age", "3600s", "with_spool_limits"),
        ("spool mode", "on_failure", "default"),
        ("tag labels", "tenant", "with_tag_labels"),
        ("baggage keys", "tenant, plan", "with_baggage_keys"),
        ("metric views", "0", "default"),
        ("span attributes", "128", "default"),
        ("span texts", "whole", "default"),
        ("event attributes", "128", "default"),
        ("content budget", "1000 bytes per attribute, 2000 per span", "with_content_budget"),
        ("content of a request", "1048576 bytes", "default"),
        ("content upload", "none", "default"),
        ("redaction patterns", "1", "with_redaction"),
        ("topics", "name of the prompt", "with_topics"),
    ];
    for (name, value, origin) in expected {
        let setting = report.settings().iter().find(|setting| setting.name == name);
        let setting = setting.unwrap_or_else(|| panic!("{name}: {report}"));
        assert_eq!((setting.value.as_str(), setting.origin.to_string().as_str()), (value, origin), "{name}");
    }
    let none = builder().doctor();
    let spool = none.settings().iter().find(|setting| setting.name == "spool").unwrap();
    assert_eq!((spool.value.as_str(), none.spool()), ("none", None));

    let text = run(&[
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "64"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "32"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "7"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "500"),
        ("LLM_TRACE_SPOOL_DIR", &dir.path().display().to_string()),
        ("LLM_TRACE_SPOOL_MAX_AGE", "2h"),
        ("LLM_TRACE_SPOOL_MODE", "write_ahead"),
    ]);
    let shown: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "span attributes 64 OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        "attributes of a link 32 OTEL_ATTRIBUTE_COUNT_LIMIT",
        "event attributes 32 OTEL_ATTRIBUTE_COUNT_LIMIT",
        "events of a span 7 OTEL_SPAN_EVENT_COUNT_LIMIT",
        "span texts 500 characters OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "spool age 7200s LLM_TRACE_SPOOL_MAX_AGE",
        "spool mode write_ahead LLM_TRACE_SPOOL_MODE",
        "span delay 100 ms LLM_TRACE_SPOOL_MODE",
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line}: {text}");
    }
}

#[test]
fn init_uses_the_settings_that_the_doctor_shows() {
    let _turn = one_at_a_time();
    let receiver = Receiver::start();
    let builder = builder(&receiver.endpoint())
        .with_service_name("bot")
        .with_header("authorization", SECRET)
        .with_max_queue_bytes(4096)
        .with_hash_salt(SECRET.repeat(3));
    let report = builder.clone().doctor();
    let telemetry = builder.init().unwrap();
    let text = format!("{telemetry:?}");
    // Each process has an id of its own, and so has each look at the settings.
    for setting in report.settings().iter().filter(|setting| setting.name != "service.instance.id") {
        assert!(text.contains(&format!("{setting:?}")), "{setting:?}: {text}");
    }
    assert!(report.settings().len() > 50 && !text.contains(SECRET), "{text}");
    let _ = telemetry.shutdown();
}

#[test]
fn a_spool_is_examined_and_an_unwritable_one_is_a_problem() {
    let receiver = Receiver::start();
    let dir = tempfile::tempdir().unwrap();
    let examine = |folder: &std::path::Path| {
        builder(&receiver.endpoint()).with_service_name("bot").with_spool(folder).doctor()
    };
    let report = examine(dir.path());
    assert!(report.is_healthy() && report.to_string().contains("nothing waits there"), "{report}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");

    // Stored by an earlier program with the same service name.
    let folder = dir.path().join("bot");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    for (name, bytes) in [("v1-0-0-9f.spool", 300), ("v1-1-0-9e.spool", 50), ("v1-0.lock", 0), ("other", 9)] {
        std::fs::write(folder.join(name), vec![0; bytes]).unwrap();
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let report = examine(dir.path());
    let spool = report.spool().unwrap();
    assert_eq!((spool.files, spool.bytes, &spool.problem), (2, 350, &None));
    assert!(report.to_string().contains("2 file(s) of 350 bytes"), "{report}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);

    // A file in place of a directory.
    let report = examine(&folder.join("v1-0.lock").join("deeper"));
    let problem = report.spool().unwrap().problem.clone();
    assert!(!report.is_healthy() && problem.is_some(), "{report}");
    assert!(report.to_string().contains("cannot be written: "), "{report}");
}

#[test]
fn errors_of_init_are_reported_and_disabled_signals_are_healthy() {
    let report = llm_trace::builder().with_endpoint("c:4318").doctor();
    assert!(matches!(
        report.invalid_value(),
        Some(ConfigError::InvalidValue { parameter: "with_endpoint", .. })
    ));
    assert!(
        !report.is_healthy() && report.to_string().starts_with("✗ init() fails: with_endpoint: "),
        "{report}"
    );
    let terminal = run(&[]);
    assert!(
        terminal.contains("the terminal") && terminal.contains("nothing is sent over OTLP"),
        "{terminal}"
    );
    let off = run(&[("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_SAMPLER", "bogus")]);
    assert!(off.starts_with("telemetry is off: OTEL_SDK_DISABLED"), "{off}");
}

#[tokio::test]
async fn the_doctor_works_on_the_only_thread_of_a_runtime() {
    let receiver = Receiver::start();
    assert_eq!(kind(&builder(&receiver.endpoint()).doctor()), None);
    let receiver = GrpcReceiver::start();
    assert_eq!(kind(&builder(&receiver.endpoint()).with_protocol(Protocol::Grpc).doctor()), None);
}
