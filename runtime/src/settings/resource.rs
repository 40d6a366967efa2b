//! Who reports: the attributes of everything this process sends.

use opentelemetry::{KeyValue, Value};

use super::env::{self, Source};
use super::error::invalid;
use super::{Builder, Origin, Parameter, Resolved, Result};
use crate::semconv::resource;

const ATTRIBUTES: Parameter = Parameter::of_variables(&["OTEL_RESOURCE_ATTRIBUTES"]);
/// Wins over `service.name` among the resource attributes, as the specification has it.
const SERVICE_NAME: Parameter = Parameter::of_variables(&["OTEL_SERVICE_NAME"]);

type Attributes = Vec<Resolved<KeyValue>>;

pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Attributes> {
    let mut attributes = Vec::new();
    set(&mut attributes, resource::SERVICE_NAME, default_service_name(), Origin::Default);
    set(&mut attributes, resource::SERVICE_INSTANCE_ID, new_instance_id(), Origin::Default);
    if let Some(Resolved { value, origin }) = ATTRIBUTES.find(None, source, env::pairs)? {
        for (key, value) in value {
            set(&mut attributes, &key, value, origin);
        }
    }
    if let Some(name) = SERVICE_NAME.find(None, source, |_, name| Ok(name))? {
        set(&mut attributes, resource::SERVICE_NAME, name.value, name.origin);
    }
    for (key, value) in &builder.resource {
        const METHOD: &str = "with_resource_attribute";
        if key.trim().is_empty() {
            return Err(invalid(METHOD, key.clone(), "expected a key"));
        }
        set(&mut attributes, key, value.clone(), Origin::Builder(METHOD));
    }
    for (key, method, given) in [
        (resource::SERVICE_NAME, "with_service_name", &builder.service_name),
        (resource::DEPLOYMENT_ENVIRONMENT_NAME, "with_environment", &builder.environment),
    ] {
        if let Some(value) = given {
            set(&mut attributes, key, value.clone(), Origin::Builder(method));
        }
    }
    Ok(attributes)
}

fn set(attributes: &mut Attributes, key: &str, value: impl Into<Value>, origin: Origin) {
    attributes.retain(|attribute| attribute.value.key.as_str() != key);
    attributes.push(Resolved { value: KeyValue::new(key.to_owned(), value), origin });
}

fn default_service_name() -> String {
    let executable = std::env::current_exe().ok();
    match executable.as_deref().and_then(std::path::Path::file_stem) {
        Some(name) => format!("unknown_service:{}", name.to_string_lossy()),
        None => "unknown_service".to_owned(),
    }
}

/// A random UUID, as the conventions ask for a process that has no id of its own. The SDK's id generator already
/// has the randomness.
fn new_instance_id() -> String {
    use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
    let mut bytes = RandomIdGenerator::default().new_trace_id().to_bytes();
    bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4
    bytes[8] = (bytes[8] & 0x3f) | 0x80; // variant 1
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
