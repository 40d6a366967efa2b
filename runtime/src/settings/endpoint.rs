//! URLs of receivers.

use std::num::NonZeroU16;

use http::Uri;

use super::Result;
use super::error::invalid;

/// Parses the URL of a receiver and appends `path` to its own path.
pub(super) fn parse(parameter: &'static str, url: &str, path: &str) -> Result<Uri> {
    let url = url.trim();
    let refused = |expected: &str| invalid(parameter, shown(url), expected);
    if url.contains('#') {
        return Err(refused("expected a URL without a fragment (`#…`)"));
    }
    let expected = "expected a URL such as `http://localhost:4318`";
    let uri = with_path(url, path).ok_or_else(|| refused(expected))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(refused(expected));
    }
    // `Uri` takes any digits, and a port it cannot read as no port at all.
    let after_host = uri.authority().and_then(|authority| {
        let (_, address) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
        address.strip_prefix(authority.host())
    });
    match after_host {
        Some("") => Ok(uri),
        Some(port) if port.strip_prefix(':').is_some_and(|port| port.parse::<NonZeroU16>().is_ok()) => {
            Ok(uri)
        }
        _ => Err(refused("expected a port between 1 and 65535")),
    }
}

/// Parses the address of a gRPC receiver, which has no path and may have no scheme.
pub(super) fn parse_grpc(parameter: &'static str, url: &str, is_insecure: bool) -> Result<Uri> {
    let url = url.trim();
    let with_scheme = match url.split_once("://") {
        Some(_) => url.to_owned(),
        None => format!("{}://{url}", if is_insecure { "http" } else { "https" }),
    };
    let uri = parse(parameter, &with_scheme, "")?;
    if uri.path() != "/" || uri.query().is_some() {
        let expected =
            "expected no path, as gRPC has none; if the receiver is at one, it speaks HTTP: `http/protobuf`";
        return Err(invalid(parameter, shown(url), expected));
    }
    Ok(uri)
}

/// `https://host/a?token=s` with `/v1/traces` is `https://host/a/v1/traces?token=s`.
fn with_path(url: &str, path: &str) -> Option<Uri> {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let mut whole =
        if path.is_empty() { base.to_owned() } else { base.trim_end_matches('/').to_owned() + path };
    if let Some(query) = query {
        whole = format!("{whole}?{query}");
    }
    whole.parse().ok()
}

/// The value as an error may show it: scheme, host and port. User, path and query may be credentials.
pub(super) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, more) = rest.split_at(end);
    let more = if more.trim_start_matches('/').is_empty() { "" } else { "/…" };
    match authority.rsplit_once('@') {
        Some((_, address)) => format!("{scheme}***@{address}{more}"),
        // A password with a slash in it looks like a path.
        None if rest.contains('@') => format!("{scheme}…"),
        None => format!("{scheme}{authority}{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_path_goes_before_the_query() {
        let cases = [
            ("https://otlp.example/a?token=s", "https://otlp.example/a/v1/traces?token=s"),
            ("https://otlp.example/?token=s", "https://otlp.example/v1/traces?token=s"),
            ("https://otlp.example?token=s", "https://otlp.example/v1/traces?token=s"),
            ("https://otlp.example/otlp/", "https://otlp.example/otlp/v1/traces"),
            ("HTTP://Otlp.example:4318", "http://Otlp.example:4318/v1/traces"),
            ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ];
        for (url, expected) in cases {
            assert_eq!(parse("E", url, "/v1/traces").expect(url).to_string(), expected);
        }
        let own = "http://otlp.example/custom?token=s";
        assert_eq!(parse("E", own, "").expect("valid").to_string(), own);
    }

    #[test]
    fn what_is_no_url_is_refused_without_showing_path_query_or_user() {
        let cases = [
            ("localhost:4318", "`localhost:4318`"),
            ("ftp://me:pw@host/SECRET", "`ftp://***@host/…`"),
            ("http://host:99999/SECRET?k=SECRET", "`http://host:99999/…`"),
            ("http://host:0", "`http://host:0`"),
            ("http://host:x", "`http://host:x`"),
            ("http://:4318", "`http://:4318`"),
            ("http://me:SEC/RET@host", "`http://…`"),
            ("http://host/a?token=SECRET#part", "`http://host/…`"),
            ("http://ho st/SECRET", "`http://ho st/…`"),
            ("http://", "`http://`"),
        ];
        for (url, expected) in cases {
            let message = parse("E", url, "/v1/traces").expect_err(url).to_string();
            assert!(
                message.starts_with(&format!("E: {expected} is not valid: expected ")),
                "{url}: {message}"
            );
            assert!(!message.contains("SEC") && !message.contains("RET"), "{message}");
        }
    }
}
