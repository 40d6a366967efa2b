//! Precedence: what a setting is called, its value, and where that comes from.

use std::fmt;

use super::Result;
use super::env::Source;

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

/// The names of a setting: the method of the builder, if it has one, and its variables, the more specific first.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) method: Option<&'static str>,
    pub(super) variables: &'static [&'static str],
}

impl Parameter {
    pub(super) const fn new(method: &'static str, variables: &'static [&'static str]) -> Self {
        Parameter { method: Some(method), variables }
    }

    pub(super) const fn of_variables(variables: &'static [&'static str]) -> Self {
        Parameter { method: None, variables }
    }

    /// The one place where precedence is decided: `given`, which is the builder's, then the first variable that is set, of which
    /// `parse` gets name and text. What is not reached is not read.
    pub(super) fn find<T>(
        self,
        given: Option<T>,
        source: &dyn Source,
        parse: impl FnOnce(&'static str, String) -> Result<T>,
    ) -> Result<Option<Resolved<T>>> {
        if let (Some(value), Some(method)) = (given, self.method) {
            return Ok(Some(Resolved { value, origin: Origin::Builder(method) }));
        }
        for variable in self.variables {
            if let Some(text) = source.get(variable)? {
                return Ok(Some(Resolved {
                    value: parse(variable, text)?,
                    origin: Origin::Variable(variable),
                }));
            }
        }
        Ok(None)
    }

    /// Like [`find`](Self::find), and the default if nothing sets it.
    pub(super) fn resolve<T>(
        self,
        given: Option<T>,
        source: &dyn Source,
        parse: impl FnOnce(&'static str, String) -> Result<T>,
        default: T,
    ) -> Result<Resolved<T>> {
        Ok(self.find(given, source, parse)?.unwrap_or(Resolved { value: default, origin: Origin::Default }))
    }
}

impl<T> Resolved<T> {
    /// The value of a setting that only the builder has.
    pub(super) fn of_builder(method: &'static str, given: Option<T>, default: T) -> Self {
        match given {
            Some(value) => Resolved { value, origin: Origin::Builder(method) },
            None => Resolved { value: default, origin: Origin::Default },
        }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Resolved<U> {
        Resolved { value: change(self.value), origin: self.origin }
    }
}

impl<T> Resolved<Vec<T>> {
    /// The values that a method of the builder has collected.
    pub(super) fn list(method: &'static str, values: Vec<T>) -> Self {
        let origin = if values.is_empty() { Origin::Default } else { Origin::Builder(method) };
        Resolved { value: values, origin }
    }
}

impl Origin {
    /// The method or the variable, as errors name it.
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Origin::Builder(parameter) | Origin::Variable(parameter) => parameter,
            Origin::Default => "default",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parameter())
    }
}
