//! Numbers with a checksum: payment cards and bank accounts.

use super::{Found, ends_word, starts_word};

pub(super) fn find(text: &str, found: &mut Vec<Found>) {
    let text = text.as_bytes();
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_alphanumeric() || !starts_word(text, at) {
            at += 1;
            continue;
        }
        let hit = card(text, at).map(|end| (end, "CARD")).or_else(|| iban(text, at).map(|end| (end, "IBAN")));
        match hit {
            Some((end, label)) => {
                found.push(Found { start: at, end, label });
                at = end;
            }
            None => at += 1,
        }
    }
}

/// The end of a payment card's number: 13 to 19 digits in groups, a known first digit, Luhn's check digit.
fn card(text: &[u8], start: usize) -> Option<usize> {
    // 2 to 6 are the networks'; others begin timestamps and counters.
    if !matches!(text[start], b'2'..=b'6') {
        return None;
    }
    let mut digits = Vec::with_capacity(20);
    let mut at = start;
    let mut best = None;
    let mut group = 0;
    loop {
        match text.get(at) {
            Some(digit) if digit.is_ascii_digit() => {
                digits.push(digit - b'0');
                group += 1;
                at += 1;
                if digits.len() > 19 {
                    break;
                }
                if digits.len() >= 13 && ends_word(text, at) && luhn(&digits) {
                    best = Some(at);
                }
            }
            // Groups of a card are not smaller than this; dates are.
            Some(b' ' | b'-') if group >= 4 && text.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                group = 0;
                at += 1;
            }
            _ => break,
        }
    }
    best
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit) {
            (0, digit) => u32::from(*digit),
            (_, digit) if *digit > 4 => u32::from(*digit) * 2 - 9,
            (_, digit) => u32::from(*digit) * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The length of an account number by country, from the IBAN registry.
#[rustfmt::skip]
const IBAN_LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22), (b"BH", 22),
    (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24), (b"DE", 22), (b"DK", 18), (b"DO", 28),
    (b"EE", 20), (b"EG", 29), (b"ES", 24), (b"FI", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23),
    (b"GL", 18), (b"GR", 27), (b"GT", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26),
    (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LC", 32), (b"LI", 21), (b"LT", 20), (b"LU", 20),
    (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19), (b"MR", 27), (b"MT", 31), (b"MU", 30),
    (b"NL", 18), (b"NO", 15), (b"PK", 24), (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22),
    (b"SA", 24), (b"SC", 31), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"ST", 25), (b"SV", 28), (b"TL", 23),
    (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20),
];

/// The end of an IBAN: a country, its length, the remainder 1 by 97; in one piece or in groups.
fn iban(text: &[u8], start: usize) -> Option<usize> {
    let country = text.get(start..start + 2)?.to_ascii_uppercase();
    let (_, length) = IBAN_LENGTHS.iter().find(|(code, _)| code[..] == country)?;
    let mut account = Vec::with_capacity(*length);
    let mut at = start;
    while account.len() < *length {
        match text.get(at)? {
            byte if byte.is_ascii_alphanumeric() => account.push(byte.to_ascii_uppercase()),
            b' ' if account.len() >= 4 && text[at - 1] != b' ' => {}
            _ => return None,
        }
        at += 1;
    }
    let is_checked = account[2..4].iter().all(u8::is_ascii_digit) && ends_word(text, at);
    (is_checked && remainder(&account) == 1).then_some(at)
}

/// The account as a number modulo 97: letters count 10 to 35, and the first four characters come last.
fn remainder(account: &[u8]) -> u32 {
    account[4..].iter().chain(&account[..4]).fold(0, |remainder, byte| {
        if byte.is_ascii_digit() {
            (remainder * 10 + u32::from(byte - b'0')) % 97
        } else {
            (remainder * 100 + u32::from(byte - b'A') + 10) % 97
        }
    })
}
