//! Splits text into words, sentences and tokens. Shared by the search index and the stand-in, so that both compare
//! words alike.

/// Words that do not distinguish questions.
const STOP_WORDS: &[&str] = &[
    "a", "about", "all", "an", "and", "any", "are", "as", "at", "be", "by", "can", "could", "do", "does",
    "for", "from", "get", "has", "have", "how", "i", "if", "in", "is", "it", "its", "me", "my", "need", "no",
    "not", "of", "on", "one", "or", "should", "so", "that", "the", "their", "them", "there", "these", "they",
    "this", "to", "want", "was", "we", "what", "when", "where", "which", "who", "why", "will", "with",
    "would", "you", "your",
];

/// The words of a text without stop words, reduced to stems, so that `naming spans` finds `the name of a
/// span`.
pub(crate) fn stems(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| !STOP_WORDS.contains(&word.as_str()))
        .map(stem)
        .collect()
}

/// Cuts English inflections off a lower-case word. Far simpler than Snowball, and enough for documentation.
fn stem(mut word: String) -> String {
    const SUFFIXES: &[&str] = &["ations", "ation", "ings", "ing", "ed", "es", "s", "e"];
    let Some(suffix) = SUFFIXES.iter().find(|suffix| {
        let rest = word.strip_suffix(**suffix);
        rest.is_some_and(|rest| rest.chars().count() >= 3 && !(**suffix == "s" && rest.ends_with('s')))
    }) else {
        return word;
    };
    word.truncate(word.len() - suffix.len());
    // `spanning` and `setting` double the consonant of `span` and `set`.
    let mut end = word.chars().rev();
    if suffix.len() > 1
        && matches!((end.next(), end.next()), (Some(a), Some(b)) if a == b && !"aeiousl".contains(a))
    {
        word.pop();
    }
    word
}

/// A sentence, a list item, a table row or a code block, and the heading it stands under.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) heading: String,
    pub(crate) text: String,
}

/// The statements of a Markdown text, in order. Headings and the frames of tables are no statements.
pub(crate) fn statements(text: &str) -> Vec<Statement> {
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.line(line);
    }
    reader.end_prose();
    let unclosed = reader.code.take();
    reader.state(unclosed);
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Vec<Statement>,
    heading: String,
    prose: String,
    code: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let trimmed = line.trim();
        let fence = trimmed.starts_with("```");
        if let Some(mut block) = self.code.take() {
            block.push('\n');
            block.push_str(line);
            if fence {
                self.state(Some(block));
            } else {
                self.code = Some(block);
            }
        } else if fence {
            self.end_prose();
            self.code = Some(line.to_owned());
        } else if trimmed.starts_with('#') {
            self.end_prose();
            trimmed.trim_start_matches('#').trim().clone_into(&mut self.heading);
        } else if trimmed.starts_with('|') {
            self.end_prose();
            self.table_row(trimmed);
        } else {
            if trimmed.is_empty() || starts_item(trimmed) {
                self.end_prose();
            } else if !self.prose.is_empty() {
                self.prose.push(' ');
            }
            self.prose.push_str(trimmed);
        }
    }

    fn state(&mut self, text: impl IntoIterator<Item = String>) {
        let heading = &self.heading;
        self.found.extend(text.into_iter().map(|text| Statement { heading: heading.clone(), text }));
    }

    /// Treats a phrase in bold at the beginning of a paragraph as its heading.
    fn end_prose(&mut self) {
        let paragraph = std::mem::take(&mut self.prose);
        match paragraph.strip_prefix("**").and_then(|rest| rest.split_once("** ")) {
            Some((lead, rest)) => {
                let heading = std::mem::replace(&mut self.heading, lead.to_owned());
                self.sentences(rest);
                self.heading = heading;
            }
            None => self.sentences(&paragraph),
        }
    }

    /// Splits at sentence ends, which are followed by a space: `gen_ai.usage.cost` is not two sentences.
    fn sentences(&mut self, text: &str) {
        let mut start = 0;
        for (at, _) in text.match_indices(['.', '?', '!']) {
            let (sentence, rest) = text.split_at(at + 1);
            let next = rest.strip_prefix(' ').and_then(|rest| rest.chars().next());
            // A lower-case letter after the dot means an abbreviation; a short start is the number of a list
            // item.
            if next.is_some_and(|next| !next.is_lowercase()) && sentence.len() - start > 3 {
                self.state([sentence[start..].trim().to_owned()]);
                start = at + 1;
            }
        }
        let last = text[start..].trim();
        self.state((!last.is_empty()).then(|| last.to_owned()));
    }

    fn table_row(&mut self, line: &str) {
        let cells: Vec<_> =
            line.trim_matches('|').split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        if cells.iter().all(|cell| cell.chars().all(|c| c == '-' || c == ':')) {
            // The separator line of a table: the row above it was the header.
            self.found.pop();
        } else {
            self.state([cells.join(" | ")]);
        }
    }
}

