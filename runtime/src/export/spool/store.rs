//! The file of parcels: what was written is there after a kill and a power cut.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry_http::Bytes;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::export::delivery::{Parcel, Signal};
use crate::export::printable::printable;

const HEADS: TableDefinition<'_, u64, (u8, u64, u64, u64)> = TableDefinition::new("heads");
const BODIES: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("bodies");

/// A value takes the next power of two of the file: pieces that just fit into 64 KiB waste little.
const PIECE: usize = 65_000;
/// By default redb would take up to a gigabyte.
const CACHE_BYTES: usize = 4 << 20;
/// An empty file larger than this is made smaller.
const SLACK_BYTES: u64 = 4 << 20;

/// What a file says of a parcel besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) signal: Signal,
    pub(super) items: u64,
    /// When it was stored, in milliseconds since 1970.
    pub(super) stored: u64,
    /// Of the body.
    pub(super) bytes: u64,
}

/// An open file.
#[derive(Debug)]
pub(super) struct Store {
    db: Database,
    path: PathBuf,
}

/// Why a file is of no use for now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StoreError {
    /// What is in it is not what was written.
    Corrupted(String),
    /// The disk is full, read-only, broken, …
    Unavailable(String),
}

impl Store {
    /// Opens a file, or begins one where there is none or an empty one, and returns what is in it; all of it is checked.
    /// What is dated later than `now` is dated `now`: the clock was set back, and nobody can tell how old it is.
    pub(super) fn open(path: &Path, now: u64) -> Result<(Self, Vec<(u64, Head)>), StoreError> {
        guarded(|| {
            let db =
                Builder::new().set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).create(path)?;
            let transaction = db.begin_write()?;
            let mut found = Vec::new();
            {
                let mut heads = transaction.open_table(HEADS)?;
                transaction.open_table(BODIES)?;
                for row in heads.iter()? {
                    let (key, head) = row?;
                    found.push((key.value(), Head::read(head.value())?));
                }
                for (key, head) in found.iter_mut().filter(|(_, head)| head.stored > now) {
                    head.stored = now;
                    heads.insert(*key, head.written())?;
                }
            }
            transaction.commit()?;
            Ok((Store { db, path: path.to_owned() }, found))
        })
    }

    /// Adds parcels and removes others, all or nothing. When it returns they are on the disk.
    pub(super) fn write(&self, added: &[(u64, Head, &[u8])], removed: &[u64]) -> Result<(), StoreError> {
        guarded(|| {
            let transaction = self.db.begin_write()?;
            delete(&transaction, removed)?;
            {
                let mut heads = transaction.open_table(HEADS)?;
                let mut bodies = transaction.open_table(BODIES)?;
                for (key, head, body) in added {
                    heads.insert(key, head.written())?;
                    for (number, piece) in (0..).zip(body.chunks(PIECE)) {
                        bodies.insert((*key, number), piece)?;
                    }
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// Reads a parcel that is there.
    pub(super) fn read(&self, key: u64) -> Result<Parcel, StoreError> {
        let corrupted = |what: &str| redb::Error::Corrupted(what.to_owned());
        guarded(|| {
            let transaction = self.db.begin_read()?;
            let head =
                transaction.open_table(HEADS)?.get(key)?.ok_or_else(|| corrupted("a parcel is missing"))?;
            let head = Head::read(head.value())?;
            let mut body = Vec::new();
            for row in transaction.open_table(BODIES)?.range((key, 0)..=(key, u32::MAX))? {
                body.extend_from_slice(row?.1.value());
            }
            if body.len() as u64 != head.bytes {
                return Err(corrupted("a parcel is incomplete"));
            }
            let created = UNIX_EPOCH + Duration::from_millis(head.stored);
            Ok(Parcel { signal: head.signal, body: Bytes::from(body), item_count: head.items, created })
        })
    }

    /// Gives the disk space of an empty file back.
    pub(super) fn shrink(&mut self) -> Result<(), StoreError> {
        if std::fs::metadata(&self.path).is_ok_and(|file| file.len() > SLACK_BYTES) {
            guarded(|| Ok(self.db.compact()?))?;
        }
        Ok(())
    }

    /// Closes the file.
    pub(super) fn close(self) {
        let _ = guarded(|| Ok(self.db.close()?)); // all that matters has been written
    }
}

impl StoreError {
    pub(super) fn into_reason(self) -> String {
        let (StoreError::Corrupted(reason) | StoreError::Unavailable(reason)) = self;
        reason
    }
}

impl Head {
    fn written(self) -> (u8, u64, u64, u64) {
        // Numbers on disk: never to be changed.
        let signal = match self.signal {
            Signal::Traces => 1,
            Signal::Metrics => 2,
            Signal::Logs => 3,
        };
        (signal, self.items, self.stored, self.bytes)
    }

    fn read((signal, items, stored, bytes): (u8, u64, u64, u64)) -> Result<Self, redb::Error> {
        let signal = match signal {
            1 => Signal::Traces,
            2 => Signal::Metrics,
            3 => Signal::Logs,
            _ => return Err(redb::Error::Corrupted("an unknown signal".to_owned())),
        };
        Ok(Head { signal, items, stored, bytes })
    }
}

fn delete(transaction: &WriteTransaction, keys: &[u64]) -> Result<(), redb::Error> {
    let mut heads = transaction.open_table(HEADS)?;
    let mut bodies = transaction.open_table(BODIES)?;
    for &key in keys {
        heads.remove(key)?;
        bodies.retain_in((key, 0)..=(key, u32::MAX), |_, _| false)?;
    }
    Ok(())
}

/// redb panics where it finds what it cannot have written, in debug builds more than in others. No panic gets out of here.
fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(judge(&error)),
        Err(_) => Err(StoreError::Corrupted("reading it panicked".to_owned())),
    }
}

fn judge(error: &redb::Error) -> StoreError {
    use std::io::ErrorKind;

    use redb::Error;
    let text = printable(&error.to_string());
    match error {
        Error::Io(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            StoreError::Corrupted(text)
        }
        Error::Corrupted(_)
        | Error::TableTypeMismatch { .. }
        | Error::TableIsMultimap(_)
        | Error::TypeDefinitionChanged { .. } => StoreError::Corrupted(text),
        Error::Io(error) => StoreError::Unavailable(printable(&error.to_string())),
        _ => StoreError::Unavailable(text),
    }
}
