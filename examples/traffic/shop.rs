//! The shopping assistant: an agent that calls a model and tools in turn.

use llm_trace::llm_trace;
use llm_trace::mcp::Session;
use serde_json::json;

use crate::api::{self, ApiError, Reply};
use crate::scene::Scene;
use crate::service::pause;

#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error("the inventory did not answer in time")]
    Timeout,
    #[error("there is no such article")]
    NotFound,
}

impl llm_trace::LlmError for ToolError {
    fn error_type(&self) -> std::borrow::Cow<'_, str> {
        match self {
            ToolError::Timeout => "timeout".into(),
            ToolError::NotFound => "not_found".into(),
        }
    }
}

pub(crate) async fn serve(scene: &mut Scene) -> Result<(), ApiError> {
    let (conversation, user) = scene.visitor();
    order(&conversation, &user, scene).await
}

#[llm_trace(workflow, name = "order", conversation = conversation, user = user)]
async fn order(conversation: &str, user: &str, scene: &mut Scene) -> Result<(), ApiError> {
    assist(scene).await
}

#[llm_trace(agent, name = "shopping-assistant", model = api::CLAUDE.name)]
async fn assist(scene: &mut Scene) -> Result<(), ApiError> {
    plan(scene).await;
    // A few turns in general; rarely an endless loop.
    let turns = if scene.chance(0.03) { 18 } else { scene.count(3.0).max(1) };
    let mut input_tokens = 900;
    for turn in 0..=turns {
        let tool = (turn < turns).then(|| *scene.pick(&["search_products", "check_stock", "place_order"]));
        turn_of(input_tokens, tool, scene).await?;
        input_tokens += 350;
        match tool {
            // The result of a tool goes to the model, also a failure.
            Some("search_products") => drop(search_products(scene).await),
            Some("check_stock") => drop(check_stock(scene).await),
            Some(_) => drop(place_order(scene).await),
            None => {}
        }
    }
    Ok(())
}

#[llm_trace(plan)]
async fn plan(scene: &mut Scene) {
    pause(scene.about(0.01)).await;
}

async fn turn_of(input_tokens: u64, tool: Option<&'static str>, scene: &mut Scene) -> Result<(), ApiError> {
    let request = json!({
        "model": api::CLAUDE.name, "max_tokens": 1024,
        "tools": [{ "name": "search_products" }, { "name": "check_stock" }, { "name": "place_order" }],
        "messages": [{ "role": "user", "content": "A raincoat in my size, please." }],
    });
    let reply = Reply {
        text: "Your raincoat is on its way.".to_owned(),
        tool,
        input_tokens,
        cached_tokens: input_tokens * 2 / 3,
        output_tokens: scene.count(60.0),
        reasoning_tokens: 0,
        is_cut: false,
    };
    api::chat(&api::CLAUDE, &request, &reply, scene).await.map(drop)
}

#[llm_trace(tool, tool_type = "function")]
async fn search_products(scene: &mut Scene) -> Result<(), ToolError> {
    pause(scene.about(0.2)).await;
    if scene.chance(0.04) { Err(ToolError::NotFound) } else { Ok(()) }
}

#[llm_trace(tool, tool_type = "function")]
async fn check_stock(scene: &mut Scene) -> Result<(), ToolError> {
    let session = Session::client(|request| {
        request.server(STOCK);
        request.transport("http");
    });
    let answer = ask_stock(scene).await;
    if answer.is_err() {
        session.fail("timeout");
    }
    answer
}

const STOCK: &str = "http://stock.internal:8080";

/// The stock service belongs to another team and is called over MCP.
#[llm_trace(mcp(client), method = "tools/call", name = "check_stock", server = STOCK, transport = "http")]
async fn ask_stock(scene: &mut Scene) -> Result<(), ToolError> {
    pause(scene.about(0.02)).await;
    let session = Session::server(|request| request.transport("http"));
    let answer = answer_stock(scene).await;
    drop(session);
    answer
}

#[llm_trace(mcp(server), method = "tools/call", name = "check_stock", transport = "http")]
async fn answer_stock(scene: &mut Scene) -> Result<(), ToolError> {
    pause(scene.about(0.08)).await;
    if scene.chance(0.08) { Err(ToolError::Timeout) } else { Ok(()) }
}

#[llm_trace(tool, tool_type = "function")]
async fn place_order(scene: &mut Scene) -> Result<(), ToolError> {
    pause(scene.about(0.4)).await;
    if scene.chance(0.01) { Err(ToolError::Timeout) } else { Ok(()) }
}
