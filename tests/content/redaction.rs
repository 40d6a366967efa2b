//! What identifies people and opens doors is replaced before anything is recorded.

use llm_trace::{Builder, llm_trace};

use crate::{capturing, content, exported, text};

const PRIVATE: &str = "Ada <ada@example.org>, 4111 1111 1111 1111, CASE-17";

fn recorded(builder: Builder) -> String {
    #[llm_trace(tool, arguments = text)]
    fn tool(text: &str) -> Result<(), String> {
        Err(text.to_owned())
    }
    let spans = exported(builder.with_error_messages(true), || drop(tool(PRIVATE))).spans();
    let arguments = content(&spans[0], "gen_ai.tool.call.arguments");
    arguments["arguments"].as_str().unwrap().to_owned()
}

#[test]
fn the_built_in_rules_are_on_whenever_content_is_captured() {
    assert_eq!(recorded(capturing()), "Ada <[EMAIL]>, [CARD], CASE-17");
}

#[test]
fn patterns_and_a_function_come_on_top_and_the_built_in_rules_can_be_off() {
    let own = capturing()
        .with_redaction(r"CASE-\d+", "CASE")
        .with_redactor(|text| Some(text.replace("Ada", "[NAME]")));
    assert_eq!(recorded(own.clone()), "[NAME] <[EMAIL]>, [CARD], [CASE]");
    assert_eq!(
        recorded(own.without_builtin_redaction()),
        "[NAME] <ada@example.org>, 4111 1111 1111 1111, [CASE]"
    );
    assert_eq!(recorded(capturing().without_builtin_redaction()), PRIVATE);
}

#[test]
fn a_pattern_that_is_none_is_an_error_of_init() {
    let error = llm_trace::builder().with_redaction("CASE-(", "CASE").init().unwrap_err().to_string();
    assert!(
        error.starts_with("with_redaction: `CASE-(` is not valid: expected a regular expression"),
        "{error}"
    );
}

#[test]
fn error_messages_and_queries_are_redacted_too() {
    #[llm_trace(retrieval, query = text)]
    fn search(text: &str) -> Result<(), std::io::Error> {
        Err(std::io::Error::other(text.to_owned()))
    }
    let spans = exported(capturing().with_error_messages(true), || drop(search(PRIVATE))).spans();
    assert_eq!(text(&spans[0], "gen_ai.retrieval.query.text").unwrap(), "Ada <[EMAIL]>, [CARD], CASE-17");
    assert_eq!(spans[0].status.clone().unwrap().message, "Ada <[EMAIL]>, [CARD], CASE-17");
}

#[test]
fn json_inside_of_text_is_redacted_and_still_json() {
    #[llm_trace(tool, arguments = r#"{"card": 4111111111111111, "to": "ada@example.org"}"#)]
    fn pay() {}
    let spans = exported(capturing(), pay).spans();
    let arguments = content(&spans[0], "gen_ai.tool.call.arguments");
    assert_eq!(arguments, serde_json::json!({"card": "[CARD]", "to": "[EMAIL]"}));
}
