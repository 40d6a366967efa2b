//! A look at a spool's folder from outside.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use super::{DiskSpool, slot};
use crate::private_file;

/// Contents of a spool's folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FolderContents {
    /// Files of requests: of programs that run, and of those that ended before everything was delivered.
    pub files: u64,
    /// Their size on disk.
    pub bytes: u64,
}

impl DiskSpool {
    /// Counts the files in a folder.
    pub fn contents_of(folder: &Path) -> FolderContents {
        let mut found = FolderContents::default();
        for name in slot::names(folder) {
            if slot::is_segment(&name) {
                found.files += 1;
                found.bytes += fs::metadata(folder.join(&name)).map_or(0, |metadata| metadata.len());
            }
        }
        found
    }

    /// Checks that a folder and the files of the spool in it are their owner's only, as far as they exist.
    ///
    /// # Errors
    ///
    /// If others can use them, or they are symbolic links: the error names what helps.
    pub fn check_private(folder: &Path) -> io::Result<()> {
        match private_file::check_folder(folder) {
            Ok(()) => {}
            // Other errors are not the program's: the spool reports them.
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

    /// Makes a file in a folder and removes it, or where the folder would be made.
    ///
    /// # Errors
    ///
    /// If no file can be made there.
    pub fn try_writing(folder: &Path) -> io::Result<()> {
        let existing = folder.ancestors().find(|ancestor| ancestor.exists());
        let parent = match existing {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let file = parent.join(format!(".llm-trace-doctor-{}", std::process::id()));
        OpenOptions::new().write(true).create_new(true).open(&file)?;
        fs::remove_file(&file)
    }
}
