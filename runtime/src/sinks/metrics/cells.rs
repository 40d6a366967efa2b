//! Where the measurements of one set of labels go: the labels of a call are compared once, and no instrument looks them up again.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use opentelemetry::KeyValue;
use rustc_hash::{FxHashMap, FxHasher};

use super::labels::Labels;

/// The cells that were used, up to a limit.
pub(crate) struct Cells {
    /// By the hashes of their labels. Replaced as a whole, as it is read for every call and seldom grows.
    made: ArcSwap<FxHashMap<u64, Arc<Cell>>>,
    limit: usize,
    /// Of one cell.
    slots: usize,
}

/// A set of labels, with one slot for each instrument.
pub(crate) struct Cell {
    pub(super) labels: Vec<KeyValue>,
    hash: u64,
    slots: Box<[OnceLock<Record>]>,
    /// The cell of the labels that this one's begin with, if some metrics have fewer labels.
    shorter: OnceLock<Arc<Cell>>,
}

/// Records to one instrument, with the labels of one cell.
pub(crate) enum Record {
    U64(Box<dyn Fn(u64) + Send + Sync>),
    F64(Box<dyn Fn(f64) + Send + Sync>),
}

impl Cells {
    pub(super) fn new(limit: usize, slots: usize) -> Self {
        Cells { made: ArcSwap::default(), limit, slots }
    }

    /// Calls `record` with the cell of these labels.
    pub(crate) fn with<R>(&self, labels: &Labels<'_>, record: impl FnOnce(&Cell) -> R) -> R {
        let hash = labels.hash();
        match self.made.load().get(&hash) {
            Some(cell) if labels.are(&cell.labels) => record(cell),
            // Another set has this hash, which can only be by design.
            Some(_) => record(&Cell::new(labels, self.slots)),
            None => record(&self.make(labels)),
        }
    }

    /// The cell itself, for measurements that are made later.
    pub(crate) fn get(&self, labels: &Labels<'_>) -> Arc<Cell> {
        match self.made.load().get(&labels.hash()) {
            Some(cell) if labels.are(&cell.labels) => Arc::clone(cell),
            Some(_) => Arc::new(Cell::new(labels, self.slots)),
            None => self.make(labels),
        }
    }

    #[cold]
    fn make(&self, labels: &Labels<'_>) -> Arc<Cell> {
        let new = Arc::new(Cell::new(labels, self.slots));
        let mut made = Arc::clone(&new);
        self.made.rcu(|cells| {
            made = Arc::clone(cells.get(&new.hash).filter(|cell| cell.labels == new.labels).unwrap_or(&new));
            if cells.len() >= self.limit || cells.contains_key(&new.hash) {
                return Arc::clone(cells);
            }
            let mut more = FxHashMap::clone(cells);
            more.insert(new.hash, Arc::clone(&new));
            Arc::new(more)
        });
        made
    }
}

impl Cell {
    fn new(labels: &Labels<'_>, slots: usize) -> Self {
        Cell {
            labels: labels.to_list(),
            hash: labels.hash(),
            slots: std::iter::repeat_with(OnceLock::new).take(slots).collect(),
            shorter: OnceLock::new(),
        }
    }

    pub(super) fn slot(&self, number: usize, make: impl FnOnce() -> Record) -> Option<&Record> {
        self.slots.get(number).map(|slot| slot.get_or_init(make))
    }

    pub(super) fn shorter(&self, find: impl FnOnce() -> Arc<Cell>) -> &Cell {
        self.shorter.get_or_init(find)
    }

    /// The number that stands for the labels, with one more.
    pub(super) fn hash_with(&self, more: Option<&KeyValue>) -> u64 {
        let Some(more) = more else { return self.hash };
        let mut hasher = FxHasher::default();
        (self.hash, more).hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").field("labels", &self.labels).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> Labels<'_> {
        let mut labels = Labels::beginning_with(&[]);
        labels.add("model", Some(name));
        labels
    }

    #[test]
    fn the_same_labels_have_the_same_cell_up_to_the_limit() {
        let cells = Cells::new(2, 1);
        let [a, b] = ["a", "b"].map(|name| cells.get(&model(name)));
        assert!(Arc::ptr_eq(&a, &cells.get(&model("a"))) && Arc::ptr_eq(&b, &cells.get(&model("b"))));
        assert!(!Arc::ptr_eq(&cells.get(&model("c")), &cells.get(&model("c"))), "nothing is kept of it");
        assert_eq!(cells.made.load().len(), 2);
        assert!(cells.with(&model("a"), |cell| std::ptr::eq(cell, &raw const *a)));
    }

    #[test]
    fn labels_that_are_cut_have_the_cell_of_what_is_left() {
        let cells = Cells::new(9, 1);
        let long = "x".repeat(1000);
        let cut = cells.get(&model(&long));
        assert_eq!(cut.labels, [KeyValue::new("model", "other")]);
        assert!(Arc::ptr_eq(&cut, &cells.get(&model("other"))));
        let tag = [KeyValue::new("model", long.clone())];
        assert!(Arc::ptr_eq(&cut, &cells.get(&Labels::beginning_with(&tag))));
    }

    #[test]
    fn threads_that_come_with_the_same_labels_agree() {
        let cells = Cells::new(64, 1);
        let names: Vec<_> = (0..64).map(|number| number.to_string()).collect();
        let of_thread = || names.iter().map(|name| cells.get(&model(name))).collect::<Vec<_>>();
        let [a, b] = std::thread::scope(|scope| {
            [0; 2].map(|_| scope.spawn(of_thread)).map(|thread| thread.join().expect("no panic"))
        });
        assert!(a.iter().zip(&b).all(|(a, b)| Arc::ptr_eq(a, b)));
    }
}
