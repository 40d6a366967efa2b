//! Content of a stream: its deltas joined, within the budget of a whole response.

use crate::value::{ContentValue, Elements, Limits, List, Text};

/// More choices than any provider offers: an index from the network must not size our memory.
pub(crate) const MAX_CHOICES: usize = crate::value::bounds::MAX_ITEMS;

/// Approximate overhead of a part besides its text, in bytes.
const PART: usize = 256;

/// A response that is still being streamed.
#[derive(Debug)]
pub(crate) struct Transcript {
    choices: Vec<Choice>,
    /// Deltas of the current item, until its choice is known.
    pending: Vec<Delta>,
    limits: Limits<'static>,
    used: usize,
}

/// Kind of text of a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextKind {
    Text,
    Reasoning,
    Refusal,
}

/// Position of a delta in its choice: the item, and the part of that item.
pub(crate) type Block = (Option<i64>, Option<i64>);

/// A piece of a tool call. Providers send id and name once, and the arguments bit by bit or as an object.
#[derive(Debug, Default)]
pub(crate) struct ToolCallDelta {
    index: Option<i64>,
    id: Text,
    name: Text,
    arguments: Text,
    object: Option<ContentValue>,
}

#[derive(Debug)]
enum Delta {
    Text(TextKind, Text),
    ToolCall(ToolCallDelta),
}

#[derive(Debug)]
struct Choice {
    index: i64,
    parts: Vec<Part>,
    omitted: usize,
    finish_reason: Option<String>,
}

#[derive(Debug)]
enum Part {
    Text { kind: TextKind, block: Block, text: Text },
    ToolCall { index: Option<i64>, call: ToolCallDelta },
}

impl Transcript {
    pub(crate) fn new(limits: Limits<'static>) -> Self {
        Transcript { choices: Vec::new(), pending: Vec::new(), limits, used: 0 }
    }

    pub(crate) fn limits(&self) -> Limits<'static> {
        self.limits
    }

    /// A piece of text.
    pub(crate) fn append(&mut self, kind: TextKind, delta: &str) {
        if !delta.is_empty() {
            let text = Text::cut(delta, self.limits.text);
            self.pending.push(Delta::Text(kind, text));
        }
    }

    /// A piece of a tool call.
    pub(crate) fn call(&mut self, delta: ToolCallDelta) {
        self.pending.push(Delta::ToolCall(delta));
    }

    /// Assigns pending deltas to this choice and block.
    pub(crate) fn commit(&mut self, choice: i64, block: Block) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let mut room = Room { used: self.used, limits: self.limits };
        let Some(choice) = self.choice(choice) else { return };
        for delta in pending {
            match delta {
                Delta::Text(kind, text) => choice.append(kind, block, &text, &mut room),
                Delta::ToolCall(call) => choice.call(block, call, &mut room),
            }
        }
        self.used = room.used;
    }

    /// Why a choice ended.
    pub(crate) fn finish(&mut self, choice: i64, reason: &str) {
        if let Some(choice) = self.choice(choice) {
            choice.finish_reason = Some(reason.to_owned());
        }
    }

    /// Returns a response body with one message for each choice; `None` if the stream had no content.
    pub(crate) fn into_tree(mut self) -> Option<ContentValue> {
        if self.choices.iter().all(|choice| choice.parts.is_empty()) {
            return None;
        }
        self.choices.sort_by_key(|choice| choice.index);
        let choices = self.choices.into_iter().map(Choice::into_tree);
        Some(ContentValue::object([("choices", Some(ContentValue::list(Elements::Values, choices)))]))
    }

    fn choice(&mut self, index: i64) -> Option<&mut Choice> {
        let known = self.choices.iter().position(|choice| choice.index == index);
        if known.is_none() && self.choices.len() < MAX_CHOICES {
            self.choices.push(Choice { index, parts: Vec::new(), omitted: 0, finish_reason: None });
        }
        match known {
            Some(known) => self.choices.get_mut(known),
            None => self.choices.last_mut().filter(|choice| choice.index == index),
        }
    }
}

impl Choice {
    /// Goes on with the last part, or begins a new one.
    fn append(&mut self, kind: TextKind, block: Block, delta: &Text, room: &mut Room) {
        if let Some(Part::Text { kind: known, block: at, text }) = self.parts.last_mut()
            && (*known, *at) == (kind, block)
        {
            return room.push(text, delta);
        }
        let mut text = Text::default();
        room.push(&mut text, delta);
        self.begin(Part::Text { kind, block, text }, room);
    }

