//! [`ContentValue`](super::ContentValue) → JSON of at most so many bytes, valid whatever had to go.
//!
//! Texts go first, the longest ones most: what is long loses its end and says how long it was. If names, roles and
//! brackets alone are too much, lists lose elements from behind their first, and say how many.

use std::borrow::Cow;

use super::{ContentValue, Elements, List, Text};

/// A tree whose JSON is within `budget` bytes, and that JSON; or nothing if not even its outline fits.
pub(crate) fn fitted(mut tree: ContentValue, budget: usize) -> Option<(ContentValue, String)> {
    for _ in 0..64 {
        let mut marked = tree.clone();
        mark_omissions(&mut marked);
        cut_texts(&mut marked, budget);
        let json = serde_json::to_string(&marked).ok()?;
        if json.len() <= budget {
            return Some((marked, json));
        }
        if !halve_longest(&mut tree) {
            break;
        }
    }
    None
}

/// The same; if not even the outline fits, a mark of what was there, which may be all that is left of a request's budget.
pub(crate) fn fitted_or_mark(tree: ContentValue, budget: usize) -> (ContentValue, String) {
    let mark = mark_of(&tree);
    fitted(tree, budget).unwrap_or_else(|| {
        let json = serde_json::to_string(&mark).unwrap_or_default();
        (mark, json)
    })
}

/// Mark of an omission, in the form of the omitted value.
fn mark_of(tree: &ContentValue) -> ContentValue {
    match tree {
        ContentValue::List(list) => {
            let mut mark = List { omitted: list.items.len() + list.omitted, of: list.of, ..List::default() };
            if let (Elements::Messages, Some(first)) = (list.of, list.items.front()) {
                let of =
                    |key| first.get(key).filter(|value| value.as_str().is_some_and(|text| text.len() < 64));
                let parts = ContentValue::list(Elements::Parts, []);
                mark.items.push_back(ContentValue::object([
                    ("role", of("role").cloned()),
                    ("parts", Some(parts)),
                    ("finish_reason", of("finish_reason").cloned()),
                ]));
            }
            let mut mark = ContentValue::List(mark);
            mark_omissions(&mut mark);
            mark
        }
        ContentValue::Object(_) => ContentValue::object([("…", Some(ContentValue::text("[truncated]")))]),
        ContentValue::Text(text) => ContentValue::Text(Text { kept: String::new(), bytes: text.bytes }),
        other => other.clone(),
    }
}

/// A text by itself within `budget` bytes, mark included.
pub(crate) fn to_text(mut text: Text, budget: usize) -> String {
    if text.shown().len() > budget {
        let room = budget.saturating_sub(text.mark().len());
        text.kept.truncate(crate::value::prefix_end(&text.kept, room));
    }
    text.shown().into_owned()
}

/// Cuts texts so that the whole fits into `budget`, if that can be had by cutting texts.
fn cut_texts(tree: &mut ContentValue, budget: usize) {
    let Ok(json) = serde_json::to_string(tree) else { return };
    let mut lengths = Vec::new();
    tree.each_text(&mut |text| lengths.push(escaped(&text.shown())));
    let texts: usize = lengths.iter().sum();
    let cap = cap(&mut lengths, budget.saturating_sub(json.len() - texts), texts);
    tree.each_text(&mut |text| cut(text, cap));
}

/// The largest length such that lengths cut to it sum to at most `room`.
fn cap(lengths: &mut [usize], room: usize, total: usize) -> usize {
    if total <= room {
        return usize::MAX;
    }
    lengths.sort_unstable();
    let mut left = room;
    for (index, length) in lengths.iter().enumerate() {
        let share = left / (lengths.len() - index);
        if *length > share {
            return share;
        }
        left -= length;
    }
    usize::MAX
}

fn cut(text: &mut Text, cap: usize) {
    if escaped(&text.shown()) <= cap {
        return;
    }
    let room = cap.saturating_sub(text.mark().len());
    let mut used = 0;
    let end = text.kept.char_indices().find(|(_, char)| {
        used += escaped_char(*char);
        used > room
    });
    if let Some((end, _)) = end {
        text.kept.truncate(end);
    }
}

fn escaped(text: &str) -> usize {
    text.chars().map(escaped_char).sum()
}

/// How many bytes of JSON a character becomes.
fn escaped_char(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => char.len_utf8(),
    }
}

