//! Streams: a call that ends when its stream does.
//!
//! Every poll runs in the call's context, and so does the stream's destructor. Every item is read for facts about the call. The stream's
//! end or its drop ends the call, once, whichever comes first.

mod dispatch;
#[cfg(test)]
mod fuzz;
pub(crate) mod item;
mod iterator;
mod progress;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::stream::{FusedStream, Stream};
use pin_project_lite::pin_project;

pub use dispatch::{Tag, ViaBoxedStream, ViaNamedStream, ViaWhole};
pub use item::Chunk;
pub use iterator::TracedIterator;
use progress::Progress;

use crate::call::Call;

/// A reader of one item.
pub type ReadChunk<T> = fn(&T, &mut Chunk<'_>);

pin_project! {
    /// A stream whose end ends its call. `#[llm_trace]` makes it of the stream a function returns; make it yourself
    /// with [`StreamExt::traced`].
    ///
    /// The call ends once: at the end of the stream, or when it is dropped, whichever comes first. An `Err` item makes it a failed call,
    /// even if the stream continues after it.
    #[must_use = "streams do nothing unless polled"]
    pub struct TracedStream<S: Stream, R = ReadChunk<<S as Stream>::Item>> {
        // Only a drop empties it.
        #[pin]
        stream: Option<S>,
        // Boxed, as it is far bigger than most streams, and streams are moved about.
        progress: Option<Box<Progress>>,
        read: R,
    }

    impl<S: Stream, R> PinnedDrop for TracedStream<S, R> {
        fn drop(this: Pin<&mut Self>) {
            // The stream's destructor, which may report usage so far, runs as part of the call.
            let mut this = this.project();
            if let Some(progress) = this.progress {
                progress.run(|| this.stream.set(None));
            }
        }
    }
}

/// Ties a stream to the annotated function that it comes from, where the attribute cannot do so by itself: inside a
/// struct that the function returns, or of a named type.
///
/// ```
/// use futures_core::Stream;
/// use llm_trace::llm_trace;
/// use llm_trace::stream::{Chunk, StreamExt as _, TracedStream};
///
/// struct Answer<S: Stream> {
///     model: String,
///     tokens: TracedStream<S>,
/// }
///
/// #[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
/// fn ask<S: Stream<Item = String>>(tokens: S) -> Answer<S> {
///     Answer { model: "gpt-4o-mini".into(), tokens: tokens.traced(|token, chunk| chunk.text(token)) }
/// }
/// ```
pub trait StreamExt: Stream + Sized {
    /// Keeps the current call open until this stream ends. If its function has returned, the call ends with the stream and takes the
    /// stream's outcome. Outside of any call, this changes nothing.
    ///
    /// `read` reads each item: [`Chunk::body`], [`Chunk::result`], or a closure.
    fn traced(self, read: ReadChunk<Self::Item>) -> TracedStream<Self>;
}

impl<S: Stream> StreamExt for S {
    fn traced(self, read: ReadChunk<S::Item>) -> TracedStream<S> {
        TracedStream { stream: Some(self), progress: Call::take_over().map(Progress::new), read }
    }
}

impl<S: Stream, R> TracedStream<S, R> {
    /// The stream of a function that returns it, with the function's call.
    pub(crate) fn new(call: Call, stream: S, read: R) -> Self {
        TracedStream { stream: Some(stream), progress: Progress::of(call), read }
    }
}

impl<S: Stream, R: FnMut(&S::Item, &mut Chunk<'_>)> Stream for TracedStream<S, R> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(stream) = this.stream.as_pin_mut() else { return Poll::Ready(None) };
        let Some(progress) = this.progress else { return stream.poll_next(task) };
        let polled = progress.run(|| stream.poll_next(task));
        match &polled {
            Poll::Ready(Some(item)) => progress.item(|chunk| (this.read)(item, chunk)),
            Poll::Ready(None) => this.progress.take().into_iter().for_each(Progress::complete),
            Poll::Pending => {}
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), S::size_hint)
    }
}

impl<S: FusedStream, R: FnMut(&S::Item, &mut Chunk<'_>)> FusedStream for TracedStream<S, R> {
    fn is_terminated(&self) -> bool {
        self.stream.as_ref().is_none_or(S::is_terminated)
    }
}

impl<S: Stream + std::fmt::Debug, R> std::fmt::Debug for TracedStream<S, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracedStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}
