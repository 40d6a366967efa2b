//! Snapshots of whole expansions.

use super::expand;

#[test]
fn async_with_arguments() {
    let expansion = expand(
        r#"chat, provider = "openai", request = request, temperature = 0.2, attributes("app.tier" = tier)"#,
        "async fn ask(request: Request, tier: &str) -> Result<Reply, Error> { let reply = send(request).await?; Ok(reply) }",
    );
    let expected = r#"
async fn ask(request: Request, tier: &str) -> Result<Reply, Error> {
    let call = ::llm_trace::__private::begin(
        {
            static SITE: ::llm_trace::__private::CallSite = ::llm_trace::__private::CallSite::new(
                ::llm_trace::__private::Kind::Chat,
                "ask",
                ::core::module_path!(),
                ::core::file!(),
                ::core::line!(),
            );
            &SITE
        },
        |args| {
            ::llm_trace::__private::request!(args, & request);
            args.provider(&"openai");
            args.temperature(&0.2);
            args.attribute("app.tier", &tier);
        },
    );
    let out: Result<Reply, Error> = ::llm_trace::__private::in_call(
            &call,
            async move {
                if false {
                    return ::llm_trace::__private::expected::<Result<Reply, Error>>();
                }
                match () {
                    () => {
                        let reply = send(request).await?;
                        Ok(reply)
                    }
                }
            },
        )
        .await;
    let out = ::llm_trace::__private::finish!(call, out);
    out
}
"#;
    assert_eq!(expansion, expected.trim_start());
}

#[test]
fn sync_without_arguments() {
    let expansion = expand("", "pub fn parse(text: &str) -> usize { text.len() }");
    let expected = r#"
pub fn parse(text: &str) -> usize {
    let call = ::llm_trace::__private::begin(
        {
            static SITE: ::llm_trace::__private::CallSite = ::llm_trace::__private::CallSite::new(
                ::llm_trace::__private::Kind::Task,
                "parse",
                ::core::module_path!(),
                ::core::file!(),
                ::core::line!(),
            );
            &SITE
        },
        |_| {},
    );
    let out: usize = ::llm_trace::__private::in_scope(
        &call,
        move || -> usize { text.len() },
    );
    let out = ::llm_trace::__private::finish!(call, out);
    out
}
"#;
    assert_eq!(expansion, expected.trim_start());
}
