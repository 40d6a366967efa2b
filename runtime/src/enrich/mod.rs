//! Facts derived from a finished call: price, quality signals, OpenInference's kind of span.

pub(crate) mod openinference;
pub(crate) mod pricing;
pub(crate) mod quality;
