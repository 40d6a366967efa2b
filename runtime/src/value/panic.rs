//! Calls into code of others that cannot end a call.

use std::cell::Cell;

/// Runs code that is not ours and that we call for information only, the user's (`Serialize`, `Display`, `describe`) or a
/// provider's (spans, measurements): a panic in it must not end a call that succeeded.
pub(crate) fn catch_user_panic<R>(read: impl FnOnce() -> R) -> Option<R> {
    let _quiet = Quiet::begin();
    // Whatever the closure leaves half done is ours and only ever holds optional facts.
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
    #[cfg(test)]
    if read.is_err() {
        llm_trace_fuzz::panic_was_swallowed();
    }
    read.ok()
}

/// Whether this thread runs such code now.
#[cfg(feature = "otlp")]
pub(crate) fn is_catching() -> bool {
    IS_QUIET.get()
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// While code of the user's is run for information only: its panics end nothing.
pub(crate) struct Quiet {
    before: bool,
}

impl Quiet {
    pub(crate) fn begin() -> Self {
        Quiet { before: IS_QUIET.replace(true) }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        IS_QUIET.set(self.before);
    }
}
