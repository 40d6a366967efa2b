//! Generates hours of traffic of three services within a minute, as data for dashboards and alerts:
//!
//! ```sh
//! cargo run --example traffic -- --duration 60 --seed 1
//! ```
//!
//! Three services: a support bot that answers from a handbook (in production and in staging), a shopping assistant that
//! calls tools, and an indexer that processes documents at the edge of its rate limit. A run simulates six hours of a
//! day: load rises and falls, one provider is overloaded for a while, a new prompt makes answers worse and longer, a
//! router selects a model that costs too much. `--calm` omits these incidents. The requests and their outcomes depend
//! on the duration and the seed only. Models are simulated, and answer four times as fast as real ones.
//!
//! Exports as configured by the `OTEL_*` variables; without an endpoint, to the stack of `dashboards/compose.yaml` at
//! `http://localhost:4318`. Each service runs in a separate process; `--service NAME` runs one service in this process.
//!
//! Exit code: 0, 1 if a service could not run, 2 if an argument is wrong.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program speaks through them")]

mod api;
mod arguments;
mod indexer;
mod library;
mod scene;
mod service;
mod shop;
mod support;

use std::process::{Child, Command, ExitCode};
use std::{env, io};

use arguments::Arguments;
use service::{SERVICES, Service};

/// Default variables of all services: the endpoint of the compose stack, and an interval of metrics short enough for a
/// minute.
const DEFAULTS: [(&str, &str); 2] =
    [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"), ("OTEL_METRIC_EXPORT_INTERVAL", "1000")];

fn main() -> ExitCode {
    let arguments = match Arguments::parse(env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("traffic: {error}\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    let done = match arguments.service {
        Some(service) => play(service, &arguments),
        None => run_all(&arguments).map_err(Into::into),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("traffic: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs each service in a separate process: a process has one resource, and so one `service.name`.
fn run_all(arguments: &Arguments) -> io::Result<bool> {
    let myself = env::current_exe()?;
    let start = |service: &Service| {
        let mut command = Command::new(&myself);
        command.args(arguments.for_service(service));
        command.envs(DEFAULTS.into_iter().filter(|(name, _)| !configured(name)));
        command.envs(service.variables.iter().copied());
        command.spawn()
    };
    let children = SERVICES.iter().map(start).collect::<io::Result<Vec<Child>>>()?;
    let ended = children.into_iter().map(|mut child| child.wait()).collect::<io::Result<Vec<_>>>()?;
    Ok(ended.iter().all(std::process::ExitStatus::success))
}

/// Whether an endpoint is set. With the endpoint of one signal, the other signals are not exported.
fn configured(name: &str) -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let of_signal = |signal: &str| is_set(&name.replace("OTLP_ENDPOINT", &format!("OTLP_{signal}_ENDPOINT")));
    is_set(name) || ["TRACES", "METRICS", "LOGS"].into_iter().any(of_signal)
}

#[tokio::main]
async fn play(service: &Service, arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let telemetry = llm_trace::builder()
        .with_service_name(service.name)
        .with_environment(service.environment)
        .with_events(true)
        .with_quality_signals(llm_trace::QualitySignals::all())
        .init()?;
    let requests = service.play(arguments).await;
    let receipt = tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    println!("{} ({}): {requests} requests; {receipt}", service.name, service.environment);
    Ok(true)
}
