//! A look at a spool's folder from outside.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use super::slot;
use crate::value::private_file;

/// What is in a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

pub(crate) fn found(folder: &Path) -> Found {
    let mut found = Found::default();
    for name in slot::names(folder) {
        if slot::is_segment(&name) {
            found.files += 1;
            found.bytes += fs::metadata(folder.join(&name)).map_or(0, |metadata| metadata.len());
        }
    }
    found
}

/// Checks that the folder and the files of the spool in it are their owner's only, as far as they exist.
pub(crate) fn check_private(folder: &Path) -> io::Result<()> {
    match private_file::check_folder(folder) {
        Ok(()) => {}
        // What else is wrong is no error of the program's: the spool reports it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(_) => return Ok(()),
    }
    for name in slot::names(folder).iter().filter(|name| slot::is_ours(name)) {
        match private_file::check_file(&folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // Its process has just removed it.
            _ => {}
        }
    }
    Ok(())
}

/// Makes a file there and removes it, or where the folder would be made.
pub(crate) fn try_writing(folder: &Path) -> io::Result<()> {
    let existing = folder.ancestors().find(|ancestor| ancestor.exists());
    let parent = match existing {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let file = parent.join(format!(".llm-trace-doctor-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&file)?;
    fs::remove_file(&file)
}