/// Takes half of the elements out of the list that is longest as JSON, or entries out of a large object; `false` if
/// there is nothing left to take.
fn halve_longest(tree: &mut ContentValue) -> bool {
    let Some(path) = longest(tree) else { return false };
    let mut at = tree;
    for index in path {
        let inner = match at {
            ContentValue::List(list) => list.items.get_mut(index),
            ContentValue::Object(entries) => entries.get_mut(index).map(|(_, value)| value),
            _ => None,
        };
        let Some(inner) = inner else { return false };
        at = inner;
    }
    match at {
        ContentValue::List(list) => {
            // At least one, at most all but the first, which says what this is.
            let gone = list.items.len() / 2;
            match list.of {
                Elements::Documents => list.items.truncate(list.items.len() - gone),
                _ => drop(list.items.drain(1..=gone)),
            }
            list.omitted += gone;
        }
        ContentValue::Object(entries) => {
            let kept = entries.len() / 2;
            entries.truncate(kept);
            entries.push((Cow::Borrowed("…"), ContentValue::text("[truncated]")));
        }
        _ => return false,
    }
    true
}

/// Objects with fewer entries are messages, parts and the like: they need all of them.
const LARGE_OBJECT: usize = 16;

/// The way to the list or large object with most elements.
fn longest(tree: &ContentValue) -> Option<Vec<usize>> {
    fn visit(tree: &ContentValue, path: &mut Vec<usize>, best: &mut Option<(usize, Vec<usize>)>) {
        let (len, divisible) = match tree {
            ContentValue::List(list) => (list.items.len(), list.items.len() > 1),
            ContentValue::Object(entries) => (entries.len(), entries.len() > LARGE_OBJECT),
            _ => return,
        };
        if divisible && best.as_ref().is_none_or(|(most, _)| len > *most) {
            *best = Some((len, path.clone()));
        }
        let mut descend = |index: usize, inner: &ContentValue| {
            path.push(index);
            visit(inner, path, best);
            path.pop();
        };
        match tree {
            ContentValue::List(list) => {
                list.items.iter().enumerate().for_each(|(index, item)| descend(index, item));
            }
            ContentValue::Object(entries) => {
                entries.iter().enumerate().for_each(|(index, (_, value))| descend(index, value));
            }
            _ => {}
        }
    }
    let mut best = None;
    visit(tree, &mut Vec::new(), &mut best);
    best.map(|(_, path)| path)
}

/// Says in the tree itself where elements are missing, in the form the list's elements have.
fn mark_omissions(tree: &mut ContentValue) {
    match tree {
        ContentValue::List(list) => {
            list.items.iter_mut().for_each(mark_omissions);
            if list.omitted > 0 {
                mark_list(list);
            }
        }
        ContentValue::Object(entries) => entries.iter_mut().for_each(|(_, value)| mark_omissions(value)),
        _ => {}
    }
}

fn mark_list(list: &mut List) {
    let omitted = list.omitted;
    let count = Some(ContentValue::Int(i128::try_from(omitted).unwrap_or(i128::MAX)));
    let part = ContentValue::object([
        ("type", Some(ContentValue::text("llm_trace.omitted"))),
        ("count", count.clone()),
    ]);
    let behind_first = 1.min(list.items.len());
    match list.of {
        Elements::Values => {
            list.items.insert(behind_first, ContentValue::text(format!("…[{omitted} elements omitted]")));
        }
        Elements::Parts => list.items.insert(behind_first, part),
        Elements::Tools => {
            let name = Some(ContentValue::text(format!("{omitted} tools")));
            let tool = ContentValue::object([
                ("type", Some(ContentValue::text("llm_trace.omitted"))),
                ("name", name),
            ]);
            list.items.insert(behind_first, tool);
        }
        Elements::Documents => {
            // No document is made up: the first has the number of those that are missing.
            let Some(ContentValue::Object(first)) = list.items.front_mut() else { return };
            first.extend(count.map(|count| (Cow::Borrowed("llm_trace.omitted"), count)));
        }
        Elements::Messages => {
            // No message is made up: the mark is the first part of the one that follows the gap.
            let Some(ContentValue::Object(message)) = list.behind_gap() else { return };
            if let Some((_, ContentValue::List(parts))) = message.iter_mut().find(|(key, _)| key == "parts") {
                parts.items.push_front(part);
            }
        }
    }
    list.omitted = 0;
}

