use llm_trace::llm_trace;

struct Bot;

#[llm_trace(tool, name = "bot", call_id = id)]
impl Bot {
    fn ask(&self) {}
    fn answer(&self) {}
}

#[llm_trace(chat, model = "gpt-5")]
impl Bot {
    fn one_mistake(&self) {}
    fn one_message(&self) {}
}

#[llm_trace(skip)]
fn in_no_block() {}

fn main() {}
