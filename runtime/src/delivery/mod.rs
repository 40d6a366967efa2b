//! In: encoded requests, as [`Parcel`]s. Out: what became of each, in the ledger.
//!
//! ```text
//! processors → exporters → encoder ── Parcel ──► Queue (memory) ──► sender thread ──► Wire ──► receiver
//!                                                     │    ▲
//!                                  on failure, at the │    │ replay, when memory is empty
//!                                                 end ▼    │
//!                                                    Spool (disk)
//! ```
//!
//! Each signal has a queue and a sender of its own: receivers differ by signal, and one that hangs must not hold up the
//! others. Two things are exchangeable: how a parcel is sent ([`Wire`]) and where it waits beyond memory ([`Spool`]).

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
pub(crate) mod ledger;
pub(crate) mod printable;
pub(crate) mod receipt;
pub(crate) mod report;

mod metrics;
mod parcel;
mod queue;
mod retry;
mod sender;
mod shape;
mod spool;
mod term;
mod wire;

pub(crate) use metrics::observe;
pub(crate) use parcel::{Parcel, Signal};
pub(crate) use retry::{Pace, retry_after};
pub(crate) use sender::{Route, Sender, close};
pub(crate) use spool::{Spool, Ticket};
pub(crate) use term::Term;
pub use term::{DropReason, SignalCounts};
pub(crate) use wire::{MakeWire, Outcome, Wire};
