//! The builder's methods for what becomes of content beyond redaction.

use std::fmt;

use super::super::Builder;

/// What the builder was told about content.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Content {
    pub(in crate::config) salt: Option<Salt>,
    pub(in crate::config) per_request: Option<usize>,
}

/// What no output may show.
#[derive(Clone)]
pub(in crate::config) struct Salt(pub(in crate::config) String);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Builder {
    /// How many bytes of content one request may have: an outermost call and all calls inside it, whatever threads they
    /// run on. Calls inside leave the outermost one as much as a span may have, or half of a smaller budget. What is beyond it
    /// is cut as if it were beyond the [budget of its span](Self::with_content_budget), down to a mark of what was there:
    /// a part of type `llm_trace.omitted` or `…[truncated, 123 bytes]`, which does not count. Default: 1 MiB.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), llm_trace::ConfigError> {
    /// let telemetry = llm_trace::builder().with_request_content_budget(256 * 1024).init()?;
    /// # Ok(()) }
    /// ```
    pub fn with_request_content_budget(mut self, bytes: usize) -> Self {
        self.content_rules.per_request = Some(bytes);
        self
    }

    /// What the digests of [`#[capture(hash)]`](crate::Capture) are keyed with, at least 16 bytes: the same value has the same
    /// digest in every process that has the same salt. Keep it like a password, as who has it can guess values. Variable:
    /// `LLM_TRACE_HASH_SALT`. Default: random, so that digests can be compared within one run of the process only.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let salt = "from the program's own store of secrets";
    /// let telemetry = llm_trace::builder().with_hash_salt(salt).init()?;
    /// # Ok(()) }
    /// ```
    pub fn with_hash_salt(mut self, salt: impl Into<String>) -> Self {
        self.content_rules.salt = Some(Salt(salt.into()));
        self
    }
}
