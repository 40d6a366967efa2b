//! A derived `Capture` compiles without a prelude, without a warning, with the crate renamed, and next to items of
//! these names.
#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code, reason = "skipped fields are never read")]

mod telemetry {
    pub use ::llm_trace;
}

struct Opaque;

// Names that generated code might use.
struct Result;
struct Serializer;
trait Capture {}

#[derive(::llm_trace::Capture)]
struct Ticket<'a, S: ?::core::marker::Sized, T, const N: usize>
where
    T: ::core::marker::Copy,
{
    serializer: &'a str,
    fields: ::std::vec::Vec<T>,
    field0: [T; N],
    #[capture(skip)]
    secret: ::llm_trace::secrecy::SecretString,
    #[capture(redact)]
    opaque: Opaque,
    #[capture(hash, rename = "who")]
    r#type: ::std::option::Option<u8>,
    unsized_at_the_end: S,
}

#[derive(::llm_trace::Capture)]
#[capture(crate = crate::telemetry::llm_trace)]
enum Event<I>
where
    I: ::std::iter::Iterator,
{
    None,
    Some(I::Item),
    Ok {
        items: ::std::vec::Vec<I::Item>,
        #[capture(skip)]
        source: I,
    },
}

#[derive(::llm_trace::Capture)]
enum Never {}

#[derive(::llm_trace::Capture)]
struct Empty {}

#[derive(::llm_trace::Capture)]
struct Unit;

#[::llm_trace::llm_trace(tool, arguments(ticket = ticket, event, three = 3))]
fn tool(ticket: &Ticket<'_, str, u8, 2>, event: Event<::std::vec::IntoIter<u8>>) -> Unit {
    let _ = (ticket, event);
    Unit
}

#[::llm_trace::llm_trace(chat, provider = "acme", request = request)]
async fn chat(request: Request) -> ::std::result::Result<Unit, ::std::string::String> {
    let _ = request;
    ::std::result::Result::Ok(Unit)
}

// Not `Serialize`: `Capture` alone is enough.
#[derive(::llm_trace::Capture)]
struct Request {
    model: &'static str,
}

fn main() {
    let _ = tool;
    ::core::mem::drop(chat(Request { model: "m" }));
}
