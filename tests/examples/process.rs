//! Runs an example and keeps what it left behind.

use std::{
    fmt,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// An example about to run, with an empty environment.
pub(crate) struct Example(Command);

/// What it left behind.
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
    // Whatever telemetry or model the developer has configured must not change the outcome.
    command.args(arguments).env_clear();
    // Windows opens no socket without it.
    command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    Example(command)
}

/// Cargo puts examples next to the folder of the test binaries, and builds them before it runs these.
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

    /// Stderr is a file on a disk that has no room.
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
    /// The lines on stderr without the one that says that the stand-in answers.
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
