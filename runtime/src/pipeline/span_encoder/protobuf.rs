//! Fields of protobuf messages.

/// A number that is left out if it is 0.
pub(super) fn put_uint(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        put_key(out, field, Wire::Varint);
        put_varint(out, value.into());
    }
}

/// A text that is left out if it is empty.
pub(super) fn put_text(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        put_bytes(out, field, text.as_bytes());
    }
}

pub(super) fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_header(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Protobuf wire types.
#[derive(Clone, Copy)]
pub(super) enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Len = 2,
    Fixed32 = 5,
}

/// The longest header of a field: 1 byte of key and 10 of length.
pub(super) const MAX_HEADER: usize = 11;

/// The length of a field below 16 with a message or text of so many bytes.
pub(super) fn message_len(bytes: usize) -> usize {
    1 + varint_len(bytes as u64) + bytes
}

pub(super) fn put_header(out: &mut Vec<u8>, field: u32, len: usize) {
    // Nearly all: one byte each.
    if let (key @ 0..0x80, len @ 0..0x80) = (field << 3 | Wire::Len as u32, len as u64) {
        out.extend_from_slice(&[low_byte(key.into()), low_byte(len)]);
    } else {
        put_key(out, field, Wire::Len);
        put_varint(out, len as u64);
    }
}

pub(super) fn put_key(out: &mut Vec<u8>, field: u32, wire: Wire) {
    put_varint(out, (field << 3 | wire as u32).into());
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

pub(super) fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

pub(super) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Bytes for the length of a message, until it is known: enough for 16 kB, as most need.
const LENGTH_ROOM: usize = 2;

/// Begins a message whose length is not known yet, and returns where it starts.
pub(super) fn begin(out: &mut Vec<u8>, field: u32) -> usize {
    put_key(out, field, Wire::Len);
    out.extend_from_slice(&[0; LENGTH_ROOM]);
    out.len()
}

/// Sets the length of the message that [began](begin) at `start`.
pub(super) fn end(out: &mut Vec<u8>, start: usize) {
    let len = (out.len() - start) as u64;
    let room = start - LENGTH_ROOM..start;
    if varint_len(len) == LENGTH_ROOM {
        out[room].copy_from_slice(&[low_byte(len) | 0x80, low_byte(len >> 7)]);
    } else {
        let mut length = Vec::with_capacity(MAX_HEADER);
        put_varint(&mut length, len);
        out.splice(room, length);
    }
}
