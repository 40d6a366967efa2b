//! The mistakes found in one expansion. In: spanned messages, from any phase. Out: all of them at once.

use std::{cell::RefCell, fmt::Display, thread};

use proc_macro2::Span;
use quote::ToTokens;

/// Collects errors so that one compile reports all of them.
///
/// [`Errors::finish`] must be called: dropping the value without it loses errors silently. Debug builds panic in that
/// case.
#[derive(Default)]
pub(crate) struct Errors {
    // `None` once finished. The `RefCell` lets parsers report errors while the stream they read from is borrowed.
    found: RefCell<Option<Vec<syn::Error>>>,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { found: RefCell::new(Some(Vec::new())) }
    }

    /// Reports an error that covers all of `tokens`.
    pub(crate) fn on(&self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Reports an error on one span.
    pub(crate) fn at(&self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    fn push(&self, error: syn::Error) {
        self.found.borrow_mut().get_or_insert_default().push(error);
    }

    pub(crate) fn finish(self) -> Result<(), Vec<syn::Error>> {
        match self.found.take() {
            Some(errors) if !errors.is_empty() => Err(errors),
            _ => Ok(()),
        }
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if cfg!(debug_assertions) && !thread::panicking() {
            assert!(self.found.borrow().is_none(), "errors were collected but never asked for");
        }
    }
}
