//! Where telemetry waits on disk, how much of it, and from when on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use llm_trace_delivery::{DiskSpool, SpoolMode};

use super::env::{self, Source};
use super::error::invalid;
use super::{Builder, ConfigError, Origin, Parameter, Resolved, Result, range};

const FOLDER: Parameter = Parameter::new("with_spool", &["LLM_TRACE_SPOOL_DIR"]);
const SIZE: Parameter = Parameter::new("with_spool_limits", &["LLM_TRACE_SPOOL_MAX_BYTES"]);
const AGE: Parameter = Parameter::new("with_spool_limits", &["LLM_TRACE_SPOOL_MAX_AGE"]);
const WHEN: Parameter = Parameter::new("with_spool_mode", &["LLM_TRACE_SPOOL_MODE"]);

const DEFAULT_MAX_BYTES: u64 = 256 << 20;
const LONGEST_AGE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// A spool on disk.
#[derive(Debug)]
pub(crate) struct SpoolSettings {
    /// Of the service.
    pub(crate) folder: Resolved<PathBuf>,
    pub(super) max_bytes: Resolved<u64>,
    pub(super) max_age: Resolved<Duration>,
    pub(super) mode: Resolved<SpoolMode>,
}

/// Spool settings of the builder.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    dir: Option<PathBuf>,
    limits: Option<(u64, Duration)>,
    mode: Option<SpoolMode>,
}

/// The spool, which needs the feature `spool`.
impl Builder {
    /// A folder for telemetry that cannot be delivered, where it survives the program: the next program of the same
    /// `service.name` with the same folder sends it, and so does one that runs side by side if the other dies. Default:
    /// `LLM_TRACE_SPOOL_DIR`; without it what cannot be delivered waits in memory, and ends with the program.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), llm_trace::ConfigError> {
    /// let telemetry = llm_trace::builder()
    ///     .with_service_name("support-bot")
    ///     .with_endpoint("http://collector:4318")
    ///     .with_spool("/var/lib/support-bot/telemetry")
    ///     .with_spool_limits(64 << 20, Duration::from_secs(6 * 60 * 60))
    ///     .init()?;
    /// # drop(telemetry); Ok(()) }
    /// ```
    ///
    /// Headers, and so credentials, are never written; **prompts and completions are, if content is captured**. Folders are
    /// made for the owner only (0700, files 0600). A folder that cannot be used, a full disk or a damaged file are no error
    /// of the program's: this is logged once, and telemetry waits in memory.
    ///
    /// On Unix, `init()` returns a [`ConfigError`] if the service's folder in it (`dir/service.name`) or a file of the spool
    /// exists and is a symbolic link, belongs to another user, or gives permissions to others; it names the `chmod` or
    /// `chown` that helps. `dir` itself may be shared.
    pub fn with_spool(mut self, dir: impl Into<PathBuf>) -> Self {
        self.spool.dir = Some(dir.into());
        self
    }

    /// How many bytes one process may keep in the spool (its files may take up to twice that and 12 MiB), and for how long. What is oldest goes first, and is counted as
    /// dropped ([`SpoolFull`](crate::DropReason::SpoolFull), [`Expired`](crate::DropReason::Expired)). Default:
    /// `LLM_TRACE_SPOOL_MAX_BYTES` and `LLM_TRACE_SPOOL_MAX_AGE` (a number with a unit: `90s`, `30m`, `24h`, `7d`), then 256 MiB
    /// and 24 hours. Range: 1 byte to 1 TiB; above 0, at most 365 days.
    pub fn with_spool_limits(mut self, max_bytes: u64, max_age: Duration) -> Self {
        self.spool.limits = Some((max_bytes, max_age));
        self
    }

    /// When telemetry is written to the spool. Default: `LLM_TRACE_SPOOL_MODE` (`on_failure`, `write_ahead`), then
    /// [`SpoolMode::OnFailure`].
    pub fn with_spool_mode(mut self, mode: SpoolMode) -> Self {
        self.spool.mode = Some(mode);
        self
    }
}

