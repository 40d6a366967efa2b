//! Hours of traffic of three services in a minute, for dashboards and alerts to have something to show:
//!
//! ```sh
//! cargo run --example traffic -- --duration 60 --seed 1
//! ```
//!
//! A support bot that answers from a handbook (in production and in staging), a shopping assistant that calls tools, and an
//! indexer that works through documents at the edge of its rate limit. A run is six hours of their day: load rises and
//! falls, one provider is overloaded for a while, a new prompt makes answers worse and longer, a router picks a model that
//! costs too much. `--calm` leaves all that out. Which requests there are and what comes of them depends on the duration and
//! the seed only; models are simulated, and answer four times as fast as real ones.
//!
//! Everything is exported as the `OTEL_*` variables say; without an endpoint, to the stack of `dashboards/compose.yaml` at
//! `http://localhost:4318`. Each service runs in a process of its own, as services do; `--service NAME` runs one, here.
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

/// Everybody's, unless the environment says otherwise: the compose stack, and metrics often enough for a minute.
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
        None => everybody(&arguments).map_err(Into::into),
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

/// Each service in a process of its own: a process has one resource, and so one `service.name`.
fn everybody(arguments: &Arguments) -> io::Result<bool> {
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

/// A signal's own endpoint counts too: then the others are not wanted.
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
