//! Numbers with a checksum: payment cards and bank accounts.

use std::ops::Range;

use super::{Check, Found, ends_word, starts_word};

pub(super) const RULES: &[(&str, Check)] =
    &[(r"[0-9](?:[ .\-]{0,3}[0-9]){12,}", cards), (r"(?-u:\b)[A-Za-z]{2}[0-9]{2}[ \-A-Za-z0-9]{11,}", ibans)];

/// A run of digits may have a card's number anywhere that a group begins.
fn cards(text: &str, run: Range<usize>, found: &mut Vec<Found>) -> usize {
    each_word(text, run, "CARD", found, card)
}

fn ibans(text: &str, run: Range<usize>, found: &mut Vec<Found>) -> usize {
    each_word(text, run, "IBAN", found, iban)
}

fn each_word(
    text: &str,
    run: Range<usize>,
    label: &'static str,
    found: &mut Vec<Found>,
    end_of: fn(&[u8], usize) -> Option<usize>,
) -> usize {
    let text = text.as_bytes();
    let mut at = run.start;
    while at < run.end {
        let is_start = text[at].is_ascii_alphanumeric() && starts_word(text, at);
        match is_start.then(|| end_of(text, at)).flatten() {
            Some(end) => {
                found.push(Found { start: at, end, label });
                at = end;
            }
            None => at += 1,
        }
    }
    at
}

/// The end of a payment card's number: 13 to 19 digits in groups, a known first digit, Luhn's check digit.
fn card(text: &[u8], start: usize) -> Option<usize> {
    // 2 to 6 are the networks'; others begin timestamps and counters.
    if !matches!(text[start], b'2'..=b'6') {
        return None;
    }
    let mut digits = [0; 19];
    let (mut count, mut group, mut dots) = (0, 0, 0);
    let mut at = start;
    let mut best = None;
    loop {
        match text.get(at) {
            Some(digit) if digit.is_ascii_digit() => {
                if count == digits.len() {
                    break;
                }
                digits[count] = digit - b'0';
                count += 1;
                group += 1;
                at += 1;
                // One dot makes a decimal number.
                if count >= 13 && dots != 1 && ends_word(text, at) && luhn(&digits[..count]) {
                    best = Some(at);
                }
            }
            // Groups of a card are not smaller than this; dates are.
            Some(b' ' | b'-' | b'.') if group >= 4 => {
                let separators =
                    text[at..].iter().take(4).take_while(|byte| matches!(byte, b' ' | b'-' | b'.'));
                let separators = separators.count();
                let next = at + separators;
                if separators > 3 || !text.get(next).is_some_and(u8::is_ascii_digit) {
                    break;
                }
                dots += usize::from(text[at..next].contains(&b'.'));
                group = 0;
                at = next;
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
    let country = text.get(start..start + 2)?;
    let (_, length) = IBAN_LENGTHS.iter().find(|(code, _)| country.eq_ignore_ascii_case(&code[..]))?;
    let mut account = [0; 34];
    let account = account.get_mut(..*length)?;
    let mut count = 0;
    let mut at = start;
    while count < account.len() {
        match text.get(at)? {
            byte if byte.is_ascii_alphanumeric() => {
                account[count] = byte.to_ascii_uppercase();
                count += 1;
            }
            // The check digits are not set apart from the country.
            b' ' | b'-' if count >= 4 && text[at - 1].is_ascii_alphanumeric() => {}
            _ => return None,
        }
        at += 1;
    }
    let is_checked = account[2..4].iter().all(u8::is_ascii_digit) && ends_word(text, at);
    (is_checked && remainder(account) == 1).then_some(at)
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
