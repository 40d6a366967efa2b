//! Facts of an error: a low-cardinality `error.type`, and a message that is only read if policy allows.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Display;

/// An error type that sets its class for `error.type`.
///
/// The class becomes a metric label: keep the set small (`rate_limit_exceeded`, `timeout`, `429`), and never put
/// ids or messages in it. Without this trait the class is found, in this order, from an error known to this
/// crate anywhere in the `source()` chain (a provider's error code, an HTTP status, `timeout`), or from the name
/// of the error's type.
///
/// ```
/// use std::borrow::Cow;
/// use llm_trace::LlmError;
///
/// enum ChatError { Throttled, Http(u16) }
///
/// impl std::fmt::Display for ChatError {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         f.write_str("the chat failed")
///     }
/// }
///
/// impl LlmError for ChatError {
///     fn error_type(&self) -> Cow<'_, str> {
///         match self {
///             ChatError::Throttled => "rate_limit_exceeded".into(),
///             ChatError::Http(status) => status.to_string().into(),
///         }
///     }
/// }
/// ```
pub trait LlmError: Display {
    /// The class of this error.
    fn error_type(&self) -> Cow<'_, str>;
}

impl<E: LlmError + ?Sized> LlmError for &E {
    fn error_type(&self) -> Cow<'_, str> {
        (**self).error_type()
    }
}

impl<E: LlmError + ?Sized> LlmError for Box<E> {
    fn error_type(&self) -> Cow<'_, str> {
        (**self).error_type()
    }
}

impl<E: LlmError + ?Sized> LlmError for std::sync::Arc<E> {
    fn error_type(&self) -> Cow<'_, str> {
        (**self).error_type()
    }
}

/// Facts of an error that `finish` receives.
pub struct ErrorFacts<'a> {
    pub(crate) error_type: Cow<'a, str>,
    pub(crate) message: Option<&'a dyn Display>,
}

impl std::fmt::Debug for ErrorFacts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the message: it may hold content.
        f.debug_struct("ErrorFacts").field("error_type", &self.error_type).finish_non_exhaustive()
    }
}

/// Returns the class of the first known error in the chain.
pub(crate) fn error_type_of(error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
    let mut next = Some(error);
    // Bounded: a cyclic chain of sources must not hang the caller.
    for _ in 0..32 {
        let error = next?;
        if let Some(class) = known_class(error) {
            return Some(class);
        }
        // An io error made of another hides it: its `source()` is the other's.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

fn known_class(error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
    #[cfg(feature = "async-openai-0_43")]
    if let Some(error) = error.downcast_ref::<async_openai::error::OpenAIError>() {
        return super::async_openai::class(error);
    }
    let io = error.downcast_ref::<std::io::Error>()?;
    Some(match io.kind() {
        std::io::ErrorKind::TimedOut => Cow::Borrowed("timeout"),
        std::io::ErrorKind::ConnectionRefused => Cow::Borrowed("connection_refused"),
        std::io::ErrorKind::ConnectionReset => Cow::Borrowed("connection_reset"),
        _ => return None,
    })
}

/// Returns whether a provider's code can be a metric label. It must look like one of a few words, as gateways send arbitrary values.
pub(crate) fn is_class(code: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
    !code.is_empty() && code.len() <= 64 && code.bytes().all(is_word)
}

/// The name of a type without its generic arguments, which would make every instantiation a separate class; `_OTHER`, the conventions'
/// fallback, for a type that has no name.
pub(crate) fn type_name<T: ?Sized>() -> &'static str {
    let name = std::any::type_name::<T>();
    let name = name.trim_start_matches('&').trim_start_matches("mut ");
    let name = name.split('<').next().unwrap_or(name);
    if name.starts_with(|first: char| first.is_alphabetic() || first == '_') { name } else { "_OTHER" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrapped(std::io::Error);

    impl Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the call failed")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_known_error_is_found_behind_the_users_own() {
        let error = Wrapped(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert_eq!(error_type_of(&error).as_deref(), Some("timeout"));
    }

    #[test]
    fn an_unknown_error_has_no_class_of_its_own() {
        let error = Wrapped(std::io::Error::other("?"));
        assert_eq!(error_type_of(&error), None);
    }

    #[test]
    fn a_type_name_has_no_generic_arguments() {
        assert_eq!(type_name::<Vec<String>>(), "alloc::vec::Vec");
        assert_eq!(type_name::<&Wrapped>(), type_name::<Wrapped>());
        assert_eq!(type_name::<(u8, Vec<u8>)>(), "_OTHER");
    }

    #[test]
    fn an_error_inside_an_io_error_is_found() {
        let error = std::io::Error::other(Wrapped(std::io::Error::from(std::io::ErrorKind::TimedOut)));
        assert_eq!(error_type_of(&error).as_deref(), Some("timeout"));
    }
}
