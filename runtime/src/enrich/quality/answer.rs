//! Outcome of a model's answer, from the provider's finish reasons.

use crate::model::record::Price;
use crate::model::response::Response;

/// Providers' words for "it may not be longer", in lower case.
const TRUNCATED: &[&str] = &[
    "length",
    "max_tokens",
    "max_output_tokens",
    "model_length",
    "token_limit",
    "model_context_window_exceeded",
];

/// Providers' words for "this is not answered", in lower case.
const REFUSED: &[&str] = &[
    "content_filter",
    "content_filtered",
    "refusal",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "image_safety",
    "image_prohibited_content",
    "guardrail_intervened",
    "error_toxic",
    "sensitive",
];

/// Returns whether a choice was cut short; `None` without a finish reason.
pub(super) fn truncated(response: &Response) -> Option<bool> {
    (!response.finish_reasons.is_empty()).then(|| has(response, TRUNCATED))
}

/// Returns whether a choice was refused; `None` without a finish reason.
pub(super) fn refused(response: &Response) -> Option<bool> {
    if response.rest().is_refusal {
        return Some(true);
    }
    (!response.finish_reasons.is_empty()).then(|| has(response, REFUSED))
}

/// Returns the share of the context window that the input took. More than 1 is an error of the table.
pub(super) fn context_utilization(response: &Response, price: &Price) -> Option<f64> {
    let input = response.usage?.input_tokens?;
    let Price::Known { model, .. } = price else { return None };
    let window = model.context_window.filter(|window| *window > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
    let share = input as f64 / window as f64;
    (share <= 1.0).then_some(share)
}

fn has(response: &Response, words: &[&str]) -> bool {
    let mut reasons = response.finish_reasons.iter();
    reasons.any(|reason| words.iter().any(|word| reason.eq_ignore_ascii_case(word)))
}
