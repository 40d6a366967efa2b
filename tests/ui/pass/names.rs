//! Locals of the expansion and user locals of the same name are independent.
#![deny(warnings)]

use llm_trace::llm_trace;

const SITE: usize = 1;

#[llm_trace(tool, name = args, description = out, attributes("app.call" = call, "app.site" = SITE))]
fn same_names(call: i64, out: &str, args: &str) -> usize {
    let expected = out.len();
    SITE + expected + args.len() + usize::try_from(call).unwrap_or_default()
}

#[llm_trace(retrieval, data_source = call)]
async fn same_names_later(call: &str, mut out: Vec<usize>) -> Vec<usize> {
    let args = call.len();
    out.push(args + SITE);
    out
}

#[llm_trace]
fn r#try(r#type: usize) -> usize {
    r#type
}

fn main() {
    assert_eq!(same_names(1, "12", "123"), 7);
    drop(same_names_later("query", Vec::new()));
    assert_eq!(r#try(1), 1);
}
