//! Values in force, and where each comes from.

use std::fmt;

/// One value in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// Name: `traces`, `sampler`, `service.name`, …
    pub name: String,
    /// The value; secrets are `***`.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a setting's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// This method of the builder.
    Builder(&'static str),
    /// This environment variable.
    Variable(&'static str),
    /// Neither the builder nor a variable set it.
    Default,
}

/// A value together with where it comes from, decided in one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Builder(method) => method,
            Origin::Variable(variable) => variable,
            Origin::Default => "default",
        })
    }
}
