//! Meanings of the keys of a streamed chunk, for every known provider shape.
//!
//! A chunk has three kinds of content: a delta (text, reasoning, a tool call), facts about the response, an error. One reader sees all
//! chunks of a stream. Usage is never added up: every provider that repeats it counts from the beginning, so each field's last report is
//! the total. The choice, item or call of a delta can follow it, so a delta is assigned when its object ends.
//!
//! | shape | deltas | facts |
//! | --- | --- | --- |
//! | OpenAI chat, and what copies it | `choices[].delta` | each chunk; usage in the last |
//! | OpenAI responses | `delta`, of the kind that `type` says; a call's name in `item` | `response`, whole at the end |
//! | Anthropic | `delta`, `content_block` | `message` at the start, `delta` and `usage` at the end |
//! | Gemini | `candidates[].content.parts[]` | each chunk |
//! | Ollama | `message`, `response` | the last chunk |
//! | Bedrock Converse | `contentBlockDelta.delta` | `messageStop`, `metadata` |
//! | Cohere | `delta.message` | `delta` at the end |

use std::borrow::Cow;
use std::cell::Cell;

use serde::Serialize;

use super::chunk_path::{KeyKind, Path, Place};
use super::response::{Field, Place as Fact, ResponseReader};
use crate::extract::deltas::Deltas;
use crate::extract::error::is_class;
use crate::extract::transcript::{Block, MAX_CHOICES, ToolCallDelta};
use crate::model::response::Response;
use crate::value::bounds;
use crate::value::reader::{Reader, Scalar, walk};
use crate::value::{ContentValue, Limits};

/// The facts read from the chunks of one stream so far.
#[derive(Default)]
pub(crate) struct ChunkReader {
    facts: ResponseReader,
    /// By choice, as a provider may repeat them.
    finish_reasons: Vec<(i64, String)>,
    error: Option<StreamedError>,
}

/// An error that came as a chunk.
#[derive(Default)]
struct StreamedError {
    code: Option<String>,
    class: Option<String>,
}

impl ChunkReader {
    /// Reads one chunk; what its deltas are goes to `deltas`.
    pub(crate) fn read<T: Serialize + ?Sized>(&mut self, chunk: &T, deltas: &mut Deltas) {
        let named = || {
            let mut event = EventReader(Event::Unnamed);
            walk(&mut event, EventPlace::Root, chunk);
            event.0
        };
        let mut walker = Walker {
            event: Cell::new(None),
            named: &named,
            known: Cell::new(false),
            is_providers: Cell::new(false),
            choice: None,
            reason: None,
            block: (None, None),
            call: None,
            item_type: None,
            part: None,
            is_thought: false,
            all: self,
            path: None,
            type_name: std::any::type_name::<T>(),
            deltas,
        };
        walk(&mut walker, Place::Event, chunk);
        walker.end_part();
        walker.end_call();
        walker.end_choice();
        walker.all.facts.proves_itself |= walker.is_providers.get();
        if !walker.known.get() {
            // An unknown shape: only its arrival is recorded.
            walker.deltas.opaque();
        }
        walker.path.into_iter().for_each(Path::keep);
    }

    /// Returns the response so far, for labels.
    pub(crate) fn so_far(&self) -> Response {
        if self.facts.is_providers() { self.facts.response.clone() } else { Response::new() }
    }

    /// The class of an error that came as a chunk: the provider's code, else its name for it.
    pub(crate) fn error_type(&self) -> Option<Cow<'static, str>> {
        let error = self.error.as_ref()?;
        let mut words = [&error.code, &error.class].into_iter().flatten();
        let class = words.find(|word| is_class(word)).cloned();
        Some(class.map_or(Cow::Borrowed("stream_error"), Cow::Owned))
    }

    /// Returns the response read from all chunks.
    pub(crate) fn finish(mut self) -> Response {
        self.facts.proves_itself |= !self.finish_reasons.is_empty();
        self.finish_reasons.sort_by_key(|(choice, _)| *choice);
        for (_, reason) in &self.finish_reasons {
            self.facts.response.add_finish_reason(reason);
        }
        self.facts.finish()
    }
}

/// The meaning of `delta`, by the `type` of an event.
#[derive(Clone, Copy)]
enum Event {
    Unnamed,
    Text,
    Refusal,
    Reasoning,
    ToolCall,
    /// The item begins of which later events bring deltas.
    ItemAdded,
    Other,
    Error,
}

/// Finds an event's `type`, where it is serialized after what it explains.
struct EventReader(Event);

#[derive(Clone, Copy)]
enum EventPlace {
    Root,
    Type,
}

