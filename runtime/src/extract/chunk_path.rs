//! Places in a streamed chunk: where each key leads, and the keys that chunks of a type had so far.

use std::cell::RefCell;

use super::response::{Field, Place as Fact};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Event,
    /// An object in an event that has its entries.
    PartOfEvent,
    EventType,
    /// A fact, as in a whole response.
    Fact(Fact),
    /// Anthropic's start of a message, or Ollama's message.
    Message,
    /// `delta` of an event: text, or an object.
    EventDelta,
    Delta,
    /// The start of a block, which may be a tool call.
    Block,
    Content,
    ToolCall,
    /// The object with the name and arguments of a tool call.
    Function,
    /// An item of the responses API, which may be a tool call.
    Item,
    ItemType,
    CallIndex,
    CallId,
    /// The id of a tool call if it has no other.
    ItemId,
    CallName,
    Arguments,
    /// One of Gemini's parts, which may be a thought.
    Part,
    PartData,
    PartText,
    IsThought,
    /// Ollama's text, or OpenAI's whole response.
    ResponseOrText,
    Metadata,
    ChoiceIndex,
    ItemIndex,
    PartIndex,
    Text,
    Refusal,
    Reasoning,
    Other,
    Error,
    ErrorCode,
    /// The code of an event that is an error.
    EventCode,
    ErrorClass,
    Known,
}

impl Place {
    /// The place behind `key`, which nothing else decides; but for [`KeyKind::OfEvent`].
    #[expect(clippy::match_same_arms, reason = "a table, in the order of the chunks it describes")]
    fn behind(self, key: &str) -> Option<Place> {
        Some(match (self, key) {
            (Place::Event, "type") => Place::EventType,
            (Place::PartOfEvent, "type") => Place::Known,
            (Place::PartOfEvent, key) => return Place::Event.behind(key),
            (Place::Event, "delta") => Place::EventDelta,
            (Place::Event, "message") => Place::Message,
            (Place::Event, "response") => Place::ResponseOrText,
            (Place::Event, "content_block" | "start") => Place::Block,
            (Place::Event, "index" | "contentBlockIndex" | "output_index") => Place::ItemIndex,
            (Place::Event, "content_index" | "summary_index") => Place::PartIndex,
            (Place::Event, "item") => Place::Item,
            (Place::Event, "contentBlockStart" | "contentBlockDelta" | "messageStop") => Place::PartOfEvent,
            (Place::Event, "metadata") => Place::Metadata,
            (Place::Metadata, "usage") => Place::Fact(Fact::Usage),
            (Place::Event, "code") => Place::EventCode,
            (Place::Event | Place::Fact(Fact::Root) | Place::Error, "error") => Place::Error,
            (Place::Error, "code") => Place::ErrorCode,
            (Place::Error, "type" | "status") => Place::ErrorClass,
            (Place::Error, "message") => Place::Error,

            (Place::Fact(Fact::Choice), "index") => Place::ChoiceIndex,
            (Place::Fact(Fact::Choice), "delta" | "message" | "content") => Place::Delta,
            (Place::Fact(Fact::Choice), "text") => Place::Text,

            (Place::Message | Place::Delta | Place::Block | Place::EventDelta, "content") => Place::Content,
            (
                Place::Message | Place::Delta | Place::Block | Place::EventDelta,
                "thinking" | "reasoning" | "reasoning_content" | "reasoningContent",
            ) => Place::Reasoning,
            (
                Place::Message | Place::Delta | Place::Block | Place::EventDelta,
                "tool_calls" | "function_call" | "toolUse",
            ) => Place::ToolCall,
            (Place::Delta | Place::Block | Place::EventDelta, "text") => Place::Text,
            (Place::Delta | Place::EventDelta, "refusal") => Place::Refusal,
            (Place::EventDelta, "partial_json") => Place::Arguments,
            (Place::Block, "id") | (Place::Item, "call_id") => Place::CallId,
            (Place::Item, "id") => Place::ItemId,
            (Place::Block | Place::Item, "name") => Place::CallName,
            (Place::Block | Place::Item, "input" | "arguments") => Place::Arguments,
            (Place::Item, "type") => Place::ItemType,
            (Place::Delta | Place::EventDelta, "message") => Place::Delta,
            (Place::Delta | Place::EventDelta, "tool_plan") => Place::Reasoning,
            (Place::Delta, "parts") => Place::Part,
            (Place::Delta, "audio") => Place::Delta,
            (Place::Delta, "transcript") => Place::Text,
            (Place::Delta, "data") => Place::Other,
            (Place::EventDelta, "stop_reason" | "finish_reason") => {
                Place::Fact(Fact::Leaf(Field::FinishReason))
            }
            (Place::EventDelta, "usage") => Place::Fact(Fact::Usage),

            (Place::Content, "text") => Place::Text,
            (Place::Content, "thinking") => Place::Reasoning,
            (Place::Reasoning, "text" | "thinking") => Place::Reasoning,
            (Place::ToolCall, "function" | "custom") => Place::Function,
            (Place::ToolCall, "index") => Place::CallIndex,
            (Place::ToolCall, "id" | "toolUseId") => Place::CallId,
            (Place::ToolCall | Place::Function, "name") => Place::CallName,
            (Place::ToolCall | Place::Function, "arguments" | "args" | "input") => Place::Arguments,
            (Place::Part, "text") => Place::PartText,
            (Place::Part, "thought") => Place::IsThought,
            (Place::Part, "functionCall" | "function_call") => Place::ToolCall,
            (Place::Part, "inlineData" | "inline_data" | "executableCode" | "executable_code") => {
                Place::PartData
            }
            (Place::PartData, "data" | "code") => Place::Other,

            (Place::Event | Place::Message, key) => Place::Fact(Fact::Root.behind(key)?),
            (Place::ResponseOrText, "error") => Place::Error,
            (Place::ResponseOrText, key) => Place::Fact(Fact::Root.behind(key)?),
            (Place::Fact(fact), key) => Place::Fact(fact.behind(key)?),
            _ => return None,
        })
    }
}

