//! State shared by all calls under one root call, if a feature needs it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::enrich::quality::QualitySignal;
use crate::model::content::Measured;
use crate::model::site::Kind;
use crate::runtime::Runtime;

/// Shared by an outermost call and every call inside it.
#[derive(Debug, Default)]
pub(crate) struct RootState {
    answers: Mutex<Answers>,
    documents: Mutex<VecDeque<Measured>>,
    topic: OnceLock<String>,
}

/// More searches than this under one call are an agent's, which has gone on to something else.
const MAX_SEARCHES: usize = 8;

/// The default id for scores that name no response.
#[derive(Debug, Default)]
enum Answers {
    #[default]
    None,
    One(Option<String>),
    Several,
}

impl RootState {
    /// Returns the state shared by a call that begins under `outer`.
    pub(crate) fn under(
        outer: Option<&Arc<RootState>>,
        runtime: &Runtime,
        kind: Kind,
    ) -> Option<Arc<RootState>> {
        outer.cloned().or_else(|| is_wanted(runtime, kind).then(Arc::default))
    }

    /// Returns the topic of everything under the root call: the first topic that a call sets, possibly this call's.
    pub(super) fn topic(&self, own: Option<&str>) -> Option<String> {
        match own {
            Some(own) => Some(self.topic.get_or_init(|| own.to_owned()).clone()),
            None => self.topic.get().cloned(),
        }
    }

    /// A search has found something: the last few are kept for the answers that follow.
    pub(crate) fn retrieved(&self, documents: Measured) {
        let mut kept = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MAX_SEARCHES {
            kept.pop_front();
        }
        kept.push_back(documents);
    }

    pub(crate) fn documents(&self) -> Vec<Measured> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
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

/// Returns whether the shared state is needed: for scores (events), the overlap of answers with documents, and topics.
///
/// A score inside the only call of a model comes before its answer, which is the last that happens there.
fn is_wanted(runtime: &Runtime, kind: Kind) -> bool {
    (runtime.events.is_some() && !kind.is_inference())
        || runtime.topics.is_some()
        || runtime.quality.contains(QualitySignal::ContextOverlap)
}
