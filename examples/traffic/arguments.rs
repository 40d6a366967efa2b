//! The command line.

use std::time::Duration;

use crate::service::{SERVICES, Service};

pub(crate) const USAGE: &str = "\
usage: cargo run --example traffic -- [--duration SECONDS] [--seed NUMBER] [--calm] [--service NAME]
  --duration  how long requests arrive, 1 to 86400 seconds; default 60
  --seed      which requests; default 1
  --calm      nothing goes wrong
  --service   only this one, in this process: support-bot, support-bot-staging, shop-assistant, indexer";

pub(crate) struct Arguments {
    pub(crate) duration: Duration,
    pub(crate) seed: u64,
    pub(crate) calm: bool,
    pub(crate) service: Option<&'static Service>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("`{0}` is no argument")]
    Unknown(String),
    #[error("`{0}` needs a value")]
    NoValue(&'static str),
    #[error("`{name} {value}`: expected {expected}")]
    Invalid { name: &'static str, value: String, expected: &'static str },
}

impl Arguments {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, ArgumentError> {
        let mut parsed = Arguments { duration: Duration::from_secs(60), seed: 1, calm: false, service: None };
        let mut rest = arguments;
        while let Some(argument) = rest.next() {
            let mut value = |name, expected| {
                let value = rest.next().ok_or(ArgumentError::NoValue(name))?;
                let invalid = ArgumentError::Invalid { name, value: value.clone(), expected };
                Ok((value, invalid))
            };
            match argument.as_str() {
                "--duration" => {
                    let (value, invalid) = value("--duration", "a whole number of seconds, 1 to 86400")?;
                    let seconds = value.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
                    parsed.duration = Duration::from_secs(seconds.ok_or(invalid)?);
                }
                "--seed" => {
                    let (value, invalid) = value("--seed", "a whole number that is not negative")?;
                    parsed.seed = value.parse().map_err(|_| invalid)?;
                }
                "--calm" => parsed.calm = true,
                "--service" => {
                    let (value, invalid) = value("--service", "a service from the list below")?;
                    let service = SERVICES.iter().find(|service| service.id == value);
                    parsed.service = Some(service.ok_or(invalid)?);
                }
                _ => return Err(ArgumentError::Unknown(argument)),
            }
        }
        Ok(parsed)
    }

    /// The command line for the process of one service.
    pub(crate) fn for_service(&self, service: &Service) -> Vec<String> {
        let duration = self.duration.as_secs().to_string();
        let seed = self.seed.to_string();
        let mut line: Vec<_> =
            ["--service", service.id, "--duration", &duration, "--seed", &seed].map(str::to_owned).into();
        line.extend(self.calm.then(|| "--calm".to_owned()));
        line
    }
}
