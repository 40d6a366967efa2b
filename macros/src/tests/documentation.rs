//! The tables that people read say what the attribute takes.

use std::collections::BTreeSet;

use crate::vocabulary::{Kind, Kinds};

#[test]
fn the_readme_lists_the_keys_of_every_kind() {
    table_is_true("../README.md", "| kind | span | keys |", "| ");
}

#[test]
fn the_documentation_of_the_attribute_lists_the_keys_of_every_kind() {
    table_is_true("src/lib.rs", "/// | kind | is for | keys |", "/// | ");
}

/// The first column has the kinds, the last one the keys, in backticks.
#[track_caller]
fn table_is_true(path: &str, head: &str, row: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let Ok(text) = std::fs::read_to_string(&path) else {
        // In a published package there is no README of the workspace.
        eprintln!("SKIPPED: there is no {}", path.display());
        return;
    };
    let rows = text.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with(row));
    let mut kinds = Vec::new();
    for line in rows {
        let cells: Vec<&str> = line.trim_matches(|c| "/ |".contains(c)).split(" | ").collect();
        let listed: BTreeSet<&str> = code(cells[cells.len() - 1]).map(without_parentheses).collect();
        if cells[0].starts_with("all of them") {
            assert_eq!(listed, keys(|kinds| matches!(kinds, Kinds::All)), "{line}");
        }
        for word in code(cells[0]) {
            let kind = Kind::from_word(word).unwrap_or_else(|| panic!("no kind {word}: {line}"));
            let taken = keys(|kinds| !matches!(kinds, Kinds::All) && kinds.takes(kind));
            assert_eq!(listed, taken, "{word}");
            assert_eq!(line.contains("`provider` (required)"), kind.requires_provider(), "{word}");
            kinds.push(word);
        }
    }
    let all: BTreeSet<&str> = Kind::all().map(Kind::word).collect();
    assert_eq!(kinds.len(), all.len(), "each kind once: {kinds:?}");
    assert_eq!(kinds.into_iter().collect::<BTreeSet<_>>(), all);
}

fn keys(wanted: impl Fn(&Kinds) -> bool) -> BTreeSet<&'static str> {
    crate::vocabulary::KEYS.iter().filter(|key| wanted(&key.kinds)).map(|key| key.word).collect()
}

/// What stands between backticks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn without_parentheses(key: &str) -> &str {
    key.split('(').next().unwrap_or(key)
}
