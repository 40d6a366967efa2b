//! The supported part of a chat completion request. Other fields are ignored, as OpenAI-compatible servers do.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
pub(crate) struct Request {
    pub(super) model: String,
    pub(super) messages: Vec<Message>,
    pub(super) stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_completion_tokens: Option<usize>,
    max_tokens: Option<usize>,
    n: Option<usize>,
    stop: Option<Stop>,
    service_tier: Option<ServiceTier>,
    #[serde(default)]
    pub(super) tools: Vec<Tool>,
    tool_choice: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    role: String,
    content: Option<Content>,
    tool_calls: Option<Value>,
}

/// A tool that the model may call. Tools other than functions are ignored.
#[derive(Deserialize, Serialize)]
pub(super) struct Tool {
    pub(super) function: Option<Function>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// A part of a message. Images and audio have no `text` and are ignored.
#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ServiceTier {
    Auto,
    Default,
    Flex,
    Priority,
}

impl Request {
    pub(super) fn choices(&self) -> usize {
        self.n.unwrap_or(1)
    }

    pub(super) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false)
    }

    pub(super) fn max_tokens(&self) -> Option<usize> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    pub(super) fn stop(&self) -> impl Iterator<Item = &str> {
        let sequences = match &self.stop {
            None => &[],
            Some(Stop::One(sequence)) => std::slice::from_ref(sequence),
            Some(Stop::Several(sequences)) => sequences.as_slice(),
        };
        sequences.iter().map(String::as_str).filter(|sequence| !sequence.is_empty())
    }

    /// The offered tools; none if the client forbids calls.
    pub(super) fn tools(&self) -> &[Tool] {
        let is_forbidden = self.tool_choice.as_ref().and_then(Value::as_str) == Some("none");
        if is_forbidden { &[] } else { &self.tools }
    }

    /// The tier that served the request: OpenAI resolves `auto` and always reports the result.
    pub(super) fn service_tier(&self) -> &'static str {
        match self.service_tier {
            None | Some(ServiceTier::Auto | ServiceTier::Default) => "default",
            Some(ServiceTier::Flex) => "flex",
            Some(ServiceTier::Priority) => "priority",
        }
    }
}

impl Message {
    pub(super) fn is_of_user(&self) -> bool {
        self.role == "user"
    }

    pub(super) fn is_of_tool(&self) -> bool {
        self.role == "tool"
    }

    /// The billed text: the content, and tool calls as JSON.
    pub(super) fn billed(&self) -> String {
        let calls = self.tool_calls.as_ref().map(Value::to_string);
        self.text() + &calls.unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                parts.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
            }
        }
    }
}
