//! Text → the same text with what identifies people and opens doors replaced by `[EMAIL]`, `[API_KEY]`, ….
//!
//! A rule is a regular expression, which finds candidates in linear time, and a check (Luhn, modulo 97, a prefix), which decides.
//! Expressions match maximal runs, and the search continues behind a candidate, whether the check accepts it or not. Checks read a bounded
//! neighbourhood of each place in a run, so the whole is linear too.

mod folded;
mod numbers;
mod people;
mod secrets;

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::Input;
use regex_automata::meta::{BuildError, Config, Regex};

use folded::Folded;
pub(super) use secrets::is_secret;

/// Replaces a value that is a secret because of its name.
pub(super) const SECRET: &str = "[SECRET]";

/// A stretch of text that must not be recorded.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    start: usize,
    end: usize,
    label: &'static str,
}

/// Adds what is to be replaced in and behind a candidate, and returns where the search goes on: at its end, or at the end
/// of what was found, whichever comes later.
type Check = fn(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize;

struct Rule {
    candidates: Regex,
    check: Check,
}

/// No rules, if one does not compile: then nothing is recorded.
static RULES: LazyLock<Result<Vec<Rule>, Box<BuildError>>> = LazyLock::new(|| {
    let patterns = secrets::RULES.iter().chain(people::RULES).chain(numbers::RULES);
    patterns
        .map(|(pattern, check)| {
            // Each thread that redacts has such a cache for each rule; they need a few kilobytes.
            let config = Config::new().hybrid_cache_capacity(128 << 10);
            Ok(Rule { candidates: Regex::builder().configure(config).build(pattern)?, check: *check })
        })
        .collect()
});

/// Replaces everything the built-in rules know.
pub(crate) fn redact(mut text: String) -> String {
    let Ok(rules) = &*RULES else { return "[REDACTED]".to_owned() };
    // Text next to a find may have looked like a part of it, so search again; a label is never found.
    for _ in 0..MAX_PASSES {
        // No rule matches anything shorter.
        if text.len() < 7 {
            break;
        }
        let folded = Folded::new(&text);
        let mut found = Vec::new();
        for rule in rules {
            rule.find(folded.text(), &mut found);
        }
        if found.is_empty() {
            break;
        }
        for found in &mut found {
            (found.start, found.end) = (folded.original(found.start), folded.original(found.end));
        }
        text = replace(&text, found);
    }
    text
}

/// Compiles the rules, which otherwise the first text does.
#[cfg(feature = "otlp")]
pub(super) fn compile() {
    LazyLock::force(&RULES);
}

/// Limit on adjacent finds that are separated; more are redacted together.
const MAX_PASSES: usize = 8;

impl Rule {
    fn find(&self, text: &str, found: &mut Vec<Found>) {
        let mut from = 0;
        while let Some(candidate) = self.candidates.find(Input::new(text).range(from..)) {
            from = (self.check)(text, candidate.range(), found).max(candidate.end());
        }
    }
}

/// Overlapping finds become one with the label of the longer.
fn replace(text: &str, mut found: Vec<Found>) -> String {
    found.sort_by_key(|found| (found.start, usize::MAX - found.end));
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    let mut found = found.into_iter().peekable();
    while let Some(mut current) = found.next() {
        while let Some(next) = found.next_if(|next| next.start < current.end) {
            if next.end - next.start > current.end - current.start {
                current.label = next.label;
            }
            current.end = current.end.max(next.end);
        }
        out.push_str(&text[from..current.start]);
        out.push('[');
        out.push_str(current.label);
        out.push(']');
        from = current.end;
    }
    out.push_str(&text[from..]);
    out
}

/// Returns whether a word or number starts at `start`.
fn starts_word(text: &[u8], start: usize) -> bool {
    start == 0 || !text[start - 1].is_ascii_alphanumeric()
}

/// Returns whether a word or number ends at `end`.
fn ends_word(text: &[u8], end: usize) -> bool {
    text.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// The end of the run of bytes from `start` on that satisfy `belongs`.
fn run(text: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    start + text[start..].iter().take_while(|byte| belongs(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_redacted(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(redact((*text).to_owned()), *expected, "from {text:?}");
        }
    }

    fn assert_kept(cases: &[&str]) {
        for text in cases {
            assert_eq!(redact((*text).to_owned()), *text);
        }
    }

    #[test]
    fn e_mail_addresses() {
        assert_redacted(&[
            ("write to ada.lovelace+x@mail.example.org.", "write to [EMAIL]."),
            ("<o'neil@example.co.uk>, b@c.io", "<[EMAIL]>, [EMAIL]"),
            ("mailto:me@example.com?subject=x", "mailto:[EMAIL]?subject=x"),
            ("我的邮箱是wang@example.cn谢谢", "我的邮箱是[EMAIL]谢谢"),
            ("josé@example.com", "[EMAIL]"),
        ]);
        assert_kept(&[
            "@mention and #tag",
            "a @ b",
            "user@localhost",
            "10@3.5",
            "#[llm_trace(chat)] @x.",
            "x@y..com",
        ]);
    }

    #[test]
    fn telephone_numbers() {
        assert_redacted(&[
            ("call +49 30 901820 now", "call [PHONE] now"),
            ("+1 (415) 555-2671", "[PHONE]"),
            ("tel:+4915112345678", "tel:[PHONE]"),
            ("(415) 555-2671 or 415-555-2671", "[PHONE] or [PHONE]"),
            ("415.555.2671", "[PHONE]"),
            ("0171/1234567, 020 7946 0958", "[PHONE], [PHONE]"),
            ("0049 30 1234567", "[PHONE]"),
        ]);
        assert_kept(&[
            "2026-08-01T12:30:45Z",
            "01-02-2024",
            "order 12345678",
            "0.123456789",
            "+15 %",
            "1-2-3",
            "1024 2048 4096",
            "117-123-4567",
            "lines 100-200",
            "version 1.22.333.4444",
            "3.141592653589793",
        ]);
    }

    #[test]
    fn payment_cards_by_their_check_digit() {
        assert_redacted(&[
            ("4111 1111 1111 1111", "[CARD]"),
            ("pay with 5555-5555-5555-4444!", "pay with [CARD]!"),
            ("378282246310005", "[CARD]"),
            ("3782 822463 10005", "[CARD]"),
            ("4111111111111111, cvv 123", "[CARD], cvv 123"),
            ("卡号4111111111111111。", "卡号[CARD]。"),
            ("6011000990139424 3530111333300000 30569309025904", "[CARD] [CARD] [CARD]"),
        ]);
        assert_kept(&[
            "order 4111111111111112", // fails Luhn
            "4111 1111 1111 1112",
            "1699999999999", // milliseconds
            "0000000000000000",
            "x4111111111111111", // part of an identifier
            "41111111111111114111111111111111",
        ]);
    }

    #[test]
    fn every_wrong_check_digit_is_kept() {
        for digit in 0..10 {
            let text = format!("order 424242424242424{digit} shipped");
            let redacted = redact(text.clone());
            assert_eq!(redacted == text, digit != 2, "{redacted}");
        }
    }

    #[test]
    fn bank_accounts_by_length_and_checksum() {
        assert_redacted(&[
            ("DE89370400440532013000", "[IBAN]"),
            ("IBAN: DE89 3704 0044 0532 0130 00.", "IBAN: [IBAN]."),
            ("gb29nwbk60161331926819", "[IBAN]"),
            ("FR14 2004 1010 0505 0001 3M02 606 is it", "[IBAN] is it"),
            ("NO9386011117947", "[IBAN]"),
        ]);
        assert_kept(&["DE88370400440532013000", "DE89 3704 0044", "AB12CD34EF56", "XX89370400440532013000"]);
    }

    #[test]
    fn addresses_of_machines() {
        assert_redacted(&[
            ("from 203.0.113.7:8080", "from [IP]:8080"),
            ("2001:db8::8a2e:370:7334 and fe80::1", "[IP] and [IP]"),
            ("[2001:db8:0:0:0:0:2:1]", "[[IP]]"),
            ("at 10.1.2.3.", "at [IP]."),
        ]);
        assert_kept(&[
            "999.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "std::net::Ipv4Addr",
            "a::b",
            "12:30:45",
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "v1.2.3.4x",
        ]);
    }

    #[test]
    fn keys_and_tokens() {
        let letters = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0dF2hJ4kL6n";
        for prefix in [
            "sk-",
            "sk-proj-",
            "sk-ant-api03-",
            "AIza",
            "ghp_",
            "gho_",
            "github_pat_",
            "glpat-",
            "glc_",
            "glsa_",
            "xoxb-",
            "xoxp-",
            "xapp-",
            "hf_",
            "gsk_",
            "pplx-",
            "xai-",
            "r8_",
            "sk_live_",
            "npm_",
            "nvapi-",
            "lsv2_",
            "pypi-",
            "ya29.",
            "SG.",
            "tvly-",
        ] {
            let text = format!("key={prefix}{letters};");
            assert_eq!(redact(text), "key=[API_KEY];", "{prefix}");
        }
        assert_redacted(&[
            ("AKIAIOSFODNN7EXAMPLE is public", "[API_KEY] is public"),
            ("Authorization: Bearer abc123.def456-ghi789", "Authorization: Bearer [TOKEN]"),
            ("authorization: basic dXNlcjpwYXNzd29yZDE=", "authorization: basic [TOKEN]"),
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
                "[JWT]",
            ),
            ("postgres://app:hunter2@db.internal/x", "postgres://[CREDENTIALS]@db.internal/x"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest",
                "[PRIVATE_KEY]\nrest",
            ),
            ("x -----BEGIN PRIVATE KEY-----\nMIIE cut off here", "x [PRIVATE_KEY]"),
            ("-----BEGIN OPENSSH PRIVATE KEY----- b3Bl -----END OPENSSH PRIVATE KEY-----", "[PRIVATE_KEY]"),
        ]);
        assert_kept(&[
            "sk-learn is a library and so is sk-something-with-a-long-name",
            "the bearer of good news and bearer instruments-of-all-kinds",
            "basic understanding, basic internationalisation",
            "hf_ghp_glc_",
            "AKIA",
            "eyJ is how they begin",
            "-----BEGIN CERTIFICATE-----",
            "https://example.org/a:b@c",
            "call_abc123 chatcmpl-9xYz run_01H",
        ]);
    }

    /// The least time of this thread that several runs took.
    fn time_to_redact(piece: &str, bytes: usize) -> std::time::Duration {
        let text = piece.repeat(bytes / piece.len());
        let took = |_| {
            let text = text.clone();
            let started = cpu_time::ThreadTime::now();
            redact(text);
            started.elapsed()
        };
        // Short runs end at once, and measure less reliably.
        let runs = if bytes > 1 << 20 { 1 } else { 3 };
        (0..runs).map(took).min().unwrap_or_default()
    }

    /// Twice as much takes twice the time, and with a quadratic rule four times, however often it is tried.
    fn assert_linear(pieces: &[&str], sizes: &[usize]) {
        for piece in pieces {
            for size in sizes {
                let is_linear = |_| {
                    time_to_redact(piece, 2 * size).as_secs_f64()
                        < 2.5 * time_to_redact(piece, *size).as_secs_f64()
                };
                assert!(
                    (0..5).any(is_linear),
                    "twice {size} bytes of {piece:?} take more than 2.5 times as long"
                );
            }
        }
    }

    const PROSE: &str = "The quick brown fox jumps over the lazy dog, and rests for a while. ";

    #[test]
    fn twice_the_text_takes_at_most_two_and_a_half_times_as_long() {
        let pieces = ["ada.lovelace@example.org, ", "0 ", "sk-aB3dE5gH7jK9mN1pQ2sT4v ", PROSE];
        assert_linear(&pieces, &[64 << 10, 512 << 10, 2 << 20]);
    }

    #[test]
    fn what_a_rule_almost_finds_takes_no_longer() {
        let pieces = [
            "1 ",
            "01 ",
            "4",
            "4111 ",
            "2 3 ",
            "+1 ",
            "(",
            "415 ",
            "415 555 2671 ",
            "DE89 ",
            "DE8",
            "1.",
            "::",
            "10.1.2.3 ",
            "a-",
            "a.",
            "a@",
            "a@b.cd ",
            "@",
            "sk-",
            "eyJ-",
            "eyJ-aaaaaaaaaaaa.a",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----",
            "x:/",
            "://",
            "x://a:b@c ",
            "x://a:b",
            "bearer ",
            "password=",
            "token=",
            "token=\"",
            "é\u{200b}",
            "谢谢",
        ];
        assert_linear(&pieces, &[64 << 10]);
    }

    #[test]
    fn digits_take_hardly_more_time_than_prose() {
        let factor = |_| {
            time_to_redact("0 ", 256 << 10).as_secs_f64() / time_to_redact(PROSE, 256 << 10).as_secs_f64()
        };
        let least = (0..5).map(factor).fold(f64::INFINITY, f64::min);
        assert!(least < 4.0, "digits take {least:.1} times as long as prose");
    }

    #[test]
    fn every_rule_compiles() {
        assert!(RULES.is_ok(), "{:?}", RULES.as_ref().err());
    }

    #[test]
    fn overlapping_finds_become_one() {
        assert_eq!(
            redact("https://ada@example.org:secret1@host.example/".to_owned()),
            "https://[CREDENTIALS]@host.example/"
        );
        assert_eq!(redact("Bearer sk-aB3dE5gH7jK9mN1pQ2sT4v".to_owned()), "Bearer [TOKEN]");
    }

    #[test]
    fn any_text_survives_and_is_not_changed_twice() {
        let pieces = [
            "a@b.de",
            "+49 30 901820",
            "4111111111111111",
            "é",
            "\u{1F980}",
            " ",
            "::",
            "@",
            "sk-",
            "-----BEGIN ",
            "eyJ",
            "0",
            "DE89",
            "://",
            ":",
            ".",
            "Bearer ",
            "1.2.3.4",
            "\n",
            "(415) 555-2671",
        ];
        // A small generator is enough to meet every neighbourhood.
        let mut state = 7_u32;
        for _ in 0..3000 {
            let mut text = String::new();
            for _ in 0..9 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
            }
            let once = redact(text.clone());
            assert_eq!(redact(once.clone()), once, "from {text:?}");
        }
    }
}
