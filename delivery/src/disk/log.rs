//! The bytes of a segment: records one after another, each with its length and checksums.
//!
//! ```text
//! marker  u64   of the segment, random, in its name too: the reader finds the next record by it, and no body imitates it
//! kind    u8    1 traces, 2 metrics, 3 logs: a request · 4: a commit
//! key     u64   of the request · the number of the commit
//! items   u64   spans, data points or events
//! wall    u64   when it was stored: milliseconds since 1970
//! boot    u64   and during which run of the system, 0 if unknown
//! uptime  u64   and milliseconds since that began
//! length  u32   of the body
//! body's CRC-32 u32
//! CRC-32  u32   of all above
//! body
//! ```
//!
//! Numbers are little-endian. The body of a commit has the items of each signal that are stored after it (3 × u64), the number
//! of removed keys (u32), these (u64 each), and then the keys that are dated as of this commit (u64 each).

use super::clock::Stamp;
use crate::Signal;

const COMMIT: u8 = 4;
/// Of everything before the body.
pub(super) const HEADER_BYTES: usize = 61;
/// Of a [`Tally`] beside the log.
pub(super) const TALLY_BYTES: usize = 36;

/// Metadata of a request besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) signal: Signal,
    pub(super) items: u64,
    /// When it was stored.
    pub(super) stored: Stamp,
    /// Of the body.
    pub(super) bytes: u64,
}

/// Totals after a commit, which a read is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// The number of the commit.
    pub(super) commit: u64,
    /// Items by signal.
    pub(super) items: [u64; Signal::ALL.len()],
}

/// Something that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A request, and where its header begins.
    Stored { key: u64, head: Head, offset: u64 },
    /// Some are removed, and some are dated anew.
    Commit { tally: Tally, removed: Vec<u64>, redated: Vec<u64>, at: Stamp },
}

/// Contents of a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) records: Vec<Record>,
    /// Bytes that belong to no record.
    pub(super) unreadable: u64,
}

struct Header {
    kind: u8,
    key: u64,
    items: u64,
    stamp: Stamp,
    length: usize,
    checksum: u32,
}

/// Reads what is readable. What is not is skipped up to the next record.
pub(super) fn scan(marker: u64, bytes: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let mut position = 0;
    while position < bytes.len() {
        let rest = &bytes[position..];
        if let Some((record, length)) = record(marker, rest, position as u64) {
            scan.records.push(record);
            position += length;
        } else {
            let next = find(marker, &rest[1..]).map_or(rest.len(), |found| found + 1);
            scan.unreadable += next as u64;
            position += next;
        }
    }
    scan
}

/// The body of a request whose record begins here.
pub(super) fn body(marker: u64, bytes: &[u8], key: u64) -> Option<(Head, &[u8])> {
    match record(marker, bytes, 0)? {
        (Record::Stored { key: found, head, .. }, length) if found == key => {
            Some((head, &bytes[HEADER_BYTES..length]))
        }
        _ => None,
    }
}

/// The header of a request; the body follows it.
pub(super) fn request_header(marker: u64, key: u64, head: &Head, body: &[u8]) -> Option<Vec<u8>> {
    let kind = match head.signal {
        Signal::Traces => 1,
        Signal::Metrics => 2,
        Signal::Logs => 3,
    };
    header(marker, kind, key, head.items, head.stored, body)
}

/// A whole record.
pub(super) fn commit(
    marker: u64,
    tally: &Tally,
    removed: &[u64],
    redated: &[u64],
    at: Stamp,
) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(28 + 8 * (removed.len() + redated.len()));
    tally.items.iter().for_each(|items| body.extend(items.to_le_bytes()));
    body.extend(u32::try_from(removed.len()).ok()?.to_le_bytes());
    removed.iter().chain(redated).for_each(|key| body.extend(key.to_le_bytes()));
    let mut record = header(marker, COMMIT, tally.commit, 0, at, &body)?;
    record.extend(body);
    Some(record)
}

impl Tally {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.commit].into_iter().chain(self.items);
        let mut bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// `None` if these are not the bytes of one.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, checksum) = bytes.split_at_checked(TALLY_BYTES - 4)?;
        let mut reader = Reader(bytes);
        let commit = reader.u64()?;
        let items = [reader.u64()?, reader.u64()?, reader.u64()?];
        (checksum == crc32fast::hash(numbers).to_le_bytes()).then_some(Tally { commit, items })
    }
}

