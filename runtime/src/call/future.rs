//! A call that begins with its future's first poll: that of a function which returns a future without being `async`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::{Call, CallSite};
use crate::request::Request;

/// A call that begins when the future of its function is polled first.
pub fn defer(site: &'static CallSite, arguments: impl FnOnce(&mut Request)) -> Deferred {
    let mut request = Request::new(site.kind);
    arguments(&mut request);
    Deferred { site, request }
}

/// What is known of a call that has not begun.
#[must_use]
pub struct Deferred {
    site: &'static CallSite,
    request: Request,
}

/// The future of a function, with its call.
pub fn in_future<F, E, U>(deferred: Deferred, body: F, finish: E) -> InFuture<F, E>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> U,
{
    InFuture { body, state: State::Waiting { deferred, finish } }
}

/// The same for a function that returns a boxed future.
pub fn in_boxed_future<F, E, U>(deferred: Deferred, body: F, finish: E) -> Pin<Box<InFuture<F, E>>>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> U,
{
    Box::pin(in_future(deferred, body, finish))
}

enum State<E> {
    Waiting { deferred: Deferred, finish: E },
    Running { call: Call, finish: E },
    Done,
}

pin_project! {
    /// A future whose call begins when it is polled first and ends with its output, or when it is dropped.
    #[must_use = "futures do nothing unless polled"]
    pub struct InFuture<F, E> {
        #[pin]
        body: F,
        // Dropped after the body: what its destructors do is still part of the call.
        state: State<E>,
    }
}

impl<F: Future, E: FnOnce(Call, F::Output) -> U, U> Future for InFuture<F, E> {
    type Output = U;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<U> {
        let this = self.project();
        let (call, finish) = match std::mem::replace(this.state, State::Done) {
            State::Waiting { deferred, finish } => (Call::begin(deferred.site, deferred.request), finish),
            State::Running { call, finish } => (call, finish),
            // Polled after it was ready: whatever the body has to say to that.
            State::Done => {
                let _ = this.body.poll(task);
                return Poll::Pending;
            }
        };
        let attached = call.context().clone().attach();
        let polled = this.body.poll(task);
        drop(attached);
        match polled {
            Poll::Ready(out) => Poll::Ready(finish(call, out)),
            Poll::Pending => {
                *this.state = State::Running { call, finish };
                Poll::Pending
            }
        }
    }
}
