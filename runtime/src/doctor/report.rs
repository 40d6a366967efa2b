//! The report of the doctor.

use std::fmt;
use std::time::Duration;

use llm_trace_delivery::printable;

use super::{Problem, SpoolCheck};
use crate::settings::{ConfigError, Setting};

/// The effective configuration, and what became of an empty export to each receiver. `Display` is for people.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    settings: Vec<Setting>,
    checks: Vec<Check>,
    spool: Option<SpoolCheck>,
    invalid: Option<ConfigError>,
    is_disabled: bool,
}

/// The result of an empty export.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Check {
    /// `traces`, `metrics` or `events`.
    pub signal: &'static str,
    /// The receiver, without credentials.
    pub destination: String,
    /// Whether data is lost if it does not work: events that are not enabled are sent for content and scores only.
    pub is_needed: bool,
    /// Time until the answer.
    pub took: Duration,
    /// The problem and its fix. `None`: the receiver accepted the export.
    pub problem: Option<Problem>,
}

impl Report {
    pub(super) fn new(settings: Vec<Setting>, checks: Vec<Check>, spool: Option<SpoolCheck>) -> Self {
        Report { settings, checks, spool, invalid: None, is_disabled: false }
    }

    pub(super) fn disabled() -> Self {
        Report { is_disabled: true, ..Report::new(Vec::new(), Vec::new(), None) }
    }

    pub(super) fn invalid(error: ConfigError) -> Self {
        Report { invalid: Some(error), ..Report::new(Vec::new(), Vec::new(), None) }
    }

    /// Returns whether `init()` would succeed, every required receiver accepted the export, and the spool can be written. A program whose
    /// telemetry is disabled, or printed to the terminal, is healthy too.
    pub fn is_healthy(&self) -> bool {
        let is_stored = self.spool.as_ref().is_none_or(|spool| spool.problem.is_none());
        let is_taken = |check: &Check| check.problem.is_none() || !check.is_needed;
        self.invalid.is_none() && is_stored && self.checks.iter().all(is_taken)
    }

    /// Why `init()` would fail.
    pub fn invalid_value(&self) -> Option<&ConfigError> {
        self.invalid.as_ref()
    }

    /// Returns whether `OTEL_SDK_DISABLED` disables telemetry.
    pub fn is_disabled(&self) -> bool {
        self.is_disabled
    }

    /// Every value in force; none if telemetry is disabled or a value is not valid.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// One check for each signal that is sent over OTLP.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The folder of the spool, if there is one.
    pub fn spool(&self) -> Option<&SpoolCheck> {
        self.spool.as_ref()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_disabled {
            return f.write_str("telemetry is off: OTEL_SDK_DISABLED is true");
        }
        if let Some(error) = &self.invalid {
            return write!(f, "✗ init() fails: {}", printable(&error.to_string()));
        }
        f.write_str("configuration\n")?;
        let values = self.settings.iter().map(|setting| (setting, printable(&setting.value)));
        let values: Vec<_> = values.collect();
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default().min(60);
        let names = width(&mut values.iter().map(|(setting, _)| setting.name.chars().count()));
        let widest = width(&mut values.iter().map(|(_, value)| value.chars().count()));
        for (Setting { name, origin, .. }, value) in values {
            writeln!(f, "  {:names$}  {value:widest$}  {origin}", printable(name))?;
        }
        f.write_str("receivers")?;
        if self.checks.is_empty() {
            f.write_str("\n  none: nothing is sent over OTLP")?;
        }
        for Check { signal, destination, is_needed, took, problem } in &self.checks {
            let Some(problem) = problem else {
                write!(f, "\n  ✓ {signal}: {destination} answered in {} ms", took.as_millis())?;
                continue;
            };
            write!(f, "\n  ✗ {signal}: {destination}: {}\n    {}", problem.found(), problem.fix())?;
            if !is_needed {
                f.write_str("\n    Nobody asked for events; of content and scores there would be some.")?;
            }
        }
        self.spool.as_ref().map_or(Ok(()), |spool| spool.write(f))
    }
}

impl SpoolCheck {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = printable(&self.folder.display().to_string());
        match &self.problem {
            None => write!(f, "\nspool\n  ✓ {folder} can be written")?,
            Some(problem) => {
                write!(f, "\nspool\n  ✗ {folder} cannot be written: {}", printable(problem))?;
                f.write_str(
                    "\n    What cannot be delivered would wait in memory only. Let the program's user write there, \
                     or change the folder (with_spool, LLM_TRACE_SPOOL_DIR).",
                )?;
            }
        }
        match self.files {
            0 => f.write_str("\n    nothing waits there")?,
            files => write!(
                f,
                "\n    {files} file(s) of {} bytes, of programs that run or have not delivered all",
                self.bytes
            )?,
        }
        Ok(())
    }
}
