//! Deeply nested values are read to a bounded depth, on the stack of any thread.

use llm_trace::{llm_trace, score};
use llm_trace_test_support::trace::Trace;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// Lists in lists, or objects in objects. The frames of its serialization are small; a walk over all levels takes far
/// more than 2 MiB.
#[derive(Clone, Copy)]
enum Nested {
    Lists(usize),
    Objects(&'static str, usize),
    Options(usize),
    Newtypes(usize),
    Variants(usize),
}

const DEPTH: usize = 200_000;

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Nested::Lists(0)
            | Nested::Objects(_, 0)
            | Nested::Options(0)
            | Nested::Newtypes(0)
            | Nested::Variants(0) => serializer.serialize_str("stop"),
            Nested::Lists(depth) => {
                let mut list = serializer.serialize_seq(Some(1))?;
                list.serialize_element(&Nested::Lists(depth - 1))?;
                list.end()
            }
            Nested::Objects(key, depth) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(key, &Nested::Objects(key, depth - 1))?;
                map.end()
            }
            Nested::Options(depth) => serializer.serialize_some(&Nested::Options(depth - 1)),
            Nested::Newtypes(depth) => serializer.serialize_newtype_struct("N", &Nested::Newtypes(depth - 1)),
            Nested::Variants(depth) => {
                serializer.serialize_newtype_variant("N", 0, "v", &Nested::Variants(depth - 1))
            }
        }
    }
}

#[derive(serde::Serialize)]
struct Body {
    choices: Nested,
    usage: Nested,
    output: Nested,
    model: Nested,
    stop: Nested,
    messages: Nested,
}

#[llm_trace(chat, provider = "openai", request = body)]
fn ask(body: &Body) -> &Body {
    body
}

#[llm_trace(retrieval, data_source = "d")]
fn search(value: &Nested) -> Nested {
    *value
}

#[llm_trace(evaluator, name = "deep")]
fn judge(value: &Nested) -> Nested {
    *value
}

#[llm_trace(mcp(client), method = "tools/call", request = value)]
fn send(value: &Nested) -> Nested {
    *value
}

#[llm_trace(chat, provider = "openai", model = "m")]
fn streamed(value: Nested) -> impl Iterator<Item = Nested> {
    std::iter::once(value)
}

#[test]
fn deeply_nested_values_do_not_overflow_the_stack() {
    let trace = Trace::new();
    let context = trace.context();
    // The default stack size of a thread, independent of `RUST_MIN_STACK`.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let _attached = context.attach();
        let shapes = [
            Nested::Lists(DEPTH),
            Nested::Options(DEPTH),
            Nested::Newtypes(DEPTH),
            Nested::Variants(DEPTH),
            Nested::Objects("billed_units", DEPTH),
            Nested::Objects("choices", DEPTH),
            Nested::Objects("delta", DEPTH),
            Nested::Objects("documents", DEPTH),
            Nested::Objects("text", DEPTH),
            Nested::Objects("id", DEPTH),
        ];
        for value in shapes {
            let body = Body {
                choices: value,
                usage: value,
                output: value,
                model: value,
                stop: value,
                messages: value,
            };
            ask(&body);
            search(&value);
            judge(&value);
            send(&value);
            streamed(value).for_each(drop);
        }
        score("deep").with_value(1.0).record();
    });
    thread.unwrap().join().unwrap();
    assert_eq!(trace.unchecked().len(), 50);
}
