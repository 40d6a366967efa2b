//! A call whose value is an iterator over the parts of a response: streaming without async.

use std::iter::FusedIterator;

use super::ReadChunk;
use super::item::Chunk;
use super::progress::Progress;
use crate::call::Call;

/// An iterator whose end ends its call; `#[llm_trace(chat)]` makes it of an `impl Iterator`.
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct TracedIterator<I: Iterator, R = ReadChunk<<I as Iterator>::Item>> {
    /// Only a drop empties it.
    iterator: Option<I>,
    progress: Option<Box<Progress>>,
    read: R,
}

impl<I: Iterator, R> TracedIterator<I, R> {
    pub(crate) fn new(call: Call, iterator: I, read: R) -> Self {
        TracedIterator { iterator: Some(iterator), progress: Progress::of(call), read }
    }
}

impl<I: Iterator, R: FnMut(&I::Item, &mut Chunk<'_>)> TracedIterator<I, R> {
    fn advance(&mut self, advance: impl FnOnce(&mut I) -> Option<I::Item>) -> Option<I::Item> {
        let iterator = self.iterator.as_mut()?;
        let Some(progress) = &mut self.progress else { return advance(iterator) };
        let item = progress.run(|| advance(iterator));
        match &item {
            Some(item) => progress.item(|chunk| (self.read)(item, chunk)),
            None => self.progress.take().into_iter().for_each(Progress::complete),
        }
        item
    }
}

impl<I: Iterator, R: FnMut(&I::Item, &mut Chunk<'_>)> Iterator for TracedIterator<I, R> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.advance(I::next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iterator.as_ref().map_or((0, Some(0)), I::size_hint)
    }
}

impl<I: Iterator, R> Drop for TracedIterator<I, R> {
    fn drop(&mut self) {
        // As for a stream.
        if let Some(progress) = &mut self.progress {
            progress.run(|| self.iterator = None);
        }
    }
}

impl<I: DoubleEndedIterator, R: FnMut(&I::Item, &mut Chunk<'_>)> DoubleEndedIterator
    for TracedIterator<I, R>
{
    fn next_back(&mut self) -> Option<I::Item> {
        self.advance(I::next_back)
    }
}

impl<I: ExactSizeIterator, R: FnMut(&I::Item, &mut Chunk<'_>)> ExactSizeIterator for TracedIterator<I, R> {}

impl<I: FusedIterator, R: FnMut(&I::Item, &mut Chunk<'_>)> FusedIterator for TracedIterator<I, R> {}

impl<I: Iterator + std::fmt::Debug, R> std::fmt::Debug for TracedIterator<I, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracedIterator").field("iterator", &self.iterator).finish_non_exhaustive()
    }
}
