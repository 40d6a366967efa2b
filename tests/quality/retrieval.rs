//! Documents in the results of retrievals and rerankings.

use std::sync::atomic::{AtomicUsize, Ordering};

use llm_trace::{LlmResponse, Response, llm_trace};
use llm_trace_test_support::trace::{Ended, Trace, points_where};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

#[llm_trace(retrieval, data_source = source)]
fn search<T: Serialize>(source: &str, found: T) -> T {
    found
}

type Numbers = (Option<i64>, Option<f64>, Option<f64>, Option<i64>);

fn numbers(span: &Ended) -> Numbers {
    (
        span.int("llm_trace.retrieval.documents"),
        span.double("llm_trace.retrieval.top_score"),
        span.double("llm_trace.retrieval.score_gap"),
        span.int("llm_trace.retrieval.duplicates"),
    )
}

fn of<T: Serialize>(found: T) -> Numbers {
    let trace = Trace::new();
    trace.run(|| search("shapes", found));
    numbers(&trace.only())
}

const NOTHING: Numbers = (None, None, None, None);

#[derive(Serialize)]
struct Document {
    id: &'static str,
    text: &'static str,
    score: f32,
}

const fn document(id: &'static str, score: f32) -> Document {
    Document { id, text: "t", score }
}

#[test]
fn a_list_of_documents_has_a_count_a_best_score_a_lead_and_duplicates() {
    let found = vec![document("a", 0.5), document("b", 0.75), document("a", 0.25)];
    assert_eq!(of(found), (Some(3), Some(0.75), Some(0.25), Some(1)));
}

#[test]
fn tuples_of_document_and_score_are_read_in_any_order() {
    #[derive(Serialize)]
    struct Chunk {
        page_content: &'static str,
    }
    let chunk = || Chunk { page_content: "t" };
    assert_eq!(of(vec![(chunk(), 0.5_f32), (chunk(), 0.25)]), (Some(2), Some(0.5), Some(0.25), None));
    // The result type of rig's vector stores.
    let found = [(0.75_f64, "doc-1".to_owned(), chunk()), (0.5, "doc-2".to_owned(), chunk())];
    assert_eq!(of(&found[..]), (Some(2), Some(0.75), Some(0.25), None));
    // The result of a local reranker: indices and scores.
    assert_eq!(of(vec![(2_usize, 0.5_f32), (0, 0.25)]), (Some(2), Some(0.5), Some(0.25), Some(0)));
    // With a vector next to it.
    assert_eq!(of(vec![(document("a", 0.5), vec![0.1, 0.2, 0.3])]), (Some(1), Some(0.5), None, Some(0)));
}

#[test]
fn texts_are_counted() {
    assert_eq!(of(vec!["a", "b"]), (Some(2), None, None, None));
}

#[test]
fn an_empty_result_counts_zero_and_other_types_are_unknown() {
    assert_eq!(of(Vec::<Document>::new()), (Some(0), None, None, None));
    assert_eq!(of("a context, put together"), NOTHING);
    assert_eq!(of(None::<Vec<Document>>), NOTHING);
    assert_eq!(of(document("a", 0.5)), NOTHING);
    assert_eq!(of(json!({"answer": "x", "score": 1})), NOTHING);
}