impl Reader for EventReader {
    type Place = EventPlace;

    fn key(&self, at: EventPlace, key: &str) -> Option<EventPlace> {
        (matches!(at, EventPlace::Root) && key == "type").then_some(EventPlace::Type)
    }

    fn element(&mut self, _at: EventPlace, _len: Option<usize>) -> Option<EventPlace> {
        None
    }

    fn scalar(&mut self, at: EventPlace, value: Scalar<'_>) {
        if let (EventPlace::Type, Scalar::Text(name)) = (at, value) {
            self.0 = Event::named(name);
        }
    }
}

impl Event {
    fn named(name: &str) -> Event {
        if name == "error" {
            return Event::Error;
        }
        if name == "response.output_item.added" {
            return Event::ItemAdded;
        }
        let Some(name) = name.strip_prefix("response.").and_then(|name| name.strip_suffix(".delta")) else {
            return Event::Unnamed;
        };
        match name {
            "output_text" | "audio.transcript" => Event::Text,
            "refusal" => Event::Refusal,
            name if name.contains("reasoning") => Event::Reasoning,
            name if name.contains("call") => Event::ToolCall,
            _ => Event::Other,
        }
    }
}

/// Reads one chunk.
struct Walker<'a> {
    all: &'a mut ChunkReader,
    /// Of the fields of structs.
    path: Option<Path>,
    type_name: &'static str,
    deltas: &'a mut Deltas,
    /// `None` until it is known.
    event: Cell<Option<Event>>,
    named: &'a dyn Fn() -> Event,
    /// Whether any key was one of a known shape.
    known: Cell<bool>,
    is_providers: Cell<bool>,
    /// The choice that is being read.
    choice: Option<i64>,
    reason: Option<String>,
    /// Of what the deltas are that have no choice.
    block: Block,
    /// The tool call that is being read, if it may be recorded.
    call: Option<ToolCallDelta>,
    item_type: Option<String>,
    /// Gemini's text, until it is known whether it is a thought.
    part: Option<String>,
    is_thought: bool,
}

impl Reader for Walker<'_> {
    type Place = Place;

    fn key(&self, at: Place, key: &str) -> Option<Place> {
        let (behind, key) = at.with_kind(key)?;
        self.found(behind, key)
    }

    fn field(&mut self, at: Place, name: &'static str) -> Option<Place> {
        let (behind, key) = self.path.get_or_insert_with(|| Path::of(self.type_name)).behind(at, name)?;
        self.found(behind, key)
    }

    fn element(&mut self, at: Place, len: Option<usize>) -> Option<Place> {
        match at {
            Place::Fact(fact) => self.all.facts.element(fact, len).map(Place::Fact),
            Place::Content | Place::ToolCall | Place::Part | Place::Reasoning => Some(at),
            _ => None,
        }
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        match (at, value) {
            (
                Place::Fact(Fact::Leaf(Field::FinishReason | Field::ChoiceFinishReason)),
                Scalar::Text(reason),
            ) if !reason.is_empty() => self.reason = bounds::name(reason).map(str::to_owned),
            (Place::Fact(fact), value) => self.all.facts.scalar(fact, value),
            (Place::ChoiceIndex, value) => self.choice = value.int(),
            (Place::ItemIndex, value) => self.block.0 = value.int(),
            (Place::PartIndex, value) => self.block.1 = value.int(),
            (Place::CallIndex, value) => {
                if let Some(call) = self.call() {
                    call.index(value.int());
                }
            }
            (Place::IsThought, Scalar::Bool(is_thought)) => self.is_thought = is_thought,
            (Place::ErrorCode | Place::EventCode, Scalar::Int(code)) => {
                self.error().code = Some(code.to_string());
            }
            (_, Scalar::Text(text)) => self.text(at, text),
            _ => {}
        }
    }

    fn end(&mut self, at: Place) {
        match at {
            Place::Part => {
                self.end_part();
                self.end_call();
            }
            Place::ToolCall | Place::Block | Place::Item => self.end_call(),
            Place::Fact(Fact::Choice) => self.end_choice(),
            Place::Fact(fact) => self.all.facts.end(fact),
            _ => {}
        }
    }

    fn takes_content(&self, at: Place) -> Option<Limits<'static>> {
        if at == Place::Arguments { self.deltas.limits() } else { None }
    }

    fn content(&mut self, _at: Place, arguments: ContentValue) {
        self.deltas.tool_call(arguments.as_str().unwrap_or_default());
        if let Some(call) = self.call() {
            call.arguments(arguments);
        }
    }
}

