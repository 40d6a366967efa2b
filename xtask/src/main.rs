//! `cargo xtask`: runs the tasks of contributors. Without an argument it lists them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::path::Path;
use std::process::{Command, ExitCode};

use xtask::dashboards;

/// A task: its name, its description, and its commands, run in the root of the workspace. Arguments go to the last one.
struct Task {
    name: &'static str,
    help: &'static str,
    commands: &'static [&'static str],
}

const TASKS: [Task; 9] = [
    Task { name: "test", help: "all tests", commands: &["cargo test"] },
    Task { name: "check", help: "what CI checks besides tests", commands: &["scripts/check.sh"] },
    Task {
        name: "generate",
        help: "rewrites tables of the documentation, docs/api.txt, dashboards and compile errors",
        commands: &[
            "cargo run --quiet --package xtask -- dashboards",
            "env UPDATE_DOCS=1 cargo test --quiet --package llm-trace-macros documentation",
            "env UPDATE_DOCS=1 cargo test --quiet --package llm-trace-tests --test semconv",
            "env UPDATE_DOCS=1 scripts/api.sh",
            "env TRYBUILD=overwrite cargo test --quiet --package llm-trace-tests --test ui",
        ],
    },
    Task {
        name: "bench",
        help: "the benchmarks",
        commands: &["cargo bench --package llm-trace --bench overhead"],
    },
    Task { name: "e2e", help: "examples against real backends", commands: &["scripts/e2e.sh"] },
    Task {
        name: "e2e-dashboards",
        help: "dashboards and alerts on stored data",
        commands: &["scripts/e2e-dashboards.sh"],
    },
    Task { name: "faults", help: "injects faults into delivery", commands: &["scripts/faults.sh"] },
    Task {
        name: "fuzz",
        help: "mutates inputs of every parser: [seconds] [target]",
        commands: &["scripts/fuzz.sh"],
    },
    Task {
        name: "soak",
        help: "a program under load: [seconds] [calls per second]",
        commands: &["scripts/soak.sh"],
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        println!("usage: cargo xtask TASK [arguments]\n");
        println!("  {:15} writes dashboards/grafana/*.json", "dashboards");
        for task in &TASKS {
            println!("  {:15} {}", task.name, task.help);
        }
        return ExitCode::SUCCESS;
    };
    if name == "dashboards" {
        return write_dashboards();
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("there is no task `{name}`: `cargo xtask` lists them");
        return ExitCode::FAILURE;
    };
    let arguments: Vec<String> = arguments.collect();
    for (index, command) in task.commands.iter().enumerate() {
        let is_last = index + 1 == task.commands.len();
        if !run(command, if is_last { &arguments } else { &[] }) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn write_dashboards() -> ExitCode {
    for dashboard in dashboards::all() {
        let path = dashboard.path();
        if let Err(error) = std::fs::write(&path, dashboard.text()) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(command: &str, arguments: &[String]) -> bool {
    let mut words = command.split(' ');
    let Some(program) = words.next() else { return false };
    println!("$ {command}");
    let status = Command::new(program)
        .args(words)
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .status();
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("{program}: {error}");
            false
        }
    }
}