#[test]
fn bodies_of_vector_stores_and_rerankers_are_read() {
    let two = (Some(2), Some(0.75), Some(0.25), Some(0));
    for (store, body, expected) in [
        (
            "qdrant query",
            json!({"result": {"points": [
                {"id": 1, "version": 3, "score": 0.75, "payload": {"id": "parent", "text": "t"}},
                {"id": "5c56c793-69f3-4fbf-87e6-c4bf54c28c26", "version": 3, "score": 0.5, "payload": {"id": "parent"}}
            ]}, "status": "ok", "time": 0.001}),
            two,
        ),
        ("qdrant search", json!({"result": [{"id": 1, "score": 0.75}, {"id": 2, "score": 0.5}]}), two),
        (
            "pinecone",
            json!({"matches": [
                {"id": "vec3", "score": 0.75, "values": [0.3, 0.3], "metadata": {"genre": "action"}},
                {"id": "vec4", "score": 0.5, "values": [0.3, 0.3]}
            ], "namespace": "ns", "usage": {"read_units": 6}}),
            two,
        ),
        (
            "chroma, in the order of serde_json",
            json!({"data": null, "distances": [[0.1, 0.2, 0.3]], "documents": [["x", "y", "z"]],
                   "ids": [["a", "b", "a"]], "metadatas": [[null, null, null]]}),
            (Some(3), None, None, None),
        ),
        (
            "weaviate",
            json!({"data": {"Get": {"Article": [
                {"title": "t", "_additional": {"id": "1", "certainty": 0.75, "distance": 0.5}},
                {"title": "u", "_additional": {"id": "2", "certainty": 0.5, "distance": 1.0}}
            ]}}}),
            two,
        ),
        (
            "elasticsearch",
            json!({"took": 5, "hits": {"total": {"value": 812, "relation": "eq"}, "max_score": 12.5, "hits": [
                {"_index": "i", "_id": "1", "_score": 12.5, "_source": {"id": "p"}},
                {"_index": "i", "_id": "1", "_score": 12.0, "_source": {"id": "p"}}
            ]}}),
            (Some(2), Some(12.5), Some(0.5), Some(1)),
        ),
        (
            "azure ai search",
            json!({"@odata.count": 9, "value": [{"@search.score": 0.75, "id": "a"}, {"@search.score": 0.5, "id": "b"}]}),
            two,
        ),
        (
            "bedrock knowledge base",
            json!({"retrievalResults": [
                {"content": {"text": "t"}, "location": {"type": "S3"}, "score": 0.75},
                {"content": {"text": "u"}, "location": {"type": "S3"}, "score": 0.5}
            ]}),
            (Some(2), Some(0.75), Some(0.25), None),
        ),
        (
            "openai vector store: two chunks of one file are no duplicates",
            json!({"object": "vector_store.search_results.page", "search_query": ["q"], "data": [
                {"file_id": "file-1", "filename": "f", "score": 0.75, "content": [{"type": "text", "text": "t"}]},
                {"file_id": "file-1", "filename": "f", "score": 0.5, "content": [{"type": "text", "text": "u"}]}
            ], "has_more": false}),
            (Some(2), Some(0.75), Some(0.25), None),
        ),
        (
            "cohere rerank",
            json!({"id": "r", "results": [
                {"index": 3, "relevance_score": 0.75, "document": {"text": "t"}},
                {"index": 0, "relevance_score": 0.5, "document": {"text": "t"}}
            ], "meta": {"billed_units": {"search_units": 1}}}),
            two,
        ),
        (
            "llama_index",
            json!([{"node": {"id_": "a", "text": "t"}, "score": 0.75}, {"node": {"id_": "b", "text": "t"}, "score": 0.5}]),
            two,
        ),
        (
            "mongodb",
            json!([{"_id": {"$oid": "1"}, "score": 0.75}, {"_id": {"$oid": "1"}, "score": 0.5}]),
            (Some(2), Some(0.75), Some(0.25), Some(1)),
        ),
        (
            "lancedb: a distance is no score",
            json!([{"id": 1, "_distance": 0.1}, {"id": 2, "_distance": 0.2}]),
            (Some(2), None, None, Some(0)),
        ),
    ] {
        assert_eq!(of(body), expected, "{store}");
    }
}

#[test]
fn duplicates_in_chroma_bodies_are_found_if_ids_come_first() {
    #[derive(Serialize)]
    struct QueryResult {
        ids: Vec<Vec<&'static str>>,
        documents: Option<Vec<Vec<&'static str>>>,
        distances: Option<Vec<Vec<f32>>>,
    }
    let documents = Some(vec![vec!["x", "y", "z"]]);
    let found =
        |ids| QueryResult { ids, documents: documents.clone(), distances: Some(vec![vec![0.1, 0.2, 0.3]]) };
    assert_eq!(of(found(vec![vec!["a", "b", "a"]])), (Some(3), None, None, Some(1)));
    assert_eq!(of(found(vec![vec![]])), (Some(0), None, None, None));
    assert_eq!(of(found(vec![vec!["a"], vec!["b"]])), NOTHING, "two queries at once");
}

#[test]
fn lists_of_vectors_and_results_of_several_queries_are_not_taken_for_documents() {
    assert_eq!(of(vec![vec![0.1_f32, 0.2]]), NOTHING);
    assert_eq!(of(vec![vec![0.1_f32], vec![0.2]]), NOTHING);
    assert_eq!(of(vec![vec![document("a", 0.5)], vec![document("b", 0.5)]]), NOTHING);
}

#[test]
fn explicit_documents_override_the_result() {
    #[llm_trace(retrieval)]
    fn says(count: usize, scores: &[f32]) -> Vec<Document> {
        llm_trace::current().retrieved(count, scores.iter().copied());
        vec![document("a", 0.5)]
    }
    let trace = Trace::new();
    trace.run(|| says(7, &[0.25, 0.75]));
    assert_eq!(numbers(&trace.only()), (Some(7), Some(0.75), Some(0.5), None));
}

