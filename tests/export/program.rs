//! The output and the environment of a whole program, run in a separate process.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use llm_trace_test_support::otlp::{Receiver, unreachable_endpoint};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::answer;

const PROGRAM: &str = "TEST_PROGRAM";
pub(crate) const LOGGING: &str = "TEST_LOGGING";
pub(crate) const FLUSH: &str = "TEST_FLUSH";

/// The program that the other tests start.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    assert!(std::env::var_os(PROGRAM).is_some(), "another test starts this");
    let fmt = || tracing_subscriber::fmt().with_writer(std::io::stderr);
    match std::env::var(LOGGING).as_deref() {
        Ok("fmt") => fmt().init(),
        Ok("filtered") => {
            let only_the_program = Targets::new().with_target("myapp", LevelFilter::INFO);
            fmt().finish().with(only_the_program).init();
        }
        Ok("everything") => fmt().with_max_level(LevelFilter::TRACE).init(),
        Ok("registry") => tracing_subscriber::registry().init(),
        Ok("scoped") => tracing::subscriber::with_default(fmt().finish(), || ()),
        _ => {}
    }
    let telemetry = llm_trace::builder().with_timeout(Duration::from_secs(2)).init().unwrap();
    answer();
    if std::env::var_os(FLUSH).is_some() {
        let _ = telemetry.flush();
        answer();
    }
    let _ = telemetry.shutdown();
}

fn command(environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "program::program", "--nocapture"])
        .env_clear()
        .envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)))
        .env(PROGRAM, "1")
        .envs(environment.iter().copied())
        .stdout(Stdio::piped());
    command
}

pub(crate) fn run(environment: &[(&str, &str)]) -> Output {
    command(environment).output().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn lost_telemetry_is_reported_once_with_any_logger() {
    let endpoint = unreachable_endpoint();
    for logging in ["none", "fmt", "filtered", "registry", "scoped"] {
        let output = run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), (LOGGING, logging)]);
        let text = stderr(&output);
        assert_eq!(text.lines().count(), 1, "{logging}: {text}");
        let expected = format!("3 spans and metrics not delivered to {endpoint}: ");
        assert!(text.contains(&expected), "{logging}: {text}");
        assert_eq!(text.contains("ERROR"), logging == "fmt", "{logging}: {text}");
    }
}

#[test]
fn a_failure_during_the_run_is_logged_once_when_it_happens() {
    let endpoint = unreachable_endpoint();
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), (FLUSH, "1")];
    for (logging, expected) in [
        ("fmt", "telemetry could not be delivered"),
        ("filtered", "6 spans and metrics not delivered"),
        ("none", "6 spans and metrics not delivered"),
    ] {
        let text = stderr(&run(&[&environment[..], &[(LOGGING, logging)]].concat()));
        assert_eq!(text.lines().count(), 1, "{logging}: {text}");
        assert!(text.contains(expected) && text.contains("connection refused"), "{logging}: {text}");
    }
}

#[test]
fn successful_delivery_is_not_logged() {
    let receiver = Receiver::start();
    let output = run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()), (LOGGING, "fmt")]);
    assert_eq!(stderr(&output), "");
    assert_eq!(receiver.spans().len(), 3);
}

#[test]
fn a_loopback_receiver_bypasses_the_proxy() {
    let receiver = Receiver::start();
    let proxy = unreachable_endpoint();
    let localhost = receiver.endpoint().replace("127.0.0.1", "localhost");
    for endpoint in [receiver.endpoint(), localhost] {
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            let output = run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), (variable, &proxy)]);
            assert_eq!(stderr(&output), "", "{variable} {endpoint}");
        }
    }
    assert_eq!(receiver.spans().len(), 3 * 6);
}

#[test]
fn a_remote_receiver_is_reached_through_the_proxy() {
    let proxy = Receiver::start();
    let address = proxy.endpoint();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.invalid:4318");
    run(&[endpoint, ("HTTP_PROXY", &address)]);
    assert!(proxy.received().iter().any(|request| request.path == "collector.invalid:4318"));
    let before = proxy.received().len();
    run(&[endpoint, ("HTTP_PROXY", &address), ("NO_PROXY", "collector.invalid")]);
    assert_eq!(proxy.received().len(), before);
}

#[test]
fn the_kill_switch_wins_over_everything_that_is_wrong() {
    let output = run(&[
        ("OTEL_SDK_DISABLED", "True"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"),
        ("OTEL_TRACES_SAMPLER", "bogus"),
    ]);
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_kill_switch_with_another_value_is_off_and_is_warned_about() {
    let receiver = Receiver::start();
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint()), (LOGGING, "fmt".to_owned())];
    for (value, warnings) in [("1", 1), ("no", 1), ("FALSE", 0), ("", 0)] {
        let mut environment: Vec<_> = environment.iter().map(|(key, value)| (*key, value.as_str())).collect();
        environment.push(("OTEL_SDK_DISABLED", value));
        let before = receiver.spans().len();
        let text = stderr(&run(&environment));
        assert_eq!(receiver.spans().len(), before + 3, "`{value}` does not disable");
        assert_eq!(text.matches("OTEL_SDK_DISABLED").count(), warnings, "`{value}`: {text}");
        assert_eq!(text.lines().count(), warnings, "`{value}`: {text}");
    }
}

#[test]
fn unsampled_calls_are_not_sent_but_measured() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let output = run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_TRACES_SAMPLER", "always_off")]);
    assert_eq!(stderr(&output), "");
    assert_eq!((receiver.spans().len(), receiver.metric_requests().len()), (0, 1));
}

#[test]
fn the_exporter_of_traces_can_be_chosen_by_a_variable() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let with =
        |exporter| run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_TRACES_EXPORTER", exporter)]);

    let tree = stderr(&with("console"));
    assert!(tree.contains("invoke_workflow support") && tree.contains("1 model call"), "{tree}");
    assert_eq!(stderr(&with("none")), "");
    assert_eq!(
        (receiver.spans().len(), receiver.metric_requests().len()),
        (0, 2),
        "metrics are sent all the same"
    );
    with("otlp");
    assert_eq!(receiver.spans().len(), 3);
}

#[test]
fn the_exporter_of_metrics_can_be_switched_off_by_a_variable() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_METRICS_EXPORTER", "none")]);
    assert_eq!((receiver.spans().len(), receiver.metric_requests().len()), (3, 0));
}

#[test]
fn a_closed_stderr_does_not_affect_the_program() {
    for endpoint in ["", unreachable_endpoint().as_str()] {
        let mut program =
            command(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).stderr(Stdio::piped()).spawn().unwrap();
        drop(program.stderr.take());
        assert!(program.wait().unwrap().success(), "endpoint `{endpoint}`");
    }
}
