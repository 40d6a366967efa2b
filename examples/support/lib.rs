//! What the examples need and do not want to show: a corpus to search, a model to ask, and a stand-in for
//! that model when there is none.

pub mod corpus;
pub mod endpoint;
pub mod standin;
mod text;
