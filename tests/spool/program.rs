//! A program with a spool, run in a separate process and controlled by commands.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use llm_trace::{DropReason, SignalCounts, Telemetry, llm_trace};

const PROGRAM: &str = "TEST_PROGRAM";

#[llm_trace(task, name = "work", attributes("pad" = pad))]
fn work(pad: &str) {
    let _ = pad;
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini", input = prompt)]
fn chat(prompt: &str) {
    let _ = prompt;
}

/// The program that the other tests start.
#[test]
#[ignore = "a program that other tests start"]
fn program() {
    assert!(std::env::var_os(PROGRAM).is_some(), "another test starts this");
    let mut telemetry = Some(llm_trace::builder().with_service_name("spooling").init().unwrap());
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match (command, &telemetry) {
            ("short", Some(telemetry)) => {
                (0..argument.parse().unwrap()).for_each(|_| work(""));
                counted(telemetry)
            }
            ("spans", Some(telemetry)) => {
                let pad = "x".repeat(1000);
                (0..argument.parse().unwrap()).for_each(|_| work(&pad));
                counted(telemetry)
            }
            ("chat", Some(telemetry)) => {
                chat(&"word ".repeat(argument.parse::<usize>().unwrap() / 5));
                counted(telemetry)
            }
            ("flush", Some(telemetry)) => {
                let _ = telemetry.flush();
                counted(telemetry)
            }
            ("stats", Some(telemetry)) => counted(telemetry),
            ("shutdown", _) => {
                let telemetry = telemetry.take().unwrap();
                let receipt = match argument.parse() {
                    Ok(milliseconds) => telemetry.shutdown_within(Duration::from_millis(milliseconds)),
                    Err(_) => telemetry.shutdown(),
                };
                format!("{} receipt={receipt}", spelled(receipt.spans()))
            }
            other => panic!("{other:?}"),
        };
        println!("@{answer}");
    }
    std::mem::forget(telemetry); // it was closed, or the test wants it to end without
}

fn counted(telemetry: &Telemetry) -> String {
    spelled(telemetry.stats().spans())
}

fn spelled(counts: &SignalCounts) -> String {
    let places = [
        ("started", counts.started()),
        ("open", counts.open()),
        ("unsampled", counts.unsampled()),
        ("queued", counts.queued()),
        ("spooled", counts.spooled()),
        ("delivered", counts.delivered()),
    ];
    let dropped = DropReason::ALL.iter().map(|&reason| (reason.as_str(), counts.dropped_for(reason)));
    let pairs = places.into_iter().chain(dropped).map(|(name, count)| format!("{name}={count}"));
    pairs.collect::<Vec<_>>().join(" ")
}

/// The counts of the spans of a program.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    counts: HashMap<String, u64>,
    /// The receipt, as text.
    pub(crate) receipt: String,
}

impl Counts {
    fn read(answer: &str) -> Self {
        let (counts, receipt) = answer.split_once(" receipt=").unwrap_or((answer, ""));
        let pairs = counts.split_whitespace().filter_map(|pair| pair.split_once('='));
        let counts = pairs.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect();
        let counts = Counts { counts, receipt: receipt.to_owned() };
        counts.hold();
        counts
    }

    pub(crate) fn get(&self, name: &str) -> u64 {
        self.counts[name]
    }

    /// Every reason for which spans were dropped.
    pub(crate) fn dropped(&self) -> Vec<(&'static str, u64)> {
        DropReason::ALL.iter().map(|reason| (reason.as_str(), self.get(reason.as_str()))).collect()
    }

    /// Asserts that every span is in exactly one state.
    fn hold(&self) {
        let places = ["open", "unsampled", "queued", "spooled", "delivered"];
        let dropped: u64 = self.dropped().iter().map(|(_, count)| count).sum();
        let sum = places.iter().map(|place| self.get(place)).sum::<u64>() + dropped;
        assert_eq!(self.get("started"), sum, "{self:?}");
    }
}

/// A running program.
pub(crate) struct Program {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start(dir: &Path, endpoint: &str, environment: &[(&str, &str)]) -> Self {
        Program::run(command(dir, endpoint, environment))
    }

    /// Starts the program with a file system mounted at `dir`, unmounted with the program; `None` if mounting is not
    /// possible here.
    pub(crate) fn start_mounted(
        dir: &Path,
        options: &str,
        endpoint: &str,
        environment: &[(&str, &str)],
    ) -> Option<Self> {
        let unshare = || {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "--mount", "sh", "-c"]);
            command
        };
        let mount = format!("mount -t tmpfs -o {options} tmpfs '{}'", dir.display());
        let works = unshare().arg(&mount).stderr(Stdio::null()).status();
        if !works.is_ok_and(|status| status.success()) {
            return None;
        }
        let program = command(dir, endpoint, environment);
        let mut mounted = unshare();
        mounted
            .arg(format!("{mount} && exec \"$0\" \"$@\""))
            .arg(program.get_program())
            .args(program.get_args());
        mounted.envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
        Some(Program::run(mounted))
    }

    fn run(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Program { child, stdin, stdout }
    }

    /// Sends a command. Returns the counts after it, which are consistent.
    pub(crate) fn ask(&mut self, command: &str) -> Counts {
        writeln!(self.stdin, "{command}").unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the program is gone at `{command}`");
            // The output of the test harness may come first.
            if let Some((_, answer)) = line.trim_end().split_once('@') {
                return Counts::read(answer);
            }
        }
    }

    /// Polls until `is_so` holds.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Counts) -> bool) -> Counts {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let counts = self.ask("stats");
            if is_so(&counts) {
                return counts;
            }
            assert!(Instant::now() < deadline, "{what}: {counts:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Shuts down. Returns the counts with the receipt, and the output on stderr.
    pub(crate) fn shutdown(mut self) -> (Counts, String) {
        let counts = self.ask("shutdown");
        drop(self.stdin);
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success());
        (counts, String::from_utf8(output.stderr).unwrap())
    }

    /// Sends `SIGKILL`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn command(dir: &Path, endpoint: &str, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "program::program", "--nocapture"])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env(PROGRAM, "1")
        .env("LLM_TRACE_SPOOL_DIR", dir)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer s3cr3t-canary")
        .envs(environment.iter().copied());
    command
}

/// The files of the spool whose names contain this text.
pub(crate) fn files(dir: &Path, with: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("spooling")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_string_lossy().contains(with)).collect()
}
