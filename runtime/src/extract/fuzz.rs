//! Bodies of requests and responses.

use llm_trace_fuzz::fuzz;
use serde::Serialize;
use serde_json::Value;

use crate::extract::*;
use crate::model::request::Request;
use crate::model::response::{ByModality, Modality, Parts, PricedApart, Response, ResponseRest, Usage};
use crate::model::site::Kind;
use crate::value::bounds::{MAX_ITEMS, MAX_NAME, is_word};
use crate::value::json::Json;

/// Everything that may be read from a body.
fn facts(body: &impl Serialize) -> String {
    let response = read_response(body);
    assert_plausible(&response);
    let mut request = Request::new(Kind::Chat);
    read_request(body, &mut request);
    for attribute in &request.attributes {
        assert!(attribute.value.as_str().len() < MAX_BODY, "{attribute:?}");
    }
    let (verdict, documents, mcp) = (read_verdict(body), read_documents(body, false), read_mcp_answer(body));
    format!("{response:?} {request:?} {verdict:?} {documents:?} {mcp:?}")
}

/// No target's input is longer; an attribute that is had more than all of it.
const MAX_BODY: usize = 32 << 10;

pub(crate) fn assert_plausible(response: &Response) {
    let Response { model, id, .. } = response;
    let ResponseRest { service_tier, system_fingerprint, api_type, .. } = response.rest();
    let names = [model, id, service_tier, system_fingerprint, api_type].into_iter().flatten();
    for name in names {
        assert!(name.len() <= MAX_NAME && !name.contains(char::is_control), "{name:?}");
    }
    assert!(response.finish_reasons.len() <= MAX_ITEMS, "{response:?}");
    for word in response.finish_reasons.iter().chain(&response.rest().status) {
        assert!(is_word(word), "{word:?}");
    }
    assert!(
        response.rest().free_reason.as_ref().is_none_or(|reason| reason.len() <= MAX_NAME),
        "{response:?}"
    );
    if let Some(usage) = response.usage {
        let plausible = plausible(&usage);
        assert!(counts(&plausible).all(|count| count <= MAX_TOKENS), "{usage:?}");
        assert!(
            plausible == usage || plausible.is_partial,
            "a count is left out and the rest has a price: {usage:?}"
        );
    }
    if let Some(value) = response.rest().verdict.as_ref().and_then(|verdict| verdict.value) {
        assert!(value.abs() <= MAX_SCORE, "{value}");
    }
    if let Some(found) = &response.rest().retrieved {
        let scores = found.scores.top().into_iter().chain(found.scores.gap());
        assert!(scores.into_iter().all(|score| score.abs() <= 2.0 * MAX_SCORE), "{found:?}");
    }
}

/// The documented maximum. Taken from the code, a wrong range would pass the test.
const MAX_TOKENS: u64 = 1_000_000_000;
const MAX_SCORE: f64 = 1e9;

fn plausible(usage: &Usage) -> Usage {
    let mut usage = *usage;
    usage.keep_plausible();
    usage
}

fn counts(usage: &Usage) -> impl Iterator<Item = u64> + use<> {
    let Usage {
        input_tokens,
        output_tokens,
        cache_read_input_tokens,
        cache_creation_input_tokens,
        reasoning_output_tokens,
        by_modality: ByModality { input, cache_read, output },
        priced_apart: PricedApart { cache_write_1h, web_searches },
        is_partial: _,
    } = *usage;
    let whole = [
        input_tokens,
        output_tokens,
        cache_read_input_tokens,
        cache_creation_input_tokens,
        reasoning_output_tokens,
        cache_write_1h,
        web_searches,
    ];
    whole.into_iter().chain([input, cache_read, output].into_iter().flat_map(|parts| parts.all())).flatten()
}

/// The sum of all numbers in a body, also in strings. A count of tokens is one of them, or the sum of some.
fn total(body: &Value) -> f64 {
    match body {
        Value::Number(number) => number.as_f64().unwrap_or_default().abs(),
        Value::String(text) => text.trim().parse().map_or(0.0, f64::abs),
        Value::Array(items) => items.iter().map(total).sum(),
        Value::Object(entries) => entries.values().map(total).sum(),
        Value::Null | Value::Bool(_) => 0.0,
    }
}

/// No number is taken twice, and none comes from elsewhere.
fn assert_counted_once(body: &Value) {
    let Some(usage) = read_response(body).usage else { return };
    let total = total(body);
    // Not a number is no bound.
    #[expect(clippy::cast_precision_loss, reason = "as the total")]
    let is_of_body = |count: u64| total.is_nan() || count as f64 <= total;
    assert!(counts(&usage).all(is_of_body), "{usage:?} of {body}");
}

/// Replaces every input, output and argument, and must not occur in anything that is read.
pub(crate) const CANARY: &str = "what nobody may read";

/// Keys under which providers send content.
const CONTENT: &[&str] = &[
    "content",
    "text",
    "input",
    "prompt",
    "arguments",
    "thinking",
    "reasoning_content",
    "delta",
    "output",
    "parts",
    "query",
    "instructions",
    "system",
    "refusal",
    "partial_json",
    "user_prompt",
    "documents",
    "message_text",
];

pub(crate) fn with_canaries(value: &mut Value, is_content: bool) {
    match value {
        Value::String(text) if is_content => CANARY.clone_into(text),
        // Of a conversation, roles and types are not content.
        Value::Object(entries) => {
            for (key, value) in entries {
                let is_below = is_content && !value.is_string();
                with_canaries(value, is_below || CONTENT.contains(&key.as_str()));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| with_canaries(item, is_content)),
        _ => {}
    }
}

#[test]
fn fuzz_bodies() {
    fuzz("bodies", |input| {
        let text = String::from_utf8_lossy(input);
        // Broken JSON as well: what was read until it broke counts.
        let raw = facts(&Json(&text));
        let Ok(mut value) = serde_json::from_str::<Value>(&text) else { return raw };
        assert_counted_once(&value);
        let read = facts(&value);
        assert_eq!(read, facts(&Json(&value.to_string())), "a value and its JSON are read alike");
        with_canaries(&mut value, false);
        assert!(!facts(&value).contains(CANARY), "of {value}");
        read
    });
}

#[test]
fn every_count_of_tokens_has_the_range() {
    let of = |count| {
        let mut counts = Parts::NONE;
        for modality in Modality::ALL {
            counts.set(modality, Some(count));
        }
        let by_modality = ByModality { input: counts, cache_read: counts, output: counts };
        let priced_apart = PricedApart { cache_write_1h: Some(count), web_searches: Some(count) };
        let usage = Usage::new(count, count).with_cache_read(count).with_cache_creation(count);
        Usage { by_modality, priced_apart, ..usage.with_reasoning(count) }
    };
    assert_eq!(plausible(&of(MAX_TOKENS)), of(MAX_TOKENS));
    let absurd = plausible(&of(MAX_TOKENS + 1));
    assert_eq!((counts(&absurd).count(), absurd.is_partial), (0, true));
}
