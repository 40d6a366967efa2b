//! What leads to people: e-mail addresses, telephone numbers, addresses of their machines.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Found, ends_word, run, starts_word};

pub(super) fn find(text: &str, found: &mut Vec<Found>) {
    emails(text, found);
    phones(text.as_bytes(), found);
    addresses(text, found);
}

fn emails(text: &str, found: &mut Vec<Found>) {
    let mut from = 0;
    for (at, _) in text.match_indices('@') {
        let local = text[from..at]
            .char_indices()
            .rev()
            .take_while(|(_, char)| {
                // Letters of any alphabet that separates words: Chinese writes an address without a space before it.
                char.is_ascii_alphanumeric()
                    || matches!(char, '.' | '_' | '%' | '+' | '-' | '\'')
                    || (char.is_alphabetic() && (*char < '\u{2000}'))
            })
            .last();
        let Some((start, _)) = local else { continue };
        // The `@` of a URL with a password is no address's.
        if found.iter().any(|found| found.end == at) {
            continue;
        }
        if let Some(end) = domain(text.as_bytes(), at + 1) {
            found.push(Found { start: from + start, end, label: "EMAIL" });
            from = end;
        }
    }
}

/// The end of `label.label.tld`, of which the last has no digits.
fn domain(text: &[u8], start: usize) -> Option<usize> {
    let end = run(text, start, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    let name = std::str::from_utf8(&text[start..end]).ok()?.trim_end_matches(['.', '-']);
    let (host, top) = name.rsplit_once('.')?;
    let is_name = top.len() >= 2
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !host.is_empty()
        && host.split('.').all(|label| !label.is_empty());
    is_name.then_some(start + name.len())
}

fn phones(text: &[u8], found: &mut Vec<Found>) {
    let mut at = 0;
    while at < text.len() {
        let begins = matches!(text[at], b'+' | b'(' | b'0'..=b'9');
        let is_begin = begins
            && starts_word(text, at)
            && (at == 0
                || !matches!(text[at - 1], b'.' | b'-' | b'+' | b'/' | b':' | b',')
                || text[at] == b'+'
                || text[at - 1] == b':'
                || text[at - 1] == b',');
        match is_begin.then(|| phone(text, at)).flatten() {
            Some(end) => {
                found.push(Found { start: at, end, label: "PHONE" });
                at = end;
            }
            // The rest of a number is not another number.
            None if text[at].is_ascii_digit() => at = run(text, at, |byte| byte.is_ascii_digit()),
            None => at += 1,
        }
    }
}

/// Digits with single separators between them, if their form is that of a telephone number.
fn phone(text: &[u8], start: usize) -> Option<usize> {
    let mut groups: Vec<usize> = Vec::new();
    let mut separators: Vec<u8> = Vec::new();
    let mut count = 0;
    let mut end = start + usize::from(text[start] == b'+');
    let mut at = end;
    loop {
        let opened = text.get(at) == Some(&b'(');
        let from = at + usize::from(opened);
        let digits = run(text, from, |byte| byte.is_ascii_digit());
        if digits == from {
            break;
        }
        groups.push(digits - from);
        // Longer than any number: a table, a list.
        count += digits - from;
        if count > 15 {
            return None;
        }
        end = digits;
        at = digits;
        if opened {
            if text.get(at) != Some(&b')') {
                return None;
            }
            at += 1;
            // The area code alone is no number; what follows may or may not be set apart.
            separators.push(b')');
            at += usize::from(matches!(text.get(at), Some(b' ' | b'-')));
            continue;
        }
        match text.get(at) {
            Some(&separator @ (b' ' | b'-' | b'.' | b'/')) => separators.push(separator),
            _ => break,
        }
        at += 1;
    }
    separators.truncate(groups.len().saturating_sub(1));
    let first = text.get(start + usize::from(text[start] == b'(')).copied();
    let is_phone = match (text[start], first) {
        (b'+', _) => (8..=15).contains(&count),
        (_, Some(b'0')) => {
            (9..=14).contains(&count)
                && !separators.is_empty()
                && !separators.contains(&b'.')
                && groups[0] <= 5
        }
        // North America: three, three, four, of which the first two begin with 2 to 9.
        _ => {
            matches!(groups[..], [3, 3, 4])
                && first.is_some_and(|digit| digit >= b'2')
                && text[end - 8..]
                    .iter()
                    .find(|byte| byte.is_ascii_digit())
                    .is_some_and(|digit| *digit >= b'2')
        }
    };
    (is_phone && ends_word(text, end)).then_some(end)
}

fn addresses(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        if !is_part(bytes[at]) {
            at += 1;
            continue;
        }
        let end = run(bytes, at, is_part);
        if starts_word(bytes, at)
            && ends_word(bytes, end)
            && let Some((start, end)) = address(&text[at..end])
        {
            found.push(Found { start: at + start, end: at + end, label: "IP" });
        }
        at = end;
    }
}

/// The address in a run of digits, colons and dots; a port or the end of a sentence may follow.
fn address(run: &str) -> Option<(usize, usize)> {
    let trimmed = run.trim_end_matches(['.', ':']);
    let without_port = trimmed.split_once(':').map_or(trimmed, |(host, _)| host);
    if let Ok(address) = without_port.parse::<Ipv4Addr>() {
        let tells_something = !address.is_loopback() && !address.is_unspecified();
        return tells_something.then_some((0, without_port.len()));
    }
    // `a::b` is a path in a program.
    let is_path = trimmed.len() < 7 || !trimmed.bytes().any(|byte| byte.is_ascii_digit());
    let address = trimmed.parse::<Ipv6Addr>().ok().filter(|_| !is_path)?;
    (!address.is_loopback() && !address.is_unspecified()).then_some((0, trimmed.len()))
}
