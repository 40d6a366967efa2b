//! Certificates from PEM files.

use llm_trace_delivery::ureq::tls::{
    Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem,
};

use super::env::Source;
use super::error::invalid;
use super::signal::Signal;
use super::{ConfigError, Parameter, Resolved, Result};

/// The trusted certificates and the client certificate of a signal's connections: the files, and what is in them.
pub(super) struct Certificates {
    pub(super) certificate: Option<Resolved<String>>,
    pub(super) client_certificate: Option<Resolved<String>>,
    pub(super) client_key: Option<Resolved<String>>,
    pub(super) tls: TlsConfig,
}

impl Certificates {
    pub(super) fn resolve(source: &dyn Source, signal: &Signal) -> Result<Self> {
        let path = |parameter: Parameter| parameter.find(None, source, |_, path| Ok(path.trim().to_owned()));
        let certificate = path(signal.certificate)?;
        let client_certificate = path(signal.client_certificate)?;
        let client_key = path(signal.client_key)?;
        let mut config = TlsConfig::builder();
        if let Some(path) = &certificate {
            config = config.root_certs(RootCerts::new_with_certs(&certificates(path)?));
        }
        let client = match (&client_certificate, &client_key) {
            (None, None) => None,
            (Some(chain), Some(key)) => {
                Some(ClientCert::new_with_certs(&certificates(chain)?, private_key(key)?))
            }
            (Some(chain), None) => {
                return Err(refused(
                    chain,
                    format!("needs its key too, in `{}`", signal.client_key.variables[0]),
                ));
            }
            (None, Some(key)) => {
                let variable = signal.client_certificate.variables[0];
                return Err(refused(key, format!("needs its certificate too, in `{variable}`")));
            }
        };
        let tls = config.client_cert(client).build();
        Ok(Certificates { certificate, client_certificate, client_key, tls })
    }
}

fn certificates(path: &Resolved<String>) -> Result<Vec<Certificate<'static>>> {
    let certificates = items(path)?.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        return Err(refused(path, "expected a PEM file with a certificate"));
    }
    Ok(certificates)
}

fn private_key(path: &Resolved<String>) -> Result<PrivateKey<'static>> {
    let key = items(path)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.ok_or_else(|| refused(path, "expected a PEM file with a private key"))
}

fn items(path: &Resolved<String>) -> Result<Vec<PemItem<'static>>> {
    let text = std::fs::read(&path.value)
        .map_err(|error| refused(path, format!("expected a PEM file, which cannot be read: {error}")))?;
    let items = parse_pem(&text).map(|item| item.map_err(|_| refused(path, "expected a PEM file")));
    items.collect()
}

fn refused(path: &Resolved<String>, expected: impl Into<String>) -> ConfigError {
    invalid(path.origin.parameter(), path.value.clone(), expected)
}
