//! The segments of one slot: an append-only log in files of a few MiB. What was written is there after a kill and a power
//! cut.
//!
//! Every write ends with a commit, which is on disk when the write returns. It has the totals of the stored requests, as has the slot's
//! lock file: the contents at the next start are compared with the newer of the two, so that a missing, empty or outdated file is detected.
//! Only the oldest segment is ever deleted, so that no removal is deleted before the request that it removes; requests in it that are still
//! needed are copied to the end.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;

use super::clock::Stamp;
use super::log::{self, HEADER_BYTES, Head, Record, Tally};
use super::slot::Slot;
use crate::messages::printable;
use crate::private_file;
use crate::{ExportRequest, Signal};

/// A segment that is this long is followed by another.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Bytes that the segments may take beyond twice the needed ones.
const SLACK_BYTES: u64 = 2 * SEGMENT_BYTES;
/// Our segments are shorter; a longer one is not read into memory.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// An open slot.
#[derive(Debug)]
pub(super) struct Store {
    slot: PathBuf,
    /// The slot's lock file, for its [`Tally`]. Its lock is held by it, too.
    lock: File,
    segments: BTreeMap<u64, Segment>,
    /// The last segment, which is written to.
    current: Option<(u64, File)>,
    places: HashMap<u64, Place>,
    tally: Tally,
    /// Requests that the next commit dates anew.
    redated: Vec<u64>,
    /// Of bodies and headers that are needed.
    live_bytes: u64,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    marker: u64,
    identity: Identity,
    bytes: u64,
    /// Up to the last commit.
    committed: u64,
    /// Requests in it that are needed.
    live: usize,
    /// All of it is readable.
    is_sound: bool,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    segment: u64,
    offset: u64,
    head: Head,
}

/// Contents of a slot when it was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) heads: Vec<(u64, Head)>,
    /// Items by signal that were stored, and are not there any more.
    pub(super) lost: [u64; Signal::ALL.len()],
    /// Bytes that belong to no record.
    pub(super) unreadable: u64,
}

/// Why a slot is of no use for now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StoreError {
    /// The slot was removed or replaced.
    Gone(String),
    /// A file in it was, or is not what was written: what is left can be read after it is opened again.
    Damaged(String),
    /// The disk is full, read-only, broken, …
    Unavailable(String),
}

impl Store {
    /// Opens a slot, checks all that is in it, and returns what is readable. Requests of unknown age are dated `now`.
    pub(super) fn open(slot: &Slot, now: Stamp) -> Result<(Self, Found), StoreError> {
        let mut lock = slot.lock().try_clone()?;
        let mut bytes = Vec::new();
        lock.seek(SeekFrom::Start(0))?;
        (&lock).take(log::TALLY_BYTES as u64).read_to_end(&mut bytes)?;
        let mut expected = Tally::from_bytes(&bytes).unwrap_or_default();
        let mut store = Store {
            slot: slot.lock_path(),
            lock,
            segments: BTreeMap::new(),
            current: None,
            places: HashMap::new(),
            tally: Tally::default(),
            redated: Vec::new(),
            live_bytes: 0,
        };
        let mut found = Found::default();
        for (number, marker, path) in slot.segments() {
            // Of two with one number, as a restored backup leaves them, the second counts as a later one.
            let number = store.segments.last_key_value().map_or(number, |(last, _)| number.max(last + 1));
            found.unreadable += store.read_segment(number, marker, path, &mut expected)?;
        }
        for (lost, (expected, found)) in
            found.lost.iter_mut().zip(expected.items.iter().zip(store.tally.items))
        {
            *lost = expected.saturating_sub(found);
        }
        store.tally.commit = expected.commit;
        store.continue_segment()?;
        for (key, place) in &mut store.places {
            if now.since(place.head.stored).is_none() {
                place.head.stored = now;
                store.redated.push(*key);
            }
            found.heads.push((*key, place.head));
        }
        found.heads.sort_unstable_by_key(|(key, _)| *key);
        if found.lost.iter().any(|lost| *lost > 0) || !store.redated.is_empty() {
            // Otherwise it would be dated anew, and counted as lost, by the next process, too. A disk that is full can be
            // read all the same: then the next write has it.
            if let Err(error @ StoreError::Gone(_)) = store.write(&[], &[], now) {
                return Err(error);
            }
        }
        Ok((store, found))
    }

