//! User-defined selection of the content of a type.

mod hash;
mod known;

use std::borrow::Cow;

use serde::ser::{Serialize, Serializer};

pub(crate) use hash::HashKey;
pub use hash::Hashed;

use crate::model::argument::Text;

/// A type that selects the parts of it that may be recorded as content: derive it. For content it takes precedence over `Serialize`, which
/// defines the form on the wire; facts of a request or a response (model, usage, …) are read as usual.
///
/// | on a field | it is recorded as |
/// | --- | --- |
/// | | what its type's `Capture` says, else what it serializes to |
/// | `#[capture(redact)]` | `[REDACTED]`; the value is not looked at |
/// | `#[capture(hash)]` | `[hash …]`, a keyed digest (HMAC-SHA-256, of which 128 bits are shown), and a `None` as nothing |
/// | `#[capture(skip)]` | nothing |
/// | `#[capture(rename = "…")]` | itself under this name; variants of an enum can be renamed too |
///
/// Within a process, the same value has the same digest. With [`with_hash_salt`](crate::Builder::with_hash_salt) (or `LLM_TRACE_HASH_SALT`)
/// it is the same in all processes that have the salt, so that a backend can distinguish users without identifying them. A party that has
/// the salt can guess values.
///
/// A field of a type that has neither `Capture` nor `Serialize`, such as a [`SecretString`](crate::secrecy::SecretString), does not compile unless
/// it is skipped or redacted. Type parameters must be `Capture`; the standard library's types and `serde_json::Value` are.
///
/// ```
/// use llm_trace::secrecy::SecretString;
/// use llm_trace::{Capture, llm_trace};
///
/// #[derive(Capture)]
/// struct Ticket {
///     question: String,
///     #[capture(hash, rename = "customer")]
///     email: String,
///     #[capture(redact)]
///     address: String,
///     #[capture(skip)]
///     session: SecretString,
/// }
///
/// #[llm_trace(workflow, input = ticket)]
/// fn answer(ticket: &Ticket) -> String {
///     // recorded: {"question":"…","customer":"[hash okhf…]","address":"[REDACTED]"}
///     format!("about {}: …", ticket.question)
/// }
/// ```
///
/// ```compile_fail
/// #[derive(llm_trace::Capture)]
/// struct Ticket {
///     session: llm_trace::secrecy::SecretString,
/// }
/// ```
///
/// The attribute, and fields of other types that derive `Capture`, detect that a type implements it. Code that only has a `Serialize` bound
/// cannot: a generic function, a struct that derives `Serialize` alone and contains the type, and [`Request::input`](crate::Request::input)
/// and the like where they are called by hand. Give those [`as_content()`](Self::as_content).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded as content",
    label = "neither `llm_trace::Capture` nor `serde::Serialize`",
    note = "derive one of them for `{Self}`, or leave the field out with `#[capture(skip)]`; a secret is always left out"
)]
pub trait Capture {
    /// Whether `Serialize` gives the same result; `true` for foreign types.
    #[doc(hidden)]
    const IS_PLAIN: bool = false;

    /// Writes what may be recorded, as `Serialize` writes what is sent.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    fn capture<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// The value as content, for functions that take anything that is `Serialize`.
    ///
    /// ```
    /// use llm_trace::{Capture, LlmRequest, Request};
    ///
    /// #[derive(Capture)]
    /// struct Question { text: String, #[capture(skip)] user: String }
    ///
    /// struct Ask { model: String, question: Question }
    ///
    /// impl LlmRequest for Ask {
    ///     fn describe(&self, request: &mut Request) {
    ///         request.model(&self.model);
    ///         request.input(&self.question.as_content());
    ///     }
    /// }
    /// ```
    fn as_content(&self) -> AsContent<'_, Self> {
        AsContent(self)
    }
}

/// A value as its `Capture` implementation records it; see [`Capture::as_content`].
#[derive(Debug)]
pub struct AsContent<'a, T: ?Sized>(pub(crate) &'a T);

impl<T: Capture + ?Sized> Serialize for AsContent<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.capture(serializer)
    }
}

/// As a query: its text if it is one, else its JSON.
impl<T: Capture + ?Sized> Text for AsContent<'_, T> {
    fn text(&self) -> Option<Cow<'_, str>> {
        match serde_json::to_value(self).ok()? {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(Cow::Owned(text)),
            other => Some(Cow::Owned(other.to_string())),
        }
    }
}

/// In the place of a field that is not looked at.
#[derive(Debug)]
pub struct Redacted;

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[REDACTED]")
    }
}
