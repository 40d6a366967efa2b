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
//! Each signal has a separate queue and sender: receivers differ by signal, and one that hangs must not delay the others. Two parts are
//! exchangeable: the [`Transport`] that sends requests, and the [`Spool`] that stores them beyond memory.
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
mod moves;
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
