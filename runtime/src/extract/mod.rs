//! Reads requests, responses, errors and headers of any client into the [`model`](crate::model).
//!
//! Bodies are read by serialized key and not by Rust type, so the types of any client crate and version can be read. Keys that no reader
//! needs are skipped before they are serialized: embeddings and images cost neither a copy nor an allocation.

#[cfg(feature = "async-openai-0_43")]
pub(crate) mod async_openai;
pub(crate) mod deltas;
pub(crate) mod error;
#[cfg(test)]
pub(crate) mod header_fuzz;
pub(crate) mod instant;
pub(crate) mod rate_limits;
pub(crate) mod request_id;
pub(crate) mod transcript;

mod chunk;
mod chunk_path;
mod counts;
mod documents;
#[cfg(test)]
pub(crate) mod fuzz;
pub(crate) mod hits;
mod mcp;
mod request;
mod response;
mod verdict;

pub(crate) use chunk::ChunkReader;
pub(crate) use documents::read_documents;
pub(crate) use mcp::read_mcp_answer;
pub(crate) use request::read_request;
pub(crate) use response::read_response;
pub(crate) use verdict::read_verdict;
