//! `POST /v1/embeddings`: hashed bags of words. Texts that share words have similar vectors, and the same
//! text has the same vector on every machine.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{error, models};
use crate::text;

#[derive(Deserialize)]
pub(super) struct Request {
    model: String,
    input: Input,
    dimensions: Option<usize>,
    #[serde(default)]
    encoding_format: EncodingFormat,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum EncodingFormat {
    #[default]
    Float,
}

pub(super) async fn embed(
    State(state): State<Arc<super::State>>,
    request: Result<Json<Request>, JsonRejection>,
) -> Response {
    let Request { model, input, dimensions, encoding_format: EncodingFormat::Float } = match request {
        Ok(Json(request)) => request,
        Err(rejection) => return error::rejected(&rejection),
    };
    let texts = match input {
        Input::Text(text) => vec![text],
        Input::Texts(texts) => texts,
    };
    let dimensions = dimensions.unwrap_or_else(|| models::dimensions(&model));
    if dimensions == 0 || texts.is_empty() || texts.iter().any(String::is_empty) {
        return error::invalid_request(
            "`dimensions` must be at least 1, and `input` must hold no empty text",
        );
    }
    let tokens = texts.iter().map(|text| text::tokens(text).count()).sum::<usize>();
    state.limits.spend(tokens);
    let vectors = texts.iter().map(|text| vector(text, dimensions)).enumerate();
    let entry = |(index, vector)| json!({ "object": "embedding", "index": index, "embedding": vector });
    let data: Vec<_> = vectors.map(entry).collect();
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    Json(json!({ "object": "list", "data": data, "model": model, "usage": usage })).into_response()
}

/// Adds 1 or -1 per stem at the place given by its hash, then normalises to length one.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    for stem in text::stems(text) {
        let hash = fnv1a(stem.as_bytes());
        let place = usize::try_from(hash >> 1).unwrap_or(usize::MAX) % dimensions;
        // The sign makes words at the same place cancel out on average instead of adding up.
        vector[place] += if hash & 1 == 0 { 1.0 } else { -1.0 };
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for x in &mut vector {
            *x /= length;
        }
    } else {
        // Without words, or if they cancel out, return a unit vector: a client may divide by the length.
        vector[0] = 1.0;
    }
    vector
}

/// FNV-1a: the standard library's hasher may change between releases.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