/// What a key says of its chunk.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum KeyKind {
    /// Anything may have it, such as an index.
    Common,
    /// It is one of a known shape.
    Known,
    /// Nothing but a provider's chunk has it: a delta in a list of choices.
    Providers,
    /// Known if the event is of a certain type.
    OfEvent,
}

impl KeyKind {
    fn of(at: Place, behind: Place) -> Self {
        match behind {
            Place::Item | Place::EventCode => KeyKind::OfEvent,
            Place::ItemIndex | Place::PartIndex => KeyKind::Common,
            _ if at == Place::Fact(Fact::Choice) => KeyKind::Providers,
            _ => KeyKind::Known,
        }
    }
}

impl Place {
    /// The place behind `key`, and what the key says of its chunk.
    pub(super) fn with_kind(self, key: &str) -> Option<(Place, KeyKind)> {
        self.behind(key).map(|behind| (behind, KeyKind::of(self, behind)))
    }

    /// A number for each place at which structs with many fields are: comparing places takes longer.
    fn number(self) -> u8 {
        match self {
            Place::Event => 1,
            Place::Message => 2,
            Place::EventDelta => 3,
            Place::Delta => 4,
            Place::Content => 5,
            Place::ToolCall => 6,
            Place::Function => 7,
            Place::Part => 8,
            Place::ResponseOrText => 9,
            Place::Block => 10,
            Place::Fact(Fact::Root) => 11,
            Place::Fact(Fact::Choice) => 12,
            Place::Fact(Fact::Usage) => 13,
            _ => OTHER,
        }
    }
}

/// The number of all other places.
const OTHER: u8 = 0;

/// The fields of the chunks of a type, in the order in which they are serialized. Their names are constants, so that an address stands for a
/// name: a field that comes where it came before is not looked up again.
pub(super) struct Path {
    type_name: &'static str,
    steps: Vec<Step>,
    next: usize,
}

#[derive(Clone, Copy)]
struct Step {
    address: usize,
    len: u32,
    /// The number of the place.
    at: u8,
    behind: Option<(Place, KeyKind)>,
}

/// Providers' chunks have a few dozen fields.
const MAX_STEPS: usize = 128;
/// Fields that a chunk may leave out in a row.
const MAX_SKIPPED: usize = 16;
/// Types of chunks on one thread.
const MAX_PATHS: usize = 8;

thread_local! {
    static PATHS: RefCell<Vec<Path>> = const { RefCell::new(Vec::new()) };
}

impl Path {
    /// Takes the path of a type's chunks.
    pub(super) fn of(type_name: &'static str) -> Self {
        let known = PATHS.try_with(|paths| {
            let mut paths = paths.try_borrow_mut().ok()?;
            let known = paths.iter().position(|path| std::ptr::eq(path.type_name, type_name))?;
            Some(paths.swap_remove(known))
        });
        known.ok().flatten().unwrap_or(Path { type_name, steps: Vec::new(), next: 0 })
    }

    /// Keeps it for the next chunk.
    pub(super) fn keep(mut self) {
        self.next = 0;
        // Gone on a thread that ends.
        let _ = PATHS.try_with(|paths| {
            if let Ok(mut paths) = paths.try_borrow_mut() {
                paths.truncate(MAX_PATHS - 1);
                paths.push(self);
            }
        });
    }

