//! The support bot: retrieval, then a streamed answer, then its score.

use std::pin::pin;

use futures_util::{Stream, StreamExt as _};
use llm_trace::llm_trace;
use serde_json::{Value, json};

use crate::api::{self, ApiError, Model, Reply};
use crate::library::{self, Document, TOPICS, Topic};
use crate::scene::Scene;
use crate::service::pause;

/// An answer, and the span to which its score belongs.
struct Answered {
    text: String,
    trace_id: Option<String>,
    span_id: Option<String>,
}

pub(crate) async fn serve(scene: &mut Scene, staging: bool) -> Result<(), ApiError> {
    let topic = scene.pick(&TOPICS);
    let (conversation, user) = scene.visitor();
    let answered = answer(topic, &conversation, &user, staging, scene).await?;
    if scene.chance(0.25) {
        feedback(&answered, scene).await;
    }
    Ok(())
}

#[llm_trace(workflow, name = "support-answer", conversation = conversation, user = user)]
async fn answer(
    topic: &Topic,
    conversation: &str,
    user: &str,
    staging: bool,
    scene: &mut Scene,
) -> Result<Answered, ApiError> {
    screen(scene).await;
    let found = retrieve(topic, scene).await?;
    let documents = rerank(found, scene).await;
    let prompt = prompt(topic, &documents, staging, scene);
    let text = library::answer(&documents, scene);
    let text = complete(prompt, text, scene).await?;
    judge(&text, scene).await;
    let call = llm_trace::current();
    Ok(Answered { text, trace_id: call.trace_id(), span_id: call.span_id() })
}

#[llm_trace(guardrail, name = "prompt-injection")]
async fn screen(scene: &mut Scene) {
    pause(scene.about(0.02)).await;
}

#[llm_trace(retrieval, data_source = "handbook", provider = "qdrant", top_k = 4, server = "qdrant.internal:6333", query = topic.question)]
async fn retrieve(topic: &Topic, scene: &mut Scene) -> Result<Vec<Document>, ApiError> {
    let request = json!({ "model": api::EMBEDDING.name, "input": [topic.question] });
    api::embed(&api::EMBEDDING, &request, scene).await?;
    pause(scene.about(0.06)).await;
    Ok(library::search(topic, scene))
}

#[llm_trace(rerank, provider = "cohere", model = "rerank-v3.5", top_k = 3, server = "api.cohere.com:443")]
async fn rerank(mut documents: Vec<Document>, scene: &mut Scene) -> Vec<Document> {
    pause(scene.about(0.15)).await;
    documents.sort_by(|one, other| other.score.total_cmp(&one.score));
    documents
}

struct Prompt {
    model: &'static Model,
    request: Value,
}

#[llm_trace(task)]
fn prompt(topic: &Topic, documents: &[Document], staging: bool, scene: &mut Scene) -> Prompt {
    let costly = scene.has_costly_router() && scene.chance(0.5);
    let model = match (staging, costly) {
        (true, _) => &api::OWN,
        (false, true) => &api::COSTLY,
        (false, false) if scene.chance(0.2) => &api::LARGE,
        (false, false) => &api::SMALL,
    };
    let context = documents.iter().map(|document| document.text).collect::<Vec<_>>().join("\n");
    let request = json!({
        "model": model.name, "stream": true, "max_completion_tokens": 800,
        "messages": [
            { "role": "system", "content": "Answer from the handbook and cite it." },
            { "role": "user", "content": format!("{context}\n\nQuestion: {}", topic.question) },
        ],
    });
    Prompt { model, request }
}

async fn complete(
    Prompt { model, request }: Prompt,
    text: String,
    scene: &mut Scene,
) -> Result<String, ApiError> {
    let longer = if scene.has_worse_prompt() { 1.6 } else { 1.0 };
    let input_tokens = scene.count(1400.0 * longer);
    let reply = Reply {
        text,
        tool: None,
        input_tokens,
        cached_tokens: if scene.chance(0.6) { input_tokens / 2 } else { 0 },
        output_tokens: scene.count(180.0 * longer),
        reasoning_tokens: 0,
        is_cut: scene.chance(if scene.has_worse_prompt() { 0.06 } else { 0.01 }),
    };
    let tokens = api::chat_stream(model, &request, reply, scene).await?;
    let patience = if scene.chance(0.02) { 3 } else { usize::MAX }; // some close the page
    read(tokens, patience).await
}

async fn read(
    tokens: impl Stream<Item = Result<Value, ApiError>>,
    patience: usize,
) -> Result<String, ApiError> {
    let mut text = String::new();
    let mut tokens = pin!(tokens.take(patience));
    while let Some(chunk) = tokens.next().await {
        text.push_str(chunk?["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    Ok(text)
}

#[llm_trace(evaluator, name = "helpfulness")]
async fn judge(text: &str, scene: &mut Scene) {
    pause(scene.about(0.05)).await;
    let value = library::helpfulness(text, scene);
    let label = if value >= 0.6 { "pass" } else { "fail" };
    llm_trace::score("helpfulness").with_value(value).with_label(label).record();
}

/// The rating of a user, some time after the answer.
async fn feedback(answered: &Answered, scene: &mut Scene) {
    pause(scene.about(4.0)).await;
    let up = library::helpfulness(&answered.text, scene) >= 0.6;
    let (value, label) = if up { (1.0, "pass") } else { (0.0, "fail") };
    if let (Some(trace_id), Some(span_id)) = (&answered.trace_id, &answered.span_id) {
        llm_trace::score("user_feedback")
            .with_value(value)
            .with_label(label)
            .with_span(trace_id, span_id)
            .record();
    }
}
