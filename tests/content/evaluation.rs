//! Content that is not recorded is not read: no expression is evaluated, no `Serialize` and no `Display` runs.

use std::sync::atomic::{AtomicUsize, Ordering};

use llm_trace::argument::Text;
use llm_trace::{ContentCapture, LlmRequest, Request, llm_trace};
use serde::{Serialize, Serializer};

use crate::{captured, content_keys, exported};

/// Counts how often it is read, and how often an expression that makes one is evaluated.
#[derive(Default)]
struct Counted {
    visits: AtomicUsize,
}

impl Counted {
    fn visit(&self) -> &Self {
        self.visits.fetch_add(1, Ordering::Relaxed);
        self
    }
    fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }
}

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.visit();
        serializer.serialize_str("looked")
    }
}

impl Text for Counted {
    fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.visit();
        Some("looked".into())
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'static str,
    messages: &'a Counted,
    system: &'a Counted,
    tools: &'a Counted,
}

impl LlmRequest for Counted {
    fn describe(&self, request: &mut Request) {
        request.model("m");
        request.input(self);
    }
}

fn run(counted: &Counted) {
    run_models(counted);
    run_others(counted);
}

/// Model calls, whose content can be on events.
fn run_models(counted: &Counted) {
    #[llm_trace(chat, provider = "acme", input = c.visit(), system = c, tools = c)]
    fn chat(c: &Counted) -> &Counted {
        c
    }
    #[llm_trace(chat, provider = "acme", request = Body { model: "m", messages: c, system: c, tools: c })]
    fn body(c: &Counted) {}
    #[llm_trace(chat, provider = "acme", request = c)]
    fn described(c: &Counted) {}
    chat(counted);
    body(counted);
    described(counted);
}

fn run_others(counted: &Counted) {
    #[llm_trace(retrieval, query = c.visit())]
    fn retrieve(c: &Counted) {}
    #[llm_trace(tool, arguments = c.visit())]
    fn tool(c: &Counted) -> Result<&Counted, ()> {
        Ok(c)
    }
    #[llm_trace(workflow, input = c.visit())]
    fn flow(c: &Counted) -> &Counted {
        llm_trace::current().output(c).request(|request| request.input(c));
        c
    }
    retrieve(counted);
    let _ = tool(counted);
    flow(counted);
}

/// The root of the chat's return value is read for usage; that is not content.
const USAGE_PROBE: usize = 1;

#[test]
fn content_is_not_read_unless_it_is_recorded() {
    for capture in [None, Some(ContentCapture::NoContent)] {
        let counted = Counted::default();
        let builder = llm_trace::builder();
        let builder = match capture {
            Some(capture) => builder.with_content_capture(capture),
            None => builder,
        };
        let spans = exported(builder, || run(&counted)).spans();
        assert_eq!(spans.len(), 6);
        assert!(spans.iter().all(|span| content_keys(span).is_empty()));
        assert_eq!(counted.visits(), USAGE_PROBE, "{capture:?}");
    }
    for capture in [ContentCapture::SpanOnly, ContentCapture::SpanAndEvent] {
        let counted = Counted::default();
        let spans = exported(llm_trace::builder().with_content_capture(capture), || run(&counted)).spans();
        assert_eq!(spans.iter().map(|span| content_keys(span).len()).collect::<Vec<_>>(), [4, 3, 1, 1, 2, 2]);
        assert!(counted.visits() > 10);
    }
}

#[test]
fn content_without_a_place_on_events_is_not_read_if_only_events_have_content() {
    let capturing = || llm_trace::builder().with_content_capture(ContentCapture::EventOnly);
    let counted = Counted::default();
    let receiver = exported(capturing(), || run_others(&counted));
    assert_eq!((receiver.spans().len(), receiver.logs().len()), (3, 0));
    assert_eq!(counted.visits(), 0);
    let receiver = exported(capturing(), || run_models(&counted));
    assert!(receiver.spans().iter().all(|span| content_keys(span).is_empty()));
    assert_eq!(receiver.logs().len(), 3);
    assert!(counted.visits() > USAGE_PROBE);
}

#[test]
fn skipped_content_is_not_read() {
    #[llm_trace(tool, arguments = counted.visit(), skip(all))]
    fn skipping(counted: &Counted) -> &Counted {
        counted
    }
    #[llm_trace(chat, provider = "acme", request = Body { model: "m", messages: c, system: c, tools: c },
        skip(input, system, tools))]
    fn body(c: &Counted) {}
    let counted = Counted::default();
    let span = captured(|| _ = skipping(&counted));
    assert!(content_keys(&span).is_empty());
    assert!(content_keys(&captured(|| body(&counted))).is_empty());
    assert_eq!(counted.visits(), 0);
}

#[test]
fn a_failing_serialize_loses_the_content_only() {
    struct Broken(bool);
    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
            assert!(!self.0, "in Serialize");
            Err(serde::ser::Error::custom("not today"))
        }
    }
    #[llm_trace(workflow, input = broken)]
    fn flow(broken: &Broken) -> &'static str {
        if broken.0 { "panicking" } else { "failing" }
    }
    for panics in [true, false] {
        let span = captured(|| assert_eq!(flow(&Broken(panics)).len() % 2, 1));
        assert_eq!(content_keys(&span), ["gen_ai.output.messages"]);
    }
}
