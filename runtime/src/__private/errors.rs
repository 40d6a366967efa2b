//! In: the error of a result. Out: its class and its words.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Display;

use super::{LlmError, Probe};
use crate::extract::error::{ErrorFacts, error_type_of, type_name};

/// Error, first step: a type that sets its class.
pub trait ViaLlmError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E: LlmError> ViaLlmError<'a> for &&&&Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        let error_type = crate::value::panic::catch_user_panic(|| self.0.error_type())
            .unwrap_or(Cow::Borrowed(type_name::<E>()));
        ErrorFacts { error_type, message: Some(self.0) }
    }
}

/// Error, second step: a standard error, with its sources.
pub trait ViaStdError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E: Error + 'static> ViaStdError<'a> for &&&Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        let error_type = error_type_of(self.0).unwrap_or(Cow::Borrowed(type_name::<E>()));
        ErrorFacts { error_type, message: Some(self.0) }
    }
}

/// Error, third step: `Box<dyn Error + Send + Sync>`, `anyhow::Error` and the like.
pub trait ViaBoxedSendError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E: AsRef<dyn Error + Send + Sync> + Display> ViaBoxedSendError<'a> for &&Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        ErrorFacts { error_type: boxed_error_type(self.0.as_ref()), message: Some(self.0) }
    }
}

/// Error, fourth step: `Box<dyn Error>`.
pub trait ViaBoxedError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E: AsRef<dyn Error> + Display> ViaBoxedError<'a> for &Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        ErrorFacts { error_type: boxed_error_type(self.0.as_ref()), message: Some(self.0) }
    }
}

/// The type inside a box is erased: `_OTHER` is the conventions' fallback.
fn boxed_error_type(error: &(dyn Error + 'static)) -> Cow<'static, str> {
    error_type_of(error).unwrap_or(Cow::Borrowed("_OTHER"))
}

/// Error, last step: the type's name is all there is.
pub trait ViaAnyError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E> ViaAnyError<'a> for Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        ErrorFacts { error_type: Cow::Borrowed(type_name::<E>()), message: None }
    }
}
