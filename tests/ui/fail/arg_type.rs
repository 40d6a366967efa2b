use llm_trace::llm_trace;

struct Opaque;

#[llm_trace(chat, provider = "openai", temperature = "hot")]
fn text_for_a_number() {}

#[llm_trace(chat, provider = 7)]
fn number_for_a_text() {}

#[llm_trace(tool, attributes("app.opaque" = opaque))]
fn no_attribute(opaque: &Opaque) {
    let _ = opaque;
}

#[llm_trace(tool, name = nmae)]
fn no_such_parameter(name: &str) {
    let _ = name;
}

fn main() {}
