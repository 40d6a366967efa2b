//! Errors on spans: a class and a status, without the message.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use llm_trace::{LlmError, llm_trace};
use llm_trace_test_support::trace::{Ended, Trace};

fn failing<R>(call: impl FnOnce() -> R) -> Ended {
    let trace = Trace::new();
    trace.run(|| drop(call()));
    let span = trace.only();
    assert!(span.failed());
    span
}

fn class(span: &Ended) -> &str {
    span.text("error.type").expect("an error type")
}

#[derive(Debug)]
struct Own(Option<std::io::Error>);

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it failed: SECRET PROMPT")
    }
}

impl Error for Own {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref().map(|error| error as _)
    }
}

fn timeout() -> std::io::Error {
    std::io::ErrorKind::TimedOut.into()
}

#[test]
fn the_class_of_llm_error_is_used() {
    #[derive(Debug)]
    struct Throttled;
    impl fmt::Display for Throttled {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("slow down")
        }
    }
    impl LlmError for Throttled {
        fn error_type(&self) -> Cow<'_, str> {
            "rate_limit_exceeded".into()
        }
    }
    #[llm_trace(task)]
    fn call() -> Result<(), Throttled> {
        Err(Throttled)
    }
    assert_eq!(class(&failing(call)), "rate_limit_exceeded");
}

#[test]
fn a_known_error_is_found_behind_other_errors_and_in_boxes() {
    #[llm_trace(task)]
    fn wrapped() -> Result<(), Own> {
        Err(Own(Some(timeout())))
    }
    #[llm_trace(task)]
    fn boxed() -> Result<(), Box<dyn Error + Send + Sync>> {
        Err(Own(Some(timeout())))?
    }
    #[llm_trace(task)]
    fn boxed_locally() -> Result<(), Box<dyn Error>> {
        Err(Own(Some(timeout())))?
    }
    assert_eq!(class(&failing(wrapped)), "timeout");
    assert_eq!(class(&failing(boxed)), "timeout");
    assert_eq!(class(&failing(boxed_locally)), "timeout");
}

#[test]
fn otherwise_the_class_is_the_name_of_the_type() {
    #[llm_trace(task)]
    fn own() -> Result<(), Own> {
        Err(Own(None))
    }
    #[llm_trace(task)]
    fn boxed() -> Result<(), Box<dyn Error>> {
        Err("text")?
    }
    #[llm_trace(task)]
    fn text() -> Result<(), String> {
        Err("SECRET PROMPT".into())
    }
    #[llm_trace(task)]
    fn unit() -> Result<u8, ()> {
        Err(())
    }
    #[llm_trace(task)]
    fn generic<E>(error: E) -> Result<(), E> {
        Err(error)
    }
    assert_eq!(class(&failing(own)), "macros::errors::Own");
    assert_eq!(class(&failing(boxed)), "_OTHER");
    assert_eq!(class(&failing(text)), "alloc::string::String");
    assert_eq!(class(&failing(unit)), "_OTHER");
    assert_eq!(class(&failing(|| generic(Own(None)))), "macros::errors::Own");
}

#[test]
fn the_message_of_an_error_is_not_recorded() {
    #[llm_trace(task)]
    fn call() -> Result<(), Own> {
        Err(Own(None))
    }
    let span = failing(call);
    assert!(!format!("{:?}", span.0).contains("SECRET"), "{:?}", span.0);
}

#[test]
fn the_error_reaches_the_caller_unchanged() {
    #[llm_trace(task)]
    fn call() -> Result<(), Own> {
        Err(Own(Some(timeout())))
    }
    let error = Trace::new().run(call).expect_err("an error");
    assert_eq!(error.0.expect("its source").kind(), std::io::ErrorKind::TimedOut);
}

#[test]
fn an_error_inside_a_value_is_an_error_of_the_call() {
    // The result of `tokio::time::timeout` for a call that fails in time.
    #[llm_trace(chat, provider = "openai")]
    fn in_time() -> Result<Result<String, std::io::Error>, std::fmt::Error> {
        Ok(Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)))
    }
    let trace = Trace::new();
    assert!(trace.run(in_time).is_ok_and(|inner| inner.is_err()));
    assert_eq!(trace.only().text("error.type"), Some("connection_reset"));
}
