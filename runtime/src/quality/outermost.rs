//! What all calls under one outermost call share, if somebody will ask for it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::events;

/// Shared by an outermost call and every call inside it.
#[derive(Debug, Default)]
pub(crate) struct Outermost {
    answers: Mutex<Answers>,
}

/// Whose id a score has that does not say.
#[derive(Debug, Default)]
enum Answers {
    #[default]
    None,
    One(Option<String>),
    Several,
}

impl Outermost {
    /// What a call shares that begins under one that shares `outer`.
    pub(crate) fn under(outer: Option<&Arc<Outermost>>) -> Option<Arc<Outermost>> {
        outer.cloned().or_else(|| events::are_received().then(Arc::default))
    }

    /// A model has answered.
    pub(crate) fn answered(&self, id: Option<&str>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers = match *answers {
            Answers::None => Answers::One(id.map(ToOwned::to_owned)),
            Answers::One(_) | Answers::Several => Answers::Several,
        };
    }

    /// The id of the response, if there has been one only.
    pub(crate) fn only_response_id(&self) -> Option<String> {
        match &*self.answers.lock().unwrap_or_else(PoisonError::into_inner) {
            Answers::One(id) => id.clone(),
            Answers::None | Answers::Several => None,
        }
    }
}
