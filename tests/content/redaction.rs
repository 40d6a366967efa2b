//! Personal data and credentials are redacted before anything is recorded.

use llm_trace::{Builder, ContentCapture, llm_trace};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use serde_json::{Value, json};

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

/// The rows of the tables in `docs/redaction.md`: the examples and their recorded form.
fn documented() -> Vec<(String, String)> {
    let document = include_str!("../../docs/redaction.md");
    let rows = document.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let shown = |cell: &str| characters(cell.trim_matches('`'));
        match cells[..] {
            [_, example, recorded] => (shown(example), shown(recorded)),
            // Text without a match is recorded unchanged.
            [_, example] => (shown(example), shown(example)),
            _ => panic!("neither two nor three cells: {row}"),
        }
    })
    .collect()
}

/// Decodes `\u{A0}` to the character.
fn characters(shown: &str) -> String {
    let mut pieces = shown.split(r"\u{");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (number, rest) = piece.split_once('}').expect("a closing brace");
        text.push(u32::from_str_radix(number, 16).ok().and_then(char::from_u32).expect("a character"));
        text.push_str(rest);
    }
    text
}

#[test]
fn redaction_matches_the_documented_examples() {
    #[llm_trace(retrieval, query = text)]
    fn search(text: &str) {}
    let rows = documented();
    assert!(rows.len() > 50, "only {} rows were read", rows.len());
    let spans = exported(capturing(), || rows.iter().for_each(|(example, _)| search(example))).spans();
    assert_eq!(spans.len(), rows.len());
    let wrong: Vec<String> = spans
        .iter()
        .zip(&rows)
        .filter_map(|(span, (example, expected))| {
            let recorded = text(span, "gen_ai.retrieval.query.text").unwrap();
            (recorded != *expected)
                .then(|| format!("{example} is recorded as {recorded} instead of {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn values_under_the_name_of_a_secret_are_always_replaced() {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Login<'a> {
        user: &'a str,
        db_password: &'a str,
        pin_passcode: u32,
        token: &'a str,
        logprobs: Vec<serde_json::Value>,
    }
    #[llm_trace(tool, arguments = login)]
    fn log_in(login: &Login<'_>) {}
    #[llm_trace(tool, arguments = json)]
    fn log_in_with(json: &str) {}

    let piece = serde_json::json!({"token": " swordfish", "properties": {"password": {"type": "string"}}});
    let login = Login {
        user: "ada",
        db_password: "swordfish",
        pin_passcode: 4711,
        token: "ab12cd34",
        logprobs: vec![piece.clone()],
    };
    let spans = exported(capturing(), || {
        log_in(&login);
        log_in_with(
            r#"{"OPENAI-API-KEY": "aaaabbbb", "nested": [{"passwd": "x"}], "password": "${PASSWORD}"}"#,
        );
    })
    .spans();
    assert_eq!(
        content(&spans[0], "gen_ai.tool.call.arguments"),
        serde_json::json!({
            "user": "ada", "dbPassword": "[SECRET]", "pinPasscode": "[SECRET]", "token": "[SECRET]", "logprobs": [piece]
        })
    );
    assert_eq!(
        content(&spans[1], "gen_ai.tool.call.arguments"),
        serde_json::json!({"OPENAI-API-KEY": "[SECRET]", "nested": [{"passwd": "[SECRET]"}], "password": "${PASSWORD}"})
    );
}

/// The finish reasons of an incomplete response on the span, with this capture of content.
fn reasons_of(capture: ContentCapture, skips: bool) -> Vec<String> {
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn ask(body: &Value) -> Value {
        body.clone()
    }
    #[llm_trace(chat, provider = "openai", model = "m", skip(output))]
    fn skipping(body: &Value) -> Value {
        body.clone()
    }
    let body = json!({
        "object": "response", "status": "incomplete", "usage": {"input_tokens": 1, "output_tokens": 1},
        "incomplete_details": {"reason": "asked by alice@example.com"},
    });
    let builder = llm_trace::builder().with_content_capture(capture);
    let receiver = exported(builder, || drop(if skips { skipping(&body) } else { ask(&body) }));
    let spans = receiver.spans();
    let reasons = spans[0].attributes.iter().find(|it| it.key == "gen_ai.response.finish_reasons");
    let Some(Any::ArrayValue(list)) = reasons.and_then(|it| it.value.clone()?.value) else {
        return Vec::new();
    };
    let texts = list.values.into_iter().filter_map(|item| match item.value? {
        Any::StringValue(text) => Some(text),
        _ => None,
    });
    texts.collect()
}

#[test]
fn a_finish_reason_in_free_text_is_content_of_the_output_and_redacted() {
    let [reason] = &reasons_of(ContentCapture::SpanOnly, false)[..] else { panic!("one reason") };
    assert!(reason.starts_with("asked by ") && !reason.contains("alice"), "{reason}");
    assert!(reasons_of(ContentCapture::SpanOnly, true).is_empty());
    assert!(reasons_of(ContentCapture::EventOnly, false).is_empty());
    assert!(reasons_of(ContentCapture::NoContent, false).is_empty());
}
