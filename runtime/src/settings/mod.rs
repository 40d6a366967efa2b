//! In: the builder, and the environment. Out: one [`Settings`], every value with a single origin.
//!
//! Precedence is decided in [`Parameter::find`]: builder, then the signal's own variable, then the general variable, then the
//! default.

pub(crate) mod resolved;

mod builder;
mod content;
mod delivery;
mod endpoint;
mod env;
mod error;
#[cfg(test)]
mod fuzz;
mod limits;
mod metrics;
mod origin;
mod overview;
mod proxy;
mod range;
mod resource;
mod sampler;
mod sdk;
mod signal;
#[cfg(feature = "spool")]
mod spool;
#[cfg(not(feature = "spool"))]
#[path = "no_spool.rs"]
mod spool;
mod tags;
mod tls;
mod transport;

pub(crate) use builder::Upload;
pub use builder::{Builder, builder};
pub(crate) use content::ContentSettings;
pub(crate) use delivery::DeliverySettings;
pub(crate) use env::Environment;
pub use error::ConfigError;
pub(crate) use limits::Limits;
pub(crate) use metrics::MetricSettings;
use origin::Parameter;
pub(crate) use origin::Resolved;
pub use origin::{Origin, Setting};
pub(crate) use overview::shown;
pub(crate) use resolved::Settings;
pub use sampler::Sampler;
pub(crate) use sampler::{Sampling, TailSampling};
pub(crate) use sdk::{Batches, SdkSettings};
pub(crate) use signal::Destination;
pub(crate) use spool::SpoolSettings;
pub(crate) use transport::SignalSettings;

type Result<T, E = ConfigError> = std::result::Result<T, E>;