    /// Adds requests and removes others, in one commit. When it returns it is on the disk, and not in a file that was deleted.
    pub(super) fn write(
        &mut self,
        added: &[(u64, Head, &[u8])],
        removed: &[u64],
        now: Stamp,
    ) -> Result<(), StoreError> {
        self.verify()?;
        if let Err(error) = self.append(added, removed, now) {
            self.undo();
            return Err(error);
        }
        self.verify()?;
        // The write succeeded. If old segments cannot be cleaned up now, the next write tries again.
        let _ = self.clean(now);
        Ok(())
    }

    /// Reads a request that is there.
    pub(super) fn read(&self, key: u64) -> Result<ExportRequest, StoreError> {
        let (head, body) = self.body(key)?;
        let created = UNIX_EPOCH + Duration::from_millis(head.stored.wall);
        Ok(ExportRequest { signal: head.signal, body: Bytes::from(body), item_count: head.items, created })
    }

    /// Checks that the files are still the ones that were written, and as long.
    pub(super) fn verify(&self) -> Result<(), StoreError> {
        let is_same = |path: &Path, identity: Identity| {
            fs::symlink_metadata(path).ok().filter(|metadata| Identity::of(metadata) == identity)
        };
        if is_same(&self.slot, Identity::of(&self.lock.metadata()?)).is_none() {
            let slot = printable(&self.slot.display().to_string());
            return Err(StoreError::Gone(format!("{slot} was removed or replaced")));
        }
        for Segment { path, identity, bytes, .. } in self.segments.values() {
            if is_same(path, *identity).is_none_or(|metadata| metadata.len() < *bytes) {
                let path = printable(&path.display().to_string());
                return Err(StoreError::Damaged(format!("{path} was removed, replaced or cut")));
            }
        }
        Ok(())
    }

    /// Deletes the segments of a slot in which nothing is needed.
    pub(super) fn clear(&mut self) -> Result<(), StoreError> {
        // The empty state must survive a power cut, or requests would seem lost.
        self.lock.sync_data()?;
        self.current = None;
        while let Some(segment) = self.segments.first_entry() {
            fs::remove_file(&segment.get().path)?;
            segment.remove();
        }
        Ok(())
    }

    /// Writes on in the last segment if all of it is readable: a program that starts often does not make a file each time.
    fn continue_segment(&mut self) -> Result<(), StoreError> {
        if let Some((number, last)) = self.segments.last_key_value()
            && last.is_sound
            && last.bytes < SEGMENT_BYTES
        {
            let file = private_file::open_file(&last.path, OpenOptions::new().read(true).append(true))?;
            self.current = Some((*number, file));
        }
        Ok(())
    }

