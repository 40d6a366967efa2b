//! The content of a finished call is formed and redacted on a thread of its own; then its events and its span are written.

#[cfg(feature = "otlp")]
use std::sync::Arc;
#[cfg(feature = "otlp")]
use std::time::Duration;

use super::Held;
use crate::model::content::RecordedContent;
use crate::model::record::CallRecord;
#[cfg(feature = "otlp")]
use crate::runtime::Providers;
use crate::value::panic::catch_user_panic;
#[cfg(feature = "otlp")]
use crate::value::worker::Worker;

/// What does not fit is formed by the caller: nothing is lost, and memory is bounded.
#[cfg(feature = "otlp")]
static WORKER: Worker = Worker::new("llm-trace-calls", 1024, 32 << 20);

/// Waits until the calls that have ended are written, but no longer than this.
#[cfg(feature = "otlp")]
pub(crate) fn settle(patience: Duration) {
    WORKER.settle(patience);
}

impl Held {
    /// Forms the content of a finished call, and writes what has content.
    ///
    /// Only under `init()` on another thread: its flush and shutdown wait for that. The providers of a program may be shut down at any
    /// time.
    pub(super) fn export_with_content(&self, record: Box<CallRecord>) {
        #[cfg(feature = "otlp")]
        if self.open.runtime.providers == Providers::Installed {
            let (held, bytes) = (self.another(), record.bytes());
            if let Err(job) = WORKER.submit(bytes, Box::new(move || held.form_and_export(record))) {
                job();
            }
            return;
        }
        self.form_and_export(record);
    }

    fn form_and_export(&self, mut record: Box<CallRecord>) {
        let open = &*self.open;
        let form = || RecordedContent::of(&record, &open.runtime.content, open.content_share());
        record.content = catch_user_panic(form).unwrap_or_default();
        self.sinks().export(record);
    }

    /// A hold for another thread.
    #[cfg(feature = "otlp")]
    pub(super) fn another(&self) -> Held {
        Held { open: Arc::clone(&self.open), by_stream: false }
    }
}
