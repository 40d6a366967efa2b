//! Reads an evaluator's result: a number, a `bool`, or a struct with a `score` and its label.

use serde::Serialize;

use crate::model::response::EvaluationResult;
use crate::value::bounds::Number;
use crate::value::reader::{Reader, Scalar, walk};

/// Reads a score; `None` if the value has none.
pub(crate) fn read_verdict<T: Serialize + ?Sized>(value: &T) -> Option<EvaluationResult> {
    let mut reader = VerdictReader::default();
    walk(&mut reader, Place::Root, value);
    let verdict = reader.0;
    // A label alone is a word of any struct's.
    (verdict.value.is_some() || verdict.passed.is_some()).then_some(verdict)
}

#[derive(Default)]
struct VerdictReader(EvaluationResult);

#[derive(Clone, Copy)]
enum Place {
    Root,
    Score,
    Label,
    Passed,
}

impl Reader for VerdictReader {
    type Place = Place;

    fn key(&self, at: Place, key: &str) -> Option<Place> {
        Some(match (at, key) {
            (Place::Root, "score" | "value" | "rating") => Place::Score,
            (Place::Root, "label") => Place::Label,
            (Place::Root, "passed" | "pass") => Place::Passed,
            _ => return None,
        })
    }

    fn element(&mut self, _at: Place, _len: Option<usize>) -> Option<Place> {
        None
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        match (at, value) {
            (Place::Root | Place::Score | Place::Passed, Scalar::Bool(passed)) => {
                self.0.passed = Some(passed);
            }
            (Place::Root | Place::Score, Scalar::Int(_) | Scalar::Double(_)) => {
                self.0.value = self.0.value.or(value.double().and_then(|value| Number::Score.check(value)));
            }
            (Place::Label, Scalar::Text(label)) if label.len() <= MAX_LABEL => {
                self.0.label = Some(label.to_owned());
            }
            _ => {}
        }
    }
}

/// Limit on labels, in bytes: a longer string is a text, which is content.
const MAX_LABEL: usize = 40;
