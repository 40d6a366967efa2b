//! Who reports: the attributes of everything this process sends.

use opentelemetry::{KeyValue, Value};

use super::env::{self, Source, invalid};
use super::{Builder, ConfigError};
use crate::semconv::resource;

pub(super) fn resolve(builder: Builder, source: &dyn Source) -> Result<Vec<KeyValue>, ConfigError> {
    let mut attributes = Vec::new();
    set(&mut attributes, resource::SERVICE_NAME, default_service_name().into());
    set(&mut attributes, resource::SERVICE_INSTANCE_ID, new_instance_id().into());
    for (key, value) in env::pairs(source, "OTEL_RESOURCE_ATTRIBUTES")? {
        set(&mut attributes, &key, value.into());
    }
    // Wins over `service.name` among the resource attributes, as the specification has it.
    if let Some(name) = source.get("OTEL_SERVICE_NAME")? {
        set(&mut attributes, resource::SERVICE_NAME, name.into());
    }
    for (key, value) in builder.resource {
        if key.trim().is_empty() {
            return Err(invalid("with_resource_attribute", key, "expected a key"));
        }
        set(&mut attributes, &key, value);
    }
    if let Some(name) = builder.service_name {
        set(&mut attributes, resource::SERVICE_NAME, name.into());
    }
    if let Some(environment) = builder.environment {
        set(&mut attributes, resource::DEPLOYMENT_ENVIRONMENT_NAME, environment.into());
    }
    Ok(attributes)
}

fn set(attributes: &mut Vec<KeyValue>, key: &str, value: Value) {
    attributes.retain(|attribute| attribute.key.as_str() != key);
    attributes.push(KeyValue::new(key.to_owned(), value));
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
