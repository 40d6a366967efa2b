//! Addresses as recorded: host and port, and URIs without secrets.

/// A URI without what may open a door: credentials in front of the host, and everything behind `?` or `#`.
pub(crate) fn without_secrets(uri: &str) -> String {
    let uri = uri.split(['?', '#']).next().unwrap_or(uri);
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = authority.rsplit_once('@').map_or(authority, |(_credentials, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Host and port of a URL, `host:port` or host. The scheme's default port counts as given.
pub(crate) fn server_address(text: &str) -> (&str, Option<i64>) {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_credentials, host)| host);
    let default_port = match scheme.to_ascii_lowercase().as_str() {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    };
    // The last colon, unless it belongs to a bare or bracketed IPv6 address.
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse::<u16>() {
            Ok(port) => (unbracketed(host), Some(port.into())),
            Err(_) => (unbracketed(authority), default_port),
        },
        _ => (unbracketed(authority), default_port),
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
