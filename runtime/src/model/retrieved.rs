//! Results of a search, as numbers.

use crate::value::bounds::Number;

/// The documents that a retrieval or a reranking returned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Retrieved {
    pub(crate) count: Option<u64>,
    pub(crate) scores: Scores,
    /// Documents that repeat an earlier one; unknown if they cannot be compared.
    pub(crate) duplicates: Option<u64>,
}

/// The two highest scores. More is better: a distance is no score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Scores {
    highest: Option<f64>,
    second: Option<f64>,
}

impl Scores {
    pub(crate) fn add(&mut self, score: f64) {
        let Some(score) = Number::Score.check(score) else { return };
        if self.highest.is_none_or(|highest| score > highest) {
            self.second = self.highest.replace(score);
        } else if self.second.is_none_or(|second| score > second) {
            self.second = Some(score);
        }
    }

    pub(crate) fn top(&self) -> Option<f64> {
        self.highest
    }

    /// The difference between the two best scores.
    pub(crate) fn gap(&self) -> Option<f64> {
        Some(self.highest? - self.second?)
    }
}

impl Retrieved {
    pub(crate) fn new<S: Into<f64>>(count: usize, scores: impl IntoIterator<Item = S>) -> Self {
        let mut known = Scores::default();
        scores.into_iter().for_each(|score| known.add(score.into()));
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Retrieved { count: Number::Count.check_count(count), scores: known, duplicates: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_and_the_second_highest_are_found_in_any_order() {
        for scores in [[0.25, 1.0, 0.5], [1.0, 0.5, 0.25], [0.25, 0.5, 1.0]] {
            let found = Retrieved::new(3, scores).scores;
            assert_eq!((found.top(), found.gap()), (Some(1.0), Some(0.5)), "{scores:?}");
        }
    }

    #[test]
    fn a_single_score_has_no_gap_equal_ones_have_none_either_and_what_is_not_finite_is_no_score() {
        let gap = |scores: &[f64]| Retrieved::new(9, scores.iter().copied()).scores.gap();
        assert_eq!(gap(&[0.5]), None);
        assert_eq!(gap(&[0.5, f64::NAN, f64::INFINITY]), None);
        assert_eq!(gap(&[0.5, 0.5]), Some(0.0));
        assert_eq!(gap(&[-3.0, -1.0]), Some(2.0));
        assert_eq!(Retrieved::new(0, None::<f64>).scores.top(), None);
    }
}
