//! Content stored outside of telemetry: spans and events carry references.
//!
//! At the end of a call, the store returns the reference of a piece of content, and the piece is queued. A dedicated thread formats it,
//! redacts it, and passes it to the store.

#[cfg(feature = "otlp")]
mod directory;
#[cfg(feature = "otlp")]
mod queue;

use std::error::Error;
use std::sync::Arc;

#[cfg(feature = "otlp")]
pub use directory::ContentDirectory;
#[cfg(feature = "otlp")]
pub(crate) use queue::Uploader;

use super::recorded::{Form, attribute_key};
use super::rules::Rules;
use crate::model::content::ContentKind;
use crate::model::site::Kind;
use crate::semconv::attribute;
use crate::value::ContentValue;

/// Keeps content outside of telemetry: see [`Builder::with_content_upload`](crate::Builder::with_content_upload). A bundled one
/// is `ContentDirectory` (feature `otlp`).
///
/// ```
/// use std::error::Error;
///
/// use llm_trace::{ContentItem, ContentStore};
///
/// struct Bucket;
///
/// impl ContentStore for Bucket {
///     fn reference(&self, piece: &ContentItem<'_>) -> String {
///         format!("s3://prompts/{}/{}-{}.json", piece.trace_id(), piece.span_id(), piece.attribute())
///     }
///
///     fn store(&self, reference: &str, json: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
///         // put(reference, json), with a timeout
///         # let _ = (reference, json);
///         Ok(())
///     }
/// }
/// ```
pub trait ContentStore: Send + Sync {
    /// Returns the reference of the piece: recorded before the piece is stored. Called after the end of the call, before its
    /// span is written, so it must not block.
    fn reference(&self, piece: &ContentItem<'_>) -> String;

    /// Keeps a piece, which is JSON in the conventions' form, redacted. Called on a thread that does nothing else, for one piece
    /// after the other; what waits there is bounded. It may block, but not for ever: give it a timeout.
    ///
    /// # Errors
    ///
    /// Any failure. The piece is lost, which is counted, and logged once with the error's message.
    fn store(&self, reference: &str, json: &str) -> Result<(), Box<dyn Error + Send + Sync>>;
}

impl<T: ContentStore + ?Sized> ContentStore for Arc<T> {
    fn reference(&self, piece: &ContentItem<'_>) -> String {
        (**self).reference(piece)
    }

    fn store(&self, reference: &str, json: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        (**self).store(reference, json)
    }
}

/// A piece of content that is to be kept: whose, and which.
#[derive(Debug)]
pub struct ContentItem<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    attribute: &'static str,
}

impl ContentItem<'_> {
    /// The trace's id in hex. All zeros if the program has no tracer.
    pub fn trace_id(&self) -> &str {
        self.trace_id
    }

    /// The span's id in hex.
    pub fn span_id(&self) -> &str {
        self.span_id
    }

    /// The attribute that it would be: `gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions` or
    /// `gen_ai.tool.definitions`. A span has each at most once.
    pub fn attribute(&self) -> &'static str {
        self.attribute
    }
}

/// Content on spans and events if it is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentUpload {
    /// The reference, in place of the content.
    Instead,
    /// The reference, besides what [`ContentCapture`](crate::ContentCapture) allows.
    Besides,
}

/// Returns whether a kind of content of such a call is uploaded, if any is: input and output.
pub(super) fn is_uploaded(kind: Kind, piece: ContentKind) -> bool {
    reference_key(kind, piece).is_some()
}

/// The conventions leave the name of a reference open. Ours end as those of OpenTelemetry's Python packages do.
fn reference_key(kind: Kind, piece: ContentKind) -> Option<&'static str> {
    Some(match attribute_key(piece, kind) {
        attribute::INPUT_MESSAGES => attribute::INPUT_MESSAGES_REF,
        attribute::OUTPUT_MESSAGES => attribute::OUTPUT_MESSAGES_REF,
        attribute::SYSTEM_INSTRUCTIONS => attribute::SYSTEM_INSTRUCTIONS_REF,
        attribute::TOOL_DEFINITIONS => attribute::TOOL_DEFINITIONS_REF,
        _ => return None,
    })
}

/// A piece that is to be uploaded.
#[cfg(feature = "otlp")]
struct Job {
    form: Form,
    piece: ContentKind,
    tree: ContentValue,
    rules: Arc<Rules>,
    reference: String,
}

/// Without the builder there is nothing that could make one.
#[cfg(not(feature = "otlp"))]
#[derive(Debug)]
pub(crate) enum Uploader {}

#[cfg(not(feature = "otlp"))]
impl Uploader {
    pub(super) fn upload(
        &self,
        _ids: &(String, String),
        _form: &Form,
        _piece: ContentKind,
        _tree: &ContentValue,
        _rules: &Arc<Rules>,
    ) -> Option<(&'static str, String)> {
        match *self {}
    }
}
