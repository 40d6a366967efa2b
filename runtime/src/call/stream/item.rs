//! Facts read from one item: of a stream, a part of the response; of a function that returns at once, all of it.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use serde::Serialize;

use crate::call::streamed::failure;
use crate::extract::deltas::Deltas;
use crate::extract::error::{ErrorFacts, error_type_of, type_name};
use crate::extract::transcript::Transcript;
use crate::extract::{self, ChunkReader};
use crate::model::content::Measured;
use crate::model::record::Failure;
use crate::model::response::{LlmResponse, Response, ResponseRest};
use crate::model::site::Kind;
use crate::runtime::Runtime;

/// Receives the facts that a reader finds in one item of a stream; see [`StreamExt::traced`](crate::stream::StreamExt::traced).
pub struct Chunk<'a> {
    pub(crate) reading: &'a mut Reading,
    pub(crate) deltas: &'a mut Deltas,
}

/// The facts read from all items.
pub(crate) struct Reading {
    runtime: Arc<Runtime>,
    items: Items,
    /// The same for content, of items that implement `Capture`.
    content: Option<Box<ChunkReader>>,
    described: Option<Response>,
    /// The streamed content, if it may be recorded or is measured.
    transcript: Option<Box<Transcript>>,
    /// The streamed content is measured.
    measures: bool,
    failure: Option<Failure>,
}

/// Parts of a complete value that are read.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub(crate) struct Wanted {
    /// Model, id, finish reasons, usage.
    pub(crate) facts: bool,
    /// The documents found.
    pub(crate) documents: bool,
    /// A score.
    pub(crate) verdict: bool,
    /// The outcome of an MCP message.
    pub(crate) mcp: bool,
    /// Text that is measured.
    pub(crate) text: bool,
    /// Content.
    pub(crate) output: bool,
    /// The instructions and tools that a fetched response repeats.
    pub(crate) instructions: bool,
}

impl Wanted {
    pub(crate) fn anything(self) -> bool {
        self.facts
            || self.documents
            || self.verdict
            || self.mcp
            || self.text
            || self.output
            || self.instructions
    }
}

/// The role of the items in their call.
enum Items {
    /// The only item is the response: read for the wanted parts.
    Whole(Wanted),
    /// Parts of a response.
    Chunks(Box<ChunkReader>),
    /// User values: the call is not a call of a model. Only errors are read.
    Values,
}

impl Chunk<'_> {
    /// A piece of the answer's text.
    pub fn text(&mut self, delta: &str) {
        self.deltas.text(delta);
    }

    /// A piece of the model's reasoning.
    pub fn reasoning(&mut self, delta: &str) {
        self.deltas.reasoning(delta);
    }

    /// A tool call begins. The provider's `id` for it may be empty.
    pub fn begin_tool_call(&mut self, id: &str, name: &str) {
        self.deltas.call(id, name, "");
    }

    /// A piece of the arguments, as JSON text, of the tool call that began last.
    pub fn tool_call(&mut self, delta: &str) {
        self.deltas.call("", "", delta);
    }

    /// Sets the choice that the rest of the item belongs to, counted from 0, if several were requested. Items belong to the first by
    /// default.
    ///
    /// ```
    /// use futures_core::Stream;
    /// use llm_trace::stream::{StreamExt as _, TracedStream};
    ///
    /// struct Token { choice: usize, text: String }
    ///
    /// fn traced<S: Stream<Item = Token>>(tokens: S) -> TracedStream<S> {
    ///     tokens.traced(|token, chunk| {
    ///         chunk.choice(token.choice);
    ///         chunk.text(&token.text);
    ///     })
    /// }
    /// ```
    pub fn choice(&mut self, index: usize) {
        self.deltas.commit();
        self.deltas.choice = i64::try_from(index).unwrap_or(i64::MAX);
    }

    /// Facts about the response: usage so far, finish reasons, model. A later chunk's replace an earlier one's.
    pub fn response<T: LlmResponse + ?Sized>(&mut self, response: &T) {
        if self.is_read() {
            self.fill(response.describe());
        }
    }

    /// Marks the call as failed, unless it is already; `error_type` is a class, such as `rate_limit_exceeded`.
    pub fn error(&mut self, error_type: impl Into<Cow<'static, str>>) {
        self.reading.failure.get_or_insert_with(|| Failure::new(&error_type.into(), None));
    }

    /// Reads an item of any provider's shape: as a reader, `.traced(Chunk::body)`.
    pub fn body<T: Serialize + ?Sized>(item: &T, chunk: &mut Chunk<'_>) {
        match &mut chunk.reading.items {
            &mut Items::Whole(wanted) => {
                if wanted.facts {
                    chunk.fill(extract::read_response(item));
                }
                if wanted.documents {
                    let retrieved =
                        extract::read_documents(item, chunk.reading.runtime.quality.compares_texts());
                    chunk.fill(Response::of_rest(ResponseRest { retrieved, ..ResponseRest::default() }));
                }
                if wanted.verdict {
                    let verdict = extract::read_verdict(item);
                    chunk.fill(Response::of_rest(ResponseRest { verdict, ..ResponseRest::default() }));
                }
                if wanted.mcp {
                    let mut answer = extract::read_mcp_answer(item);
                    answer.message = answer
                        .message
                        .and_then(|message| chunk.reading.runtime.content.error_message(&message));
                    chunk.fill(Response::of_rest(ResponseRest {
                        mcp: Some(answer),
                        ..ResponseRest::default()
                    }));
                }
                let (runtime, mut seen) = (&chunk.reading.runtime, Response::new());
                if wanted.output {
                    seen.rest_mut().content.capture_output(&runtime.content, item);
                }
                if wanted.instructions {
                    seen.rest_mut().content.capture_request(&runtime.content, Kind::FetchResponse, item);
                }
                if wanted.text {
                    seen.rest_mut().text = Measured::of(item, runtime.content.limits());
                }
                chunk.fill(seen);
            }
            Items::Chunks(chunks) => chunks.read(item, chunk.deltas),
            Items::Values => {}
        }
    }

    /// Reads the content of an item that implements `Capture`; later reads of the item then read facts only.
    pub(crate) fn content<T: Serialize>(&mut self, item: &T) {
        match &mut self.reading.items {
            Items::Whole(wanted) => {
                let (output, instructions) =
                    (std::mem::take(&mut wanted.output), std::mem::take(&mut wanted.instructions));
                let (runtime, mut seen) = (&self.reading.runtime, Response::new());
                if output {
                    seen.take_output(runtime, item);
                }
                if instructions {
                    seen.rest_mut().content.capture_request(&runtime.content, Kind::FetchResponse, item);
                }
                self.fill(seen);
            }
            Items::Chunks(_) => {
                if let Some(transcript) = self.deltas.transcript.take() {
                    let mut deltas = Deltas { transcript: Some(transcript), ..Deltas::default() };
                    self.reading.content.get_or_insert_default().read(item, &mut deltas);
                    self.reading.transcript = deltas.transcript;
                }
            }
            Items::Values => {}
        }
    }

    /// The same for items that are results: as a reader, `.traced(Chunk::result)`.
    pub fn result<T: Serialize, E: Error + 'static>(item: &Result<T, E>, chunk: &mut Chunk<'_>) {
        match item {
            Ok(item) => Chunk::body(item, chunk),
            Err(error) => {
                let error_type = error_type_of(error).unwrap_or(Cow::Borrowed(type_name::<E>()));
                chunk.failed(&ErrorFacts { error_type, message: Some(error) });
            }
        }
    }

    /// Returns whether more than errors is read from items.
    pub(crate) fn is_read(&self) -> bool {
        !matches!(self.reading.items, Items::Values)
    }

    pub(crate) fn fill(&mut self, mut response: Response) {
        if let Items::Whole(Wanted { facts: false, .. }) = self.reading.items {
            // A workflow may return its last response, whose tokens are those of the call inside it.
            response = response.take_rest().map_or_else(Response::new, |rest| {
                let ResponseRest { retrieved, verdict, mcp, text, content, .. } = rest;
                let rest = ResponseRest { retrieved, verdict, mcp, text, content, ..ResponseRest::default() };
                Response::of_rest(rest)
            });
        }
        if let Some(earlier) = self.reading.described.take() {
            response.fill_from(earlier);
        }
        self.reading.described = Some(response);
    }

    pub(crate) fn opaque(&mut self) {
        self.deltas.opaque();
    }

    pub(crate) fn failed(&mut self, error: &ErrorFacts<'_>) {
        if self.reading.failure.is_none() {
            self.reading.failure = Some(failure(error, &self.reading.runtime));
        }
    }
}