    fn read_segment(
        &mut self,
        number: u64,
        marker: u64,
        path: PathBuf,
        expected: &mut Tally,
    ) -> Result<u64, StoreError> {
        let file = private_file::open_file(&path, OpenOptions::new().read(true))?;
        let metadata = file.metadata()?;
        let (identity, bytes) = (Identity::of(&metadata), metadata.len());
        let segment = Segment { path, marker, identity, bytes, committed: bytes, live: 0, is_sound: false };
        self.segments.insert(number, segment);
        if bytes > MAX_SEGMENT_BYTES {
            return Ok(bytes);
        }
        let mut content = Vec::new();
        file.take(bytes).read_to_end(&mut content)?;
        let scan = log::scan(marker, &content);
        for record in scan.records {
            match record {
                Record::Stored { key, head, offset } => {
                    self.put(key, Place { segment: number, offset, head });
                }
                Record::Commit { tally, removed, redated, at } => {
                    for key in removed {
                        self.remove(key);
                    }
                    for key in redated {
                        if let Some(place) = self.places.get_mut(&key) {
                            place.head.stored = at;
                        }
                    }
                    if tally.commit >= expected.commit {
                        *expected = tally;
                    }
                }
            }
        }
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.is_sound = scan.unreadable == 0;
        }
        Ok(scan.unreadable)
    }

    fn append(
        &mut self,
        added: &[(u64, Head, &[u8])],
        removed: &[u64],
        now: Stamp,
    ) -> Result<(), StoreError> {
        let mut tally = self.tally;
        tally.commit += 1;
        let mut places = Vec::new();
        for (key, head, body) in added {
            let (number, marker) = self.segment_to_write()?;
            let header = log::request_header(marker, *key, head, body).ok_or_else(too_large)?;
            let offset = self.write_bytes(&[&header, body])?;
            places.push((*key, Place { segment: number, offset, head: *head }));
            let items = &mut tally.items[head.signal.index()];
            *items = items.saturating_add(head.items);
        }
        // Those that are written again are needed once.
        let gone = removed.iter().chain(added.iter().map(|(key, ..)| key));
        for place in gone.filter_map(|key| self.places.get(key)) {
            let items = &mut tally.items[place.head.signal.index()];
            *items = items.saturating_sub(place.head.items);
        }
        let (_, marker) = self.segment_to_write()?;
        let commit = log::commit(marker, &tally, removed, &self.redated, now).ok_or_else(too_large)?;
        self.write_bytes(&[&commit])?;
        self.sync()?;
        for segment in self.segments.values_mut() {
            segment.committed = segment.bytes;
        }
        for key in removed {
            self.remove(*key);
        }
        for (key, place) in places {
            self.put(key, place);
        }
        self.redated.clear();
        self.tally = tally;
        self.lock.seek(SeekFrom::Start(0))?;
        Ok(self.lock.write_all(&tally.to_bytes())?)
    }

    /// Takes back what was written after the last commit, as far as the disk allows: without a commit it is at worst sent twice.
    fn undo(&mut self) {
        self.current = None;
        self.segments.retain(|_, segment| {
            if segment.committed == 0 {
                return fs::remove_file(&segment.path).is_err();
            }
            if segment.committed < segment.bytes {
                let file = private_file::open_file(&segment.path, OpenOptions::new().write(true));
                if file.and_then(|file| file.set_len(segment.committed)).is_ok() {
                    segment.bytes = segment.committed;
                }
            }
            true
        });
    }

    /// The number and marker of the last segment, which is begun if need be.
    fn segment_to_write(&mut self) -> Result<(u64, u64), StoreError> {
        if let Some((number, _)) = &self.current
            && let Some(segment) = self.segments.get(number).filter(|last| last.bytes < SEGMENT_BYTES)
        {
            return Ok((*number, segment.marker));
        }
        self.sync()?;
        let number = self.segments.last_key_value().map_or(0, |(number, _)| number + 1);
        let marker = RandomState::new().build_hasher().finish();
        let path = Slot::segment_path(&self.slot, number, marker);
        let file =
            private_file::open_file(&path, OpenOptions::new().read(true).append(true).create_new(true))?;
        let identity = Identity::of(&file.metadata()?);
        self.segments.insert(
            number,
            Segment { path, marker, identity, bytes: 0, committed: 0, live: 0, is_sound: true },
        );
        self.current = Some((number, file));
        sync_folder_of(&self.slot)?;
        Ok((number, marker))
    }

    /// Returns where it begins.
    fn write_bytes(&mut self, parts: &[&[u8]]) -> Result<u64, StoreError> {
        let (number, file) = self.current.as_mut().ok_or_else(too_large)?;
        let segment = self.segments.get_mut(number).ok_or_else(too_large)?;
        let offset = segment.bytes;
        for part in parts {
            // Counted first: of a write that fails a part may be there.
            segment.bytes += part.len() as u64;
            file.write_all(part)?;
        }
        Ok(offset)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.current.as_ref().map_or(Ok(()), |(_, file)| Ok(file.sync_data()?))
    }

    fn put(&mut self, key: u64, place: Place) {
        self.remove(key);
        if let Some(segment) = self.segments.get_mut(&place.segment) {
            segment.live += 1;
        }
        self.live_bytes += place.head.bytes + HEADER_BYTES as u64;
        let items = &mut self.tally.items[place.head.signal.index()];
        *items = items.saturating_add(place.head.items);
        self.places.insert(key, place);
    }

    fn remove(&mut self, key: u64) {
        let Some(place) = self.places.remove(&key) else { return };
        if let Some(segment) = self.segments.get_mut(&place.segment) {
            segment.live -= 1;
        }
        self.live_bytes -= place.head.bytes + HEADER_BYTES as u64;
        let items = &mut self.tally.items[place.head.signal.index()];
        *items = items.saturating_sub(place.head.items);
    }

    fn body(&self, key: u64) -> Result<(Head, Vec<u8>), StoreError> {
        let damaged = || StoreError::Damaged("a stored request is not what was written".to_owned());
        let place = self.places.get(&key).ok_or_else(damaged)?;
        let segment = self.segments.get(&place.segment).ok_or_else(damaged)?;
        let mut file = private_file::open_file(&segment.path, OpenOptions::new().read(true))?;
        file.seek(SeekFrom::Start(place.offset))?;
        let mut bytes = Vec::new();
        file.take(HEADER_BYTES as u64 + place.head.bytes).read_to_end(&mut bytes)?;
        log::body(segment.marker, &bytes, key).ok_or_else(damaged)?;
        bytes.drain(..HEADER_BYTES);
        Ok((place.head, bytes))
    }

    /// Deletes the oldest segments in which nothing is needed, and, while all take far more than is needed, copies what is.
    fn clean(&mut self, now: Stamp) -> Result<(), StoreError> {
        while let Some((&number, oldest)) = self.segments.first_key_value()
            && self.current.as_ref().is_some_and(|(current, _)| *current != number)
        {
            let total: u64 = self.segments.values().map(|segment| segment.bytes).sum();
            if oldest.live > 0 {
                if total <= 2 * self.live_bytes + SLACK_BYTES {
                    break;
                }
                let keys =
                    self.places.iter().filter(|(_, place)| place.segment == number).map(|(key, _)| *key);
                let needed = keys.map(|key| self.body(key).map(|(head, body)| (key, head, body)));
                let needed = needed.collect::<Result<Vec<_>, _>>()?;
                let added: Vec<_> = needed.iter().map(|(key, head, body)| (*key, *head, &body[..])).collect();
                if let Err(error) = self.append(&added, &[], now) {
                    self.undo();
                    return Err(error);
                }
            }
            if let Some(segment) = self.segments.get(&number) {
                fs::remove_file(&segment.path)?;
            }
            self.segments.remove(&number);
        }
        Ok(())
    }
}

impl StoreError {
    pub(super) fn into_reason(self) -> String {
        let (StoreError::Gone(reason) | StoreError::Damaged(reason) | StoreError::Unavailable(reason)) = self;
        reason
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        let reason = printable(&error.to_string());
        match error.kind() {
            io::ErrorKind::NotFound => StoreError::Damaged(reason),
            _ => StoreError::Unavailable(reason),
        }
    }
}

/// Distinguishes a file from another one of the same name. Where the system does not support it, all existing files are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Identity(metadata.dev(), metadata.ino())
    }

    #[cfg(not(unix))]
    fn of(_metadata: &Metadata) -> Self {
        Identity(0, 0)
    }
}

fn too_large() -> StoreError {
    StoreError::Unavailable("it is too large for the spool".to_owned())
}

/// The creation of a file must survive a power cut, too.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    match File::open(folder)?.sync_all() {
        // Not every file system can.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the other one can fail")]
fn sync_folder_of(_path: &Path) -> io::Result<()> {
    Ok(())
}
