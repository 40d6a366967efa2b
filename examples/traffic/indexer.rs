//! The indexer: summarises and embeds documents all day, until its quota is used up.

use llm_trace::llm_trace;
use serde_json::json;

use crate::api::{self, ApiError, Reply};
use crate::scene::Scene;

#[llm_trace(workflow, name = "index-document")]
pub(crate) async fn serve(scene: &mut Scene) -> Result<(), ApiError> {
    summarise(scene).await?;
    let texts = vec!["a paragraph"; 8];
    let request = json!({ "model": api::EMBEDDING.name, "input": texts });
    api::embed(&api::EMBEDDING, &request, scene).await.map(drop)
}

async fn summarise(scene: &mut Scene) -> Result<(), ApiError> {
    let request = json!({
        "model": api::GEMINI.name,
        "contents": [{ "role": "user", "parts": [{ "text": "Summarise this." }] }],
    });
    let reasoning_tokens = scene.count(120.0);
    let reply = Reply {
        text: "A document about returns.".to_owned(),
        tool: None,
        input_tokens: scene.count(6000.0),
        cached_tokens: 0,
        output_tokens: reasoning_tokens + scene.count(200.0),
        reasoning_tokens,
        is_cut: scene.chance(0.02),
    };
    api::chat(&api::GEMINI, &request, &reply, scene).await.map(drop)
}
