//! Setters of requests and responses that capture content, subject to the policy and topics of the process.

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Value;

use crate::content::{self, Hashed};
use crate::enrich::quality::Topics;
use crate::model::argument::{Content, Int, Text};
use crate::model::content::{ContentKind, Measured};
use crate::model::request::{Request, without_secrets};
use crate::model::response::Response;
use crate::model::site::Kind;
use crate::runtime::{self, Runtime};
use crate::semconv::attribute;
use crate::sinks::events::Score;
use crate::value::Limits;

/// Content: what users typed and what else goes to the model. Recorded only if the application captures content
/// ([`ContentCapture`](crate::ContentCapture)); if it does not, these do not look at what they are given.
impl Request {
    /// `gen_ai.input.messages`: a text, which becomes a user's message, or messages of any API. On a workflow, its input.
    pub fn input<T: Content + ?Sized>(&mut self, value: &T) {
        self.take(ContentKind::Input, value);
        self.read_topic(|topics, limits| topics.of_input(value, limits));
    }

    /// `gen_ai.system_instructions`: instructions that the API takes apart from the messages.
    pub fn system<T: Content + ?Sized>(&mut self, value: &T) {
        self.take(ContentKind::System, value);
    }

    /// `gen_ai.tool.definitions`: the tools the model may call, as any API defines them, or their names.
    pub fn tools<T: Content + ?Sized>(&mut self, value: &T) {
        self.take(ContentKind::Tools, value);
    }

    /// `gen_ai.retrieval.query.text`: what is searched for.
    pub fn query(&mut self, value: impl Text) {
        let kind = self.kind();
        runtime::with(|runtime| {
            self.change_content(|content| {
                content.capture_text(&runtime.content, kind, ContentKind::Query, &value);
            });
        });
    }

    /// `gen_ai.tool.call.arguments`: an object, or the JSON text of one.
    pub fn arguments<T: Content + ?Sized>(&mut self, value: &T) {
        self.take(ContentKind::Arguments, value);
    }

    /// One argument of a tool, by name; with others it makes up `gen_ai.tool.call.arguments`.
    pub fn argument<T: Content + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.take_entry(ContentKind::Arguments, name, value);
    }

    /// `gen_ai.prompt.variable.{name}`: what a prompt template is filled in with, as an object (a map, a struct) of which each
    /// entry is a variable. Text is recorded as it is, everything else as JSON.
    pub fn prompt_variables<T: Content + ?Sized>(&mut self, value: &T) {
        self.take(ContentKind::Variables, value);
    }

    /// One variable of a prompt template, by name.
    pub fn prompt_variable<T: Content + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.take_entry(ContentKind::Variables, name, value);
    }

    /// `gen_ai.memory.records`: what a memory is to keep: a text, a record with `content`, or a list of them. What a search
    /// found is read from what it returns.
    pub fn records<T: Content + ?Sized>(&mut self, value: &T) {
        self.take(ContentKind::Records, value);
    }

    /// Reads content from a request body.
    pub(crate) fn content_of<T: Serialize + ?Sized>(&mut self, body: &T) {
        let kind = self.kind();
        runtime::with(|runtime| {
            self.change_content(|content| content.capture_request(&runtime.content, kind, body));
        });
        self.read_topic(|topics, limits| topics.of_request(body, limits));
    }

    /// Returns whether content of a kind is captured.
    pub(crate) fn captures(&self, piece: ContentKind) -> bool {
        runtime::with(|runtime| self.captures_under(runtime, piece))
    }

    /// As [`captures`](Self::captures), for a call that has its runtime at hand.
    pub(super) fn captures_under(&self, runtime: &Runtime, piece: ContentKind) -> bool {
        self.rest().content.takes(&runtime.content, self.kind(), piece)
            || (piece == ContentKind::Input && self.topics_of_question(runtime).is_some())
    }

    fn take<T: Serialize + ?Sized>(&mut self, piece: ContentKind, value: &T) {
        let kind = self.kind();
        runtime::with(|runtime| {
            self.change_content(|content| content.capture(&runtime.content, kind, piece, value));
        });
    }

    fn take_entry<T: Serialize + ?Sized>(&mut self, piece: ContentKind, name: &'static str, value: &T) {
        let kind = self.kind();
        runtime::with(|runtime| {
            self.change_content(|content| content.capture_entry(&runtime.content, kind, piece, name, value));
        });
    }

    fn read_topic(&mut self, read: impl FnOnce(&Topics, Limits<'static>) -> Option<String>) {
        runtime::with(|runtime| {
            if let Some(topics) = self.topics_of_question(runtime) {
                self.rest_mut().topic = read(topics, runtime.content.limits());
            }
        });
    }

    fn topics_of_question<'a>(&self, runtime: &'a Runtime) -> Option<&'a Topics> {
        let topics = runtime.topics.as_deref()?;
        (topics.reads_question(self.kind()) && !self.rest().content.skips(ContentKind::Input))
            .then_some(topics)
    }
}

