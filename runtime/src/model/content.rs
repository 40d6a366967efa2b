//! The content of a call as it was captured. What may be captured and recorded is decided in [`crate::content`].

use std::fmt;
use std::sync::Arc;

use opentelemetry::{Key, KeyValue};

use crate::value::ContentValue;

/// A piece of content that a call can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// Instructions that the API takes apart from the messages.
    System,
    /// The messages sent, or the input of a workflow.
    Input,
    /// The messages returned; the result of a tool; the documents found.
    Output,
    /// The definitions of tools.
    Tools,
    /// The search query.
    Query,
    /// The arguments of a tool.
    Arguments,
    /// The variables of a prompt template.
    Variables,
    /// The records written to a memory.
    Records,
}

/// Captured content of a call, and the kinds that its function skips.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Captured {
    pub(crate) pieces: Vec<(ContentKind, ContentValue)>,
    pub(crate) skipped: Vec<ContentKind>,
}

/// Content does not leak into logs when a request is printed.
impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.pieces.iter().map(|(piece, _)| piece)).finish()
    }
}

impl Captured {
    pub(crate) fn skip(&mut self, piece: ContentKind) {
        self.skipped.push(piece);
        self.pieces.retain(|(known, _)| *known != piece);
    }

    /// Returns whether the function skips a kind of content.
    pub(crate) fn skips(&self, piece: ContentKind) -> bool {
        self.skipped.contains(&piece)
    }

    /// Sets or replaces a piece.
    pub(crate) fn set(&mut self, piece: ContentKind, mut tree: ContentValue) {
        // Each variable is a separate attribute: only variables that are set again are replaced.
        let known =
            self.pieces.iter_mut().find(|(known, _)| *known == piece && piece == ContentKind::Variables);
        if let (Some((_, ContentValue::Object(known))), ContentValue::Object(new)) = (known, &mut tree) {
            known.retain(|(name, _)| new.iter().all(|(new, _)| new != name));
            known.append(new);
            return;
        }
        self.pieces.retain(|(known, _)| *known != piece);
        self.pieces.push((piece, tree));
    }

    /// Takes over what `later` has.
    pub(crate) fn replace_with(&mut self, later: Captured) {
        for (piece, tree) in later.pieces {
            if !self.skipped.contains(&piece) {
                self.set(piece, tree);
            }
        }
    }

    /// Takes from `other` what this does not have itself.
    pub(crate) fn fill_from(&mut self, other: Captured) {
        for (piece, tree) in other.pieces {
            if self.pieces.iter().all(|(known, _)| *known != piece) {
                self.set(piece, tree);
            }
        }
    }
}

/// The content of a finished call: in the conventions' form, redacted, within the budgets. Made once, for the span and the
/// event alike.
#[derive(Default)]
pub(crate) struct RecordedContent {
    pub(crate) attributes: Vec<ContentAttribute>,
    /// References to content that is uploaded, by attribute.
    pub(crate) references: Vec<(&'static str, String)>,
}

impl fmt::Debug for RecordedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.attributes.iter().map(|attribute| &attribute.key)).finish()
    }
}

/// One attribute of [`RecordedContent`].
pub(crate) struct ContentAttribute {
    pub(crate) key: Key,
    pub(crate) tree: ContentValue,
    /// The tree as text: JSON, unless it is a plain string.
    pub(crate) text: String,
    /// The same in OpenInference's words, for the span only.
    pub(crate) copies: Vec<KeyValue>,
}

impl ContentAttribute {
    /// One that is a text by itself.
    pub(crate) fn text(key: Key, text: String) -> Self {
        ContentAttribute { key, tree: ContentValue::text(text.clone()), text, copies: Vec::new() }
    }

    /// The size that counts towards the span's budget.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + self.copies.iter().map(|copy| copy.value.as_str().len()).sum::<usize>()
    }
}

/// A copy of an answer or of documents, as long as what is recorded of content would be, kept until it has been measured.
#[derive(Clone, PartialEq)]
pub(crate) struct Measured(Arc<ContentValue>);

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measured")
    }
}

impl Measured {
    pub(crate) fn of_tree(tree: ContentValue) -> Self {
        Measured(Arc::new(tree))
    }

    pub(crate) fn tree(&self) -> &ContentValue {
        &self.0
    }

    /// About what it takes in memory.
    pub(crate) fn cost(&self) -> usize {
        self.0.cost()
    }
}
