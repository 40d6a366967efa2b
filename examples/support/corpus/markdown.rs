//! Splits Markdown into sections.

use super::Document;

/// The length in bytes from which a section is split at a paragraph, so that one section does not fill the whole
/// prompt.
const LONG: usize = 1500;

/// One document per heading. Its title is the file and the headings above it.
pub(super) fn sections(file: &str, markdown: &str) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut headings: Vec<(usize, &str)> = Vec::new();
    let mut text = String::new();
    let mut in_code = false;
    for line in markdown.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if let Some((level, heading)) = heading(line).filter(|_| !in_code) {
            flush(file, &headings, &mut text, &mut documents);
            headings.retain(|(above, _)| *above < level);
            headings.push((level, heading));
            continue;
        }
        if line.is_empty() && !in_code && text.len() > LONG {
            flush(file, &headings, &mut text, &mut documents);
        }
        text.push_str(line);
        text.push('\n');
    }
    flush(file, &headings, &mut text, &mut documents);
    documents
}

/// The doc comments of Rust source as Markdown: `//!` and `///` lines without their markers, and nothing else.
pub(super) fn rustdoc(source: &str) -> String {
    let mut markdown = String::new();
    for line in source.lines() {
        let line = line.trim_start();
        if let Some(doc) = line.strip_prefix("//!").or_else(|| line.strip_prefix("///")) {
            markdown.push_str(doc.strip_prefix(' ').unwrap_or(doc));
            markdown.push('\n');
        } else if !markdown.ends_with("\n\n") {
            markdown.push('\n');
        }
    }
    markdown
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let heading = text.strip_prefix(' ')?.trim();
    (level > 0).then_some((level, heading))
}

fn flush(file: &str, headings: &[(usize, &str)], text: &mut String, documents: &mut Vec<Document>) {
    let section = std::mem::take(text);
    if section.trim().is_empty() {
        return;
    }
    let title = std::iter::once(file).chain(headings.iter().map(|(_, heading)| *heading)).collect::<Vec<_>>();
    documents.push(Document { title: title.join(" > "), text: section.trim().to_owned(), score: 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_carries_the_headings_above_it() {
        let markdown = "intro\n# A\n## B\nb\n```sh\n# no heading\n```\n## C\nc\n# D\nd\n";
        let found = sections("README.md", markdown);
        let titles: Vec<_> = found.iter().map(|document| document.title.as_str()).collect();
        assert_eq!(titles, ["README.md", "README.md > A > B", "README.md > A > C", "README.md > D"]);
        assert_eq!(found[1].text, "b\n```sh\n# no heading\n```");
    }

    #[test]
    fn a_long_section_is_cut_at_a_paragraph() {
        let paragraph = "word ".repeat(200);
        let found = sections("a.md", &format!("# H\n{paragraph}\n\n{paragraph}\n\n{paragraph}\n"));
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|document| document.title == "a.md > H"));
    }

    #[test]
    fn doc_comments_become_markdown() {
        let source = "//! Crate.\n//!\n//! # Names\n\n/// One.\n#[x]\npub fn one() {} // no doc\n/// Two.\n";
        assert_eq!(rustdoc(source), "Crate.\n\n# Names\n\nOne.\n\nTwo.\n");
    }
}