fn starts_item(line: &str) -> bool {
    let number = line.split_once(". ").map(|(number, _)| number);
    let numbered =
        number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()));
    numbered || ["- ", "* ", "> "].iter().any(|mark| line.starts_with(mark))
}

/// Splits a text into the units in which it is counted and streamed: at most four characters of a word, or one symbol,
/// each with the white space before it. Real tokenizers average about four characters of English too. Concatenated, the
/// tokens are the text.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    const CHARS: usize = 4;
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.trim_start();
        let mut chars = word.char_indices();
        let (_, first) = chars.next()?;
        let length = if first.is_alphanumeric() {
            chars
                .take(CHARS - 1)
                .take_while(|(_, c)| c.is_alphanumeric())
                .last()
                .map_or(first.len_utf8(), |(at, c)| at + c.len_utf8())
        } else {
            first.len_utf8()
        };
        let (token, tail) = rest.split_at(rest.len() - word.len() + length);
        rest = tail;
        Some(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflections_share_a_stem() {
        for (a, b) in
            [("naming", "name"), ("spans", "span"), ("spanning", "span"), ("configuration", "configure")]
        {
            assert_eq!(stem(a.to_owned()), stem(b.to_owned()), "{a} and {b}");
        }
        assert_eq!(stem("process".to_owned()), "process");
        assert_eq!(stem("use".to_owned()), "use");
    }

    #[test]
    fn stop_words_and_punctuation_are_dropped() {
        assert_eq!(stems("How do I name a `span`?"), ["nam", "span"]);
        assert_eq!(stems("gen_ai.usage.cost"), ["gen", "ai", "usag", "cost"]);
    }

    #[test]
    fn statements_are_sentences_items_rows_and_code() {
        let text = "# Title\nIt costs\n$0.5 per call. Set `a.b`, e.g. here.\n- one item\n1. first\n\n\
                    | key | means |\n| --- | :-- |\n| `name` | the name |\n```rust\nlet a = 1;\n\nlet b = 2;\n```\n";
        let found = statements(text);
        assert!(found.iter().all(|statement| statement.heading == "Title"), "{found:?}");
        let texts: Vec<_> = found.iter().map(|statement| statement.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "It costs $0.5 per call.",
                "Set `a.b`, e.g. here.",
                "- one item",
                "1. first",
                "`name` | the name",
                "```rust\nlet a = 1;\n\nlet b = 2;\n```",
            ]
        );
    }

    #[test]
    fn a_phrase_in_bold_is_the_heading_of_its_paragraph() {
        let found = statements("# Title\n**How long?** An hour. Or two.\n\nAnd **so** on.");
        let found: Vec<_> = found.iter().map(|one| (one.heading.as_str(), one.text.as_str())).collect();
        assert_eq!(found, [("How long?", "An hour."), ("How long?", "Or two."), ("Title", "And **so** on.")]);
    }

    #[test]
    fn tokens_put_together_are_the_text() {
        let text = "Tokenizers,  it seems:\n\n`naïve`!";
        assert_eq!(tokens(text).collect::<String>(), text);
        assert_eq!(tokens("tokenizer ok.").collect::<Vec<_>>(), ["toke", "nize", "r", " ok", "."]);
        assert_eq!(tokens("  \n").count(), 0);
    }
}
