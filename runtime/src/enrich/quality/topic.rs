//! What users ask about, as a key that is not what they asked.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;

use crate::content::{hash_of_input, hash_of_request};
use crate::model::content::ContentKind;
use crate::model::request::Request;
use crate::model::site::Kind;
use crate::semconv::attribute;
use secrecy::{ExposeSecret as _, SecretString};

/// What the topic of a call is; see [`Builder::with_topics`](crate::Builder::with_topics).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Topics {
    /// The name of the prompt template, `prompt_name = …`.
    PromptName,
    /// A hash of the question in a workflow's, agent's or model's `input` or `request`, as what the user said last; letters and
    /// digits count, case does not. 48 bits of an HMAC with SHA-256.
    QuestionHash {
        /// The key: at least 16 bytes that nobody can guess, the same in all processes and releases whose topics are
        /// to be compared. Whoever has it can find out whether a certain question was asked, and nothing else.
        salt: SecretString,
    },
}

static TOPICS: RwLock<Option<Arc<Topics>>> = RwLock::new(None);
/// The same, for the question that every call asks.
static MODE: AtomicU8 = AtomicU8::new(OFF);

const OFF: u8 = 0;
const PROMPT_NAME: u8 = 1;
const QUESTION_HASH: u8 = 2;

/// Sets what topics are, for the rest of the process.
#[cfg(feature = "otlp")]
pub(crate) fn set_topics(topics: Option<Topics>) {
    let mode = match &topics {
        None => OFF,
        Some(Topics::PromptName) => PROMPT_NAME,
        Some(Topics::QuestionHash { .. }) => QUESTION_HASH,
    };
    *TOPICS.write().unwrap_or_else(PoisonError::into_inner) = topics.map(Arc::new);
    MODE.store(mode, Ordering::Relaxed);
}

pub(crate) fn have_topics() -> bool {
    MODE.load(Ordering::Relaxed) != OFF
}

/// Whether what such a call is asked is read for its topic.
pub(crate) fn reads_question(kind: Kind) -> bool {
    MODE.load(Ordering::Relaxed) == QUESTION_HASH
        && (kind.is_inference() || matches!(kind, Kind::Workflow | Kind::Agent))
}

/// The topic of a text or messages.
pub(crate) fn topic_of_input<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    hash_of_input(value, salt()?.as_bytes())
}

/// The topic of a request body.
pub(crate) fn topic_of_request<T: Serialize + ?Sized>(body: &T) -> Option<String> {
    hash_of_request(body, salt()?.as_bytes())
}

fn salt() -> Option<String> {
    match &**TOPICS.read().unwrap_or_else(PoisonError::into_inner).as_ref()? {
        Topics::QuestionHash { salt } => Some(salt.expose_secret().to_owned()),
        Topics::PromptName => None,
    }
}

/// The topic of a call; `of_all` is told what the call says itself, and has the topic of the outermost call.
pub(crate) fn topic(
    request: &Request,
    of_all: impl FnOnce(Option<&str>) -> Option<String>,
) -> Option<String> {
    match MODE.load(Ordering::Relaxed) {
        // A prompt is known by its own name, whatever it is a part of.
        PROMPT_NAME => {
            let name =
                request.attribute_of(attribute::PROMPT_NAME).map(|name| name.value.as_str().into_owned());
            let of_all = of_all(name.as_deref());
            name.or(of_all)
        }
        // What the program asks a model on the way is about what the user asked at the beginning.
        QUESTION_HASH => {
            let own = request.topic.clone().filter(|_| !request.content.skips(ContentKind::Input));
            let of_all = of_all(own.as_deref());
            of_all.or(own)
        }
        _ => None,
    }
}
