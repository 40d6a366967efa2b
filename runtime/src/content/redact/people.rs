//! Identifiers of people: e-mail addresses, telephone numbers, addresses of their machines.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::{Check, Found, ends_word, starts_word};

/// Letters of any alphabet that separates words: Chinese writes an address without a space before it.
macro_rules! letter {
    () => {
        r"[[\p{Alphabetic}\p{M}]&&[\x00-\u{1fff}]]"
    };
}

pub(super) const RULES: &[(&str, Check)] = &[
    (
        concat!(
            "[0-9_%+",
            letter!(),
            "]",
            "[0-9._%+'\\-",
            letter!(),
            "]*", // ada.lovelace+news
            "@(?:[0-9\\-",
            letter!(),
            r"]+\.)+", // mail.example.
            r"(?:(?i-u:xn--[a-z0-9\-]+)|",
            letter!(),
            "{2,})", // org
        ),
        emails,
    ),
    (r"\+[0-9](?:[ .\-/()]{0,3}[0-9]){7,14}", international),
    (r"(?-u:\b)0[0-9]{1,4}(?:[ \-/()]{1,3}[0-9]+)+", national),
    (
        concat!(
            r"(?:(?-u:\b)1[ .\-])?",
            r"(?:\([2-9][0-9]{2}\)[ .\-/]{0,2}|(?-u:\b)[2-9][0-9]{2}[ .\-/]{1,2})",
            r"[2-9][0-9]{2}[ .\-]{1,2}[0-9]{4}",
        ),
        north_american,
    ),
    ("[0-9A-Fa-f:.]{6,}", addresses),
];

fn emails(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    let Range { start, end } = candidate;
    // The `@` of a URL with a password is no address's. What was found in URLs comes first, and in order.
    let at = start + text[start..end].find('@').unwrap_or_default();
    let urls = found.partition_point(|found| found.label == super::secrets::CREDENTIALS);
    if found[..urls].binary_search_by_key(&at, |found| found.end).is_err() {
        found.push(Found { start, end, label: "EMAIL" });
    }
    end
}

/// `+`, and 8 to 15 digits.
fn international(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    let Range { start, end } = candidate;
    let bytes = text.as_bytes();
    // A list may have nothing between its numbers.
    let begins = starts_word(bytes, start) || found.last().is_some_and(|found| found.end == start);
    if begins && ends_word(bytes, end) {
        found.push(Found { start, end, label: PHONE });
    }
    end
}

/// `0`, an area code, and 9 to 14 digits in all: several numbers may stand in one run.
fn national(text: &str, run: Range<usize>, found: &mut Vec<Found>) -> usize {
    let bytes = text.as_bytes();
    let mut at = run.start;
    while at < run.end {
        let group = digits(bytes, at);
        let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
        let begins = bytes[at] == b'0'
            && (2..=5).contains(&group)
            && !matches!(before, b'.' | b'-' | b'+' | b'/')
            && !is_date(bytes, at);
        match begins.then(|| grouped(bytes, at, run.end)).flatten() {
            Some(end) => {
                found.push(Found { start: at, end, label: PHONE });
                at = end;
            }
            None => at += group.max(1),
        }
    }
    at
}

/// The end of groups of digits from `start` on with 9 to 14 digits in all, and a separator at least.
fn grouped(text: &[u8], start: usize, run_end: usize) -> Option<usize> {
    let (mut at, mut count, mut groups, mut end) = (start, 0, 0, None);
    while at < run_end {
        let group = digits(text, at);
        if count + group > 14 {
            break;
        }
        if group > 0 {
            (count, groups, at) = (count + group, groups + 1, at + group);
            // 0.123456789 is a number, as is a part of a word.
            let is_whole = ends_word(text, at)
                && !(text.get(at) == Some(&b'.') && text.get(at + 1).is_some_and(u8::is_ascii_digit));
            if groups > 1 && count >= 9 && is_whole {
                end = Some(at);
            }
        } else {
            at += 1;
        }
    }
    end
}

/// `01-02-2024`, which more dates may follow.
fn is_date(text: &[u8], start: usize) -> bool {
    let shape = text[start..].iter().take(10).map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte });
    [&b"00-00-0000"[..], b"00/00/0000", b"00 00 0000"]
        .iter()
        .any(|date| shape.clone().eq(date.iter().copied()))
        && digits(text, start + 6) == 4
}

/// Returns the number of digits at `start`; 15 for more than 15.
fn digits(text: &[u8], start: usize) -> usize {
    text[start..].iter().take(15).take_while(|byte| byte.is_ascii_digit()).count()
}

/// Three, three and four digits, of which the first two begin with 2 to 9.
fn north_american(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    let Range { start, end } = candidate;
    let bytes = text.as_bytes();
    let before = start.checked_sub(1).map_or(b' ', |before| bytes[before]);
    // Further groups that are set apart in the same way make it a table, a version, an identifier.
    let goes_on = match bytes[end - 5] {
        separator if bytes.get(end) == Some(&separator) => bytes.get(end + 1).is_some_and(u8::is_ascii_digit),
        _ => false,
    };
    let is_list = goes_on && bytes[end] == b' ' && north_american_follows(&bytes[end + 1..]);
    let is_whole = starts_word(bytes, start) && ends_word(bytes, end) && (!goes_on || is_list);
    if is_whole && !matches!(before, b'.' | b'-' | b'+' | b'/') {
        found.push(Found { start, end, label: PHONE });
    }
    end
}

/// `415 555 2671`
fn north_american_follows(text: &[u8]) -> bool {
    let shape = text.iter().take(12).map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte });
    shape.eq(b"000 000 0000".iter().copied()) && digits(text, 8) == 4
}

fn addresses(text: &str, run: Range<usize>, found: &mut Vec<Found>) -> usize {
    let bytes = text.as_bytes();
    if starts_word(bytes, run.start)
        && ends_word(bytes, run.end)
        && let Some((start, end)) = address(&text[run.clone()])
    {
        found.push(Found { start: run.start + start, end: run.start + end, label: "IP" });
    }
    run.end
}

/// The address in a run of digits, colons and dots; a name and a colon may stand before it, a port or the end of a sentence
/// follow.
fn address(run: &str) -> Option<(usize, usize)> {
    // No address is longer, with a port and a full stop.
    if run.len() > 64 {
        return None;
    }
    let start = usize::from(run.starts_with(':') && !run.starts_with("::"));
    let trimmed = run[start..].trim_end_matches(['.', ':']);
    let without_port = trimmed.split_once(':').map_or(trimmed, |(host, _)| host);
    if let Ok(address) = without_port.parse::<Ipv4Addr>() {
        let tells_something = !address.is_loopback() && !address.is_unspecified();
        return tells_something.then_some((start, start + without_port.len()));
    }
    // `a::b` is a path in a program.
    let is_path = trimmed.len() < 7 || !trimmed.bytes().any(|byte| byte.is_ascii_digit());
    let address = trimmed.parse::<Ipv6Addr>().ok().filter(|_| !is_path)?;
    (!address.is_loopback() && !address.is_unspecified()).then_some((start, start + trimmed.len()))
}

const PHONE: &str = "PHONE";