impl SpoolSettings {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Option<Self>> {
        let Wanted { dir, limits, mode } = &builder.spool;
        let modes = [SpoolMode::OnFailure, SpoolMode::WriteAhead].map(|mode| (mode.as_str(), mode));
        // An invalid value is an error also where it has no effect: without a folder.
        let mode = WHEN.resolve(*mode, source, env::choice(&modes), SpoolMode::default())?;
        let (given_bytes, given_age) = limits.unzip();
        let max_bytes = range::BYTES.resolve(SIZE, given_bytes, source, DEFAULT_MAX_BYTES)?;
        let max_age = AGE.resolve(given_age, source, parse_age, DEFAULT_MAX_AGE)?;
        if let Origin::Builder(method) = max_age.origin {
            range::check_duration(method, max_age.value, LONGEST_AGE)?;
        }
        let folder = FOLDER.find(dir.clone(), source, |_, dir| Ok(PathBuf::from(dir)))?;
        let Some(folder) = folder else { return Ok(None) };
        if folder.value.as_os_str().is_empty() || folder.value.is_file() {
            return Err(refused(&folder, "expected a folder"));
        }
        Ok(Some(SpoolSettings { folder, max_bytes, max_age, mode }))
    }

    /// Each service has a folder of its own, which must be its owner's only if it exists.
    pub(super) fn of_service(self, service: &str) -> Result<Self> {
        let folder = self.folder.map(|dir| folder_of(&dir, service));
        match DiskSpool::check_private(&folder.value) {
            Ok(()) => Ok(SpoolSettings { folder, ..self }),
            Err(error) => Err(refused(&folder, error.to_string())),
        }
    }

    /// What has telemetry written before the first attempt, if anything does.
    pub(super) fn write_ahead(&self) -> Option<Origin> {
        (self.mode.value == SpoolMode::WriteAhead).then_some(self.mode.origin)
    }

    pub(crate) fn config(&self) -> llm_trace_delivery::SpoolSettings {
        llm_trace_delivery::SpoolSettings {
            folder: self.folder.value.clone(),
            max_bytes: self.max_bytes.value,
            max_age: self.max_age.value,
            mode: self.mode.value,
        }
    }
}

fn parse_age(variable: &'static str, text: String) -> Result<Duration> {
    let expected = "expected a whole number above 0 with a unit (`90s`, `30m`, `24h`, `7d`), at most `365d`";
    let age = env::with_unit(text.trim()).filter(|age| *age <= LONGEST_AGE);
    age.ok_or_else(|| invalid(variable, text, expected))
}

fn refused(folder: &Resolved<PathBuf>, expected: impl Into<String>) -> ConfigError {
    invalid(folder.origin.parameter(), folder.value.display().to_string(), expected)
}

/// A service's folder: processes of one name take over each other's leftovers, and no others do, as they go where that
/// one sends, with that one's credentials.
fn folder_of(dir: &Path, service: &str) -> PathBuf {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let plain = |character| if is_plain(character) { character } else { '_' };
    let name: String = service.chars().take(100).map(plain).collect();
    // Not `.` or `..`, and nothing hidden.
    dir.join(if name.starts_with('.') || name.is_empty() { format!("_{name}") } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_s_name_is_no_path() {
        let folder = |service| folder_of(Path::new("/s"), service).to_string_lossy().into_owned();
        let cases = [
            ("support-bot", "/s/support-bot"),
            ("unknown_service:rag", "/s/unknown_service_rag"),
            ("../../etc", "/s/_.._.._etc"),
            ("..", "/s/_.."),
            ("", "/s/_"),
            ("a/b\\c\0d", "/s/a_b_c_d"),
        ];
        for (service, expected) in cases {
            assert_eq!(folder(service), expected);
        }
    }

    #[test]
    fn an_age_has_a_unit() {
        let seconds = |text| env::with_unit(text).map(|age| age.as_secs());
        assert_eq!(
            [seconds("90s"), seconds("30m"), seconds("24h"), seconds("7d")],
            [Some(90), Some(1800), Some(86_400), Some(604_800)]
        );
        for text in [
            "",
            "90",
            "s",
            "0s",
            "-1s",
            "1.5h",
            "1 h",
            "1ms",
            "7ä",
            "99999999999999999999d",
            "999999999999999999d",
        ] {
            assert_eq!(env::with_unit(text), None, "{text}");
        }
    }
}
