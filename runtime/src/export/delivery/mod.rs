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
