//! In: encoded requests, as [`ExportRequest`]s. Out: what became of each, in the stats.
//!
//! ```text
//! processors → exporters → encoder ── ExportRequest ──► Queue (memory) ──► sender thread ──► Transport ──► receiver
//!                                                     │    ▲
//!                                  on failure, at the │    │ replay, when memory is empty
//!                                                 end ▼    │
//!                                                    Spool (disk)
//! ```
//!
//! Each signal has a queue and a sender of its own: receivers differ by signal, and one that hangs must not hold up the
//! others. Two things are exchangeable: how a request is sent ([`Transport`]) and where it waits beyond memory ([`Spool`]).

pub(crate) mod answer;
#[cfg(test)]
pub(crate) mod answer_fuzz;
pub(crate) mod client;
pub(crate) mod deadline;
#[cfg(feature = "spool")]
pub(crate) mod disk;
pub(crate) mod encoding;
#[cfg(feature = "grpc")]
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod log_once;
pub(crate) mod printable;
pub(crate) mod report;
pub(crate) mod stats;

mod config;
mod item_state;
mod metrics;
mod names;
mod queue;
mod request;
mod retry;
mod sender;
mod shape;
mod spool;
mod suppressed;
mod transport;

pub(crate) use config::{COMPRESSIONS, PROTOCOLS, TransportConfig};
pub use config::{Compression, Protocol};
pub(crate) use item_state::ItemState;
pub use item_state::{DropReason, SignalCounts};
pub(crate) use metrics::observe;
pub(crate) use request::{ExportRequest, Signal};
pub(crate) use retry::{Backoff, retry_after};
pub(crate) use sender::{Sender, SenderConfig, close};
pub(crate) use spool::{Spool, Ticket};
pub(crate) use transport::{Outcome, Transport, TransportFactory};
