use llm_trace::llm_trace;

#[llm_trace(tool, skip)]
fn no_names() {}

#[llm_trace(tool, skip = output)]
fn no_parentheses() {}

#[llm_trace(tool, skip())]
fn empty() {}

#[llm_trace(tool, skip("output", result, argumnts, query, output, output))]
fn every_mistake_at_once() {}

#[llm_trace(workflow, skip(all, input))]
fn all_and_more() {}

#[llm_trace(skip(input))]
fn no_kind() {}

#[llm_trace(embeddings, provider = "openai", skip(input))]
fn no_content() {}

fn main() {}
