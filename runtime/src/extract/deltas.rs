//! The one place every delta of every stream passes.

use crate::extract::transcript::{TextKind, ToolCallDelta, Transcript};
use crate::value::{ContentValue, Limits};

/// Deltas of one chunk.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    /// Text, reasoning, a tool call or other output.
    pub(crate) any: bool,
    /// Text that a user can see.
    pub(crate) visible: bool,
    /// The choice of which a reader that was written by hand is telling.
    pub(crate) choice: i64,
    /// All that was streamed so far, if it may be recorded.
    pub(crate) transcript: Option<Box<Transcript>>,
}

impl Deltas {
    /// A piece of the answer's text.
    pub(crate) fn text(&mut self, delta: &str) {
        self.any |= !delta.is_empty();
        self.visible |= !delta.is_empty();
        self.append(TextKind::Text, delta);
    }

    /// The same of a model that declines to answer.
    pub(crate) fn refusal(&mut self, delta: &str) {
        self.any |= !delta.is_empty();
        self.visible |= !delta.is_empty();
        self.append(TextKind::Refusal, delta);
    }

    /// A piece of the model's reasoning.
    pub(crate) fn reasoning(&mut self, delta: &str) {
        self.any |= !delta.is_empty();
        self.append(TextKind::Reasoning, delta);
    }

    /// A piece of a tool call: its name or arguments. Which call it is of is known later: see [`Self::call`].
    pub(crate) fn tool_call(&mut self, delta: &str) {
        self.any |= !delta.is_empty();
    }

    /// Output that is none of these, such as audio.
    pub(crate) fn other(&mut self, delta: &str) {
        self.any |= !delta.is_empty();
    }

    /// An item nothing can be read from; it is taken for visible output.
    pub(crate) fn opaque(&mut self) {
        self.any = true;
        self.visible = true;
    }

    /// All that was streamed so far, for more than text to be added.
    pub(crate) fn transcript(&mut self) -> Option<&mut Transcript> {
        self.transcript.as_deref_mut()
    }

    /// Returns the limits on kept values, if more than their presence is needed.
    pub(crate) fn limits(&self) -> Option<Limits<'static>> {
        self.transcript.as_deref().map(Transcript::limits)
    }

    /// Assigns deltas recorded by hand so far to the current choice.
    pub(crate) fn commit(&mut self) {
        let choice = self.choice;
        if let Some(transcript) = &mut self.transcript {
            transcript.commit(choice, (None, None));
        }
    }

    /// Records a part of a tool call by hand.
    pub(crate) fn call(&mut self, id: &str, name: &str, arguments: &str) {
        self.tool_call(name);
        self.tool_call(arguments);
        if let Some(transcript) = &mut self.transcript {
            let mut call = ToolCallDelta::default();
            call.id(id);
            call.name(name);
            call.arguments(ContentValue::text(arguments));
            transcript.call(call);
        }
    }

    fn append(&mut self, kind: TextKind, delta: &str) {
        if let Some(transcript) = &mut self.transcript {
            transcript.append(kind, delta);
        }
    }
}
