//! Certificates from PEM files.

use llm_trace_delivery::ureq::tls::{
    Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem,
};

use super::ConfigError;
use super::env::{self, Source, invalid};
use super::signal::{GENERAL, Variables};

/// Resolves the trusted certificates and the client certificate of a signal's connections.
pub(super) fn resolve(source: &dyn Source, own: &Variables) -> Result<TlsConfig, ConfigError> {
    let mut config = TlsConfig::builder();
    if let Some((variable, path)) = env::first(source, [own.certificate, GENERAL.certificate])? {
        config = config.root_certs(RootCerts::new_with_certs(&certificates(variable, path)?));
    }
    let chain = env::first(source, [own.client_certificate, GENERAL.client_certificate])?;
    let key = env::first(source, [own.client_key, GENERAL.client_key])?;
    let client = match (chain, key) {
        (None, None) => None,
        (Some((chain_variable, chain)), Some((key_variable, key))) => {
            let chain = certificates(chain_variable, chain)?;
            Some(ClientCert::new_with_certs(&chain, private_key(key_variable, key)?))
        }
        (Some((variable, path)), None) => {
            return Err(invalid(variable, path, format!("needs its key too, in `{}`", own.client_key)));
        }
        (None, Some((variable, path))) => {
            let expected = format!("needs its certificate too, in `{}`", own.client_certificate);
            return Err(invalid(variable, path, expected));
        }
    };
    Ok(config.client_cert(client).build())
}

fn certificates(variable: &'static str, path: String) -> Result<Vec<Certificate<'static>>, ConfigError> {
    let certificates = items(variable, &path)?.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        return Err(invalid(variable, path, "expected a PEM file with a certificate"));
    }
    Ok(certificates)
}

fn private_key(variable: &'static str, path: String) -> Result<PrivateKey<'static>, ConfigError> {
    let key = items(variable, &path)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.ok_or_else(|| invalid(variable, path, "expected a PEM file with a private key"))
}

fn items(variable: &'static str, path: &str) -> Result<Vec<PemItem<'static>>, ConfigError> {
    let text = std::fs::read(path).map_err(|error| {
        invalid(variable, path.to_owned(), format!("expected a PEM file, which cannot be read: {error}"))
    })?;
    let items: Result<Vec<_>, _> = parse_pem(&text).collect();
    items.map_err(|_| invalid(variable, path.to_owned(), "expected a PEM file"))
}
