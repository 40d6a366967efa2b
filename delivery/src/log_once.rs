//! Telling the program's people that telemetry was lost.

use std::fmt::{self, Display};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Says it as a `tracing` error, and returns whether anybody saw it.
///
/// That a subscriber is set, and even that it calls the event enabled, does not tell: a filter drops it, a registry
/// without a layer takes everything and shows nothing. Whoever shows the event formats its message, so the message
/// says itself whether it was.
pub(super) fn to_subscriber(message: &dyn Display) -> bool {
    let witness = Witness { message, formatted: AtomicBool::new(false) };
    tracing::error!(target: "llm_trace_delivery", "{witness}");
    witness.formatted.into_inner()
}

/// Says it on stderr. A stderr that is closed must not hurt the program, as `eprintln!` would.
pub(super) fn to_stderr(message: &dyn Display) {
    let _ = writeln!(std::io::stderr().lock(), "llm-trace: {message}");
}

struct Witness<'a> {
    message: &'a dyn Display,
    formatted: AtomicBool,
}

impl Display for Witness<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.formatted.store(true, Ordering::Relaxed);
        self.message.fmt(f)
    }
}
