//! One process's place in the folder, and its exclusive lock.
//!
//! ```text
//! <folder>/<service>/v1-0.lock    taken by a process as long as it lives; never removed; how much is stored
//! <folder>/<service>/v1-0-00000007-9f3a….spool    a segment of its log: its number, and its marker
//! ```
//!
//! A lock is released when its process ends in any way, and its next holder finds the process's files. `v1` is the format: a program with
//! another format leaves these files alone.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::private_file;

/// More processes than this do not share a folder; it is a stop for a folder that no lock can be had in.
const MAX_SLOTS: u32 = 1024;

const PREFIX: &str = "v1-";
const SEGMENT: &str = ".spool";

/// A place that is taken.
#[derive(Debug)]
pub(super) struct Slot {
    folder: PathBuf,
    number: u32,
    lock: File,
    /// Its holder has read what is in it.
    pub(super) is_read: bool,
}

impl Slot {
    /// Takes the first place that is free, and creates the folder if there is none. Only one in which nothing is stored if it
    /// `must_be_empty`.
    pub(super) fn claim(folder: &Path, must_be_empty: bool) -> io::Result<Self> {
        private_file::create_folder(folder)?;
        for number in 0..MAX_SLOTS {
            if let Some(slot) = Slot::claim_number(folder, number)?
                && !(must_be_empty && slot.has_segments())
            {
                return Ok(slot);
            }
        }
        Err(io::Error::other(format!("{MAX_SLOTS} processes use it already")))
    }

    /// Takes one place unless another process has it.
    fn claim_number(folder: &Path, number: u32) -> io::Result<Option<Self>> {
        let lock = open_or_create(&lock_path(folder, number))?;
        #[expect(
            clippy::incompatible_msrv,
            reason = "the store of this feature needs a newer Rust than the crate"
        )]
        match lock.try_lock() {
            Ok(()) => Ok(Some(Slot { folder: folder.to_owned(), number, lock, is_read: false })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the places of processes that are gone and left something.
    pub(super) fn claim_abandoned(&self) -> Vec<Slot> {
        let numbers: BTreeSet<u32> =
            names(&self.folder).iter().filter_map(|name| segment(name).map(|(slot, ..)| slot)).collect();
        let others = numbers.into_iter().filter(|number| *number != self.number);
        let claimed = others.filter_map(|number| Slot::claim_number(&self.folder, number).ok().flatten());
        // Another process may have emptied it before the lock was free.
        claimed.filter(Slot::has_segments).collect()
    }

    fn has_segments(&self) -> bool {
        !self.segments().is_empty()
    }

    /// The file with the lock.
    pub(super) fn lock_path(&self) -> PathBuf {
        lock_path(&self.folder, self.number)
    }

    pub(super) fn lock(&self) -> &File {
        &self.lock
    }

    /// Its segments, the oldest first: number, marker and file.
    pub(super) fn segments(&self) -> Vec<(u64, u64, PathBuf)> {
        let names = names(&self.folder);
        let own = names.iter().filter_map(|name| Some((segment(name)?, name)));
        let own = own.filter(|((slot, ..), _)| *slot == self.number);
        let mut segments: Vec<_> =
            own.map(|((_, number, marker), name)| (number, marker, self.folder.join(name))).collect();
        segments.sort_unstable();
        segments
    }

    /// The file of a segment of the slot with this lock file.
    pub(super) fn segment_path(lock: &Path, number: u64, marker: u64) -> PathBuf {
        let slot = lock.file_stem().unwrap_or_default().to_string_lossy();
        lock.with_file_name(format!("{slot}-{number:08}-{marker:016x}{SEGMENT}"))
    }
}

/// Returns whether it is the name of a segment.
pub(super) fn is_segment(name: &str) -> bool {
    segment(name).is_some()
}

/// Returns whether it is the name of a file of the spool.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Slot, number and marker of a segment.
fn segment(name: &str) -> Option<(u32, u64, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.strip_suffix(SEGMENT)?.split('-');
    let segment = (
        parts.next()?.parse().ok()?,
        // No slot writes so many, and there is always a next number.
        parts.next()?.parse::<u32>().ok()?.into(),
        u64::from_str_radix(parts.next()?, 16).ok()?,
    );
    parts.next().is_none().then_some(segment)
}

fn lock_path(folder: &Path, slot: u32) -> PathBuf {
    folder.join(format!("{PREFIX}{slot}.lock"))
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Opens a file, and creates it if need be.
fn open_or_create(path: &Path) -> io::Result<File> {
    private_file::open_file(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin_segment(slot: &Slot) -> PathBuf {
        let path = Slot::segment_path(&slot.lock_path(), 7, 0x9f);
        open_or_create(&path).expect("created");
        path
    }

    #[test]
    fn a_place_is_taken_once_and_free_again_when_its_process_lets_go() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("a").join("b");
        let claim = || Slot::claim(&folder, false).expect("free");
        let (first, second) = (claim(), claim());
        assert_eq!((first.number, second.number), (0, 1));
        let path = begin_segment(&first);
        begin_segment(&second);
        assert_eq!(first.segments(), [(7, 0x9f, path.clone())]);
        assert!(second.claim_abandoned().is_empty(), "its owner lives");
        drop(first);
        assert_eq!(Slot::claim(&folder, true).expect("free").number, 2, "there is something in the first");
        let abandoned = second.claim_abandoned();
        assert_eq!(abandoned.iter().map(|slot| slot.number).collect::<Vec<_>>(), [0]);
        fs::remove_file(path).expect("there");
        drop(abandoned);
        assert!(second.claim_abandoned().is_empty(), "nothing is left there");
        assert_eq!(claim().number, 0);
    }

    #[test]
    fn only_names_of_segments_are_read_as_such() {
        assert_eq!(segment("v1-3-00000007-000000000000009f.spool"), Some((3, 7, 0x9f)));
        for name in [
            "v1-0.lock",
            "v1-0.spool",
            "v2-0-0-0.spool",
            "v1-0-0.spool",
            "v1-0-0-0-0.spool",
            "v1-x-0-0.spool",
            "v1-0-18446744073709551615-0.spool",
        ] {
            assert_eq!(segment(name), None, "{name}");
        }
    }
}
