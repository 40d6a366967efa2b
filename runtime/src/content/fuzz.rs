//! Inputs of redaction.

use llm_trace_fuzz::fuzz;

use super::redact::redact;

/// Secrets that must be redacted wherever they occur, delimited as in a sentence.
const SECRETS: &[&str] = &[
    "ada.lovelace@example.org",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "sk-aB3dE5gH7jK9mN1pQ2sT4v",
    "+49 30 901820",
];

#[test]
fn fuzz_redaction() {
    fuzz("redaction", |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let once = redact(text.clone());
        // Labels are longer than the shortest of what they stand for, but not by much.
        assert!(once.len() <= 4 * text.len() + 16, "{} bytes of {}", once.len(), text.len());
        assert_eq!(redact(once.clone()), once, "what was redacted stays as it is");
        let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        for secret in SECRETS {
            let planted = redact(format!("{} | {secret} | {}", &text[..middle], &text[middle..]));
            let occurs = text.contains(secret);
            assert!(occurs || !planted.contains(secret), "{secret} is left in {planted}");
        }
        let labels = once.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
        labels.map(|(label, _)| label).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    });
}