impl std::fmt::Debug for Chunk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunk").field("deltas", &self.deltas).finish_non_exhaustive()
    }
}

impl Reading {
    /// Of the parts of a response.
    pub(crate) fn of_chunks(runtime: Arc<Runtime>) -> Self {
        Reading::of(runtime, Items::Chunks(Box::default()))
    }

    pub(crate) fn of_whole(runtime: Arc<Runtime>, wanted: Wanted) -> Self {
        Reading::of(runtime, Items::Whole(wanted))
    }

    pub(crate) fn of_values(runtime: Arc<Runtime>) -> Self {
        Reading::of(runtime, Items::Values)
    }

    fn of(runtime: Arc<Runtime>, items: Items) -> Self {
        Reading {
            runtime,
            items,
            content: None,
            described: None,
            transcript: None,
            measures: false,
            failure: None,
        }
    }

    /// Keeps what is streamed.
    pub(crate) fn with_transcript(self, measures: bool) -> Self {
        let transcript = Transcript::new(self.runtime.content.limits());
        Reading { transcript: Some(Box::new(transcript)), measures, ..self }
    }

    /// Reads one item with `read`, and returns its deltas.
    pub(crate) fn item(&mut self, read: impl FnOnce(&mut Chunk<'_>)) -> Deltas {
        let mut deltas = Deltas { transcript: self.transcript.take(), ..Deltas::default() };
        read(&mut Chunk { reading: self, deltas: &mut deltas });
        deltas.commit();
        self.transcript = deltas.transcript.take().or(self.transcript.take());
        deltas
    }

    /// Returns the response so far, for labels.
    pub(crate) fn so_far(&self) -> Response {
        let mut response = self.described.clone().unwrap_or_default();
        if let Items::Chunks(chunks) = &self.items {
            response.fill_from(chunks.so_far().clone());
        }
        response
    }

    /// Returns the response, and the error if one was among the items.
    pub(crate) fn finish(self) -> (Response, Option<Failure>) {
        let Reading { runtime, items, described, mut failure, transcript, measures, .. } = self;
        let mut response = described.unwrap_or_default();
        if let Some(transcript) = transcript {
            let mut streamed = Response::new();
            let rest = streamed.rest_mut();
            rest.text = rest.content.capture_transcript(&runtime.content, *transcript, measures);
            response.fill_from(streamed);
        }
        if let Items::Chunks(chunks) = items {
            failure = failure.or_else(|| Some(Failure::new(&chunks.error_type()?, None)));
            response.fill_from(chunks.finish());
        }
        (response, failure)
    }
}
