//! Compiles without a prelude, next to items with names that an expansion might use.
#![no_implicit_prelude]
#![deny(warnings)]

#[allow(dead_code, non_camel_case_types)]
mod traps {
    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct String;
    pub(crate) struct Box;
    pub(crate) struct Send;
    pub(crate) struct CallSite;
    pub(crate) struct Kind;
    pub(crate) struct bool;
    pub(crate) fn begin() {}
    pub(crate) fn in_call() {}
    pub(crate) fn in_scope() {}
    pub(crate) fn expected() {}
    pub(crate) mod core {}
    pub(crate) mod std {}
    pub(crate) mod llm_trace {}
}

mod user {
    #[allow(unused_imports)]
    use crate::traps::*;

    #[::llm_trace::llm_trace(
        chat,
        provider = "openai",
        model = model,
        temperature = 0.2,
        attributes("app.tier" = 1_i64)
    )]
    pub(crate) async fn ask(model: &str) -> ::core::result::Result<usize, ()> {
        if model.is_empty() {
            return ::core::result::Result::Err(());
        }
        let length = parse(model)?;
        ::core::result::Result::Ok(length)
    }

    #[::llm_trace::llm_trace]
    pub(crate) fn parse(text: &str) -> ::core::result::Result<usize, ()> {
        ::core::result::Result::Ok(text.len())
    }

    #[::llm_trace::llm_trace(tool, name = "nothing")]
    pub(crate) fn nothing() {}

    #[::llm_trace::llm_trace(workflow)]
    pub(crate) async fn nothing_later() {}
}

fn main() {
    user::nothing();
    ::core::mem::drop(user::nothing_later());
    ::core::mem::drop(user::ask("gpt-5"));
    ::core::assert_eq!(user::parse("four"), ::core::result::Result::Ok(4));
}
