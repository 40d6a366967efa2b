//! The way into a call: its context attached, a panic inside it noticed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::span::EnteredSpan;

use super::{Call, Open};
use crate::sinks::tracing_bridge;
use crate::value::current_context;

/// A call's context, for a body that runs in turns: a future, a stream.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    /// `None` if the call is unobserved.
    call: Option<Arc<Open>>,
}

impl Call {
    pub(crate) fn inside(&self) -> Inside {
        Inside { call: self.held.as_ref().map(|held| Arc::clone(&held.open)) }
    }

    /// Runs a turn of the body. The context is attached only meanwhile: never held across an await, so that futures
    /// stay `Send` and other tasks on the thread see nothing of it.
    #[inline]
    pub(crate) fn run<R>(&self, turn: impl FnOnce() -> R) -> R {
        match &self.held {
            Some(held) => run(&held.open, turn),
            None => turn(),
        }
    }
}

impl Inside {
    /// The same as [`Call::run`].
    #[inline]
    pub(crate) fn run<R>(&self, turn: impl FnOnce() -> R) -> R {
        match &self.call {
            Some(open) => run(open, turn),
            None => turn(),
        }
    }
}

fn run<R>(open: &Open, turn: impl FnOnce() -> R) -> R {
    let _entered = enter_mirror(open);
    let _attached = current_context::attach(open.context.clone());
    let _watch = Watch { open, was_panicking: std::thread::panicking() };
    turn()
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
