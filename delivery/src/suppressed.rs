//! Delivery without telemetry of its own.

use opentelemetry::{Context, ContextGuard};

/// Until the guard is dropped, what the code below reports of itself is not recorded. Only for threads that are not being
/// taken down, as the sender's is: OpenTelemetry's context panics in destructors of thread-locals.
pub(super) fn suppress_telemetry() -> ContextGuard {
    Context::map_current(Context::with_telemetry_suppressed).attach()
}