impl List {
    /// The element after the gap; the first if there is no other.
    fn behind_gap(&mut self) -> Option<&mut ContentValue> {
        let index = 1.min(self.items.len().saturating_sub(1));
        self.items.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> ContentValue {
        let part = ContentValue::object([
            ("type", Some(ContentValue::text("text"))),
            ("content", Some(ContentValue::text(text))),
        ]);
        ContentValue::object([
            ("role", Some(ContentValue::text("user"))),
            ("parts", Some(ContentValue::list(Elements::Parts, [part]))),
        ])
    }

    fn to_json(tree: ContentValue, budget: usize) -> Option<String> {
        fitted(tree, budget).map(|(_, json)| json)
    }

    fn fits(tree: &ContentValue, budget: usize) -> serde_json::Value {
        let json = to_json(tree.clone(), budget).expect("fits");
        assert!(json.len() <= budget, "{} > {budget}", json.len());
        serde_json::from_str(&json).expect("valid JSON")
    }

    #[test]
    fn what_does_not_fit_at_all_leaves_a_mark_of_its_own_form() {
        let mark = |tree: ContentValue| fitted_or_mark(tree, 0).1;
        let messages = ContentValue::list(Elements::Messages, [message("a"), message("b")]);
        let expected = r#"[{"role":"user","parts":[{"type":"llm_trace.omitted","count":2}]}]"#;
        assert_eq!(mark(messages), expected);
        assert_eq!(
            mark(ContentValue::object([("city", Some(ContentValue::text("Rome")))])),
            r#"{"…":"[truncated]"}"#
        );
        let parts = ContentValue::list(Elements::Parts, [ContentValue::text("x")]);
        assert_eq!(mark(parts), r#"[{"type":"llm_trace.omitted","count":1}]"#);
        let tools = ContentValue::list(Elements::Tools, [const { ContentValue::Null }; 3]);
        assert_eq!(mark(tools), r#"[{"type":"llm_trace.omitted","name":"3 tools"}]"#);
    }

    #[test]
    fn what_fits_is_not_touched() {
        let tree = ContentValue::list(Elements::Messages, [message("hi \"there\"\n")]);
        let json = to_json(tree, 1000).expect("fits");
        assert_eq!(json, r#"[{"role":"user","parts":[{"type":"text","content":"hi \"there\"\n"}]}]"#);
    }

    #[test]
    fn the_longest_text_pays_and_says_how_long_it_was() {
        let long = "é\"".repeat(5000);
        let tree = ContentValue::list(Elements::Messages, [message("be kind"), message(&long)]);
        let json = fits(&tree, 1000);
        assert_eq!(json[0]["parts"][0]["content"], "be kind");
        let cut = json[1]["parts"][0]["content"].as_str().expect("text");
        assert!(cut.starts_with("é\"é\"") && cut.ends_with("…[truncated, 15000 bytes]"), "{cut}");
    }

    #[test]
    fn every_budget_gives_valid_json_within_it_or_nothing() {
        let messages = (0..40).map(|index| message(&"ab\u{1F980}\u{1}\\".repeat(index * 7)));
        let tree = ContentValue::list(Elements::Messages, messages);
        let mut fitted = 0;
        for budget in (0..6000).step_by(13) {
            let Some(json) = to_json(tree.clone(), budget) else { continue };
            assert!(json.len() <= budget, "{} > {budget}", json.len());
            let json: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
            assert_eq!(json[0]["role"], "user");
            fitted += 1;
        }
        assert!(fitted > 450, "{fitted}");
    }

    #[test]
    fn too_many_elements_are_counted_in_a_part_of_the_next_message() {
        let tree = ContentValue::list(Elements::Messages, (0..100).map(|index| message(&index.to_string())));
        let json = fits(&tree, 1000);
        let messages = json.as_array().expect("list");
        let mark = &messages[1]["parts"][0];
        assert_eq!(mark["type"], "llm_trace.omitted");
        assert_eq!(mark["count"].as_u64(), Some(100 - messages.len() as u64));
        assert_eq!(messages[0]["parts"][0]["content"], "0");
        assert_eq!(messages.last().expect("some")["parts"][0]["content"], "99");
    }

    #[test]
    fn a_large_object_is_cut_too() {
        let entries = (0..1000).map(|index| (Cow::Owned(format!("key{index}")), ContentValue::Int(index)));
        let json = fits(&ContentValue::Object(entries.collect()), 500);
        assert_eq!(json["key0"], 0);
        assert_eq!(json["…"], "[truncated]");
    }
}
