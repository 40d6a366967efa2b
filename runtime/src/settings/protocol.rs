//! How requests are written.

use std::fmt;

use super::env::{self, Source, invalid};
use super::signal::{GENERAL, Signal};
use super::{Builder, ConfigError};

/// How OTLP is spoken to receivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Protobuf over HTTP/1.1; collectors receive it on port 4318. `http/protobuf`.
    #[default]
    HttpProtobuf,
    /// JSON over HTTP/1.1, for receivers and gateways that take nothing else. `http/json`; needs the feature `http-json`.
    HttpJson,
    /// gRPC; collectors receive it on port 4317. `grpc`; needs the feature `grpc`.
    Grpc,
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all. `none`.
    #[default]
    None,
    /// What every receiver takes. `gzip`.
    Gzip,
    /// Smaller and quicker, where the receiver takes it, as collectors do. `zstd`; needs the feature `zstd`.
    Zstd,
}

const PROTOCOLS: [(&str, Protocol); 3] =
    [("http/protobuf", Protocol::HttpProtobuf), ("http/json", Protocol::HttpJson), ("grpc", Protocol::Grpc)];

const COMPRESSIONS: [(&str, Compression); 3] =
    [("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("none", Compression::None)];

impl Protocol {
    pub(super) fn resolve(
        builder: &Builder,
        source: &dyn Source,
        signal: &Signal,
    ) -> Result<Self, ConfigError> {
        let variables = [signal.own.protocol, GENERAL.protocol];
        let (parameter, protocol) = match builder.protocol {
            Some(protocol) => ("with_protocol", protocol),
            None => chosen(source, variables, &PROTOCOLS)?,
        };
        let missing = match protocol {
            Protocol::HttpJson if cfg!(not(feature = "http-json")) => "http-json",
            Protocol::Grpc if cfg!(not(feature = "grpc")) => "grpc",
            _ => return Ok(protocol),
        };
        Err(needs(parameter, protocol.to_string(), missing))
    }
}

impl Compression {
    pub(super) fn resolve(
        builder: &Builder,
        source: &dyn Source,
        signal: &Signal,
    ) -> Result<Self, ConfigError> {
        let variables = [signal.own.compression, GENERAL.compression];
        let (parameter, compression) = match builder.compression {
            Some(compression) => ("with_compression", compression),
            None => chosen(source, variables, &COMPRESSIONS)?,
        };
        if compression == Compression::Zstd && cfg!(not(feature = "zstd")) {
            return Err(needs(parameter, compression.to_string(), "zstd"));
        }
        Ok(compression)
    }
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

/// As the variable has it.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(self, &PROTOCOLS))
    }
}

/// As the variable has it.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(self, &COMPRESSIONS))
    }
}

fn word<T: PartialEq>(value: &T, choices: &[(&'static str, T)]) -> &'static str {
    choices.iter().find(|(_, choice)| choice == value).map_or("", |(word, _)| word)
}
