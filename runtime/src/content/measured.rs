//! Text that is measured and never recorded: there is no way from here to an attribute, an event or a log.

use serde::Serialize;

use super::messages;
use crate::model::content::Measured;
use crate::value::{self, ContentValue, Limits};

impl Measured {
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T, limits: Limits<'_>) -> Option<Self> {
        value::capture(value, limits).map(Measured::of_tree)
    }

    /// Returns the visible answer: one text for each choice, without reasoning and tool calls.
    pub(crate) fn answers(&self) -> Vec<String> {
        let messages = messages::output(self.tree().clone(), &[], "stop").into_list().items;
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

    /// Visits every text in it.
    pub(crate) fn each_text(&self, mut visit: impl FnMut(&str)) {
        each_text(self.tree(), &mut visit);
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
