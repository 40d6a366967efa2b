//! What requests and responses take of the content they are given, as the policy and the topics of the process say.

use serde::Serialize;

use crate::enrich::quality;
use crate::model::argument::{Content, Text};
use crate::model::content::{ContentKind, Measured};
use crate::model::request::Request;
use crate::model::response::Response;
use crate::model::site::Kind;

/// Content: what users typed and what else goes to the model. Recorded only if the application captures content
/// ([`ContentCapture`](crate::ContentCapture)); if it does not, these do not look at what they are given.
impl Request {
    /// `gen_ai.input.messages`: a text, which becomes a user's message, or messages of any API. On a workflow, what it
    /// was asked.
    pub fn input<T: Content + ?Sized>(&mut self, value: &T) {
        self.content.capture(self.kind(), ContentKind::Input, value);
        if self.reads_question() {
            self.topic = quality::topic_of_input(value);
        }
    }

    /// `gen_ai.system_instructions`: instructions that the API takes apart from the messages.
    pub fn system<T: Content + ?Sized>(&mut self, value: &T) {
        self.content.capture(self.kind(), ContentKind::System, value);
    }

    /// `gen_ai.tool.definitions`: the tools the model may call, as any API defines them, or their names.
    pub fn tools<T: Content + ?Sized>(&mut self, value: &T) {
        self.content.capture(self.kind(), ContentKind::Tools, value);
    }

    /// `gen_ai.retrieval.query.text`: what is searched for.
    pub fn query(&mut self, value: impl Text) {
        self.content.capture_text(self.kind(), ContentKind::Query, &value);
    }

    /// `gen_ai.tool.call.arguments`: an object, or the JSON text of one.
    pub fn arguments<T: Content + ?Sized>(&mut self, value: &T) {
        self.content.capture(self.kind(), ContentKind::Arguments, value);
    }

    /// One argument of a tool, by name; with others it makes up `gen_ai.tool.call.arguments`.
    pub fn argument<T: Content + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.content.capture_entry(self.kind(), ContentKind::Arguments, name, value);
    }

    /// `gen_ai.prompt.variable.{name}`: what a prompt template is filled in with, as an object (a map, a struct) of which each
    /// entry is a variable. Text is recorded as it is, everything else as JSON.
    pub fn prompt_variables<T: Content + ?Sized>(&mut self, value: &T) {
        self.content.capture(self.kind(), ContentKind::Variables, value);
    }

    /// One variable of a prompt template, by name.
    pub fn prompt_variable<T: Content + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.content.capture_entry(self.kind(), ContentKind::Variables, name, value);
    }

    /// `gen_ai.memory.records`: what a memory is to keep: a text, a record with `content`, or a list of them. What a search
    /// found is read from what it returns.
    pub fn records<T: Content + ?Sized>(&mut self, value: &T) {
        self.content.capture(self.kind(), ContentKind::Records, value);
    }

    /// Reads content from a request body.
    pub(crate) fn content_of<T: Serialize + ?Sized>(&mut self, body: &T) {
        self.content.capture_request(self.kind(), body);
        if self.reads_question() {
            self.topic = quality::topic_of_request(body);
        }
    }

    /// Whether a piece of content is looked at.
    pub(crate) fn captures(&self, piece: ContentKind) -> bool {
        self.content.takes(self.kind(), piece) || (piece == ContentKind::Input && self.reads_question())
    }

    fn reads_question(&self) -> bool {
        quality::reads_question(self.kind()) && !self.content.skips(ContentKind::Input)
    }
}

/// Content of a response.
impl Response {
    /// What was answered: `gen_ai.output.messages`, on a tool `gen_ai.tool.call.result`. A text, a message, or a whole
    /// body of any API. Recorded only if the application captures content
    /// ([`ContentCapture`](crate::ContentCapture)); if it does not, the value is not looked at.
    pub fn with_output<T: Content + ?Sized>(mut self, output: &T) -> Self {
        self.content.capture_output(output);
        if quality::reads_texts(Kind::Chat) || quality::reads_texts(Kind::Retrieval) {
            self.text = Measured::of(output);
        }
        self
    }
}