/// `None` if the body is too large for a record.
fn header(marker: u64, kind: u8, key: u64, items: u64, stamp: Stamp, body: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend(marker.to_le_bytes());
    bytes.push(kind);
    for number in [key, items, stamp.wall, stamp.boot, stamp.uptime] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(u32::try_from(body.len()).ok()?.to_le_bytes());
    bytes.extend(crc32fast::hash(body).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Some(bytes)
}

fn record(marker: u64, bytes: &[u8], offset: u64) -> Option<(Record, usize)> {
    let header = Header::read(marker, bytes)?;
    let end = HEADER_BYTES.checked_add(header.length)?;
    let body = bytes.get(HEADER_BYTES..end)?;
    if crc32fast::hash(body) != header.checksum {
        return None;
    }
    let signal = match header.kind {
        1 => Signal::Traces,
        2 => Signal::Metrics,
        3 => Signal::Logs,
        COMMIT => return Some((header.commit(body)?, end)),
        _ => return None,
    };
    let head = Head { signal, items: header.items, stored: header.stamp, bytes: body.len() as u64 };
    Some((Record::Stored { key: header.key, head, offset }, end))
}

impl Header {
    fn read(marker: u64, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let mut reader = Reader(bytes);
        if reader.u64()? != marker {
            return None;
        }
        let header = Header {
            kind: reader.take::<1>()?[0],
            key: reader.u64()?,
            items: reader.u64()?,
            stamp: Stamp { wall: reader.u64()?, boot: reader.u64()?, uptime: reader.u64()? },
            length: usize::try_from(reader.u32()?).ok()?,
            checksum: reader.u32()?,
        };
        (reader.u32()? == crc32fast::hash(&bytes[..HEADER_BYTES - 4])).then_some(header)
    }

    fn commit(&self, body: &[u8]) -> Option<Record> {
        let mut reader = Reader(body);
        let items = [reader.u64()?, reader.u64()?, reader.u64()?];
        let count = usize::try_from(reader.u32()?).ok()?;
        let mut keys = reader.0.chunks_exact(8).filter_map(|key| Reader(key).u64());
        let removed: Vec<_> = keys.by_ref().take(count).collect();
        let redated = keys.collect();
        Some(Record::Commit { tally: Tally { commit: self.key, items }, removed, redated, at: self.stamp })
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}

fn find(marker: u64, bytes: &[u8]) -> Option<usize> {
    let marker = marker.to_le_bytes();
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| *byte == marker[0]) {
        if bytes[from + found..].starts_with(&marker) {
            return Some(from + found);
        }
        from += found + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: u64 = 0x1234_5678_9abc_def0;
    const STAMP: Stamp = Stamp { wall: 5, boot: 6, uptime: 7 };

    fn head(items: u64, body: &[u8]) -> Head {
        Head { signal: Signal::Logs, items, stored: STAMP, bytes: body.len() as u64 }
    }

    /// Three requests and a commit, and where each begins.
    fn segment() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for key in 1..=3 {
            let body = vec![0xee; 40];
            starts.push(bytes.len());
            bytes.extend(request_header(MARKER, key, &head(key * 10, &body), &body).expect("small"));
            bytes.extend(body);
        }
        starts.push(bytes.len());
        let tally = Tally { commit: 9, items: [0, 0, 60] };
        bytes.extend(commit(MARKER, &tally, &[1], &[2, 3], STAMP).expect("small"));
        starts.push(bytes.len());
        (bytes, starts)
    }

    #[test]
    fn what_is_written_is_read() {
        let (bytes, starts) = segment();
        let Scan { records, unreadable } = scan(MARKER, &bytes);
        assert_eq!((records.len(), unreadable), (4, 0));
        let expected = Record::Stored { key: 2, head: head(20, &[0; 40]), offset: starts[1] as u64 };
        assert_eq!(records[1], expected);
        let tally = Tally { commit: 9, items: [0, 0, 60] };
        assert_eq!(records[3], Record::Commit { tally, removed: vec![1], redated: vec![2, 3], at: STAMP });
        assert_eq!(body(MARKER, &bytes[starts[2]..], 3), Some((head(30, &[0; 40]), &[0xee; 40][..])));
        assert_eq!(body(MARKER, &bytes[starts[2]..], 2), None, "another one is there");
        assert_eq!(Tally::from_bytes(&tally.to_bytes()), Some(tally));
        assert_eq!(Tally::from_bytes(&[0; TALLY_BYTES]), None);
    }

    /// Every bit of a segment: the record that it is in is lost, and no other; no record is read that was not written.
    #[test]
    fn a_wrong_bit_loses_one_record() {
        let (sound, starts) = segment();
        let expected = scan(MARKER, &sound).records;
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let hit = starts.iter().rposition(|start| *start <= bit / 8).expect("in one");
            let Scan { records, unreadable } = scan(MARKER, &bytes);
            assert_eq!(unreadable, (starts[hit + 1] - starts[hit]) as u64, "bit {bit}");
            let others: Vec<_> = expected
                .iter()
                .enumerate()
                .filter(|(number, _)| *number != hit)
                .map(|(_, one)| one)
                .collect();
            assert_eq!(records.iter().collect::<Vec<_>>(), others, "bit {bit}");
        }
    }

    #[test]
    fn what_is_cut_off_anywhere_loses_what_follows() {
        let (bytes, starts) = segment();
        for length in 0..bytes.len() {
            let whole = starts.iter().filter(|start| **start <= length).count() - 1;
            let scan = scan(MARKER, &bytes[..length]);
            assert_eq!((scan.records.len(), scan.unreadable), (whole, (length - starts[whole]) as u64));
        }
    }

    #[test]
    fn a_body_that_looks_like_a_record_is_none() {
        let (inner, _) = segment();
        // As if the header before it were lost.
        assert_eq!(scan(MARKER + 1, &inner), Scan { records: Vec::new(), unreadable: inner.len() as u64 });
    }
}