    /// [`Place::with_kind`] for the name of a field.
    pub(super) fn behind(&mut self, at: Place, name: &'static str) -> Option<(Place, KeyKind)> {
        let number = at.number();
        match self.steps.get(self.next) {
            Some(step) if step.is(number, name) => {
                self.next += 1;
                step.behind
            }
            _ => self.look_up(at, number, name),
        }
    }

    #[cold]
    fn look_up(&mut self, place: Place, at: u8, name: &'static str) -> Option<(Place, KeyKind)> {
        if at == OTHER {
            return place.with_kind(name);
        }
        let ahead = self.steps.iter().skip(self.next).take(MAX_SKIPPED);
        if let Some((skipped, step)) = ahead.enumerate().find(|(_, step)| step.is(at, name)) {
            self.next += skipped + 1;
            return step.behind;
        }
        let behind = place.with_kind(name);
        if let (true, Ok(len)) = (self.steps.len() < MAX_STEPS, u32::try_from(name.len())) {
            self.steps.insert(self.next, Step { address: name.as_ptr().addr(), len, at, behind });
            self.next += 1;
        }
        behind
    }
}

impl Step {
    fn is(&self, at: u8, name: &'static str) -> bool {
        self.address == name.as_ptr().addr() && self.len as usize == name.len() && self.at == at
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use crate::extract::ChunkReader;
    use crate::extract::deltas::Deltas;

    #[derive(Serialize)]
    struct Event {
        #[serde(skip_serializing_if = "Option::is_none")]
        delta: Option<Delta>,
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        name: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        choices: Vec<Choice>,
        #[serde(skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
    }

    #[derive(Serialize)]
    #[serde(untagged)]
    enum Delta {
        Text(&'static str),
        Object { text: &'static str, id: &'static str },
    }

    #[derive(Serialize)]
    struct Choice {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'static str>,
        index: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        finish_reason: Option<String>,
    }

    #[derive(Serialize)]
    struct Usage {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'static str>,
        input_tokens: u64,
        output_tokens: u64,
    }

    /// A chunk with the parts that the bits select.
    fn event(bits: u32) -> Event {
        let has = |bit: u32| bits & (1 << bit) != 0;
        let choice = |index| Choice {
            id: has(6).then_some("c"),
            index,
            finish_reason: has(7).then(|| format!("reason-{}", bits % 7)),
        };
        Event {
            delta: has(0)
                .then(|| if has(1) { Delta::Text("a") } else { Delta::Object { text: "b", id: "d" } }),
            name: has(2).then_some(if has(3) {
                "response.output_text.delta"
            } else {
                "response.reasoning.delta"
            }),
            id: has(4).then(|| format!("chunk-{}", bits % 5)),
            choices: (0..if has(5) { bits % 3 } else { 0 }).map(choice).collect(),
            usage: has(8).then(|| Usage {
                id: has(6).then_some("u"),
                input_tokens: bits.into(),
                output_tokens: 1,
            }),
        }
    }

    #[test]
    fn structs_that_leave_out_fields_read_like_maps_of_their_keys() {
        let (mut of_structs, mut of_maps) = (ChunkReader::default(), ChunkReader::default());
        let mut step = 1_u32;
        for _ in 0..4096 {
            step = step.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let event = event(step >> 16);
            let (mut deltas, mut expected) = (Deltas::default(), Deltas::default());
            of_structs.read(&event, &mut deltas);
            let map = serde_json::to_value(&event).expect("JSON");
            of_maps.read(&map, &mut expected);
            assert_eq!((deltas.any, deltas.visible), (expected.any, expected.visible), "{map}");
        }
        assert_eq!(format!("{:?}", of_structs.finish()), format!("{:?}", of_maps.finish()));
    }

    #[test]
    fn a_path_is_followed_again_and_fields_of_other_places_are_not_confused() {
        use super::{Path, Place};
        let mut path = Path::of("a type");
        let look = |path: &mut Path| {
            let id = path.behind(Place::Event, "id").map(|(place, _)| place);
            [id, path.behind(Place::ToolCall, "id").map(|(place, _)| place)]
        };
        let first = look(&mut path);
        assert!(first[0] != first[1], "one name, two places");
        let steps = path.steps.len();
        path.keep();
        let mut path = Path::of("a type");
        assert!(look(&mut path) == first && path.steps.len() == steps);
        assert!(path.behind(Place::Delta, "content").is_some_and(|(place, _)| place == Place::Content));
    }
}
