//! Futures whose call they are: polled inside it, and dropped inside it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::inside::Enter;
use super::{Call, observed};
use crate::model::request::Request;
use crate::model::site::CallSite;
use crate::model::site::Site;
use crate::runtime::Runtime;

pin_project! {
    /// The body of an `async fn`.
    #[must_use = "futures do nothing unless polled"]
    pub struct InCall<F, C: Enter> {
        #[pin]
        body: Option<F>,
        call: C,
    }

    impl<F, C: Enter> PinnedDrop for InCall<F, C> {
        fn drop(this: Pin<&mut Self>) {
            // Destructors in the body, such as one that reports usage so far, run as part of the call.
            let mut this = this.project();
            this.call.run(|| this.body.set(None));
        }
    }
}

impl<F: Future, C: Enter> InCall<F, C> {
    pub(crate) fn new(call: C, body: F) -> Self {
        InCall { body: Some(body), call }
    }
}

impl<F: Future, C: Enter> Future for InCall<F, C> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.body.as_pin_mut() {
            Some(body) => this.call.run(|| body.poll(task)),
            // Only a drop empties it.
            None => Poll::Pending,
        }
    }
}

/// The request and runtime of a call that has not begun.
#[must_use]
pub struct Deferred {
    site: &'static CallSite,
    /// `None` if the call was unobserved when the function was called.
    begun: Option<(Arc<Runtime>, Request)>,
}

impl Deferred {
    /// `arguments` sets the attribute's arguments, and runs only if the call is observed.
    #[inline]
    pub(crate) fn new(site: &'static CallSite, arguments: impl FnOnce(&mut Request)) -> Self {
        let mut deferred = Deferred::of(site);
        if let Some((_, request)) = &mut deferred.begun {
            arguments(request);
        }
        deferred
    }

    // Not generic: each function has arguments of its own.
    fn of(site: &'static CallSite) -> Self {
        let runtime = if observed::is_off() { None } else { observed::observing(site) };
        Deferred { site, begun: runtime.map(|runtime| (runtime, Request::new(site.kind))) }
    }

    pub(super) fn begin(self) -> Call {
        match self.begun {
            Some((runtime, request)) => Call::begin(runtime, Site::Function(self.site), request),
            None => Call { held: None },
        }
    }
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
        body: Option<F>,
        state: State<E>,
    }

    impl<F, E> PinnedDrop for InFuture<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let State::Running { call, .. } = this.state {
                call.run(|| this.body.set(None));
            }
        }
    }
}

impl<F: Future, E> InFuture<F, E> {
    pub(crate) fn new(deferred: Deferred, body: F, finish: E) -> Self {
        InFuture { body: Some(body), state: State::Waiting { deferred, finish } }
    }
}

impl<F: Future, E: FnOnce(Call, F::Output) -> U, U> Future for InFuture<F, E> {
    type Output = U;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<U> {
        let this = self.project();
        let Some(body) = this.body.as_pin_mut() else { return Poll::Pending };
        // In place: the state holds a whole request until the first poll, too much to move at each.
        if let State::Waiting { .. } = this.state
            && let State::Waiting { deferred, finish } = std::mem::replace(this.state, State::Done)
        {
            *this.state = State::Running { call: deferred.begin(), finish };
        }
        let State::Running { call, .. } = &*this.state else {
            // Polled after it was ready: the body decides how to react.
            let _ = body.poll(task);
            return Poll::Pending;
        };
        let Poll::Ready(out) = call.run(|| body.poll(task)) else { return Poll::Pending };
        match std::mem::replace(this.state, State::Done) {
            State::Running { call, finish } => Poll::Ready(finish(call, out)),
            // It was running just now.
            State::Waiting { .. } | State::Done => Poll::Pending,
        }
    }
}
