//! What users ask about, as a key that is not what they asked.

use serde::Serialize;

use crate::content::{hash_of_input, hash_of_request};
use crate::model::content::ContentKind;
use crate::model::request::Request;
use crate::model::site::Kind;
use crate::semconv::attribute;
use crate::value::Limits;
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

impl Topics {
    /// Whether what such a call is asked is read for its topic.
    pub(crate) fn reads_question(&self, kind: Kind) -> bool {
        matches!(self, Topics::QuestionHash { .. })
            && (kind.is_inference() || matches!(kind, Kind::Workflow | Kind::Agent))
    }

    /// The topic of a text or messages.
    pub(crate) fn of_input<T: Serialize + ?Sized>(&self, value: &T, limits: Limits<'_>) -> Option<String> {
        hash_of_input(value, self.salt()?, limits)
    }

    /// The topic of a request body.
    pub(crate) fn of_request<T: Serialize + ?Sized>(&self, body: &T, limits: Limits<'_>) -> Option<String> {
        hash_of_request(body, self.salt()?, limits)
    }

    /// The topic of a call; `of_all` is given what the call says itself, and has the topic of the outermost call.
    pub(crate) fn of_call(
        &self,
        request: &Request,
        of_all: impl FnOnce(Option<&str>) -> Option<String>,
    ) -> Option<String> {
        match self {
            // A prompt is known by its own name, whatever it is a part of.
            Topics::PromptName => {
                let name =
                    request.attribute_of(attribute::PROMPT_NAME).map(|name| name.value.as_str().into_owned());
                let of_all = of_all(name.as_deref());
                name.or(of_all)
            }
            // What the program asks a model on the way is about what the user asked at the beginning.
            Topics::QuestionHash { .. } => {
                let own = request.topic.clone().filter(|_| !request.content.skips(ContentKind::Input));
                let of_all = of_all(own.as_deref());
                of_all.or(own)
            }
        }
    }

    fn salt(&self) -> Option<&[u8]> {
        match self {
            Topics::QuestionHash { salt } => Some(salt.expose_secret().as_bytes()),
            Topics::PromptName => None,
        }
    }
}