    fn call(&mut self, block: Block, delta: ToolCallDelta, room: &mut Room) {
        let index = delta.index.or(block.0);
        let known = self.parts.iter_mut().rev().find_map(|part| match part {
            Part::ToolCall { index: at, call } => call.is_continued_by(*at, &delta, index).then_some(call),
            Part::Text { .. } => None,
        });
        if let Some(call) = known {
            return call.push(delta, room);
        }
        let mut call = ToolCallDelta::default();
        call.push(delta, room);
        self.begin(Part::ToolCall { index, call }, room);
    }

    fn begin(&mut self, part: Part, room: &mut Room) {
        if room.is_full() {
            self.omitted += 1;
        } else {
            room.used += PART;
            self.parts.push(part);
        }
    }

    fn into_tree(self) -> ContentValue {
        let items = self.parts.into_iter().map(Part::into_tree).collect();
        let parts = ContentValue::List(List { items, omitted: self.omitted, of: Elements::Parts });
        let message =
            ContentValue::object([("role", Some(ContentValue::text("assistant"))), ("parts", Some(parts))]);
        ContentValue::object([
            ("message", Some(message)),
            ("finish_reason", self.finish_reason.map(ContentValue::text)),
        ])
    }
}

impl Part {
    fn into_tree(self) -> ContentValue {
        match self {
            Part::Text { kind, text, .. } => {
                let kind = match kind {
                    TextKind::Text => "text",
                    TextKind::Reasoning => "reasoning",
                    TextKind::Refusal => "refusal",
                };
                ContentValue::object([
                    ("type", Some(ContentValue::text(kind))),
                    ("content", Some(ContentValue::Text(text))),
                ])
            }
            Part::ToolCall { call, .. } => {
                let given = |text: Text| (text.bytes > 0).then_some(ContentValue::Text(text));
                ContentValue::object([
                    ("type", Some(ContentValue::text("tool_call"))),
                    ("id", given(call.id)),
                    ("name", Some(ContentValue::Text(call.name))),
                    // A tool without parameters may have none at all.
                    ("arguments", given(call.arguments).or(call.object)),
                ])
            }
        }
    }
}

impl ToolCallDelta {
    pub(crate) fn index(&mut self, index: Option<i64>) {
        self.index = self.index.or(index);
    }

    pub(crate) fn id(&mut self, id: &str) {
        self.id = Text::cut(id, MAX_NAME);
    }

    pub(crate) fn name(&mut self, name: &str) {
        self.name = Text::cut(name, MAX_NAME);
    }

    /// A piece of the arguments' text, or the object they are.
    pub(crate) fn arguments(&mut self, arguments: ContentValue) {
        match arguments {
            ContentValue::Text(text) => self.arguments = text,
            // A long text that looks like a file's.
            ContentValue::Media(media) => self.arguments = Text::cut(&media.to_string(), MAX_NAME),
            // Anthropic's, before the first piece of text.
            ContentValue::Object(entries) if entries.is_empty() => {}
            other => self.object = Some(other),
        }
    }

    pub(crate) fn has_id(&self) -> bool {
        self.id.bytes > 0
    }

    pub(crate) fn is_named(&self) -> bool {
        self.name.bytes > 0
    }

    /// Returns whether only its position is known.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_named() && self.arguments.bytes == 0 && self.object.is_none()
    }

    /// Returns whether `delta`, at `index`, continues this call, which is at `at`.
    fn is_continued_by(&self, at: Option<i64>, delta: &ToolCallDelta, index: Option<i64>) -> bool {
        // Some providers number all calls as the first, but each has a distinct id.
        let is_other = delta.id.bytes > 0 && self.id.bytes > 0 && delta.id != self.id;
        let is_same = delta.id.bytes > 0 && delta.id == self.id;
        match index {
            Some(_) => at == index && !is_other,
            None => is_same || (delta.id.bytes == 0 && !delta.is_named()),
        }
    }

    fn push(&mut self, delta: ToolCallDelta, room: &mut Room) {
        if self.id.bytes == 0 {
            room.push(&mut self.id, &delta.id);
        }
        // A name comes once, or again and again, or bit by bit.
        if self.name != delta.name {
            room.push(&mut self.name, &delta.name);
        }
        if let Some(object) = delta.object.filter(|_| !room.is_full()) {
            room.used += object.cost();
            self.object = Some(object);
        }
        room.push(&mut self.arguments, &delta.arguments);
    }
}

