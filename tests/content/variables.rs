//! Variables of prompt templates.

use llm_trace::llm_trace;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::{captured, capturing, content_keys, exported, text};

#[test]
fn variables_of_a_prompt_are_separate_attributes() {
    #[derive(serde::Serialize)]
    struct Variables {
        question: &'static str,
        days: Option<u8>,
    }
    let variable = |span: &Span, name: &str| text(span, &format!("gen_ai.prompt.variable.{name}"));

    #[llm_trace(chat, provider = "acme", prompt_variables(question, r#type = 3, list = ["a", "b"], none = None::<u8>))]
    fn named(question: &str) {
        llm_trace::current().request(|request| request.prompt_variable("later", "l"));
    }
    let span = captured(|| named("from ann@example.com"));
    assert_eq!(variable(&span, "question").unwrap(), "from [EMAIL]");
    assert_eq!(variable(&span, "none"), None);
    assert_eq!(variable(&span, "later").unwrap(), "l");
    assert_eq!(variable(&span, "type").unwrap(), "3");
    assert_eq!(variable(&span, "list").unwrap(), r#"["a","b"]"#);

    #[llm_trace(chat, provider = "acme", prompt_variables = variables, skip(output))]
    fn whole(variables: &Variables) {}
    let span = captured(|| whole(&Variables { question: "q", days: Some(3) }));
    assert_eq!(
        (variable(&span, "question").unwrap(), variable(&span, "days").unwrap()),
        ("q".into(), "3".into())
    );

    #[llm_trace(chat, provider = "acme", prompt_variables(question), skip(prompt_variables))]
    fn skipping(question: &str) {}
    let span = captured(|| skipping("q"));
    assert_eq!(content_keys(&span), [""; 0]);

    // All variables together fit in the budget of one attribute.
    #[llm_trace(chat, provider = "acme", prompt_variables(question = "q".repeat(5_000), second = "s".repeat(5_000)))]
    fn long() {}
    let builder = capturing().with_content_budget(1_000, 10_000);
    let span = exported(builder, long).spans().remove(0);
    let lengths = ["question", "second"].map(|name| variable(&span, name).unwrap().len());
    assert!(
        lengths.iter().sum::<usize>() <= 1_000 && lengths.iter().all(|length| *length > 400),
        "{lengths:?}"
    );
}
