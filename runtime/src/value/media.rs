//! Images, sound and files inside a body: described by type, length and digest, never recorded.

use std::fmt::{self, Write as _};

use serde::ser::{Serialize, Serializer};

use sha2::{Digest as _, Sha256};

/// Larger ones are described without a digest, so that the time spent on them stays bounded.
const MAX_HASHED_BYTES: usize = 16 << 20;

/// Shorter base64 may as well be an id or a word.
const MIN_BASE64_BYTES: usize = 256;

/// Description of a piece of media: type, length, digest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Media {
    pub(crate) mime: Option<String>,
    bytes: usize,
    sha256: Option<[u8; 32]>,
}

impl Media {
    /// If a text is a data URL, or base64 too long to be anything but a file.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        if let Some((mime, data)) = data_url(text) {
            return Some(Media { mime: Some(mime.to_owned()), ..Media::of_base64(data) });
        }
        let is_base64 = text.len() >= MIN_BASE64_BYTES
            && text.bytes().all(|byte| sextet(byte).is_some() || matches!(byte, b'=' | b'\r' | b'\n'));
        // A long run of one letter is text; so is anything that does not mix its alphabet.
        (is_base64 && mixes_alphabet(text)).then(|| Media::of_base64(text))
    }

    /// Describes data that is known to be base64, of any length.
    pub(crate) fn of_base64(data: &str) -> Self {
        let digits = data.bytes().filter(|byte| sextet(*byte).is_some()).count();
        let bytes = digits * 3 / 4;
        let sha256 = (bytes <= MAX_HASHED_BYTES).then(|| digest_of_base64(data));
        Media { mime: None, bytes, sha256 }
    }

    /// Raw bytes.
    pub(crate) fn of_bytes(data: &[u8]) -> Self {
        let sha256 = (data.len() <= MAX_HASHED_BYTES).then(|| Sha256::digest(data).into());
        Media { mime: None, bytes: data.len(), sha256 }
    }

    /// Bytes that were serialized one by one, of which some may not have been kept: then there is no digest.
    pub(crate) fn of_list(kept: &[u8], omitted: usize) -> Self {
        if omitted == 0 { Media::of_bytes(kept) } else { Media::of_length(kept.len() + omitted) }
    }

    /// Data of which only the length is known.
    pub(crate) fn of_length(bytes: usize) -> Self {
        Media { mime: None, bytes, sha256: None }
    }

    /// The words in the place of the data.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("[{} bytes", self.bytes);
        if let Some(digest) = &self.sha256 {
            text.push_str(", sha256 ");
            for byte in digest {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
        }
        text.push(']');
        text
    }
}

impl Serialize for Media {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mime) = &self.mime {
            write!(f, "{mime} ")?;
        }
        f.write_str(&self.describe())
    }
}

/// Type and data of `data:image/png;base64,…`.
fn data_url(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_at_checked(5)?;
    let (kind, data) = scheme.eq_ignore_ascii_case("data:").then(|| rest.split_once(','))??;
    // The type of a data URL is short; a comma far into a text that happens to begin with `data:` is no sign.
    let mime = kind.strip_suffix(";base64").filter(|mime| mime.len() < 128)?;
    let mime = mime.split(';').next().unwrap_or_default();
    Some((if mime.is_empty() { "text/plain" } else { mime }, data))
}

fn mixes_alphabet(text: &str) -> bool {
    let (mut upper, mut lower, mut digit) = (false, false, false);
    for byte in text.bytes().take(4096) {
        upper |= byte.is_ascii_uppercase();
        lower |= byte.is_ascii_lowercase();
        digit |= byte.is_ascii_digit();
    }
    upper && lower && digit
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn digest_of_base64(data: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut block = Vec::with_capacity(3 * 1024);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in data.bytes().filter_map(sextet) {
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            #[expect(clippy::cast_possible_truncation, reason = "the low byte is meant")]
            block.push((bits >> count) as u8);
            if block.len() == block.capacity() {
                hash.update(&block);
                block.clear();
            }
        }
    }
    hash.update(&block);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_url_is_told_by_type_length_and_digest() {
        // printf abc | sha256sum
        let media = Media::of_text("data:image/png;base64,YWJj").expect("media");
        assert_eq!(media.mime.as_deref(), Some("image/png"));
        assert_eq!(
            media.describe(),
            "[3 bytes, sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad]"
        );
        assert_eq!(Media::of_text("data:;base64,YQ==").expect("media").mime.as_deref(), Some("text/plain"));
        assert_eq!(media.describe(), Media::of_bytes(b"abc").describe());
    }

    #[test]
    fn long_base64_is_media_and_text_is_not() {
        let base64 = "iVBORw0KGgoAAAANSUhEUgAA".repeat(20) + "==";
        assert!(Media::of_text(&base64).is_some());
        let lines = "iVBORw0KGgoAAAANSUhEUgAA\r\n".repeat(20);
        assert!(Media::of_text(&lines).is_some(), "in lines, as MIME has it");
        assert!(Media::of_text("iVBORw0KGgoAAAANSUhEUgAA").is_none(), "short");
        assert!(Media::of_text(&"a".repeat(1000)).is_none(), "one letter");
        assert!(Media::of_text(&"words and words ".repeat(100)).is_none());
        assert!(Media::of_text("data: the results, as of today").is_none());
        for short in ["", "data", "data:", "däta:", "date é"] {
            assert!(Media::of_text(short).is_none());
        }
    }
}
