//! Reads the result of a retrieval or a reranking: number of documents, scores, duplicates.
//!
//! Numbers and ids are read, texts only if they are to be compared. A list is a list of documents; an object is searched for one under the
//! names that vector stores and rerankers use:
//!
//! | shape | documents | score | id |
//! | --- | --- | --- | --- |
//! | a list of structs, of texts, of `(document, score)` in any order | the list | `score`, `similarity`, … or the number | `id`, … |
//! | Qdrant | `result`, `result.points`, `points` | `score` | `id` |
//! | Pinecone | `matches` | `score` | `id` |
//! | Chroma | `ids`, `documents` (of one query) | (`distances`) | `ids` |
//! | Weaviate | `data.Get.…` | `_additional.certainty`, `.score` | `_additional.id` |
//! | Elasticsearch, `OpenSearch` | `hits.hits` | `_score` | `_id` |
//! | Azure AI Search | `value` | `@search.score` | `id` |
//! | Bedrock knowledge bases | `retrievalResults` | `score` | |
//! | OpenAI vector stores | `data` | `score` | |
//! | Cohere, Jina and Voyage rerank | `results`, `data` | `relevance_score` | `index` |
//! | `LlamaIndex`, `LangChain` | the list | `score` | `node.id_`, `id` |
//!
//! A distance (`distance`, `_distance`, `distances`) is no score: less is better, and what is little depends on the
//! metric. A list of several queries' results is read as nothing.

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use serde::Serialize;

use super::hits;
use crate::model::retrieved::{Retrieved, Scores};
use crate::value::reader::{Reader, Scalar, walk};

/// Reads the documents found; `None` if the value is no list of documents. With `compares_texts`, documents with the same text are
/// duplicates, whatever their ids.
pub(crate) fn read_documents<T: Serialize + ?Sized>(value: &T, compares_texts: bool) -> Option<Retrieved> {
    let mut reader = DocumentReader { compares_texts, ..DocumentReader::default() };
    walk(&mut reader, Place::Results, value);
    reader.finish()
}

/// Limit on compared documents, above any realistic prompt: documents beyond it are counted, and not compared.
const MAX_COMPARED: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// The value itself, or an object in it that may have the list.
    Results,
    /// Weaviate's object of lists by class.
    Classes,
    /// An element of the list.
    Document,
    /// Chroma's list of ids by query, and an element of it.
    Ids,
    IdOnly,
    /// Wrapper of a document, or object inside of it.
    Part,
    /// User metadata of a document: an `id` in it need not be the document's.
    Metadata,
    Score,
    Id,
    /// Only if texts are compared.
    Text,
}

#[derive(Default)]
struct DocumentReader {
    compares_texts: bool,
    /// A list was found; `None` until then.
    count: Option<u64>,
    scores: Scores,
    seen: HashSet<u64>,
    /// Documents that could be compared with those before.
    compared: u64,
    /// The document that is being read.
    score: Option<f64>,
    id: Option<DefaultHasher>,
    text: Option<DefaultHasher>,
    /// Something of it has been seen.
    is_begun: Cell<bool>,
    /// The list is one of lists.
    is_nested: bool,
    /// These are the results of several queries, or a vector.
    is_unreadable: bool,
}

impl Reader for DocumentReader {
    type Place = Place;

    #[expect(clippy::match_same_arms, reason = "a table, in the order of the bodies it describes")]
    fn key(&self, at: Place, key: &str) -> Option<Place> {
        self.is_begun.set(true);
        Some(match (at, key) {
            (Place::Results, "ids") => Place::Ids,
            (Place::Results, key) if hits::HITS.contains(&key) => Place::Results,
            (Place::Results, "Get") => Place::Classes,
            (Place::Classes, _) => Place::Results,
            (Place::Document | Place::Part | Place::Metadata, key) if hits::SCORE.contains(&key) => {
                Place::Score
            }
            (
                Place::Document | Place::Part,
                "id" | "_id" | "id_" | "chunk_id" | "chunkId" | "uuid" | "index",
            ) => Place::Id,
            (Place::Document, "document" | "doc" | "node" | "chunk" | "point" | "_additional") => Place::Part,
            (Place::Document | Place::Part, "metadata" | "payload") => Place::Metadata,
            (Place::Document | Place::Part, key) if self.compares_texts && hits::TEXT.contains(&key) => {
                Place::Text
            }
            (Place::Text, "text") => Place::Text,
            // An id may be an object: MongoDB's `{"$oid": …}`, Qdrant's number or UUID.
            (Place::Id, _) => Place::Id,
            _ => return None,
        })
    }

    fn element(&mut self, at: Place, _len: Option<usize>) -> Option<Place> {
        match at {
            Place::Results | Place::Ids if self.count.is_none() => {
                self.count = Some(0);
                Some(if at == Place::Ids { Place::IdOnly } else { Place::Document })
            }
            Place::Text => Some(at),
            // Beside a document, in a tuple with it: its vector.
            Place::Document if self.is_begun.get() => None,
            // A list in the list is the result of a query, of which there may have been several.
            Place::Document | Place::IdOnly if self.count == Some(1) && !self.is_nested => {
                self.count = Some(0);
                self.is_nested = true;
                Some(at)
            }
            Place::Document | Place::IdOnly => {
                self.is_unreadable = true;
                None
            }
            _ => None,
        }
    }

    fn begin(&mut self, at: Place) {
        if matches!(at, Place::Document | Place::IdOnly) {
            self.end_document();
            if let Some(count) = &mut self.count {
                *count += 1;
            }
        }
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        self.is_begun.set(true);
        match (at, value) {
            (Place::Document, Scalar::Double(_)) if self.is_nested => self.is_unreadable = true,
            (Place::Score, value) | (Place::Document, value @ Scalar::Double(_)) => {
                self.score = self.score.or(value.double());
            }
            (Place::Id | Place::IdOnly, Scalar::Text(id)) => add(&mut self.id, id.as_bytes()),
            (Place::Id | Place::IdOnly | Place::Document, Scalar::Int(number)) => {
                add(&mut self.id, &number.to_ne_bytes());
            }
            (Place::Text, Scalar::Text(text)) => add(&mut self.text, text.as_bytes()),
            (Place::Document | Place::Part, Scalar::Text(text)) if self.compares_texts => {
                add(&mut self.text, text.as_bytes());
            }
            _ => {}
        }
    }
}

impl DocumentReader {
    fn end_document(&mut self) {
        self.is_begun.set(false);
        if let Some(score) = self.score.take() {
            self.scores.add(score);
        }
        // The same text under another id is a duplicate, another text under the same id is not.
        let (id, text) = (self.id.take(), self.text.take());
        if let Some(same) = text.or(id)
            && self.seen.len() < MAX_COMPARED
        {
            self.seen.insert(same.finish());
            self.compared += 1;
        }
    }

    fn finish(mut self) -> Option<Retrieved> {
        self.end_document();
        let count = self.count.filter(|_| !self.is_unreadable)?;
        let distinct = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        let duplicates = (count > 0 && self.compared == count).then(|| count.saturating_sub(distinct));
        Some(Retrieved { count: Some(count), scores: self.scores, duplicates })
    }
}

fn add(to: &mut Option<DefaultHasher>, bytes: &[u8]) {
    let hash = to.get_or_insert_default();
    hash.write_usize(bytes.len());
    hash.write(bytes);
}
