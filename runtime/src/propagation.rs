//! Traces across processes: W3C `traceparent` headers out and in; and across threads.
//!
//! ```
//! use llm_trace::{llm_trace, propagation};
//! use http::HeaderMap;
//!
//! // The caller: its span's id travels in the headers of the request.
//! #[llm_trace(tool, name = "search")]
//! fn call_the_search_service() -> HeaderMap {
//!     let mut headers = HeaderMap::new();
//!     propagation::inject(&mut headers);
//!     headers
//! }
//!
//! // The service: what it does becomes a child of the caller's span.
//! fn handle(headers: &HeaderMap) {
//!     search(&propagation::extract(headers));
//! }
//!
//! #[llm_trace(retrieval, data_source = "web", parent = parent)]
//! fn search(parent: &llm_trace::opentelemetry::Context) {}
//! # let telemetry = llm_trace::builder().init().unwrap();
//! # handle(&call_the_search_service());
//! ```

use std::marker::PhantomData;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::{Context, global};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};

use crate::value::current_context;

#[cfg(test)]
mod fuzz;

/// Writes the current context into the headers of a request that is about to be sent.
///
/// Uses the global propagator, which [`Builder::init`](crate::Builder::init) sets; without one nothing is written.
pub fn inject(headers: &mut HeaderMap) {
    let context = current_context::get();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut HeaderInjector(headers));
    });
}

/// Reads the context of the caller from the headers of a request that has arrived, to be the `parent` of a call, or to be
/// attached: `handler(request).with_context(propagation::extract(&headers))`. Headers that are missing or broken
/// give the current context.
pub fn extract(headers: &HeaderMap) -> Context {
    extract_from(&HeaderExtractor(headers))
}

/// Writes the current context into anything that has names and values: the `_meta` of an MCP message, the headers of one in a
/// queue.
///
/// ```
/// let mut meta = serde_json::Map::new();
/// llm_trace::propagation::inject_with(|key, value| {
///     meta.insert(key.to_owned(), value.into());
/// });
/// ```
pub fn inject_with(mut set: impl FnMut(&str, String)) {
    struct Into<'f, F>(&'f mut F);
    impl<F: FnMut(&str, String)> Injector for Into<'_, F> {
        fn set(&mut self, key: &str, value: String) {
            (self.0)(key, value);
        }
    }
    let context = current_context::get();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut Into(&mut set));
    });
}

/// Reads the context of the sender from anything that has names and values. What is missing or broken gives the current
/// context.
///
/// ```
/// let message = serde_json::json!({"params": {"_meta": {"traceparent": "00-…"}}});
/// let parent = llm_trace::propagation::extract_with(|key| message["params"]["_meta"][key].as_str());
/// # drop(parent);
/// ```
pub fn extract_with<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Context {
    struct From<'f, 'a, F>(&'f F, PhantomData<&'a str>);
    impl<'a, F: Fn(&str) -> Option<&'a str>> Extractor for From<'_, 'a, F> {
        fn get(&self, key: &str) -> Option<&str> {
            (self.0)(key)
        }
        fn keys(&self) -> Vec<&str> {
            Vec::new() // propagators ask for what they know
        }
    }
    extract_from(&From(&get, PhantomData))
}

/// Carries the current context into a closure that runs elsewhere: `spawn_blocking`, `std::thread`, rayon. For futures
/// there is [`FutureExt::with_current_context`](opentelemetry::context::FutureExt::with_current_context).
///
/// ```
/// use llm_trace::{llm_trace, propagation::in_current_context};
///
/// #[llm_trace(workflow, name = "index")]
/// fn index() {
///     std::thread::spawn(in_current_context(|| embed())).join().unwrap();
/// }
///
/// #[llm_trace(task)]
/// fn embed() {} // a child of `index`
/// # index();
/// ```
pub fn in_current_context<R>(work: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let context = current_context::get();
    move || {
        let _attached = current_context::attach(context);
        work()
    }
}

fn extract_from(carrier: &dyn Extractor) -> Context {
    if !current_context::is_available() {
        // The no-op propagator calls this as well.
        return Context::new();
    }
    global::get_text_map_propagator(|propagator| propagator.extract(carrier))
}
