//! With the feature `off` the attribute returns its input.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::measure;
use llm_trace::{llm_trace, testing};

#[llm_trace(chat, provider = "openai", model = model)]
fn ask(model: &str) -> usize {
    llm_trace::current().attempt(1);
    model.len()
}

struct Bot;

#[llm_trace(task)]
impl Bot {
    const fn id(&self) -> u8 {
        1
    }

    #[llm_trace(skip)]
    fn name(&self) -> u8 {
        2
    }

    #[llm_trace(tool, name = "search")]
    fn search(&self) -> u8 {
        self.id() + self.name()
    }
}

#[test]
fn nothing_is_recorded_and_nothing_allocated() {
    let telemetry = testing::capture();
    telemetry.run(|| {
        ask("what is made once per process");
        assert_eq!(measure(|| assert_eq!(ask("gpt-4o-mini"), 11)).count_total, 0);
        assert_eq!(Bot.search(), 3);
        let builder = llm_trace::Call::builder(llm_trace::Kind::Task);
        builder.with_request(|_| panic!("not called")).begin().finish();
    });
    assert_eq!(telemetry.tree(), "");
}
