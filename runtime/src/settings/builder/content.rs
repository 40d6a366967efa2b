//! The builder's methods for what becomes of content beyond redaction.

use std::fmt;
use std::sync::Arc;

use crate::content::{ContentStore, ContentUpload};
use crate::settings::Builder;

/// Where content is kept, of which there is nothing to print.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) store: Arc<dyn ContentStore>,
    pub(crate) upload: ContentUpload,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.upload.fmt(f)
    }
}

/// Values hidden in all output.
#[derive(Clone)]
pub(in crate::settings) struct Salt(pub(in crate::settings) String);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Builder {
    /// How many bytes of content one request may have: an outermost call and all calls inside it, whatever threads they
    /// run on. Calls inside leave the outermost one as much as a span may have, or half of a smaller budget. What is beyond it
    /// is cut as if it were beyond the [budget of its span](Self::with_content_budget), down to a mark of what was there:
    /// a part of type `llm_trace.omitted` or `…[truncated, 123 bytes]`, which does not count. Default: 1 MiB. Range: 0 to 1 GiB.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), llm_trace::ConfigError> {
    /// let telemetry = llm_trace::builder().with_request_content_budget(256 * 1024).init()?;
    /// # Ok(()) }
    /// ```
    pub fn with_request_content_budget(mut self, bytes: usize) -> Self {
        self.request_content_budget = Some(bytes);
        self
    }

    /// Keeps what was asked and answered (`gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions` and
    /// `gen_ai.tool.definitions`) in a store of its own, and records on spans and events where:
    /// `llm_trace.input.messages_ref` and so on. Each piece is in the conventions' form, redacted, and at most 1 MiB.
    ///
    /// As the conventions want it, this is done whatever [`ContentCapture`](crate::ContentCapture) says, which goes on to decide
    /// about other content, and of calls whose traces are not sampled too; a function's `skip(…)` holds. With
    /// [`ContentUpload::Instead`] none of it is on spans and events itself.
    ///
    /// Nothing waits for the store: it works on a thread of its own, before which at most 256 pieces and 32 MiB wait. What is
    /// more, and what the store fails to keep, is lost, counted in the [`ExportReport`](crate::ExportReport) and said once;
    /// [`flush`](crate::Telemetry::flush) and [`shutdown`](crate::Telemetry::shutdown) wait for what waits.
    ///
    /// ```no_run
    /// use llm_trace::{ContentDirectory, ContentUpload};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = ContentDirectory::create("/var/lib/support-bot/content")?;
    /// let telemetry = llm_trace::builder().with_content_upload(store, ContentUpload::Instead).init()?;
    /// # Ok(()) }
    /// ```
    pub fn with_content_upload(mut self, store: impl ContentStore + 'static, upload: ContentUpload) -> Self {
        self.upload = Some(Upload { store: Arc::new(store), upload });
        self
    }

    /// Sets the key of the digests of [`#[capture(hash)]`](crate::Capture), at least 16 bytes: the same value has the same
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
        self.salt = Some(Salt(salt.into()));
        self
    }
}
