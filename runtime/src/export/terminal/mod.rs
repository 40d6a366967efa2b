//! In: finished spans. Out: each trace as a tree on the terminal, once its last span has ended.
//!
//! This is what a developer sees before there is a collector: names, durations, tokens, cost and errors.

mod tree;

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::TraceId;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

/// A trace with more spans than a person reads is shown in part.
const MAX_SPANS: usize = 200;

/// Traces that never finish (a leaked span) are given up, oldest work first, beyond this many.
const MAX_TRACES: usize = 1000;

/// Prints traces to a writer.
pub(super) struct TerminalTree {
    out: Mutex<Box<dyn Write + Send>>,
    colour: bool,
    traces: Mutex<HashMap<TraceId, Trace>>,
}

#[derive(Default)]
struct Trace {
    open: usize,
    ended: Vec<SpanData>,
    not_kept: usize,
}

impl std::fmt::Debug for TerminalTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TerminalTree").field("colour", &self.colour).finish_non_exhaustive()
    }
}

impl TerminalTree {
    /// Prints to stderr, which leaves stdout to the program; in colour only if a person is looking.
    pub(super) fn to_stderr() -> Self {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        TerminalTree::new(Box::new(std::io::stderr()), colour)
    }

    fn new(out: Box<dyn Write + Send>, colour: bool) -> Self {
        TerminalTree { out: Mutex::new(out), colour, traces: Mutex::default() }
    }

    fn traces(&self) -> MutexGuard<'_, HashMap<TraceId, Trace>> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, trace: &Trace) {
        let text = tree::render(trace, self.colour);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed stderr must not hurt the program.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

impl SpanProcessor for TerminalTree {
    fn on_start(&self, span: &mut Span, _context: &Context) {
        use opentelemetry::trace::Span as _;
        let mut traces = self.traces();
        let id = span.span_context().trace_id();
        if traces.len() < MAX_TRACES || traces.contains_key(&id) {
            traces.entry(id).or_default().open += 1;
        }
    }

