use llm_trace::llm_trace;

#[llm_trace(tool, crate = telemetry::llm_trace)]
fn relative() {}

#[llm_trace(tool, crate = llm_trace)]
fn one_segment() {}

#[llm_trace(tool, crate = self::llm_trace)]
fn relative_to_the_module() {}

#[llm_trace(tool, crate = "::llm_trace")]
fn quoted() {}

#[llm_trace(tool, crate = 1 + 1)]
fn no_path() {}

fn main() {}
