//! The way into a call: its context attached, a panic inside it noticed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry::ContextGuard;
use tracing::span::EnteredSpan;

use super::{Call, Open};
use crate::sinks::tracing_bridge;
use crate::value::current_context;

/// What a future runs its turns in: a call that it borrows, or a share of one.
pub trait Enter {
    /// Runs a turn of the body inside the call.
    fn run<R>(&self, turn: impl FnOnce() -> R) -> R;
}

/// A share of a call, for a body that outlives the call's borrow.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    /// `None` if the call is unobserved.
    open: Option<Arc<Open>>,
}

impl Enter for &Call {
    #[inline]
    fn run<R>(&self, turn: impl FnOnce() -> R) -> R {
        Call::run(self, turn)
    }
}

impl Enter for Inside {
    fn run<R>(&self, turn: impl FnOnce() -> R) -> R {
        let _turn = self.open.as_deref().map(Turn::begin);
        turn()
    }
}

impl Call {
    pub(crate) fn inside(&self) -> Inside {
        Inside { open: self.held.as_ref().map(|held| Arc::clone(&held.open)) }
    }

    /// Runs a turn of the body. The context is attached only meanwhile: never held across an await, so that futures
    /// stay `Send` and other tasks on the thread see nothing of it.
    #[inline]
    pub(crate) fn run<R>(&self, turn: impl FnOnce() -> R) -> R {
        let _turn = self.held.as_ref().map(|held| Turn::begin(&held.open));
        turn()
    }
}

/// While a turn runs. Not generic, as there is one turn at least for each function; dropped from the first field to the last.
struct Turn<'a> {
    _watch: Watch<'a>,
    _attached: Option<ContextGuard>,
    _entered: Option<EnteredSpan>,
}

impl<'a> Turn<'a> {
    fn begin(open: &'a Open) -> Self {
        let entered = enter_mirror(open);
        let attached = current_context::attach(open.context.clone());
        let watch = Watch { open, was_panicking: std::thread::panicking() };
        Turn { _watch: watch, _attached: attached, _entered: entered }
    }
}

/// Enters the call's `tracing` span. The context is attached after this: what layers make current while they enter a span is not to
/// be the parent of what the call does.
fn enter_mirror(open: &Open) -> Option<EnteredSpan> {
    // Subscribers keep the entered spans in thread-locals, too.
    let can_be_entered = tracing_bridge::can_be_wanted() && current_context::is_available();
    if can_be_entered { open.mirror.clone().map(tracing::Span::entered) } else { None }
}

/// Detects a panic that leaves the body. A panic that unwinds through while the call waits belongs to other code.
struct Watch<'a> {
    open: &'a Open,
    was_panicking: bool,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.was_panicking {
            self.open.panicked.store(true, Ordering::Relaxed);
        }
    }
}
