//! Runs an example and captures its output.

use std::{
    fmt,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// A command for an example, with an empty environment.
pub(crate) struct Example(Command);

/// The output of a run.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) elapsed: Duration,
}

pub(crate) fn rag(arguments: &[&str]) -> Example {
    example("rag", arguments)
}

pub(crate) fn doctor() -> Example {
    example("doctor", &[])
}

pub(crate) fn agent(arguments: &[&str]) -> Example {
    example("agent", arguments)
}

pub(crate) fn streaming(arguments: &[&str]) -> Example {
    example("streaming", arguments)
}

pub(crate) fn traffic(arguments: &[&str]) -> Example {
    example("traffic", arguments)
}

pub(crate) fn example(name: &str, arguments: &[&str]) -> Example {
    let mut command = Command::new(built(name));
    // Telemetry or model variables of the developer must not change the outcome.
    command.args(arguments).env_clear();
    // Windows opens no socket without it.
    command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    Example(command)
}

/// Cargo builds examples before the tests, next to the directory of the test binaries.
fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(std::path::Path::parent).unwrap();
    let path = profile.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not there: a single `--test` does not build examples", path.display());
    path
}

impl Example {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs with stderr on a full disk.
    #[cfg(target_os = "linux")]
    pub(crate) fn run_with_full_stderr(mut self) -> Run {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        self.0.stderr(full);
        self.run()
    }

    pub(crate) fn run(mut self) -> Run {
        let started = Instant::now();
        let output = self.0.output().unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            elapsed: started.elapsed(),
        }
    }
}

impl Run {
    /// The lines on stderr without the notice of the stand-in.
    pub(crate) fn lines_after_notice(&self) -> Vec<&str> {
        let lines = self.stderr.lines().filter(|line| !line.trim().is_empty());
        lines.filter(|line| !line.starts_with("rag: neither OPENAI_BASE_URL nor")).collect()
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