    fn on_end(&self, span: SpanData) {
        let id = span.span_context.trace_id();
        let finished = {
            let mut traces = self.traces();
            let Some(trace) = traces.get_mut(&id) else { return };
            trace.open = trace.open.saturating_sub(1);
            // The root ends last and must be kept, so the cap leaves room for it.
            if trace.ended.len() < MAX_SPANS || trace.open == 0 {
                trace.ended.push(span);
            } else {
                trace.not_kept += 1;
            }
            if trace.open == 0 { traces.remove(&id) } else { None }
        };
        if let Some(trace) = finished {
            self.print(&trace);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        let unfinished: Vec<Trace> = self.traces().drain().map(|(_, trace)| trace).collect();
        for trace in unfinished.iter().filter(|trace| !trace.ended.is_empty()) {
            self.print(trace);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opentelemetry::KeyValue;
    use opentelemetry::trace::{Span as _, Status, TraceContextExt, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

    use super::*;
    use crate::semconv::attribute;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
        }
    }

    fn terminal(colour: bool) -> (Screen, SdkTracerProvider, SdkTracer) {
        let screen = Screen::default();
        let tree = TerminalTree::new(Box::new(screen.clone()), colour);
        let provider = SdkTracerProvider::builder().with_span_processor(tree).build();
        let tracer = provider.tracer_with_scope(crate::scope());
        (screen, provider, tracer)
    }

    /// Starts a span `at` milliseconds after the epoch.
    fn start(
        tracer: &SdkTracer,
        parent: &Context,
        name: &'static str,
        at: u64,
        attributes: &[KeyValue],
    ) -> Context {
        let start = std::time::UNIX_EPOCH + Duration::from_millis(at);
        let builder = tracer.span_builder(name).with_start_time(start).with_attributes(attributes.to_vec());
        parent.with_span(builder.start_with_context(tracer, parent))
    }

    fn end(context: &Context, at: u64) {
        context.span().end_with_timestamp(std::time::UNIX_EPOCH + Duration::from_millis(at));
    }

    #[test]
    fn a_trace_is_printed_once_it_has_ended_as_an_aligned_tree_with_a_summary() {
        let (screen, _provider, tracer) = terminal(false);
        let operation = |name: &'static str| KeyValue::new(attribute::OPERATION_NAME, name);
        let root = start(&tracer, &Context::new(), "invoke_workflow rag", 0, &[operation("invoke_workflow")]);
        let chat = [
            operation("chat"),
            KeyValue::new(attribute::REQUEST_MODEL, "gpt-4o-mini"),
            KeyValue::new(attribute::USAGE_INPUT_TOKENS, 812),
            KeyValue::new(attribute::USAGE_OUTPUT_TOKENS, 43),
            KeyValue::new(attribute::USAGE_COST, 0.000_147_6),
        ];
        // Ends in another order than it starts.
        let retrieval = start(&tracer, &root, "retrieval docs", 1, &[operation("retrieval")]);
        let chat = start(&tracer, &root, "chat gpt-4o-mini", 20, &chat);
        let inner = start(&tracer, &retrieval, "rank", 2, &[]);
        end(&chat, 1020);
        end(&inner, 4);
        end(&retrieval, 13);
        assert_eq!(screen.text(), "");
        end(&root, 1240);
        let trace_id = root.span().span_context().trace_id();
        let expected = format!(
            "\
invoke_workflow rag   1.24 s
├─ retrieval docs    12.0 ms
│  └─ task rank       2.0 ms
└─ chat gpt-4o-mini   1.00 s  812 → 43 tokens  $0.000148
4 spans · 1 model call · 812 → 43 tokens · $0.000148 · trace {trace_id}
"
        );
        assert_eq!(screen.text(), expected);
    }

    #[test]
    fn errors_and_cancellations_are_shown_on_one_line_each() {
        let (screen, _provider, tracer) = terminal(false);
        let root = start(&tracer, &Context::new(), "work", 0, &[]);
        root.span().set_status(Status::error("the step failed: no answer after 10 s"));
        let failed = start(&tracer, &root, "a", 0, &[KeyValue::new(attribute::ERROR_TYPE, "timeout")]);
        failed.span().set_status(Status::error("no answer\n after 10 s"));
        end(&failed, 1);
        let cancelled = start(&tracer, &root, "b", 1, &[KeyValue::new(attribute::OUTCOME, "cancelled")]);
        end(&cancelled, 2);
        end(&root, 3);
        let text = screen.text();
        assert!(text.contains("1.0 ms  ✗ timeout: no answer after 10 s\n"), "{text}");
        assert!(text.contains("✗ cancelled\n"), "{text}");
        assert!(text.contains("· 2 failed ·"), "{text}");
        assert_eq!(text.matches("no answer").count(), 1, "the message is said where it comes from: {text}");
    }

    #[test]
    fn colour_is_used_only_when_asked_for() {
        for colour in [false, true] {
            let (screen, _provider, tracer) = terminal(colour);
            end(&start(&tracer, &Context::new(), "work", 0, &[]), 1);
            assert_eq!(screen.text().contains('\u{1b}'), colour);
        }
    }

    #[test]
    fn a_trace_whose_root_never_ends_is_shown_at_shutdown() {
        let (screen, provider, tracer) = terminal(false);
        let root = start(&tracer, &Context::new(), "root", 0, &[]);
        end(&start(&tracer, &root, "child", 0, &[]), 1);
        assert_eq!(screen.text(), "");
        provider.shutdown().expect("shuts down");
        assert!(
            screen.text().contains("task child") && screen.text().contains("1 still open"),
            "{}",
            screen.text()
        );
    }

    #[test]
    fn a_huge_trace_is_shown_in_part_with_its_root() {
        let (screen, _provider, tracer) = terminal(false);
        let root = start(&tracer, &Context::new(), "root", 0, &[]);
        for _ in 0..MAX_SPANS * 2 {
            tracer.span_builder("child").start_with_context(&tracer, &root).end();
        }
        end(&root, 5);
        let text = screen.text();
        assert!(text.starts_with("task root"), "{text}");
        assert_eq!(text.lines().count(), MAX_SPANS + 2);
        assert!(text.contains(&format!("{} spans", MAX_SPANS * 2 + 1)), "{text}");
    }
}
