//! In: the headers of a response. Out: the ids under which the provider finds the request in its logs.

use opentelemetry::KeyValue;

use crate::semconv::attribute;
use crate::value::bounds;

/// The attribute that a header is.
pub(crate) fn read(name: &str, value: &[u8]) -> Option<KeyValue> {
    let key = key(name)?;
    let id = std::str::from_utf8(value).ok()?.trim();
    let id =
        bounds::name(id).filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()))?;
    Some(KeyValue::new(key, id.to_owned()))
}

/// Azure and AWS have separate names in the conventions, and Azure sends `OpenAI`'s header too.
fn key(name: &str) -> Option<&'static str> {
    let is_one_of = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is_one_of(&["x-request-id", "request-id"]) {
        Some(attribute::REQUEST_ID)
    } else if is_one_of(&["apim-request-id"]) {
        Some(attribute::AZURE_SERVICE_REQUEST_ID)
    } else if is_one_of(&["x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id"]) {
        Some(attribute::AWS_REQUEST_ID)
    } else {
        None
    }
}
