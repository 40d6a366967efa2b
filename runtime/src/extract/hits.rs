//! The names by which search engines and vector stores call their hits and what is in them: one table for the reader of numbers and
//! for that of content, each in the order in which content looks.
//!
//! Not included: ids, as the ids of passages (`index`, `chunk_id`) are not ids of documents (`document_id`); and wrappers of hits, which
//! each reader opens for a different purpose.

/// Keys under which a body keeps its hits.
pub(crate) const HITS: &[&str] = &[
    "documents",
    "docs",
    "results",
    "result",
    "matches",
    "hits",
    "points",
    "chunks",
    "passages",
    "nodes",
    "data",
    "value",
    "retrievalResults",
    "retrieval_results",
    "records",
    "memories",
    "memoryRecordSummaries",
    "items",
    "sources",
    "memories",
];

/// Keys of a hit's score. Higher is better in all of them: a distance is no score.
pub(crate) const SCORE: &[&str] = &[
    "score",
    "_score",
    "relevance_score",
    "relevanceScore",
    "_relevance_score",
    "rerank_score",
    "similarity",
    "similarity_score",
    "certainty",
    "@search.score",
    "_rankingScore",
];

/// A hit's text.
pub(crate) const TEXT: &[&str] = &["content", "text", "page_content", "pageContent", "body"];
