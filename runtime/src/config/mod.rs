//! In: the builder, and the environment. Out: one [`Settings`], every value with a single origin.
//!
//! Precedence is decided in [`Settings::resolve`] and what it calls: builder, then the signal's own variable, then
//! the general variable, then the default.

mod builder;
mod content;
mod endpoint;
mod env;
mod error;
mod propagators;
mod resource;
mod sdk;
mod settings;
mod signal;
mod tls;

pub use builder::{Builder, builder};
pub use error::ConfigError;
pub(crate) use sdk::SdkSettings;
pub(crate) use settings::{Events, Metrics, Settings, Traces};
pub(crate) use signal::SignalSettings;
