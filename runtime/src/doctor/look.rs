//! Probes a port whose answer was not HTTP for the protocol that it uses.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};

use http::Uri;

use super::probe::SECOND_LOOK;

/// The protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/2 from the first byte, as gRPC does.
    Http2,
    Tls,
    Http1,
    SomethingElse,
}

/// Sends bytes that are neither TLS nor HTTP/2, and classifies the first bytes that come back.
pub(super) fn at(endpoint: &Uri) -> Speaks {
    let port = endpoint.port_u16().unwrap_or(80);
    let host = endpoint.host().unwrap_or_default().trim_matches(['[', ']']);
    match first_bytes(host, port).as_deref() {
        // A TLS alert, of any version.
        Some([21, 3, ..]) => Speaks::Tls,
        // The kind of an HTTP/2 frame comes after its length, which is small here: SETTINGS or GOAWAY, of stream 0.
        Some([0, 0, _, 4 | 7, ..]) => Speaks::Http2,
        Some([b'H', b'T', b'T', b'P', b'/', ..]) => Speaks::Http1,
        _ => Speaks::SomethingElse,
    }
}

fn first_bytes(host: &str, port: u16) -> Option<Vec<u8>> {
    let address = (host, port).to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&address, SECOND_LOOK).ok()?;
    stream.set_read_timeout(Some(SECOND_LOOK)).ok()?;
    stream.set_write_timeout(Some(SECOND_LOOK)).ok()?;
    // Longer than what a TLS record's head or an HTTP/2 preface is read by.
    stream.write_all(b"GET / HTTP/1.1\r\nhost: doctor\r\nconnection: close\r\n\r\n").ok()?;
    let mut bytes = vec![0; 9];
    let mut read = 0;
    while read < bytes.len() {
        match stream.read(&mut bytes[read..]) {
            Ok(more @ 1..) => read += more,
            Ok(_) | Err(_) => break,
        }
    }
    bytes.truncate(read);
    Some(bytes)
}
