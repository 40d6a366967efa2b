use llm_trace::llm_trace;

#[llm_trace(tool, attributes = "app.tier")]
fn no_parentheses() {}

#[llm_trace(tool, attributes)]
fn nothing() {}

#[llm_trace(tool, attributes(tier, 2 = 2))]
fn no_name(tier: u8) {}

#[llm_trace(tool, attributes("" = 1, "app.tier" = 1, "app.tier" = 2))]
fn empty_and_duplicate() {}

#[llm_trace(tool, attributes("app.tier", "app.plan" =, "app.seats": 3))]
fn no_value() {}

fn main() {}
