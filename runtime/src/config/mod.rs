//! In: the builder, and the environment. Out: one [`Settings`], every value with a single origin.
//!
//! Precedence is decided in [`Settings::resolve`] and nowhere else: builder, then the signal's own variable, then the
//! general variable, then the default.

mod builder;
mod env;
mod error;
mod settings;

pub use builder::{Builder, builder};
pub use error::ConfigError;
pub(crate) use settings::{Settings, SignalSettings};
