//! The one place every delta of every stream passes.

/// What one chunk brought.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    /// Text, reasoning, a tool call or other output.
    pub(super) any: bool,
    /// Text that a user can see.
    pub(super) visible: bool,
    /// The visible text itself, if it may be recorded.
    pub(super) kept: Option<String>,
}

impl Deltas {
    pub(super) fn keeping_text(keep: bool) -> Self {
        Deltas { kept: keep.then(String::new), ..Deltas::default() }
    }

    /// A piece of the answer's text.
    pub(crate) fn text(&mut self, delta: &str) {
        self.any |= !delta.is_empty();
        self.visible |= !delta.is_empty();
        if let Some(kept) = &mut self.kept {
            kept.push_str(delta);
        }
    }

    /// A piece of the model's reasoning.
    pub(crate) fn reasoning(&mut self, delta: &str) {
        self.any |= !delta.is_empty();
    }

    /// A piece of a tool call: its name or arguments.
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
}