/// The remaining budget.
struct Room {
    used: usize,
    limits: Limits<'static>,
}

impl Room {
    fn push(&mut self, text: &mut Text, more: &Text) {
        let left = self.limits.total.saturating_sub(self.used);
        let limit = self.limits.text.min(text.kept.len().saturating_add(left));
        self.used += text.push(more, limit);
    }

    /// Without budget short facts still pass, but not without end.
    fn is_full(&self) -> bool {
        self.used > self.limits.total.saturating_mul(2)
    }
}

/// Ids and names are short.
const MAX_NAME: usize = crate::value::bounds::MAX_NAME;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits<'static> = Limits { text: 16 << 10, total: 64 << 10, keys: None };

    fn said(transcript: Transcript) -> serde_json::Value {
        let tree = transcript.into_tree().expect("something was said");
        serde_json::to_value(tree).expect("a tree is JSON")["choices"].take()
    }

    fn arguments(index: Option<i64>, id: &str, name: &str, arguments: &str) -> ToolCallDelta {
        let mut delta = ToolCallDelta::default();
        delta.index(index);
        delta.id(id);
        delta.name(name);
        delta.arguments(ContentValue::text(arguments));
        delta
    }

    #[test]
    fn nothing_said_is_no_message() {
        let mut transcript = Transcript::new(LIMITS);
        transcript.append(TextKind::Text, "");
        transcript.commit(0, (None, None));
        transcript.finish(0, "stop");
        assert!(transcript.into_tree().is_none());
    }

    #[test]
    fn no_stream_costs_more_than_its_budget_whatever_it_says() {
        let mut transcript = Transcript::new(LIMITS);
        let total = transcript.limits.total;
        for choice in 0..1000 {
            for turn in 0..100 {
                let kind = if turn % 2 == 0 { TextKind::Text } else { TextKind::Reasoning };
                transcript.append(kind, &"x".repeat(1000));
                transcript.call(arguments(Some(turn), "id", "name", &"y".repeat(1000)));
                transcript.commit(choice, (None, None));
            }
        }
        let kept = serde_json::to_string(&transcript.into_tree().expect("a tree")).expect("JSON").len();
        // Names, brackets and marks of what was cut come on top.
        assert!((total..8 * total).contains(&kept), "{kept}");
    }

    #[test]
    fn a_text_that_was_cut_says_how_long_it_was() {
        let mut transcript = Transcript::new(LIMITS);
        for _ in 0..100 {
            transcript.append(TextKind::Text, &"é".repeat(1000));
            transcript.commit(0, (None, None));
        }
        let text = said(transcript)[0]["message"]["parts"][0]["content"].as_str().expect("text").to_owned();
        assert!(text.ends_with("é…[truncated, 200000 bytes]"), "{}", &text[text.len() - 40..]);
        assert!(text.len() < 17 << 10, "{}", text.len());
    }

    #[test]
    fn calls_are_told_apart_by_index_or_id_or_name() {
        let mut transcript = Transcript::new(LIMITS);
        let calls = [
            (Some(0), "a", "one", "{\"x\""),
            (Some(1), "b", "two", "{"),
            (Some(0), "", "", ":1}"),
            (Some(1), "", "two", "}"),
            // Every call is the first.
            (Some(0), "c", "three", "{}"),
            // Without an index.
            (None, "", "four", ""),
            (None, "", "", "[4]"),
        ];
        for (index, id, name, text) in calls {
            transcript.call(arguments(index, id, name, text));
            transcript.commit(0, (None, None));
        }
        let said = said(transcript);
        let parts = said[0]["message"]["parts"].as_array().expect("parts");
        let found: Vec<_> = parts.iter().map(|part| (&part["name"], &part["arguments"])).collect();
        let expected = [("one", "{\"x\":1}"), ("two", "{}"), ("three", "{}"), ("four", "[4]")];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((name, arguments), (expected_name, expected_arguments)) in found.iter().zip(expected) {
            assert_eq!((name.as_str(), arguments.as_str()), (Some(expected_name), Some(expected_arguments)));
        }
    }
}
