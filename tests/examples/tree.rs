//! Parses the printed tree into parents and children, independently of the characters it is drawn with.

/// The tree's lines, root first, and the summary below them.
#[derive(Debug)]
pub(crate) struct Tree(Vec<Line>);

#[derive(Debug)]
pub(crate) struct Line {
    number: usize,
    /// The column of the first letter or digit.
    depth: usize,
    pub(crate) text: String,
}

impl Tree {
    /// Ignores other output of the program.
    pub(crate) fn read(stderr: &str) -> Self {
        let is_notice = |line: &str| line.starts_with("rag: ") || line.starts_with("agent: ");
        let lines = stderr.lines().filter(|line| !is_notice(line) && !line.trim().is_empty());
        let lines = lines.enumerate().filter_map(|(number, line)| {
            let depth = line.chars().position(char::is_alphanumeric)?;
            Some(Line { number, depth, text: line.to_owned() })
        });
        Self(lines.collect())
    }

    /// The first line with this word.
    pub(crate) fn line(&self, word: &str) -> &Line {
        let found = self.0.iter().find(|line| line.text.split_whitespace().any(|part| part == word));
        found.unwrap_or_else(|| panic!("no line with `{word}` in {self:#?}"))
    }

    pub(crate) fn summary(&self) -> &str {
        &self.0.last().unwrap().text
    }

    /// Asserts that the nearest line above with a smaller depth is the parent.
    pub(crate) fn assert_child(&self, word: &str, parent: &Line) {
        let child = self.line(word);
        let above = self.0.iter().rev().find(|line| line.number < child.number && line.depth < child.depth);
        let above = above.unwrap_or_else(|| panic!("`{word}` is a root of {self:#?}"));
        assert_eq!(above.number, parent.number, "the parent of `{word}` in {self:#?}");
    }
}
