//! Files that something has written into.

use std::collections::BTreeMap;
use std::fs;

use opentelemetry_http::Bytes;

use super::store::{Head, Store, StoreError};
use crate::export::delivery::Signal;
use crate::fuzz::fuzz_times;

const NOW: u64 = 1_795_500_000_000;

/// A file with a short parcel and one of several pieces, and what is in it.
fn template() -> (Vec<u8>, BTreeMap<u64, Vec<u8>>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("template.redb");
    let parcels = BTreeMap::from([(1, b"short".to_vec()), (2, vec![7; 70_000])]);
    let (store, _) = Store::open(&path, NOW).expect("a new file");
    for (key, body) in &parcels {
        let head = Head { signal: Signal::Traces, items: *key, stored: NOW, bytes: body.len() as u64 };
        store.write(&[(*key, head, body)], &[]).expect("written");
    }
    store.close();
    (fs::read(path).expect("the file"), parcels)
}

/// Lines of `offset length byte` overwrite a stretch; `cut offset` ends the file.
fn damaged(file: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    for line in String::from_utf8_lossy(edits).lines() {
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok());
        if let Some(at) = line.strip_prefix("cut ").and_then(|at| at.trim().parse().ok()) {
            file.truncate(at);
        } else if let (Some(at), Some(length), Some(byte)) = (number(), number(), number()) {
            let start = at % file.len().max(1);
            let end = file.len().min(start.saturating_add(length.min(1 << 20)));
            file[start..end].fill(u8::try_from(byte % 256).unwrap_or_default());
        }
    }
    file
}

#[test]
fn fuzz_spool() {
    let (file, parcels) = template();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("damaged.redb");
    // Each opens a database, and waits for the disk.
    fuzz_times("spool", 100, |edits| {
        fs::write(&path, damaged(&file, edits)).expect("written");
        let (store, found) = match Store::open(&path, NOW) {
            Ok(opened) => opened,
            Err(StoreError::Corrupted(_)) => return "corrupted".to_owned(),
            Err(StoreError::Unavailable(_)) => return "unavailable".to_owned(),
        };
        let mut outcome = format!("{} found", ["none", "one", "two", "more"][found.len().min(3)]);
        for (key, head) in found {
            assert!(head.stored <= NOW, "nothing is dated later than now: {head:?}");
            // What is read is what was written, or an error.
            if let Ok(parcel) = store.read(key) {
                assert_eq!(
                    Some(&parcel.body),
                    parcels.get(&key).map(|body| Bytes::from(body.clone())).as_ref()
                );
                outcome += ", read";
            }
        }
        store.close();
        outcome
    });
}
