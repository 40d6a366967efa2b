//! Interface for sending requests.

use std::time::{Duration, Instant};

use opentelemetry::{Context, ContextGuard};

use super::ExportRequest;

/// One way to one receiver: a protocol, an encoding, a compression, an address, credentials.
///
/// A transport is made, used and dropped on the thread of its sender and nowhere else, so it may own a blocking client or a private async
/// runtime. It is given one request at a time, and keeps no state of it: retries, backoff and splitting are done by the sender.
pub trait Transport {
    /// Makes one attempt, and returns by `deadline`: it gives up by then and returns [`Outcome::Retry`].
    ///
    /// It may block until then. A panic costs the request (`worker_dead`), and the transport is made anew.
    fn send(&self, request: &ExportRequest, deadline: Instant) -> Outcome;
}

/// Makes a transport, on the sender's thread: at its first request, and again after a panic.
pub type TransportFactory = Box<dyn Fn() -> Box<dyn Transport> + Send + Sync>;

/// Result of an attempt. Every `reason` is a short text for people: on one line, and without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took all of it.
    Accepted,
    /// The receiver took the request and refused so many of its items, for good.
    Partial {
        /// Items that were refused.
        rejected: u64,
        /// The receiver's message about them.
        message: String,
    },
    /// No server listens at the address: connection refused, no such host, no route.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// It may work later: the receiver is busy, or cut the connection, or did not answer in time. `after` is the pause that the receiver
    /// requests (`Retry-After`, `RetryInfo`).
    Retry {
        /// The pause that the receiver requests before the next attempt.
        after: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// It is too large for the receiver (413, `RESOURCE_EXHAUSTED` without `RetryInfo`): half of it may not be.
    Split {
        /// Why.
        reason: String,
    },
    /// The way to the receiver is wrong, not the data: missing or wrong credentials, an unknown path, a page instead of an answer. The
    /// request is kept, and retried now and then in case the error is fixed.
    Refused {
        /// Why.
        reason: String,
    },
    /// The receiver will never take it.
    Rejected {
        /// Why.
        reason: String,
    },
}

/// Until the guard is dropped, what the code below reports of itself is not recorded. Only for threads that are not being
/// taken down, as the sender's is: OpenTelemetry's context panics in destructors of thread-locals.
pub(crate) fn suppress_telemetry() -> ContextGuard {
    Context::map_current(Context::with_telemetry_suppressed).attach()
}
