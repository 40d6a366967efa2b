//! Log records during export contain no header value and no credential of a URL, at any level, from any dependency.

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use llm_trace::{Builder, Protocol, builder};
use llm_trace_test_support::faults::Row;
use llm_trace_test_support::grpc::GrpcReceiver;
use llm_trace_test_support::otlp::{Answer, Receiver, unreachable_endpoint};

use crate::{answer, one_at_a_time};

/// A canary in the value of a header, in the user, path and query of a URL, and in the password of a proxy.
const CANARY: &str = "CANARY-7261-value";
const CASE: &str = "TEST_LOGGED";
const DONE: &str = "everything was logged";

struct Everything(Mutex<Vec<String>>);

static LOGGED: Everything = Everything(Mutex::new(Vec::new()));

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
    fn flush(&self) {}
}

impl Everything {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The canary as plain text, in the encodings of HTTP, URLs, hex dumps and `Debug` of bytes, and in parts of a line.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex =
        |separator: &str| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator);
    let basic = |credentials: String| {
        // Without the characters that depend on their neighbours.
        let encoded = BASE64_STANDARD.encode(credentials);
        encoded[4..encoded.len() - 4].to_owned()
    };
    let decimal = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    vec![
        secret.to_owned(),
        secret.to_uppercase(),
        secret.to_lowercase(),
        secret.replace('-', "%2D"),
        hex(""),
        hex(" "),
        hex(":"),
        decimal,
        basic(format!("me:{secret}")),
        basic(secret.to_owned()),
    ]
}

/// The text of a hex dump, whose lines have a few bytes each.
fn dumped(lines: &[String]) -> String {
    let of_bytes = |line: &String| {
        let (_, text) = line.split_once(": ").unwrap_or_default();
        let words = text.split([' ', '|', '[', ']', ',']).filter(|word| word.len() == 2);
        words.filter_map(|word| u8::from_str_radix(word, 16).ok()).map(char::from).collect::<String>()
    };
    lines.iter().map(of_bytes).collect()
}

fn assert_silent(case: &str, needs: &str) {
    let lines = LOGGED.take();
    let has_logged = lines.iter().any(|line| line.contains(needs));
    assert!(has_logged, "{case}: nothing of {needs:?} in {} lines:\n{}", lines.len(), lines.join("\n"));
    for form in forms(CANARY) {
        let shown = lines.iter().find(|line| line.contains(&form));
        assert_eq!(shown, None, "{case}: {form}");
    }
    // The end of the canary may be on the next line.
    let part = &CANARY[..8];
    let shown = lines.iter().find(|line| line.contains(part));
    assert_eq!(shown, None, "{case}");
    assert!(!dumped(&lines).contains(part), "{case}:\n{}", lines.join("\n"));
}

fn secretive(endpoint: &str) -> Builder {
    let url = endpoint.replacen("://", &format!("://me:{CANARY}@"), 1);
    builder()
        .with_traces_endpoint(format!("{url}/{CANARY}/v1/traces?token={CANARY}"))
        .with_metrics_endpoint(format!("{url}/v1/metrics?token={CANARY}"))
        .with_header("x-token", CANARY)
        .with_header("User-Agent", CANARY)
        .with_retry_second(Duration::from_millis(1))
}

fn export(builder: &Builder) {
    let telemetry = builder.clone().init().unwrap();
    answer();
    let _ = telemetry.flush();
    answer();
    let _ = telemetry.shutdown();
}

/// The program that the next test starts.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    assert!(std::env::var_os(CASE).is_some(), "another test starts this");
    log::set_logger(&LOGGED).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let subscribed = |work: &dyn Fn()| {
        // A subscriber also receives log records.
        tracing::subscriber::with_default(
            tracing_subscriber::fmt().with_writer(std::io::sink).finish(),
            work,
        );
    };

    let receiver = Receiver::scripted(|before, _| match before {
        0 => Answer::Status(503),
        1 => Answer::Reset,
        _ => Answer::Status(200),
    });
    let http = secretive(&receiver.endpoint());
    export(&http);
    assert_silent("HTTP, retried", "POST");
    let path = format!("/{CANARY}/v1/traces?token={CANARY}");
    let of_traces = receiver.received().into_iter().find(|request| request.path == path).unwrap();
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("me:{CANARY}")));
    assert_eq!(of_traces.header("authorization"), Some(&*basic));
    assert_eq!([of_traces.header("x-token"), of_traces.header("user-agent")], [Some(CANARY); 2]);
    export(&http.clone().with_header("Authorization", format!("Bearer {CANARY}")));
    assert_silent("HTTP, Authorization", "POST");
    subscribed(&|| drop(http.clone().doctor()));
    assert_silent("the doctor", "POST");

    export(&secretive(&unreachable_endpoint()));
    assert_silent("no subscriber", "ureq");
    for answer in [Answer::Status(401), Answer::Status(302), Answer::Body("text/html", b"<html>")] {
        let receiver = Receiver::answering(answer);
        export(&secretive(&receiver.endpoint()));
        drop(secretive(&receiver.endpoint()).doctor());
        assert_silent("refused", "POST");
    }

    // Through the proxy of the environment.
    export(&secretive("http://collector.invalid:4318"));
    assert_silent("a proxy", "ureq");

    let receiver = GrpcReceiver::start();
    let url = receiver.endpoint().replacen("://", &format!("://me:{CANARY}@"), 1);
    let grpc = builder().with_endpoint(url).with_protocol(Protocol::Grpc);
    let grpc = grpc.with_header("x-token", CANARY).with_header("authorization", format!("Bearer {CANARY}"));
    export(&grpc);
    subscribed(&|| drop(grpc.clone().doctor()));
    drop(grpc.doctor());
    assert_silent("gRPC", "");
    println!("{DONE}");
}

#[test]
fn log_records_contain_no_secret_at_any_level() {
    let _turn = one_at_a_time();
    let proxy = Receiver::answering(Answer::Status(407));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "secrets::program", "--nocapture"])
        .env(CASE, "1")
        .env("ALL_PROXY", proxy.endpoint().replacen("://", &format!("://me:{CANARY}@"), 1))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(DONE), "{output:?}");
    Row::survive("secrets in headers and URLs, a logger of every level");
    let credentials = format!("Basic {}", BASE64_STANDARD.encode(format!("me:{CANARY}")));
    let requests = proxy.received();
    assert!(requests.iter().any(|request| request.header("proxy-authorization") == Some(&*credentials)));
}
