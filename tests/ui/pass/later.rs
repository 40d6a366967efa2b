//! Futures and streams compile without a prelude and without a warning.
#![no_implicit_prelude]
#![deny(warnings)]

#[allow(dead_code, non_camel_case_types)]
mod traps {
    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct Box;
    pub(crate) struct Send;
    pub(crate) struct Call;
    pub(crate) struct Chunk;
    pub(crate) struct Tag;
    pub(crate) fn defer() {}
    pub(crate) fn in_future() {}
    pub(crate) fn stream_of() {}
    pub(crate) mod core {}
    pub(crate) mod std {}
    pub(crate) mod llm_trace {}
}

mod user {
    #[allow(unused_imports)]
    use crate::traps::*;
    use ::core::{future::Future, iter::Iterator, pin::Pin};
    use ::futures_util::stream::{self, BoxStream, Stream};

    type Reply = ::core::result::Result<::std::string::String, ::core::fmt::Error>;

    #[::llm_trace::llm_trace(chat, provider = "openai", model = call)]
    pub(crate) fn unnamed<'a>(call: &'a str, out: &'a str) -> impl Future<Output = Reply> + 'a {
        let future = ::std::string::String::new();
        async move {
            if out == call {
                return ::core::result::Result::Err(::core::fmt::Error);
            }
            ::core::result::Result::Ok(future)
        }
    }

    #[::llm_trace::llm_trace(task)]
    pub(crate) fn boxed(tag: &str) -> Pin<::std::boxed::Box<dyn Future<Output = ()> + ::core::marker::Send + '_>> {
        let _ = tag;
        ::std::boxed::Box::pin(async {})
    }

    #[::llm_trace::llm_trace(chat, provider = "openai")]
    pub(crate) fn unnamed_stream(value: u8, item: u8) -> impl Stream<Item = u8> {
        stream::iter([value, item])
    }

    #[::llm_trace::llm_trace(chat, provider = "openai")]
    pub(crate) async fn boxed_stream(chunk: u8) -> ::core::result::Result<BoxStream<'static, Reply>, u8> {
        if chunk == 0 {
            return ::core::result::Result::Err(0);
        }
        ::core::result::Result::Ok(::std::boxed::Box::pin(stream::empty()))
    }

    #[::llm_trace::llm_trace(chat, provider = "openai")]
    pub(crate) fn iterator(text: &str) -> impl Iterator<Item = &str> {
        text.split(' ')
    }

    pub(crate) struct Bot;

    #[::llm_trace::llm_trace(task)]
    impl Bot {
        pub(crate) fn nothing(&self) {}

        #[llm_trace(skip)]
        pub(crate) fn skipped(&self) {}
    }
}

fn main() {
    ::core::mem::drop((user::unnamed("a", "b"), user::boxed("a"), user::unnamed_stream(1, 2)));
    ::core::mem::drop((user::boxed_stream(1), user::iterator("a b")));
    user::Bot.nothing();
    user::Bot.skipped();
}
