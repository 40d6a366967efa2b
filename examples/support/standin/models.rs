//! The supported models. Other names are served too and returned unchanged.

use serde_json::{Value, json};

/// Requested name → the dated snapshot in OpenAI's response, so that prices are looked up by either name.
const SNAPSHOTS: &[(&str, &str)] = &[
    ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4.1", "gpt-4.1-2025-04-14"),
    ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"),
];

/// Embedding models have no snapshots; OpenAI answers with the requested name.
const DIMENSIONS: &[(&str, usize)] = &[("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072)];

/// The model named in the response to a request for this one.
pub(super) fn snapshot(model: &str) -> &str {
    SNAPSHOTS.iter().find(|(alias, _)| *alias == model).map_or(model, |(_, snapshot)| snapshot)
}

/// The length of an embedding model's vectors.
pub(super) fn dimensions(model: &str) -> usize {
    DIMENSIONS.iter().find(|(name, _)| *name == model).map_or(1536, |(_, dimensions)| *dimensions)
}

/// The body of `GET /v1/models`.
pub(super) fn list() -> Value {
    let chat = SNAPSHOTS.iter().flat_map(|(alias, snapshot)| [*alias, *snapshot]);
    let names = chat.chain(DIMENSIONS.iter().map(|(name, _)| *name));
    let data: Vec<_> = names
        .map(|name| json!({ "id": name, "object": "model", "created": 1_721_172_741, "owned_by": "standin" }))
        .collect();
    json!({ "object": "list", "data": data })
}
