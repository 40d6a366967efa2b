//! Signals of a text. Words are runs of letters and digits, in lower case; in scripts without spaces, each character is a word.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Words in a run whose repetition is measured: the usual "rep-4".
const RUN: usize = 4;

/// Words that are shorter are "the", "is", "of": they occur everywhere.
const MIN_WORD: usize = 4;

/// Hashes of the words of a text, in order.
fn words(text: &str) -> impl Iterator<Item = (u64, bool)> {
    let is_boundary = |c: char| !c.is_alphanumeric();
    text.split(is_boundary).filter(|run| !run.is_empty()).flat_map(|run| {
        let ideographs = run.chars().filter(|c| is_ideograph(*c)).map(|c| (hash(&c), true));
        let rest: String = run.chars().filter(|c| !is_ideograph(*c)).flat_map(char::to_lowercase).collect();
        let tells = rest.chars().nth(MIN_WORD - 1).is_some() || rest.contains(|c: char| c.is_ascii_digit());
        let word = (!rest.is_empty()).then(|| (hash(&rest), tells));
        ideographs.chain(word).collect::<Vec<_>>()
    })
}

/// Chinese and Japanese are written without spaces.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3fffd}')
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The share of runs of four words that occurred before; `None` of a text that has none.
pub(crate) fn repetition(text: &str) -> Option<f64> {
    let words: Vec<_> = words(text).map(|(word, _)| word).collect();
    let runs = words.windows(RUN);
    let count = runs.len();
    let distinct = runs.collect::<HashSet<_>>().len();
    share(count - distinct, count)
}

/// The significant words of all documents together.
#[derive(Default)]
pub(crate) struct Vocabulary(HashSet<u64>);

impl Vocabulary {
    pub(crate) fn add(&mut self, text: &str) {
        self.0.extend(words(text).filter_map(|(word, tells)| tells.then_some(word)));
    }

    /// The share of a text's words that are among these.
    pub(crate) fn share_of(&self, text: &str) -> Option<f64> {
        if self.0.is_empty() {
            return None;
        }
        let (mut count, mut known) = (0, 0);
        for (word, _) in words(text).filter(|(_, tells)| *tells) {
            count += 1;
            known += usize::from(self.0.contains(&word));
        }
        share(known, count)
    }
}

/// The share of sentences that cite a source: `[1]`, `[2, 3]`, `[^1]`, `[doc1]`, `【4†source】`, or a link. What follows a full stop
/// cites for the sentence before it.
pub(crate) fn citation_coverage(text: &str) -> Option<f64> {
    let mut sentences = Sentences::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = citation(rest) {
            sentences.cite();
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' | '。' | '！' | '？' => sentences.end(),
            // Not the point in 3.5 or in example.org.
            '.' | '!' | '?' if rest.chars().next().is_none_or(|next| !next.is_alphanumeric()) => {
                sentences.end();
            }
            c if c.is_alphanumeric() => sentences.is_begun = true,
            _ => {}
        }
    }
    sentences.end();
    share(sentences.cited, sentences.count)
}

#[derive(Default)]
struct Sentences {
    count: usize,
    cited: usize,
    is_begun: bool,
    is_cited: bool,
    /// Whether the previous sentence is cited.
    before: bool,
}

impl Sentences {
    fn cite(&mut self) {
        if self.is_begun {
            self.is_cited = true;
        } else if self.count > 0 && !self.before {
            self.before = true;
            self.cited += 1;
        }
    }

    fn end(&mut self) {
        if self.is_begun {
            self.count += 1;
            self.cited += usize::from(self.is_cited);
            self.before = self.is_cited;
        }
        (self.is_begun, self.is_cited) = (false, false);
    }
}

/// Limit on text between brackets that counts as a citation.
const MAX_CITATION: usize = 40;

/// The length of a citation that a text begins with.
fn citation(text: &str) -> Option<usize> {
    let (open, close) = match text.chars().next()? {
        '[' => ('[', ']'),
        '【' => ('【', '】'),
        _ => return None,
    };
    let inside = &text[open.len_utf8()..];
    let length = inside.char_indices().take(MAX_CITATION).find(|(_, c)| *c == close)?.0;
    let after = &inside[length + close.len_utf8()..];
    let inside = &inside[..length];
    let is_link = open == '[' && (after.starts_with("(http") || after.starts_with("(#"));
    let is_source = match open {
        '【' => inside.contains(|c: char| c.is_ascii_digit()),
        _ => !inside.is_empty() && inside.split([',', ';', '-', '–']).all(is_source),
    };
    (is_source || is_link).then(|| open.len_utf8() + length + close.len_utf8())
}

/// `3`, `^3`, `doc3`, `Source 3`.
fn is_source(text: &str) -> bool {
    let text = text.trim().trim_start_matches('^').to_ascii_lowercase();
    let number = ["document", "doc", "source", "ref"].iter().find_map(|word| text.strip_prefix(word));
    let number = number.unwrap_or(&text).trim();
    !number.is_empty() && number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[expect(clippy::cast_precision_loss, reason = "words of a bounded text")]
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_repetition() {
        assert_eq!(repetition("one two three"), None);
        assert_eq!(repetition("one two three four five"), Some(0.0));
        // Six runs, of which the last two are the first two again.
        assert_eq!(repetition("a b c d e, A B C D e!"), Some(2.0 / 7.0));
        assert!(repetition(&"I cannot do that. ".repeat(50)).is_some_and(|share| share > 0.95));
        assert_eq!(repetition("東京都港区"), Some(0.0));
    }

    #[test]
    fn words_that_say_something_are_looked_up_in_the_documents() {
        let mut documents = Vocabulary::default();
        assert_eq!(documents.share_of("anything"), None, "there are no documents");
        documents.add("The refund takes 5 days.");
        assert_eq!(documents.share_of("A REFUND takes 5 weeks"), Some(0.75));
        assert_eq!(documents.share_of("It is so."), None, "it says nothing");
        documents.add("退款");
        assert_eq!(documents.share_of("退费"), Some(0.5));
    }

    #[test]
    fn sentences_with_a_citation_are_covered() {
        for (text, expected) in [
            ("", None),
            ("It rains.", Some(0.0)),
            ("It rains [1]. It pours.", Some(0.5)),
            ("It rains. [1] It pours. [2, 3]", Some(1.0)),
            ("It rains [^1].\nIt pours[1-2].", Some(1.0)),
            ("It rains [doc1] and pours [Source 2]. So what?", Some(0.5)),
            ("It rains【4:0†source】. It is 3.5 degrees.", Some(0.5)),
            ("It [rains](https://example.org/rain). It pours.", Some(0.5)),
            ("雨です[1]。寒いです。", Some(0.5)),
            ("- [ ] a task\n- [x] another", Some(0.0)),
            ("An [unclosed bracket. And [text in brackets].", Some(0.0)),
        ] {
            assert_eq!(citation_coverage(text), expected, "{text}");
        }
    }
}
