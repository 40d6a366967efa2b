//! The proxy on the way to a receiver. The HTTP client would skip a proxy that it cannot use, and connect directly.

use std::net::IpAddr;

use http::Uri;
use llm_trace_delivery::Protocol;
use llm_trace_delivery::ureq::{Proxy, ProxyProtocol};

use super::env::Source;
use super::error::invalid;
use super::{Parameter, Resolved, Result, endpoint};

const PROXY: Parameter = Parameter::of_variables(&[
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
]);
const EXCEPTIONS: Parameter = Parameter::of_variables(&["NO_PROXY", "no_proxy"]);

/// The proxy that `receiver` is reached through, if it is not reached directly. A proxy that is not used is not looked at: it may
/// be for other programs.
pub(super) fn resolve(
    source: &dyn Source,
    receiver: &Uri,
    protocol: Protocol,
) -> Result<Option<Resolved<Proxy>>> {
    let proxy = PROXY.find(None, source, |_, url| Ok(url.trim().to_owned()))?;
    let exceptions = EXCEPTIONS.find(None, source, |_, list| Ok(list))?;
    let Some(Resolved { value: url, origin }) = proxy else { return Ok(None) };
    // No proxy can reach what listens on this machine only.
    if is_loopback(receiver) || exceptions.is_some_and(|list| is_listed(&list.value, receiver)) {
        return Ok(None);
    }
    let proxy = parse(&url).filter(|proxy| match proxy.protocol() {
        ProxyProtocol::Http => true,
        ProxyProtocol::Https => !is_grpc(protocol),
        _ => false,
    });
    let expected = if is_grpc(protocol) {
        "expected an HTTP proxy such as `http://proxy:3128`, as for all gRPC; name the receiver in `NO_PROXY` to reach it directly"
    } else {
        "expected an HTTP proxy such as `http://proxy:3128`; name the receiver in `NO_PROXY` to reach it directly"
    };
    match proxy {
        Some(value) => Ok(Some(Resolved { value, origin })),
        None => Err(invalid(origin.parameter(), endpoint::shown(&url), expected)),
    }
}

fn is_loopback(endpoint: &Uri) -> bool {
    let host = endpoint.host().unwrap_or_default().to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

fn is_grpc(protocol: Protocol) -> bool {
    protocol == Protocol::Grpc
}

/// Without a scheme it is `http`.
fn parse(url: &str) -> Option<Proxy> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    // Host and port are checked as those of a receiver are.
    endpoint::parse("", &url, "").ok()?;
    Proxy::new(&url).ok()
}

/// By the client's own rules, which do not depend on the proxy.
fn is_listed(exceptions: &str, receiver: &Uri) -> bool {
    let listed = exceptions.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let proxy =
        listed.fold(Proxy::builder(ProxyProtocol::Http), llm_trace_delivery::ureq::ProxyBuilder::no_proxy);
    proxy.build().is_ok_and(|proxy| proxy.is_no_proxy(receiver))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::env::Variables;

    fn to(
        receiver: &str,
        protocol: Protocol,
        vars: &[(&'static str, &'static str)],
    ) -> Result<String, String> {
        let vars: Variables = vars.iter().copied().collect();
        let proxy = resolve(&vars, &receiver.parse().expect("a URI"), protocol);
        let shown = |proxy: Option<Resolved<Proxy>>| match proxy {
            Some(Resolved { value, .. }) => format!("{}:{}", value.host(), value.port()),
            None => "direct".to_owned(),
        };
        proxy.map(shown).map_err(|error| error.to_string())
    }

    const RECEIVER: &str = "http://collector:4318/v1/traces";

    #[test]
    fn the_first_variable_that_is_set_counts() {
        let cases = [
            (&[("ALL_PROXY", "http://a:1"), ("HTTP_PROXY", "http://b:2")][..], "a:1"),
            (&[("http_proxy", "http://b")], "b:80"),
            (&[("https_proxy", "https://b/"), ("HTTP_PROXY", "x:1")], "b:443"),
            (&[("HTTP_PROXY", "proxy:3128")], "proxy:3128"),
            (&[("HTTP_PROXY", "http://me:pw@proxy:3128")], "proxy:3128"),
            (&[("HTTP_PROXY", "http://[::1]:3128")], "[::1]:3128"),
            (&[], "direct"),
        ];
        for (vars, expected) in cases {
            assert_eq!(to(RECEIVER, Protocol::HttpProtobuf, vars).as_deref(), Ok(expected), "{vars:?}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
        let unusable = [
            ("socks5://me:SECRET@proxy:1080", "`socks5://***@proxy:1080`"),
            ("socks4://proxy", "`socks4://proxy`"),
            ("ftp://proxy", "`ftp://proxy`"),
            ("http://", "`http://`"),
            ("http://proxy:99999", "`http://proxy:99999`"),
            ("http://proxy:0", "`http://proxy:0`"),
            ("http://me:SEC/RET@proxy", "`http://…`"),
            ("http://me:%ff@proxy", "`http://***@proxy`"),
            ("not a proxy", "`not a proxy`"),
            (":::", "`:::`"),
        ];
        for (url, shown) in unusable {
            for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
                let error = to(RECEIVER, protocol, &[("ALL_PROXY", url), ("HTTP_PROXY", "http://fine:1")]);
                let error = error.expect_err(url);
                let start = format!(
                    "ALL_PROXY: {shown} is not valid: expected an HTTP proxy such as `http://proxy:3128`"
                );
                assert!(error.starts_with(&start) && !error.contains("SEC"), "{error}");
            }
        }
        let https = [("ALL_PROXY", "https://proxy")];
        assert_eq!(to(RECEIVER, Protocol::HttpProtobuf, &https).as_deref(), Ok("proxy:443"));
        assert!(to(RECEIVER, Protocol::Grpc, &https).expect_err("not with gRPC").contains("all gRPC"));
    }

    #[test]
    fn loopback_is_known_in_every_spelling() {
        let loopback = [
            "http://localhost",
            "http://LOCALHOST:1",
            "http://a.localhost",
            "http://127.8.0.1",
            "http://[::1]:1",
        ];
        for url in loopback {
            assert!(is_loopback(&url.parse().expect("a URI")), "{url}");
        }
        for url in ["http://collector:4318", "http://10.0.0.1", "http://localhost.example", "http://[::2]"] {
            assert!(!is_loopback(&url.parse().expect("a URI")), "{url}");
        }
    }

    #[test]
    fn a_proxy_that_is_not_used_is_not_looked_at() {
        let exceptions = ["collector", "COLLECTOR", "*", "other, collector", ".b,*tor", "coll*"];
        for exception in exceptions {
            let vars = [("ALL_PROXY", "socks5://proxy"), ("NO_PROXY", exception)];
            assert_eq!(to(RECEIVER, Protocol::HttpProtobuf, &vars).as_deref(), Ok("direct"), "{exception}");
        }
        let vars = [("ALL_PROXY", "socks5://proxy"), ("no_proxy", "other")];
        assert!(to(RECEIVER, Protocol::HttpProtobuf, &vars).is_err());
        for receiver in ["http://localhost:4318", "http://127.0.0.1:4318", "http://[::1]:4318"] {
            let vars = [("ALL_PROXY", "socks5://proxy")];
            assert_eq!(to(receiver, Protocol::Grpc, &vars).as_deref(), Ok("direct"), "{receiver}");
        }
    }
}
