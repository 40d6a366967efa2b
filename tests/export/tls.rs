//! Certificates of receivers and clients.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};

use crate::program::{run, stderr};

/// A file of the directory `tls`.
pub(crate) fn file(name: &str) -> String {
    format!("{}/export/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file(name)).unwrap()
}

/// A TLS receiver that accepts every request, from clients with a certificate of the test CA or from all clients.
pub(crate) fn receiver(only_known_clients: bool) -> String {
    receiver_with("server.pem", "server.key", only_known_clients)
}

/// As `receiver`, with another certificate.
pub(crate) fn receiver_with(name: &str, key: &str, only_known_clients: bool) -> String {
    let config = Arc::new(config(name, key, only_known_clients));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for mut socket in listener.incoming().filter_map(Result::ok) {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            std::thread::spawn(move || {
                let mut stream = Stream::new(&mut connection, &mut socket);
                let mut request = Vec::new();
                let mut part = [0; 4096];
                // The response may be sent early: no request here is longer than its received part.
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut part) {
                        Ok(read @ 1..) => request.extend_from_slice(&part[..read]),
                        _ => return,
                    }
                }
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                while matches!(stream.read(&mut part), Ok(1..)) {}
            });
        }
    });
    endpoint
}

/// The TLS configuration of a receiver, with or without client authentication.
pub(crate) fn config(name: &str, key: &str, only_known_clients: bool) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = if only_known_clients {
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(file(key)).unwrap();
    builder.with_single_cert(vec![certificate(name)], key).unwrap()
}

#[test]
fn a_receiver_is_trusted_if_its_authority_is_named() {
    let endpoint = receiver(false);
    let authority = file("ca.pem");
    let exported = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str());
    assert_eq!(stderr(&run(&[exported, ("OTEL_EXPORTER_OTLP_CERTIFICATE", &authority)])), "");
    let unknown = stderr(&run(&[exported]));
    assert!(
        unknown.contains("3 spans and metrics not delivered") && unknown.contains("UnknownIssuer"),
        "{unknown}"
    );
    let traces_only = stderr(&run(&[exported, ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", &authority)]));
    assert!(traces_only.contains("llm-trace: metrics not delivered"), "{traces_only}");
}

#[test]
fn a_client_certificate_is_sent_on_request() {
    let endpoint = receiver(true);
    let (authority, certificate, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let known = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", &authority),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &certificate),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &key),
    ];
    assert_eq!(stderr(&run(&known)), "");
    let unknown = stderr(&run(&known[..2]));
    assert!(unknown.contains("3 spans and metrics not delivered"), "{unknown}");
}
