//! Meanings of the keys of a request body.
//!
//! Only what the caller set is read: a `None` or an absent key stays absent on the span.

use serde::Serialize;

use crate::model::request::Request;
use crate::model::site::Kind;
use crate::semconv::attribute;
use crate::value::bounds;
use crate::value::reader::{Reader, Scalar, walk};

/// Reads the parameters of a request body into `request`.
pub(crate) fn read_request<T: Serialize + ?Sized>(body: &T, request: &mut Request) {
    let mut reader = RequestReader { request, stops: Vec::new(), encodings: Vec::new() };
    let root = if reader.request.kind().is_mcp() { Place::Message } else { Place::Root };
    walk(&mut reader, root, body);
    reader.finish();
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Root,
    /// Gemini's `generationConfig`, Bedrock's `inferenceConfig`, Ollama's `options`: parameters one level down.
    Parameters,
    Reasoning,
    /// `response_format`, or the `format` in the responses API's `text`.
    Format,
    Text,
    Conversation,
    /// Bedrock's guardrail of a call.
    Guardrail,
    /// Bedrock's question to a knowledge base, at any depth.
    KnowledgeBase,
    /// Of an MCP message.
    Message,
    Params,
    Leaf(Field),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Model,
    Method,
    Uri,
    Name,
    Id,
    Stop,
    Encoding,
    Format,
    ChoiceCount,
    Stream,
    ServiceTier,
    Text(&'static str),
    Int(&'static str),
    Double(&'static str),
}

struct RequestReader<'r> {
    request: &'r mut Request,
    stops: Vec<String>,
    encodings: Vec<String>,
}

impl Reader for RequestReader<'_> {
    type Place = Place;

    fn key(&self, at: Place, key: &str) -> Option<Place> {
        use Field as F;
        use Place::{Leaf, Parameters, Root};
        let kind = self.request.kind();
        // A remote agent's request may be that of a model; the conventions have less on its span.
        let is_inference = kind.is_inference();
        Some(match (at, key) {
            (Root, "model" | "modelId" | "model_id" | "model_name") => Leaf(F::Model),
            (
                Root,
                "generationConfig" | "generation_config" | "inferenceConfig" | "inference_config" | "options",
            ) => Parameters,
            (Root | Parameters, "temperature") => Leaf(F::Double(attribute::REQUEST_TEMPERATURE)),
            (Root | Parameters, "top_p" | "topP") => Leaf(F::Double(attribute::REQUEST_TOP_P)),
            (Root | Parameters, "top_k" | "topK") if is_inference || kind == Kind::Rerank => {
                Leaf(F::Int(attribute::REQUEST_TOP_K))
            }
            (
                Root | Parameters,
                "max_tokens"
                | "max_completion_tokens"
                | "max_output_tokens"
                | "maxOutputTokens"
                | "maxTokens"
                | "num_predict",
            ) => Leaf(F::Int(attribute::REQUEST_MAX_TOKENS)),
            (Root | Parameters, "frequency_penalty" | "frequencyPenalty") => {
                Leaf(F::Double(attribute::REQUEST_FREQUENCY_PENALTY))
            }
            (Root | Parameters, "presence_penalty" | "presencePenalty") => {
                Leaf(F::Double(attribute::REQUEST_PRESENCE_PENALTY))
            }
            (Root | Parameters, "seed" | "random_seed") => Leaf(F::Int(attribute::REQUEST_SEED)),
            (Root | Parameters, "stop" | "stop_sequences" | "stopSequences") => Leaf(F::Stop),
            (Root, "n") | (Parameters, "candidateCount" | "candidate_count") => Leaf(F::ChoiceCount),
            (Root, "stream") => Leaf(F::Stream),
            (Root, "service_tier") if is_inference => Leaf(F::ServiceTier),
            (Root, "reasoning_effort") | (Place::Reasoning, "effort") if is_inference => {
                Leaf(F::Text(attribute::REQUEST_REASONING_LEVEL))
            }
            (Root, "reasoning" | "output_config") => Place::Reasoning,
            (Root, "response_format") | (Place::Text, "format") => Place::Format,
            (Root, "text") => Place::Text,
            (Place::Format, "type") => Leaf(F::Format),
            (Root, "previous_response_id") => Leaf(F::Text(attribute::REQUEST_PREVIOUS_RESPONSE_ID)),
            (Root, "conversation") => Place::Conversation,
            (Place::Conversation, "id") => Leaf(F::Text(attribute::CONVERSATION_ID)),
            (Root, "encoding_format") if kind == Kind::Embeddings => Leaf(F::Encoding),
            (Root, "dimensions") if kind == Kind::Embeddings => {
                Leaf(F::Int(attribute::EMBEDDINGS_DIMENSION_COUNT))
            }
            // A JSON-RPC request, or its parameters alone.
            (Place::Message, "method") => Leaf(F::Method),
            (Place::Message, "id") => Leaf(F::Id),
            (Place::Message, "params") => Place::Params,
            (Place::Message | Place::Params, "name") => Leaf(F::Name),
            (Place::Message | Place::Params, "uri") => Leaf(F::Uri),
            (Place::Message | Place::Params, "protocolVersion") => {
                Leaf(F::Text(attribute::MCP_PROTOCOL_VERSION))
            }
            _ if is_inference => return of_bedrock(at, key),
            _ => return None,
        })
    }

    fn element(&mut self, at: Place, _len: Option<usize>) -> Option<Place> {
        matches!(at, Place::Leaf(Field::Stop | Field::Encoding)).then_some(at)
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        let field = match at {
            Place::Leaf(field) => field,
            // `conversation: "conv_1"` is the short form of `{"id": "conv_1"}`; a text of another form is the conversation.
            Place::Conversation if matches!(value, Scalar::Text(id) if is_conversation_id(id)) => {
                Field::Text(attribute::CONVERSATION_ID)
            }
            _ => return,
        };
        match (field, value) {
            (Field::Int(key), value) => self.request.set_int(key, value.parameter()),
            (Field::Double(key), value) => self.request.set_double(key, value.double()),
            (Field::ChoiceCount, value) => {
                if let Some(count) = value.parameter() {
                    self.request.choice_count(count);
                }
            }
            (Field::Stream, Scalar::Bool(stream)) => self.request.stream(stream),
            (Field::Model, Scalar::Text(text)) => self.request.model(text),
            (Field::Method, Scalar::Text(text)) => self.request.method(text),
            (Field::Uri, Scalar::Text(text)) => self.request.uri(text),
            (Field::Name, Scalar::Text(text)) => self.request.name(text),
            (Field::Id, Scalar::Text(text)) => self.request.id(text),
            (Field::Id, Scalar::Int(number)) => self.request.id(number.to_string()),
            (Field::Stop, Scalar::Text(text)) => push(&mut self.stops, text),
            (Field::Encoding, Scalar::Text(text)) => push(&mut self.encodings, text),
            (Field::ServiceTier, Scalar::Text(text)) => self.request.service_tier(text),
            (Field::Format, Scalar::Text(format)) => {
                self.request.output_type(if format.starts_with("json") { "json" } else { format });
            }
            (Field::Text(key), Scalar::Text(text)) => self.request.set_text(key, text),
            _ => {}
        }
    }
}

fn push(list: &mut Vec<String>, text: &str) {
    if list.len() < bounds::MAX_ITEMS {
        list.extend(bounds::item(text).map(str::to_owned));
    }
}

/// Returns the places of Bedrock's guardrails and data sources.
fn of_bedrock(at: Place, key: &str) -> Option<Place> {
    use Place::{Guardrail, KnowledgeBase, Root};
    Some(match (at, key) {
        (Root, "guardrailConfig" | "guardrail_config")
        | (KnowledgeBase, "guardrailConfiguration" | "guardrail_configuration") => Guardrail,
        (Root | Guardrail, "guardrailIdentifier" | "guardrail_identifier")
        | (Guardrail, "guardrailId" | "guardrail_id") => {
            Place::Leaf(Field::Text(attribute::AWS_BEDROCK_GUARDRAIL_ID))
        }
        (Root, "retrieveAndGenerateConfiguration" | "retrieve_and_generate_configuration")
        | (
            KnowledgeBase,
            "knowledgeBaseConfiguration"
            | "knowledge_base_configuration"
            | "generationConfiguration"
            | "generation_configuration",
        ) => KnowledgeBase,
        (KnowledgeBase, "knowledgeBaseId" | "knowledge_base_id") => {
            Place::Leaf(Field::Text(attribute::AWS_BEDROCK_KNOWLEDGE_BASE_ID))
        }
        (KnowledgeBase, "modelArn" | "model_arn") => Place::Leaf(Field::Model),
        _ => return None,
    })
}

/// OpenAI's ids: `conv_` and letters and digits.
fn is_conversation_id(text: &str) -> bool {
    text.strip_prefix("conv_").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

impl RequestReader<'_> {
    fn finish(self) {
        if !self.stops.is_empty() {
            self.request.stop(&self.stops);
        }
        if !self.encodings.is_empty() {
            self.request.encoding_formats(&self.encodings);
        }
    }
}
