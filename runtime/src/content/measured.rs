//! Text that is measured and never recorded: there is no way from here to an attribute, an event or a log.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{copied, messages};
use crate::value::ContentValue;

/// A copy of an answer or of documents, as long as what is recorded of content would be, kept until it has been measured.
#[derive(Clone, PartialEq)]
pub(crate) struct Measured(Arc<ContentValue>);

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measured")
    }
}

impl Measured {
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Option<Self> {
        copied(value).map(Measured::of_tree)
    }

    pub(super) fn of_tree(tree: ContentValue) -> Self {
        Measured(Arc::new(tree))
    }

    /// What a user sees of an answer: one text for each choice, without reasoning and tool calls.
    pub(crate) fn answers(&self) -> Vec<String> {
        let messages = messages::output(ContentValue::clone(&self.0), &[], "stop").into_list().items;
        let texts = messages.into_iter().filter_map(|mut message| {
            let parts = message.take(&["parts"])?.into_list().items;
            let texts =
                parts.iter().filter(|part| part.get("type").and_then(ContentValue::as_str) == Some("text"));
            let mut answer = String::new();
            for text in texts.filter_map(|part| part.get("content")) {
                each_text(text, &mut |text| {
                    answer.push_str(text);
                    answer.push('\n');
                });
            }
            Some(answer)
        });
        texts.filter(|text| !text.trim().is_empty()).collect()
    }

    /// About what it takes in memory.
    pub(crate) fn cost(&self) -> usize {
        self.0.cost()
    }

    /// Visits every text in it.
    pub(crate) fn each_text(&self, mut visit: impl FnMut(&str)) {
        each_text(&self.0, &mut visit);
    }
}

fn each_text(tree: &ContentValue, visit: &mut impl FnMut(&str)) {
    match tree {
        ContentValue::Text(text) => visit(&text.kept),
        ContentValue::List(list) => list.items.iter().for_each(|item| each_text(item, visit)),
        ContentValue::Object(entries) => entries.iter().for_each(|(_, value)| each_text(value, visit)),
        ContentValue::Null
        | ContentValue::Bool(_)
        | ContentValue::Int(_)
        | ContentValue::Double(_)
        | ContentValue::Media(_) => {}
    }
}