#[test]
fn llm_response_and_an_adapter_define_the_documents() {
    struct Hits(Vec<f64>);
    impl LlmResponse for Hits {
        fn describe(&self) -> Response {
            Response::new().with_retrieved(self.0.len(), self.0.iter().copied())
        }
    }
    #[llm_trace(retrieval)]
    fn described() -> Result<Hits, std::fmt::Error> {
        Ok(Hits(vec![0.5, 0.25]))
    }
    #[llm_trace(retrieval, response = |text: &String| Response::new().with_retrieved(text.lines().count(), None::<f64>))]
    fn adapted() -> String {
        "a\nb".into()
    }
    let trace = Trace::new();
    trace.run(|| _ = described());
    assert_eq!(numbers(&trace.only()), (Some(2), Some(0.5), Some(0.25), None));
    let trace = Trace::new();
    trace.run(adapted);
    assert_eq!(numbers(&trace.only()), (Some(2), None, None, None));
}

#[test]
fn a_search_that_failed_found_neither_something_nor_nothing() {
    #[llm_trace(retrieval, data_source = "down")]
    fn fails() -> Result<Vec<Document>, std::io::Error> {
        Err(std::io::ErrorKind::TimedOut.into())
    }
    let trace = Trace::new();
    trace.run(|| _ = fails());
    assert_eq!(numbers(&trace.only()), NOTHING);
    assert!(points_where("llm_trace.retrieval.empty", "gen_ai.data_source.id", "down").is_empty());
}

#[test]
fn documents_are_measured_by_data_source_with_every_search_that_found_none() {
    let trace = Trace::new();
    trace.run(|| {
        search("measured", vec![document("a", 0.5), document("a", 0.25)]);
        search("measured", Vec::<Document>::new());
    });
    let measured = |metric: &str| {
        let points = points_where(metric, "gen_ai.data_source.id", "measured");
        assert_eq!(points.len(), 1, "{metric}: {points:?}");
        assert_eq!(points[0].label("gen_ai.operation.name").as_deref(), Some("retrieval"));
        (points[0].unit.clone(), points[0].count, points[0].sum)
    };
    assert_eq!(measured("llm_trace.retrieval.documents"), ("{document}".into(), 2, 2.0));
    assert_eq!(measured("llm_trace.retrieval.empty"), ("{retrieval}".into(), 1, 1.0));
    assert_eq!(measured("llm_trace.retrieval.top_score"), ("1".into(), 1, 0.5));
    assert_eq!(measured("llm_trace.retrieval.score_gap"), ("1".into(), 1, 0.25));
    assert_eq!(measured("llm_trace.retrieval.duplicates"), ("{document}".into(), 1, 1.0));
}

#[test]
fn a_reranking_is_separate_from_the_search_before_it() {
    #[llm_trace(rerank, provider = "cohere", model = "rerank-v3.5")]
    fn rerank() -> Value {
        json!({"results": [{"index": 1, "relevance_score": 0.75}], "meta": {"billed_units": {"input_tokens": 9}}})
    }
    let trace = Trace::new();
    trace.run(rerank);
    let span = trace.only();
    assert_eq!(numbers(&span), (Some(1), Some(0.75), None, Some(0)));
    assert_eq!(span.int("gen_ai.usage.input_tokens"), Some(9), "usage is read too");
    assert!(!points_where("llm_trace.retrieval.documents", "gen_ai.operation.name", "rerank").is_empty());
}

#[test]
fn only_calls_that_return_documents_are_read_for_them() {
    #[llm_trace(tool)]
    fn tool() -> Vec<Document> {
        vec![document("a", 0.5)]
    }
    let trace = Trace::new();
    trace.run(tool);
    assert_eq!(numbers(&trace.only()), NOTHING);
}

#[test]
fn texts_are_not_read() {
    static LOOKED: AtomicUsize = AtomicUsize::new(0);
    struct Text;
    impl Serialize for Text {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            LOOKED.fetch_add(1, Ordering::Relaxed);
            serializer.serialize_str("text")
        }
    }
    #[derive(Serialize)]
    struct Chunk {
        id: u64,
        text: Text,
        content: Text,
        metadata: Text,
    }
    let chunk = |id| Chunk { id, text: Text, content: Text, metadata: Text };
    assert_eq!(of(vec![chunk(1), chunk(2)]).0, Some(2));
    // `metadata` is read because it may contain a score; a text in its place is not kept.
    assert_eq!(LOOKED.load(Ordering::Relaxed), 2);
}
