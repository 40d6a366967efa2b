//! How a call went: its outcome, attempts and times.

use std::borrow::Cow;
use std::time::Duration;

use crate::value::bounds;

/// What the caller's own retries came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempts {
    pub(crate) count: u64,
    pub(crate) wasted_tokens: u64,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    Completed,
    Failed {
        error_type: &'a str,
        message: Option<String>,
    },
    Cancelled,
    /// Telemetry ended first.
    #[cfg(feature = "otlp")]
    Shutdown,
}

impl<'a> Outcome<'a> {
    /// With a class that may be a label.
    pub(crate) fn bounded(&'a self) -> Outcome<'a> {
        match self {
            Outcome::Failed { error_type, message } => {
                Outcome::Failed { error_type: bounds::required(error_type), message: message.clone() }
            }
            Outcome::Completed => Outcome::Completed,
            Outcome::Cancelled => Outcome::Cancelled,
            #[cfg(feature = "otlp")]
            Outcome::Shutdown => Outcome::Shutdown,
        }
    }
}

/// An error that outlives the value it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error_type: Cow<'static, str>,
    pub(crate) message: Option<String>,
}

impl Failure {
    pub(crate) fn outcome(&self) -> Outcome<'_> {
        Outcome::Failed { error_type: &self.error_type, message: self.message.clone() }
    }
}

/// When the first parts of a streamed response arrived, counted from the call's begin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    /// The first text, reasoning or tool call.
    pub(crate) first_chunk: Option<Duration>,
    /// The first text a user can see.
    pub(crate) first_text: Option<Duration>,
}
