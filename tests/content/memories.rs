//! Records that memory operations find and store.

use llm_trace::llm_trace;
use serde_json::{Value, json};

use crate::{captured, content, content_keys};

#[test]
fn records_of_memories_follow_their_schema() {
    #[llm_trace(memory(search), store = "profile")]
    fn recall(found: &Value) -> Value {
        found.clone()
    }
    for (found, expected) in [
        // mem0
        (
            json!({"results": [{"id": "m1", "memory": "likes tea", "hash": "h", "score": 0.9, "metadata": {"source": "x"}}]}),
            json!([{"id": "m1", "score": 0.9, "content": "likes tea", "metadata": {"source": "x"}, "hash": "h"}]),
        ),
        // LangGraph's store
        (
            json!([{"namespace": ["u1"], "key": "k", "value": {"food": "tea"}, "score": 0.9}]),
            json!([{"id": "k", "score": 0.9, "content": {"food": "tea"}, "namespace": ["u1"]}]),
        ),
        // Bedrock AgentCore
        (
            json!({"memoryRecordSummaries": [{"memoryRecordId": "r", "content": {"text": "tea"}, "score": 0.5}]}),
            json!([{"id": "r", "score": 0.5, "content": {"text": "tea"}}]),
        ),
        // A custom record: without content the whole record is content; metadata is an object.
        (
            json!([{"food": "tea"}, {"content": "tea", "metadata": "profile", "score": "high"}, ["tea", 0.5], 7]),
            json!([
                {"content": {"food": "tea"}}, {"content": "tea", "metadata": {"value": "profile"}},
                {"content": "tea", "score": 0.5}, {"content": 7},
            ]),
        ),
        (json!({"content": "tea"}), json!([{"content": "tea"}])),
        (json!({"memories": []}), json!([])),
    ] {
        let span = captured(|| drop(recall(&found)));
        assert_eq!(content(&span, "gen_ai.memory.records"), expected, "{found}");
    }
    let span = captured(|| drop(recall(&json!(3))));
    assert_eq!(content_keys(&span), [""; 0], "a number of records is none");

    #[llm_trace(memory(update), store = "profile", records = fact)]
    fn remember(fact: &str) -> &'static str {
        "what an update returns is not what was kept"
    }
    let span = captured(|| assert!(!remember("mail me at ann@example.com").is_empty()));
    assert_eq!(content(&span, "gen_ai.memory.records"), json!([{"content": "mail me at [EMAIL]"}]));

    #[llm_trace(memory(upsert), store = "profile", records = [fact], skip(records))]
    fn remember_quietly(fact: &str) {}
    let span = captured(|| remember_quietly("likes tea"));
    assert_eq!(content_keys(&span), [""; 0]);
}
