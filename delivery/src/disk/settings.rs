//! Where, how much, how long and when requests are stored.

use std::path::PathBuf;
use std::time::Duration;

/// When telemetry is written to disk; set by [`SpoolSettings::mode`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolMode {
    /// When it could not be delivered, and when the program shuts down before it could be. While the receiver answers
    /// nothing is written. What waits in memory at a kill is lost.
    #[default]
    OnFailure,
    /// Before the first attempt to send it, so that a kill loses only what ended in the last tenth of a second. Every request is
    /// written to disk, synchronously, on the exporters' own threads.
    WriteAhead,
}

/// Settings of the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// Of one service.
    pub folder: PathBuf,
    /// Of requests, as they are before compression. The files may take up to twice that and 12 MiB.
    pub max_bytes: u64,
    /// Requests that wait longer are dropped.
    pub max_age: Duration,
    /// When requests are stored.
    pub mode: SpoolMode,
}

impl SpoolSettings {
    /// A spool in a folder: 256 MiB, 24 hours, [on failure](SpoolMode::OnFailure).
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        SpoolSettings {
            folder: folder.into(),
            max_bytes: 256 << 20,
            max_age: Duration::from_secs(24 * 60 * 60),
            mode: SpoolMode::default(),
        }
    }
}

impl SpoolMode {
    /// The value of the environment variable.
    pub fn as_str(self) -> &'static str {
        match self {
            SpoolMode::OnFailure => "on_failure",
            SpoolMode::WriteAhead => "write_ahead",
        }
    }
}

impl SpoolSettings {
    /// Returns whether requests are stored before the first attempt, instead of after a failed one.
    pub fn writes_ahead(&self) -> bool {
        self.mode == SpoolMode::WriteAhead
    }
}
