//! Every kind of receiver, and references that outlive the call.
#![deny(warnings)]

use std::{pin::Pin, rc::Rc};

use llm_trace::llm_trace;

#[derive(Default)]
struct Agent {
    model: String,
    turns: Vec<String>,
}

impl Agent {
    #[llm_trace(chat, provider = "openai", model = self.model)]
    async fn by_ref(&self, prompt: &str) -> usize {
        prompt.len() + self.turns.len()
    }

    #[llm_trace(chat, provider = "openai", model = self.model)]
    async fn by_mut<'a>(&'a mut self, prompt: &str) -> &'a mut String {
        self.turns.push(prompt.to_owned());
        self.last()
    }

    #[llm_trace]
    fn last(&mut self) -> &mut String {
        if self.turns.is_empty() {
            self.turns.push(String::new());
        }
        let last = self.turns.len() - 1;
        &mut self.turns[last]
    }

    #[llm_trace]
    fn first<'a>(&'a self, fallback: &'a str) -> &'a str {
        self.turns.first().map_or(fallback, |turn| turn)
    }

    #[llm_trace(task, name = self.model)]
    fn by_value(self) -> Vec<String> {
        self.turns
    }

    #[llm_trace(task, name = self.model)]
    async fn by_mut_value(mut self) -> Self {
        self.turns.clear();
        self
    }

    #[llm_trace]
    fn by_box(self: Box<Self>) -> Self {
        *self
    }

    #[llm_trace]
    fn by_rc(self: Rc<Self>) -> usize {
        self.turns.len()
    }

    #[llm_trace]
    async fn by_pin(self: Pin<&mut Self>) -> usize {
        self.turns.len()
    }

    #[llm_trace]
    fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }
}

trait Answer {
    #[llm_trace(workflow, name = "default body")]
    fn answer(&self) -> String {
        String::from("no")
    }
}

impl Answer for Agent {
    #[llm_trace(workflow, name = self.model)]
    fn answer(&self) -> String {
        self.first("yes").to_owned()
    }
}

impl Answer for () {}

fn main() {
    let mut agent = Agent::new("gpt-5");
    drop(agent.by_ref("hello"));
    drop(agent.by_mut("hello"));
    agent.last().push_str("turn");
    assert_eq!(agent.answer(), "turn");
    assert_eq!(().answer(), "no");
    drop(Pin::new(&mut agent).by_pin());
    let agent = Box::new(agent).by_box();
    let turns = agent.by_value();
    assert_eq!(turns, ["turn"]);
    assert_eq!(Rc::new(Agent::new("gpt-5")).by_rc(), 0);
    drop(Agent::new("gpt-5").by_mut_value());
}
