//! Checks whether telemetry can be stored, and counts stored requests.

use std::path::PathBuf;

#[cfg(feature = "spool")]
use llm_trace_delivery::DiskSpool;

use crate::settings::SpoolSettings;

/// The state of the spool's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolCheck {
    /// The folder in which programs of this `service.name` store undelivered requests.
    pub folder: PathBuf,
    /// Files of telemetry: of programs that run, and of those that ended before everything was delivered.
    pub files: u64,
    /// Their size on disk.
    pub bytes: u64,
    /// Why nothing can be stored. `None`: a file can be written there.
    pub problem: Option<String>,
}

/// Writes a file of no bytes and removes it; of the telemetry nothing is touched.
#[cfg(feature = "spool")]
pub(super) fn check(settings: Option<&SpoolSettings>) -> Option<SpoolCheck> {
    let folder = &settings?.folder.value;
    let found = DiskSpool::contents_of(folder);
    let problem = DiskSpool::try_writing(folder).err().map(|error| error.to_string());
    let (folder, files, bytes) = (folder.clone(), found.files, found.bytes);
    Some(SpoolCheck { folder, files, bytes, problem })
}

#[cfg(not(feature = "spool"))]
pub(super) fn check(_settings: Option<&SpoolSettings>) -> Option<SpoolCheck> {
    None
}
