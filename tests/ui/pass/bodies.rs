//! Bodies with tokens that an expansion might rewrite.
#![deny(warnings)]

use std::future::Future;

use llm_trace::llm_trace;

#[llm_trace]
fn inner_attributes(text: &str) -> usize {
    #![allow(unused_variables)]
    //! Documentation from within.
    let unused = text;
    text.len()
}

#[llm_trace]
fn nested(depth: usize) -> usize {
    fn helper(depth: usize) -> usize {
        nested(depth - 1)
    }
    if depth == 0 { 0 } else { helper(depth) + 1 }
}

#[llm_trace]
#[must_use]
#[inline]
pub fn other_attributes() -> bool {
    !cfg!(any())
}

#[llm_trace(task, name = "outer")]
#[llm_trace(tool, name = "inner")]
async fn twice(text: String) -> Result<String, std::fmt::Error> {
    let later = async { Ok::<_, std::fmt::Error>(text.len()) };
    let length = later.await?;
    Ok(text.repeat(length))
}

macro_rules! traced {
    ($name:ident($parameter:ident: $ty:ty) -> $output:ty $body:block) => {
        #[llm_trace(tool, name = stringify!($name), attributes("app.parameter" = $parameter))]
        fn $name($parameter: $ty) -> $output $body
    };
}

traced!(from_a_macro(parameter: i64) -> Option<i64> { Some(parameter) });

mod elsewhere {
    pub mod facade {
        pub use llm_trace::__private;
    }
}

#[llm_trace(task, crate = crate::elsewhere::facade)]
fn through_a_facade() {}

#[llm_trace(chat, provider = "openai", crate = ::llm_trace,)]
async fn trailing_comma() -> String {
    String::new()
}

fn is_lazy(_: impl Future<Output = String>) {}

fn main() {
    assert_eq!(inner_attributes("four"), 4);
    assert_eq!(nested(3), 3);
    assert!(other_attributes());
    drop(twice(String::new()));
    assert_eq!(from_a_macro(1), Some(1));
    through_a_facade();
    is_lazy(trailing_comma());
}
