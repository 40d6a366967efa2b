//! A value that cannot be recorded, by its type.

use std::fmt;

/// A value that must never be recorded: `Debug` and `Display` show `***`, and it is neither `serde::Serialize` nor
/// [`Capture`](crate::Capture), so that giving it, or a struct that has one in it, to `input = …` or `arguments(…)` does not
/// compile.
///
/// ```
/// use llm_trace::Secret;
///
/// let key = Secret::new("sk-…".to_owned());
/// assert_eq!(format!("{key} {key:?}"), "*** ***");
/// assert_eq!(key.expose(), "sk-…");
/// ```
///
/// ```compile_fail
/// #[llm_trace::llm_trace(tool, arguments(key))]
/// fn call(key: llm_trace::Secret<String>) {}
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Keeps a value from being recorded.
    pub const fn new(value: T) -> Self {
        Secret(value)
    }

    /// The value, for where it is needed.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, taken out.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Secret(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
