//! OpenTelemetry's current context, also where a thread is being taken down.
//!
//! The API keeps it in a thread-local and panics where that has been destroyed: in destructors of other thread-locals, and in
//! `atexit`. A panic there aborts the process, so everything in this crate asks here instead.

use std::panic::catch_unwind;

use opentelemetry::{Context, ContextGuard};

/// Destroyed before the API's thread-local, because it is initialised after it.
struct Probe {
    /// The API's was destroyed before anybody here asked for it.
    is_late: bool,
}

thread_local! {
    static PROBE: Probe = Probe {
        is_late: {
            #[cfg(feature = "otlp")]
            let _quiet = super::panic::Quiet::begin();
            #[expect(clippy::disallowed_methods, reason = "a panic is what this asks for")]
            catch_unwind(|| Context::map_current(|_| ())).is_err()
        },
    };
}

/// A destructor makes it a thread-local that can be destroyed.
impl Drop for Probe {
    fn drop(&mut self) {}
}

/// Whether this thread has a current context, and can have another.
pub(crate) fn is_available() -> bool {
    PROBE.try_with(|probe| !probe.is_late).unwrap_or(false)
}

/// The current context, or an empty one.
pub(crate) fn get() -> Context {
    with(Clone::clone)
}

/// Looks at the current context, or at an empty one.
pub(crate) fn with<R>(look: impl FnOnce(&Context) -> R) -> R {
    if is_available() {
        #[expect(clippy::disallowed_methods, reason = "it is available")]
        Context::map_current(look)
    } else {
        look(&Context::new())
    }
}

/// Makes `context` the current one until the guard is dropped, if this thread can have one.
pub(crate) fn attach(context: Context) -> Option<ContextGuard> {
    #[expect(clippy::disallowed_methods, reason = "it is available")]
    is_available().then(|| context.attach())
}

/// Until the guard is dropped, what the code below this crate reports of itself is not recorded.
#[cfg(feature = "otlp")]
pub(crate) fn suppress_telemetry() -> Option<ContextGuard> {
    attach(with(Context::with_telemetry_suppressed))
}