/// Setters that only the October version of the conventions has.
impl Request {
    /// `gen_ai.skill.name`: the [skill](https://agentskills.io) that the tool loads, or that its command belongs to. This and the following
    /// attributes of tools are recorded only in the October version of the conventions, and then name the span: `execute_tool {tool}
    /// {skill}`.
    pub fn skill(&mut self, value: impl Text) {
        self.set_of_skill(attribute::SKILL_NAME, &value);
    }

    /// `gen_ai.skill.description`: what the skill is for.
    pub fn skill_description(&mut self, value: impl Text) {
        self.set_of_skill(attribute::SKILL_DESCRIPTION, &value);
    }

    /// `gen_ai.skill.source.uri`: where the skill comes from. Credentials, query and fragment of the URI are left out.
    pub fn skill_source(&mut self, value: impl Text) {
        if let Some(uri) = value.text() {
            self.set_of_skill(attribute::SKILL_SOURCE_URI, &without_secrets(&uri));
        }
    }

    /// `gen_ai.skill.resource.name`: the script, reference or asset of the skill that the tool reads or runs, as a path inside of
    /// the skill.
    pub fn skill_resource(&mut self, value: impl Text) {
        self.set_of_skill(attribute::SKILL_RESOURCE_NAME, &value);
    }

    /// The program that the tool runs: `process.executable.name`, and with a path also `process.executable.path`.
    pub fn executable(&mut self, value: impl Text) {
        let Some(path) = value.text() else { return };
        let name = path.rsplit(['/', '\\']).next().unwrap_or(&path);
        self.set_of_skill(attribute::PROCESS_EXECUTABLE_NAME, name);
        if name.len() < path.len() {
            self.set_of_skill(attribute::PROCESS_EXECUTABLE_PATH, &path);
        }
    }

    /// `process.exit.code`: what the program exited with, known after it has run:
    ///
    /// ```
    /// use llm_trace::llm_trace;
    ///
    /// #[llm_trace(tool, name = "shell", executable = program)]
    /// fn run(program: &str) -> std::io::Result<()> {
    ///     let status = std::process::Command::new(program).status()?;
    ///     llm_trace::current().request(|request| request.exit_code(status.code()));
    ///     Ok(())
    /// }
    /// # run("true").ok();
    /// ```
    pub fn exit_code(&mut self, value: impl Int) {
        if has_skills() {
            self.set_int(attribute::PROCESS_EXIT_CODE, value.int());
        }
    }

    fn set_of_skill(&mut self, key: &'static str, value: &(impl Text + ?Sized)) {
        if has_skills() {
            self.set_text(key, value);
        }
    }
}

fn has_skills() -> bool {
    runtime::with(|runtime| runtime.names.has_skills)
}

/// Content of a response.
impl Response {
    /// Sets the output: `gen_ai.output.messages`, on a tool `gen_ai.tool.call.result`. A text, a message, or a whole body of any API.
    /// Recorded only if the application captures content ([`ContentCapture`](crate::ContentCapture)); otherwise the value is not read.
    pub fn with_output<T: Content + ?Sized>(mut self, output: &T) -> Self {
        runtime::with(|runtime| self.take_output(runtime, output));
        self
    }

    /// As [`with_output`](Self::with_output), for a call that has its runtime at hand.
    pub(super) fn take_output<T: Serialize + ?Sized>(&mut self, runtime: &Runtime, output: &T) {
        self.rest_mut().content.capture_output(&runtime.content, output);
        if [Kind::Chat, Kind::Retrieval].into_iter().any(|kind| runtime.quality.reads_texts(kind)) {
            self.rest_mut().text = Measured::of(output, runtime.content.limits());
        }
    }
}

impl Score {
    /// Sets the reason for the score. An explanation quotes what it explains, so it is content: recorded only if content may be on events
    /// ([`ContentCapture::EventOnly`](crate::ContentCapture::EventOnly) or [`SpanAndEvent`](crate::ContentCapture::SpanAndEvent)), and
    /// redacted. Otherwise it is not read.
    pub fn with_explanation(mut self, explanation: impl Text) -> Self {
        self.explanation = runtime::with(|runtime| content::explanation(&explanation, &runtime.content));
        self
    }
}

impl<T: Serialize> Serialize for Hashed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::to_value(&self.0).map_err(|_| S::Error::custom("no JSON"))? {
            // A digest would reveal as much.
            Value::Null => serializer.serialize_none(),
            value => {
                let digest = runtime::with(|runtime| runtime.content.rules.hash_key.digest(&value));
                serializer.serialize_str(&digest)
            }
        }
    }
}
