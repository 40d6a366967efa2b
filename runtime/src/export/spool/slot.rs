//! One process's place in the folder, and the lock that makes it its own.
//!
//! ```text
//! <folder>/<service>/v1-0.lock    taken by a process as long as it lives; never removed
//! <folder>/<service>/v1-0.redb    its parcels
//! <folder>/<service>/v1-0.corrupt-1764…    what could not be read, moved aside
//! ```
//!
//! A lock goes with its process however that ends, and whoever gets it finds what is there. `v1` is the format: a
//! program that knows another one leaves these files alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::private_file;

/// More processes than this do not share a folder; it is a stop for a folder that no lock can be had in.
const MAX_SLOTS: u32 = 1024;

const PREFIX: &str = "v1-";
const CORRUPT: &str = "corrupt-";

/// A place that is taken.
#[derive(Debug)]
pub(super) struct Slot {
    folder: PathBuf,
    number: u32,
    /// Held for its lock.
    _lock: File,
}

impl Slot {
    /// Takes the first place that is free, and makes the folder if there is none.
    pub(super) fn claim(folder: &Path) -> io::Result<Self> {
        private_file::create_folder(folder)?;
        for number in 0..MAX_SLOTS {
            if let Some(slot) = Slot::claim_number(folder, number)? {
                return Ok(slot);
            }
        }
        Err(io::Error::other(format!("{MAX_SLOTS} processes use it already")))
    }

    /// Takes one place unless another process has it.
    fn claim_number(folder: &Path, number: u32) -> io::Result<Option<Self>> {
        let lock = open_or_create(&folder.join(format!("{PREFIX}{number}.lock")))?;
        #[expect(
            clippy::incompatible_msrv,
            reason = "the store of this feature needs a newer Rust than the crate"
        )]
        match lock.try_lock() {
            Ok(()) => Ok(Some(Slot { folder: folder.to_owned(), number, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the places of processes that are gone and left something.
    pub(super) fn claim_abandoned(&self) -> Vec<Slot> {
        let mut numbers: Vec<u32> = names(&self.folder).iter().filter_map(|name| number(name)).collect();
        numbers.sort_unstable();
        let others = numbers.into_iter().filter(|number| *number != self.number);
        let claimed = others.filter_map(|number| Slot::claim_number(&self.folder, number).ok().flatten());
        // Somebody else may have emptied it before the lock was free.
        claimed.filter(|slot| slot.file().exists()).collect()
    }

    /// The file of the parcels, which need not exist.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(format!("{PREFIX}{}.redb", self.number))
    }

    /// Makes the file of the parcels, for the owner's eyes only, unless it exists.
    pub(super) fn make_file(&self) -> io::Result<PathBuf> {
        let path = self.file();
        open_or_create(&path)?;
        Ok(path)
    }

    /// Moves a file that cannot be read out of the way, and returns where it is now.
    pub(super) fn move_aside(&self) -> io::Result<PathBuf> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let aside = self.folder.join(format!("{PREFIX}{}.{CORRUPT}{}", self.number, now.as_millis()));
        fs::rename(self.file(), &aside)?;
        Ok(aside)
    }

    pub(super) fn remove_file(&self) -> io::Result<()> {
        fs::remove_file(self.file())
    }

    /// Removes what was moved aside longer ago than parcels are kept: it may have content in it, too.
    pub(super) fn forget_corrupted(&self, max_age: Duration) {
        for name in names(&self.folder).iter().filter(|name| is_aside(name)) {
            let path = self.folder.join(name);
            let age =
                fs::metadata(&path).and_then(|file| file.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > max_age) {
                let _ = fs::remove_file(path); // the next round tries again
            }
        }
    }
}

/// Whether it is the name of a file of parcels.
pub(super) fn is_store(name: &str) -> bool {
    number(name).is_some()
}

/// Whether it is the name of a file that was moved aside.
pub(super) fn is_aside(name: &str) -> bool {
    name.starts_with(PREFIX) && name.contains(CORRUPT)
}

/// Whether it is the name of a file of the spool.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX)
}

fn number(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.strip_suffix(".redb")?.parse().ok()
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

    #[test]
    fn a_place_is_taken_once_and_free_again_when_its_process_lets_go() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("a").join("b");
        let (first, second) = (Slot::claim(&folder).expect("free"), Slot::claim(&folder).expect("free"));
        assert_eq!((first.number, second.number), (0, 1));
        first.make_file().expect("made");
        second.make_file().expect("made");
        assert!(second.claim_abandoned().is_empty(), "its owner lives");
        drop(first);
        let abandoned = second.claim_abandoned();
        assert_eq!(abandoned.iter().map(|slot| slot.number).collect::<Vec<_>>(), [0]);
        abandoned[0].remove_file().expect("there");
        drop(abandoned);
        assert!(second.claim_abandoned().is_empty(), "nothing is left there");
        assert_eq!(Slot::claim(&folder).expect("free").number, 0);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look_into_what_is_made() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("service");
        let slot = Slot::claim(&folder).expect("free");
        slot.make_file().expect("made");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!((mode(&slot.file()), mode(&folder.join("v1-0.lock"))), (0o600, 0o600));
    }

    #[test]
    fn what_was_moved_aside_is_forgotten_in_the_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let slot = Slot::claim(dir.path()).expect("free");
        slot.make_file().expect("made");
        let aside = slot.move_aside().expect("moved");
        assert!(aside.exists() && !slot.file().exists());
        slot.forget_corrupted(Duration::from_secs(3600));
        assert!(aside.exists());
        let long_ago = SystemTime::now() - Duration::from_secs(7200);
        File::options().write(true).open(&aside).and_then(|file| file.set_modified(long_ago)).expect("set");
        slot.forget_corrupted(Duration::from_secs(3600));
        assert!(!aside.exists());
    }
}
