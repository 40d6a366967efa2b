//! Topics of calls, as keys that do not reveal the question.

use serde::Serialize;

use crate::content::{hash_of_input, hash_of_request};
use crate::model::content::ContentKind;
use crate::model::request::Request;
use crate::model::site::Kind;
use crate::semconv::attribute;
use crate::value::Limits;
use secrecy::{ExposeSecret as _, SecretString};

/// Source of a call's topic; see [`Builder::with_topics`](crate::Builder::with_topics).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Topics {
    /// The name of the prompt template, `prompt_name = …`.
    PromptName,
    /// A hash of the question in a workflow's, agent's or model's `input` or `request`, taken from the last user message; letters and
    /// digits count, case does not. 48 bits of an HMAC with SHA-256.
    QuestionHash {
        /// The key: at least 16 bytes that cannot be guessed, the same in all processes and releases whose topics are compared. A party
        /// that has it can find out whether a certain question was asked, and nothing else.
        salt: SecretString,
    },
}

impl Topics {
    /// Returns whether the input of such a call is read for its topic.
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

    /// Returns the topic of a call; `of_all` receives the topic that the call sets, and returns that of the root call.
    pub(crate) fn of_call(
        &self,
        request: &Request,
        of_all: impl FnOnce(Option<&str>) -> Option<String>,
    ) -> Option<String> {
        match self {
            // A prompt keeps its name as topic, whatever it is a part of.
            Topics::PromptName => {
                let name =
                    request.attribute_of(attribute::PROMPT_NAME).map(|name| name.value.as_str().into_owned());
                let of_all = of_all(name.as_deref());
                name.or(of_all)
            }
            // Model calls of the program on the way share the topic of the user's first question.
            Topics::QuestionHash { .. } => {
                let own = request
                    .rest()
                    .topic
                    .clone()
                    .filter(|_| !request.rest().content.skips(ContentKind::Input));
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
