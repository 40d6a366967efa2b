//! The forms of `response = …`.
#![deny(warnings)]

use llm_trace::{Response, llm_trace};

struct Reply {
    model: String,
}

impl Reply {
    fn describe(&self) -> Response {
        read(self)
    }
}

fn read(reply: &Reply) -> Response {
    let _ = &reply.model;
    Response::new()
}

fn ask() -> Reply {
    Reply { model: String::from("gpt-5") }
}

#[llm_trace(chat, provider = "openai", response = read)]
fn a_function() -> Reply {
    ask()
}

#[llm_trace(chat, provider = "openai", response = Reply::describe)]
async fn a_method() -> Result<Reply, String> {
    Ok(ask())
}

#[llm_trace(chat, provider = "openai", response = |reply: &_| read(reply))]
fn a_closure() -> Reply {
    ask()
}

#[llm_trace(chat, provider = "openai", response = |reply: &Reply| reply.describe())]
async fn a_closure_that_needs_the_type() -> Result<Reply, String> {
    Ok(ask())
}

macro_rules! traced_by {
    ($name:ident, $adapter:path) => {
        #[llm_trace(chat, provider = "openai", response = $adapter)]
        fn $name() -> Reply {
            ask()
        }
    };
}

traced_by!(a_fragment, self::read);

fn main() {
    drop((a_function(), a_method(), a_closure(), a_closure_that_needs_the_type(), a_fragment()));
}
