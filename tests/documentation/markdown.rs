//! A parser of the Markdown features that the documents use.

use std::collections::{BTreeMap, BTreeSet};

/// Headings and links, without those in code.
pub(crate) struct Document {
    headings: Vec<String>,
    /// `[text](target)`.
    inline: Vec<String>,
    /// `[text][label]`.
    references: Vec<String>,
    /// `[label]: target`.
    definitions: BTreeMap<String, String>,
    code_spans: Vec<Vec<String>>,
}

impl Document {
    pub(crate) fn parse(text: &str) -> Self {
        let mut document = Document {
            headings: Vec::new(),
            inline: Vec::new(),
            references: Vec::new(),
            definitions: BTreeMap::new(),
            code_spans: Vec::new(),
        };
        let mut in_code = false;
        let mut prose = String::new();
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            } else if !in_code {
                if let Some((label, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "))
                {
                    document.definitions.insert(label.to_owned(), target.to_owned());
                } else {
                    prose.push_str(line);
                    prose.push('\n');
                }
                if line.starts_with('#') {
                    document.headings.push(line.trim_start_matches('#').trim().to_owned());
                }
            }
        }
        let blocks = prose.replace("\n|", "\n\n|");
        document.code_spans = blocks.split("\n\n").map(code_of).filter(|block| !block.is_empty()).collect();
        let prose = without_code(&prose);
        for (at, _) in prose.match_indices("](") {
            let target = prose[at + 2..].split(')').next().unwrap_or_default();
            document.inline.push(target.split_whitespace().collect());
        }
        for (at, _) in prose.match_indices("][") {
            document.references.push(prose[at + 2..].split(']').next().unwrap_or_default().to_owned());
        }
        document
    }

    /// The targets of links.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.inline().chain(self.definitions.values().map(String::as_str))
    }

    pub(crate) fn inline(&self) -> impl Iterator<Item = &str> {
        self.inline.iter().map(String::as_str)
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.references.iter().map(String::as_str)
    }

    pub(crate) fn undefined(&self) -> impl Iterator<Item = &str> {
        self.labels().filter(|label| !self.definitions.contains_key(*label))
    }

    /// The targets of links in the text, without unused definitions.
    pub(crate) fn used_targets(&self) -> BTreeSet<String> {
        self.labels().filter_map(|label| self.definitions.get(label)).cloned().collect()
    }

    /// Code in prose, by block: a row of a table, or what is between empty lines.
    pub(crate) fn code_spans(&self) -> &[Vec<String>] {
        &self.code_spans
    }

    /// The anchors of headings.
    pub(crate) fn headings(&self) -> BTreeSet<String> {
        self.headings.iter().map(|heading| anchor(heading)).collect()
    }
}

/// The anchor that GitHub generates for a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

/// The file name for a title.
pub(crate) fn slug(title: &str) -> String {
    let words = title.to_lowercase().replace('\'', "");
    words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

/// Removes inline code, which may look like a link.
fn without_code(text: &str) -> String {
    text.split('`').enumerate().map(|(index, part)| if index % 2 == 0 { part } else { "" }).collect()
}

fn code_of(block: &str) -> Vec<String> {
    block.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn code_is_grouped_by_rows_and_paragraphs() {
    let document = Document::parse("`a` b\n`c`\n\n| `d` |\n| `e` `f` |\n```\n`g`\n```\n");
    assert_eq!(document.code_spans(), [vec!["a", "c"], vec!["d"], vec!["e", "f"]]);
}

#[test]
fn links_in_code_are_not_links() {
    let document = Document::parse("# A b\n[x](y.md) `[z](no.md)` [t][l]\n```\n[n](o)\n```\n[l]: m.md\n");
    assert_eq!(document.targets().collect::<Vec<_>>(), ["y.md", "m.md"]);
    assert_eq!(document.headings(), BTreeSet::from(["a-b".to_owned()]));
    assert_eq!(document.undefined().count(), 0);
    assert_eq!(Document::parse("[t][missing]").undefined().collect::<Vec<_>>(), ["missing"]);
}
