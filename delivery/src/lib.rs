#![doc = include_str!("../README.md")]
//!
//! # How it works
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
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
#[cfg(test)]
mod answer_fuzz;
mod client;
mod config;
mod delivery;
#[cfg(feature = "spool")]
mod disk;
mod encoding;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod item_state;
mod messages;
mod metrics;
mod names;
pub mod private_file;
pub mod probe;
mod queue;
mod report;
mod request;
mod retry;
mod sender;
mod shape;
mod spool;
mod stats;
mod transport;

pub use config::{Compression, Protocol, TransportConfig};
pub use delivery::{Builder, Client, ConfigError, Delivery, builder};
#[cfg(feature = "spool")]
pub use disk::{DiskSpool, FolderContents, SpoolMode, SpoolSettings};
pub use http::destination;
pub use item_state::{DropReason, ItemState, SignalCounts};
pub use messages::printable;
pub use metrics::observe;
pub use report::{ExportReport, Uploads};
pub use request::{ExportRequest, Signal};
pub use retry::Backoff;
pub use sender::{Sender, SenderConfig, close};
pub use shape::{ShortenText, shorten_text};
pub use spool::{Spool, Ticket};
pub use stats::DeliveryStats;
pub use transport::{Outcome, Transport, TransportFactory};

/// The HTTP client whose TLS settings and proxies a [`TransportConfig`] has.
pub use ureq;
