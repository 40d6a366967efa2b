//! Files that something has written into.

use std::collections::BTreeMap;

use llm_trace_fuzz::fuzz_times;

use super::clock::Stamp;
use super::log::{self, Head, Record, Tally};
use crate::Signal;

const MARKER: u64 = 0x9f3a_0071_c2d4_e5b6;
const NOW: Stamp = Stamp { wall: 1_795_500_000_000, boot: 5, uptime: 6 };

/// A segment with a short request and a long one, and what is in it.
fn template() -> (Vec<u8>, BTreeMap<u64, Vec<u8>>) {
    let requests = BTreeMap::from([(1, b"short".to_vec()), (2, vec![7; 70_000])]);
    let mut bytes = Vec::new();
    for (key, body) in &requests {
        let head = Head { signal: Signal::Traces, items: *key, stored: NOW, bytes: body.len() as u64 };
        bytes.extend(log::request_header(MARKER, *key, &head, body).expect("small"));
        bytes.extend(body);
        let tally = Tally { commit: *key, items: [*key, 0, 0] };
        bytes.extend(log::commit(MARKER, &tally, &[], &[], NOW).expect("small"));
    }
    (bytes, requests)
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
    let (segment, requests) = template();
    fuzz_times("spool", 2000, |edits| {
        let bytes = damaged(&segment, edits);
        let log::Scan { records, unreadable } = log::scan(MARKER, &bytes);
        let (mut read, mut commits) = (0_usize, 0_usize);
        for record in records {
            match record {
                Record::Stored { key, head, offset } => {
                    let at = usize::try_from(offset).expect("in the segment");
                    // From the start of the record to its end, as the store reads it.
                    let end = at + log::HEADER_BYTES + usize::try_from(head.bytes).expect("in the segment");
                    let (again, body) = log::body(MARKER, &bytes[at..end], key).expect("as scanned");
                    assert_eq!((again, Some(body)), (head, requests.get(&key).map(Vec::as_slice)));
                    assert_eq!((head.items, head.stored), (key, NOW), "nothing is read that was not written");
                    read += 1;
                }
                Record::Commit { tally, .. } => {
                    assert!(tally.commit == tally.items[0] && [1, 2].contains(&tally.commit), "{tally:?}");
                    commits += 1;
                }
            }
        }
        // The tally in the lock file, beside the segments.
        let _ = Tally::from_bytes(&bytes);
        let whole = if unreadable == 0 { "whole" } else { "damaged" };
        let words = ["none", "one", "two", "more"];
        format!("{whole}, {} requests, {} commits", words[read.min(3)], words[commits.min(3)])
    });
}
