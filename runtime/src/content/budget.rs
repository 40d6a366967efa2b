//! Content budget of a request: a root call and all calls inside it, on all threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::policy::ContentPolicy;

/// The remaining budget of one request.
#[derive(Debug)]
pub(crate) struct RequestBudget {
    left: AtomicUsize,
    /// The root call ends last, and its input and output are the most important: calls inside it leave this much.
    reserve: usize,
}

/// A call's access to the budget of its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestShare<'a> {
    pub(crate) budget: &'a RequestBudget,
    pub(crate) is_outermost: bool,
}

impl RequestBudget {
    /// The budget of a request that begins; none where no content is recorded.
    pub(crate) fn begin(policy: &ContentPolicy) -> Option<Arc<Self>> {
        let rules = &policy.rules;
        policy.allows_content().then(|| Arc::new(RequestBudget::new(rules.per_request, rules.per_span)))
    }

    fn new(per_request: usize, per_span: usize) -> Self {
        RequestBudget { left: AtomicUsize::new(per_request), reserve: per_span.min(per_request / 2) }
    }
}

impl RequestShare<'_> {
    /// Takes up to `wanted` bytes. Unused bytes must be given back.
    pub(super) fn take(self, wanted: usize) -> usize {
        let RequestBudget { left, reserve } = self.budget;
        let kept = if self.is_outermost { 0 } else { *reserve };
        let share = |left: usize| wanted.min(left.saturating_sub(kept));
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left - share(left)));
        before.map_or(0, share)
    }

    pub(super) fn give_back(self, unused: usize) {
        self.budget.left.fetch_add(unused, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_calls_leave_the_outermost_one_its_share() {
        let budget = RequestBudget::new(1000, 300);
        let inner = RequestShare { budget: &budget, is_outermost: false };
        assert_eq!([inner.take(300), inner.take(300)], [300, 300]);
        inner.give_back(50);
        assert_eq!([inner.take(300), inner.take(300)], [150, 0]);
        let outermost = RequestShare { budget: &budget, is_outermost: true };
        assert_eq!([outermost.take(300), outermost.take(300)], [300, 0]);
        // A budget smaller than that of a span is shared too.
        let budget = RequestBudget::new(100, 300);
        assert_eq!(RequestShare { budget: &budget, is_outermost: false }.take(300), 50);
        assert_eq!(RequestShare { budget: &budget, is_outermost: true }.take(300), 50);
    }

    #[test]
    fn threads_take_no_more_than_there_is() {
        let budget = RequestBudget::new(100_000, 0);
        let taken: usize = std::thread::scope(|scope| {
            let take = || {
                let share = RequestShare { budget: &budget, is_outermost: false };
                (0..1000).map(|_| share.take(77)).sum::<usize>()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(taken, 100_000);
    }
}
