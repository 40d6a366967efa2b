//! A request that waits to be sent.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;

/// Telemetry signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Data points of metrics.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// Returns the plural name of the signal's items.
    pub fn items(self) -> &'static str {
        match self {
            Signal::Traces => "spans",
            Signal::Metrics => "data points",
            Signal::Logs => "events",
        }
    }

    /// The value of the label `llm_trace.signal`, and the last part of an OTLP path.
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }
}

/// One export request: spans, data points or log records that are sent, kept, split, dropped and counted together.
///
/// It has neither a destination nor headers. Both belong to the [`Transport`](super::Transport) it will be sent over, which may be
/// another one by then; credentials are added there, and so are never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// The signal of the items.
    pub signal: Signal,
    /// An `Export{Trace,Metrics,Logs}ServiceRequest` in protobuf, not compressed: a transport that compresses or uses another encoding does
    /// so when it sends, and the sender can split it when it is too large.
    pub body: Bytes,
    /// Spans, data points or log records in it.
    pub item_count: u64,
    /// When it was encoded, which the parts of what was taken apart have in common. Only its age is measured by it; the order
    /// is that of arrival, as clocks can be set back.
    pub created: SystemTime,
}

/// Without the body, which can have content in it.
impl fmt::Debug for ExportRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExportRequest { signal, body, item_count, created } = self;
        f.debug_struct("ExportRequest")
            .field("signal", signal)
            .field("bytes", &body.len())
            .field("item_count", item_count)
            .field("created", created)
            .finish_non_exhaustive()
    }
}
