//! How requests are written.

use llm_trace_delivery::{Compression, Protocol};

use super::env::{self, Source, invalid};
use super::signal::{GENERAL, Signal};
use super::{Builder, ConfigError};

pub(super) fn protocol(
    builder: &Builder,
    source: &dyn Source,
    signal: &Signal,
) -> Result<Protocol, ConfigError> {
    let variables = [signal.own.protocol, GENERAL.protocol];
    let (parameter, protocol) = match builder.protocol {
        Some(protocol) => ("with_protocol", protocol),
        None => chosen(source, variables, &Protocol::NAMES)?,
    };
    let missing = match protocol {
        Protocol::HttpJson if cfg!(not(feature = "http-json")) => "http-json",
        Protocol::Grpc if cfg!(not(feature = "grpc")) => "grpc",
        _ => return Ok(protocol),
    };
    Err(needs(parameter, protocol.to_string(), missing))
}

pub(super) fn compression(
    builder: &Builder,
    source: &dyn Source,
    signal: &Signal,
) -> Result<Compression, ConfigError> {
    let variables = [signal.own.compression, GENERAL.compression];
    let (parameter, compression) = match builder.compression {
        Some(compression) => ("with_compression", compression),
        None => chosen(source, variables, &Compression::NAMES)?,
    };
    if compression == Compression::Zstd && cfg!(not(feature = "zstd")) {
        return Err(needs(parameter, compression.to_string(), "zstd"));
    }
    Ok(compression)
}

/// The word of the first variable that is set.
fn chosen<T: Copy + Default>(
    source: &dyn Source,
    variables: [&'static str; 2],
    choices: &[(&str, T)],
) -> Result<(&'static str, T), ConfigError> {
    for variable in variables {
        if let Some(choice) = env::choice(source, variable, choices)? {
            return Ok((variable, choice));
        }
    }
    Ok((variables[1], T::default()))
}

fn needs(parameter: &'static str, value: String, feature: &str) -> ConfigError {
    invalid(parameter, value, format!("needs the feature `{feature}` of the crate `llm-trace`"))
}
