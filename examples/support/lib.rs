//! Shared by the examples: a corpus to search, a model to call, and a stand-in for the model.

pub mod corpus;
pub mod endpoint;
pub mod standin;
mod text;
