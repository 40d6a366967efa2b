//! Documents found by retrievals.

use llm_trace::llm_trace;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{captured, capturing, content, exported, text};

const DOCUMENTS: &str = "gen_ai.retrieval.documents";

fn search<T: Serialize>(found: T) -> Span {
    #[llm_trace(retrieval, data_source = "d")]
    fn retrieve<T: Serialize>(found: T) -> Result<T, ()> {
        Ok(found)
    }
    captured(|| drop(retrieve(found)))
}

fn documents(found: impl Serialize) -> Value {
    content(&search(found), DOCUMENTS)
}

#[test]
fn hits_of_any_store_are_documents_with_id_score_and_content() {
    let expected = json!([{"id": "7", "score": 0.5, "content": "cats"}]);
    for found in [
        json!([{"id": 7, "score": 0.5, "content": "cats"}]),
        json!([{"document_id": "7", "similarity": 0.5, "text": "cats"}]),
        json!({"took": 3, "hits": {"total": 1, "hits": [{"_id": "7", "_score": 0.5, "_source": {"text": "cats"}}]}}),
        json!({"result": {"points": [{"id": 7, "score": 0.5, "payload": {"text": "cats"}}]}}),
        json!({"results": [{"relevance_score": 0.5, "document": {"id": "7", "text": "cats"}}]}),
        json!({"retrievalResults": [{"id": "7", "score": 0.5, "content": {"text": "cats"}}]}),
        json!([{"node": {"id_": "7", "text": "cats"}, "score": 0.5}]),
        json!({"retrieval_results": [{"id": "7", "relevanceScore": 0.5, "text": "cats"}]}),
        json!({"memories": [{"id": "7", "_rankingScore": 0.5, "text": "cats"}]}),
    ] {
        assert_eq!(documents(&found), expected, "{found}");
    }
    assert_eq!(documents([(0.5, "7", json!({"text": "cats"}))]), expected);
    assert_eq!(documents([(json!({"id": "7", "body": "cats"}), 0.5)]), expected);
    assert_eq!(documents(r#"[{"id": 7, "score": 0.5, "content": "cats"}]"#), expected);
}

#[test]
fn other_fields_of_a_document_are_kept() {
    assert_eq!(
        documents(json!([{"page_content": "cats", "distance": 0.1, "metadata": {"page": 3}, "tags": ["a"]}])),
        json!([{"content": "cats", "distance": 0.1, "metadata": {"page": 3}, "tags": ["a"]}])
    );
}

#[test]
fn a_score_that_is_no_number_is_none_and_no_name_is_there_twice() {
    let found = json!([{"score": "high", "id": 1, "payload": {"text": "cats", "page": 3}}]);
    assert_eq!(documents(found), json!([{"id": "1", "content": "cats", "payload": {"page": 3}}]));
    let span = search(json!([{"id": null, "_id": 7, "score": "high", "similarity": 0.5, "text": "cats"}]));
    assert_eq!(text(&span, DOCUMENTS).unwrap(), r#"[{"id":"7","score":0.5,"content":"cats"}]"#);
}

#[test]
fn texts_are_documents_and_nothing_found_is_an_empty_list() {
    assert_eq!(documents(["cats", "dogs"]), json!([{"content": "cats"}, {"content": "dogs"}]));
    assert_eq!(documents(Vec::<String>::new()), json!([]));
    assert_eq!(documents(vec![(0.1, 0.2, 0.3)]), json!([{"content": [0.1, 0.2, 0.3]}]));
    assert_eq!(text(&search(()), DOCUMENTS), None);
    assert_eq!(text(&search(3), DOCUMENTS), None, "how many were found");
}

#[test]
fn documents_that_do_not_fit_are_counted_in_the_first() {
    let found: Vec<_> = (0..400).map(|index| json!({"id": index, "content": "x".repeat(100)})).collect();
    let spans = exported(capturing().with_content_budget(2000, 64 << 10), || {
        #[llm_trace(retrieval, data_source = "d")]
        fn retrieve(found: &[Value]) -> &[Value] {
            found
        }
        retrieve(&found);
    })
    .spans();
    let documents = content(&spans[0], DOCUMENTS);
    let list = documents.as_array().unwrap();
    assert_eq!(list[0]["id"], "0");
    assert_eq!(list[0]["llm_trace.omitted"].as_u64().unwrap(), 400 - list.len() as u64);
    assert!((3..400).contains(&list.len()), "{documents}");
}

#[test]
fn documents_are_redacted_and_a_function_can_keep_them() {
    let found = json!([{"id": "ada@example.org", "content": "write to ada@example.org"}]);
    assert_eq!(documents(&found), json!([{"id": "[EMAIL]", "content": "write to [EMAIL]"}]));

    #[llm_trace(retrieval, data_source = "d", query = "cats", skip(output))]
    fn keeping() -> Vec<String> {
        vec!["cats".to_owned()]
    }
    let span = captured(|| drop(keeping()));
    assert_eq!(text(&span, DOCUMENTS), None);
    assert_eq!(text(&span, "gen_ai.retrieval.query.text").unwrap(), "cats");
}