impl Walker<'_> {
    /// Takes notice of a key, and returns its place, unless that depends on an event of another type.
    fn found(&self, behind: Place, key: KeyKind) -> Option<Place> {
        match key {
            KeyKind::Common => return Some(behind),
            KeyKind::Known => {}
            KeyKind::Providers => self.is_providers.set(true),
            KeyKind::OfEvent => match (behind, self.event()) {
                (Place::Item, Event::ItemAdded) | (Place::EventCode, Event::Error) => {}
                _ => return None,
            },
        }
        self.known.set(true);
        Some(behind)
    }

    fn event(&self) -> Event {
        self.event.get().unwrap_or_else(|| {
            let event = (self.named)();
            self.event.set(Some(event));
            event
        })
    }

    fn text(&mut self, at: Place, text: &str) {
        match at {
            Place::Event | Place::PartOfEvent => {
                self.known.set(true);
                self.deltas.text(text);
            }
            Place::EventType => {
                let event = Event::named(text);
                self.event.set(Some(event));
                if let Event::Error = event {
                    self.error();
                }
            }
            Place::EventDelta => match self.event() {
                Event::Text => self.deltas.text(text),
                Event::Refusal => self.refusal(text),
                Event::Reasoning => self.deltas.reasoning(text),
                Event::ToolCall => self.arguments(text),
                Event::Other => self.deltas.other(text),
                Event::Unnamed | Event::ItemAdded | Event::Error => {}
            },
            Place::Text | Place::Content | Place::ResponseOrText => self.deltas.text(text),
            Place::Refusal => self.refusal(text),
            Place::Reasoning => self.deltas.reasoning(text),
            Place::CallId => {
                if let Some(call) = self.call() {
                    call.id(text);
                }
            }
            Place::ItemId => {
                if let Some(call) = self.call().filter(|call| !call.has_id()) {
                    call.id(text);
                }
            }
            Place::CallName => {
                self.deltas.tool_call(text);
                if let Some(call) = self.call() {
                    call.name(text);
                }
            }
            Place::Arguments => self.arguments(text),
            Place::ItemType => self.item_type = text.strip_suffix("_call").map(str::to_owned),
            Place::Other => self.deltas.other(text),
            Place::PartText => self.part = Some(text.to_owned()),
            Place::Error => {
                self.error();
            }
            Place::ErrorCode | Place::EventCode => self.error().code = bounds::name(text).map(str::to_owned),
            Place::ErrorClass => self.error().class = bounds::name(text).map(str::to_owned),
            _ => {}
        }
    }

    /// Handles a refusal, which is shown instead of an answer.
    fn refusal(&mut self, text: &str) {
        if !text.is_empty() {
            self.all.facts.response.rest_mut().is_refusal = true;
        }
        self.deltas.refusal(text);
    }

    fn error(&mut self) -> &mut StreamedError {
        self.all.error.get_or_insert_default()
    }

    fn end_part(&mut self) {
        let Some(text) = self.part.take() else { return };
        if std::mem::take(&mut self.is_thought) {
            self.deltas.reasoning(&text);
        } else {
            self.deltas.text(&text);
        }
    }

    fn end_choice(&mut self) {
        let choice = self.choice.take().unwrap_or(0);
        let reason = self.reason.take();
        let block = std::mem::take(&mut self.block);
        if let Some(transcript) = self.deltas.transcript() {
            transcript.commit(choice, block);
            if let Some(reason) = &reason {
                transcript.finish(choice, reason);
            }
        }
        let Some(reason) = reason else { return };
        let known = &mut self.all.finish_reasons;
        if let Some((_, known)) = known.iter_mut().find(|(known, _)| *known == choice) {
            *known = reason;
        } else if known.len() < MAX_CHOICES {
            known.push((choice, reason));
        }
    }

    /// Returns the tool call that is being read, if more than its presence is needed.
    fn call(&mut self) -> Option<&mut ToolCallDelta> {
        self.deltas.limits().is_some().then(|| self.call.get_or_insert_default())
    }

    fn arguments(&mut self, delta: &str) {
        self.deltas.tool_call(delta);
        if let Some(call) = self.call() {
            call.arguments(ContentValue::text(delta));
        }
    }

    fn end_call(&mut self) {
        let item_type = self.item_type.take();
        let Some(mut call) = self.call.take() else { return };
        if let Some(item_type) = item_type.filter(|_| !call.is_named()) {
            // Run by the provider: a search, a program.
            call.name(&item_type);
        }
        if let Some(transcript) = self.deltas.transcript().filter(|_| !call.is_empty()) {
            transcript.call(call);
        }
    }
}
