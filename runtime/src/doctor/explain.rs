//! In: what came back. Out: what is wrong, and what helps.

use std::error::Error;
use std::io::ErrorKind;

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, LOCATION};
use llm_trace_delivery::probe::Answer;
#[cfg(feature = "grpc")]
use llm_trace_delivery::probe::{Code, Failure, Reply};
use llm_trace_delivery::ureq;
use llm_trace_delivery::{Outcome, Protocol, TransportConfig, printable};
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::look::{self, Speaks};

const FORBIDDEN: &str = "The receiver knows who asks and does not allow it: does the token have the right to write this signal, to this \
             project, from this network?";
const RATE_LIMITED: &str =
    "The way is right, but the receiver takes no more for now: is the plan's limit reached?";
const SERVER_ERROR: &str = "The receiver, or a proxy before it, has trouble of its own: look into its logs.";
const NOT_A_RECEIVER: &str = "This is a web server or a page to log in, and no OTLP receiver: is it the port of the user interface? Collectors \
             receive on 4318.";
const PROXY: &str = "Is the proxy of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY right? If the receiver is to be reached without one, name its \
             host in NO_PROXY.";

/// A problem in reaching a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    found: String,
    fix: String,
}

/// The kinds of problems there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No such host.
    UnknownHost,
    /// Nothing listens on the port.
    ConnectionRefused,
    /// The host or its network cannot be reached.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The proxy does not let us through.
    Proxy,
    /// The receiver's certificate is from an unknown authority.
    UnknownAuthority,
    /// The receiver's certificate is for another name.
    NameMismatch,
    /// The receiver's certificate is out of date, or not of use.
    BadCertificate,
    /// The receiver requires a client certificate, or a different one.
    ClientCertificate,
    /// TLS was used on a plain-text port.
    NoTls,
    /// Plain text was used on a TLS port.
    TlsExpected,
    /// HTTP/1.1 was used on a gRPC port.
    GrpcPort,
    /// gRPC was used on an HTTP/1.1 port.
    HttpPort,
    /// 401: no credentials, or wrong ones.
    Unauthorized,
    /// 403: the credentials are known, and not enough.
    Forbidden,
    /// 404: nothing is at the path.
    NoSuchPath,
    /// 405: the path takes no such requests.
    MethodNotAllowed,
    /// 415: the receiver does not take this encoding.
    UnsupportedEncoding,
    /// 429: too much.
    RateLimited,
    /// 5xx: an error of the receiver.
    ServerError,
    /// An answer that sends somewhere else.
    Redirect,
    /// A page, or another response that is not from an OTLP receiver.
    NotAReceiver,
    /// None of these.
    Other,
}

impl Problem {
    fn new(kind: ProblemKind, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Problem { kind, found: found.into(), fix: fix.into() }
    }

    /// Returns the kind of problem.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Describes the finding, on one line.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// Describes the fix.
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

/// Explains the result of an HTTP export.
pub(super) fn http(settings: &TransportConfig, answer: Result<Answer, ureq::Error>) -> Option<Problem> {
    match answer {
        Ok(answer) => of_answer(settings, &answer),
        Err(error) => Some(of_error(settings, &error)),
    }
}

fn of_answer(settings: &TransportConfig, answer: &Answer) -> Option<Problem> {
    use ProblemKind as Kind;
    let status = answer.status;
    let found = printable(&format!("HTTP status {status}"));
    let problem = match status {
        _ if speaks_of_tls(answer) => tls_expected(),
        StatusCode::UNAUTHORIZED => Problem::new(Kind::Unauthorized, found, credentials(settings)),
        StatusCode::FORBIDDEN => Problem::new(Kind::Forbidden, found, FORBIDDEN),
        StatusCode::NOT_FOUND => Problem::new(Kind::NoSuchPath, found, path(settings)),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            Kind::MethodNotAllowed,
            found,
            "The path takes no OTLP of this signal: some receivers take traces only (then set this signal's exporter to `none`), \
             and some paths are pages for people.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            Kind::UnsupportedEncoding,
            found,
            "The receiver does not take this protocol or compression: try another OTEL_EXPORTER_OTLP_PROTOCOL, and \
             OTEL_EXPORTER_OTLP_COMPRESSION=none.",
        ),
        StatusCode::TOO_MANY_REQUESTS => Problem::new(Kind::RateLimited, found, RATE_LIMITED),
        status if status.is_server_error() => Problem::new(Kind::ServerError, found, SERVER_ERROR),
        status if status.is_redirection() => {
            let to = header(answer, &LOCATION)
                .parse()
                .map(|to| llm_trace_delivery::destination(&to))
                .unwrap_or_default();
            let found = format!("{found}, to {}", printable(if to.is_empty() { "nowhere" } else { &to }));
            Problem::new(
                Kind::Redirect,
                found,
                "Redirects are not followed, as they would take the credentials along: give the address that it leads to. If that \
                 is a page to log in, credentials are missing.",
            )
        }
        status if status.is_success() => return of_success(answer, &found),
        _ => Problem::new(
            Kind::Other,
            found,
            "The receiver does not take an export without items; its logs may say why.",
        ),
    };
    Some(problem)
}

/// By the same rule as every export.
fn of_success(answer: &Answer, found: &str) -> Option<Problem> {
    let reason = match answer.outcome() {
        Outcome::Accepted => return None,
        Outcome::Partial { message, .. } => return Some(rejects(&message)),
        Outcome::Retry { reason, .. }
        | Outcome::Unreachable { reason }
        | Outcome::Split { reason }
        | Outcome::Refused { reason }
        | Outcome::Rejected { reason } => reason,
    };
    let content_type = header(answer, &CONTENT_TYPE).to_ascii_lowercase();
    let found = if content_type.contains("html") || answer.body.starts_with(b"<") {
        format!("{found} with a page for people")
    } else {
        reason
    };
    Some(Problem::new(ProblemKind::NotAReceiver, found, NOT_A_RECEIVER))
}

/// A receiver that rejects items of an export without any would do so with every other.
fn rejects(message: &str) -> Problem {
    let colon = if message.is_empty() { "" } else { ": " };
    let found = format!("the receiver says that it rejected items{colon}{message}");
    Problem::new(
        ProblemKind::Other,
        found,
        "What it says to have rejected counts as lost: its logs may tell more.",
    )
}

fn header<'a>(answer: &'a Answer, name: &HeaderName) -> &'a str {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// TLS servers that recognise plain HTTP answer with a text about it.
fn speaks_of_tls(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body);
    answer.status == StatusCode::BAD_REQUEST
        && (text.contains("HTTP request to an HTTPS server")
            || text.contains("HTTP request was sent to HTTPS port"))
}

fn tls_expected() -> Problem {
    Problem::new(
        ProblemKind::TlsExpected,
        "the port speaks TLS, and was spoken to in plain text",
        "Write `https://` instead of `http://`.",
    )
}

fn credentials(settings: &TransportConfig) -> String {
    let names: Vec<_> = settings.headers.keys().map(http::HeaderName::as_str).collect();
    if names.is_empty() {
        return "No credentials are sent. Give the receiver's in OTEL_EXPORTER_OTLP_HEADERS, such as \
                `Authorization=Basic%20…` (a space is `%20`), or by `with_header`."
            .to_owned();
    }
    format!(
        "The credentials are not accepted: expired, of another region or project, or in another header than expected? What is \
         sent: {}.",
        names.join(", ")
    )
}

fn path(settings: &TransportConfig) -> String {
    if settings.endpoint.path().contains("/v1/") {
        "Nothing is at this path. Receivers at a path of their own need it in the endpoint: Grafana Cloud `/otlp`, Langfuse \
         `/api/public/otel`; some take traces only."
            .to_owned()
    } else {
        "Nothing is at this path. The endpoint of a single signal is used as it is: it needs `/v1/traces`, `/v1/metrics` or \
         `/v1/logs` at its end."
            .to_owned()
    }
}

fn of_error(settings: &TransportConfig, error: &ureq::Error) -> Problem {
    if let Some(tls) = tls_error(error) {
        return of_tls(tls);
    }
    if let Some(proxy) = proxy(settings)
        && !matches!(error, ureq::Error::Timeout(_))
    {
        return Problem::new(
            ProblemKind::Proxy,
            format!("the proxy {proxy} did not let the request through: {}", words(error)),
            PROXY,
        );
    }
    match error {
        ureq::Error::HostNotFound => unknown_host(settings),
        ureq::Error::Timeout(_) => timeout(settings),
        ureq::Error::Io(io) => of_io(settings, io),
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => of_malformed(settings, &words(error)),
        ureq::Error::BodyExceedsLimit(_) => {
            let found = format!("the answer is longer than any of an OTLP receiver: {}", words(error));
            Problem::new(ProblemKind::NotAReceiver, found, NOT_A_RECEIVER)
        }
        _ => other(words(error)),
    }
}

fn of_io(settings: &TransportConfig, io: &std::io::Error) -> Problem {
    let words = printable(&io.to_string());
    match io.kind() {
        ErrorKind::ConnectionRefused => Problem::new(
            ProblemKind::ConnectionRefused,
            "connection refused",
            "Nothing listens there. Is the collector running, and is it its port for OTLP over HTTP, 4318? In a container \
             `localhost` is the container itself.",
        ),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => timeout(settings),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Problem::new(
            ProblemKind::Unreachable,
            words,
            "There is no way to that host: a firewall, a VPN that is down, or an address of another network.",
        ),
        // The resolver's error has no `io::ErrorKind`.
        _ if io.to_string().contains("lookup address") => unknown_host(settings),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::InvalidData => of_malformed(settings, &words),
        _ => other(words),
    }
}

fn unknown_host(settings: &TransportConfig) -> Problem {
    let host = settings.endpoint.host().unwrap_or_default();
    Problem::new(
        ProblemKind::UnknownHost,
        format!("no host is known as `{}`", printable(host)),
        "Is the name right, and does it exist where the program runs? Names of services of a cluster or of a compose file only \
         exist inside it.",
    )
}

fn timeout(settings: &TransportConfig) -> Problem {
    Problem::new(
        ProblemKind::Timeout,
        format!("no answer within {} ms", settings.timeout.as_millis()),
        "The host takes the packets or drops them, and does not answer: a firewall, a wrong address, or a receiver that \
         hangs. OTEL_EXPORTER_OTLP_TIMEOUT is for those that are slow.",
    )
}

/// The answer was not of the protocol: what is it that answers there?
fn of_malformed(settings: &TransportConfig, found: &str) -> Problem {
    let is_plain = settings.endpoint.scheme_str() == Some("http");
    match is_plain.then(|| look::at(&settings.endpoint)) {
        Some(Speaks::Tls) => tls_expected(),
        Some(Speaks::Http2) if settings.protocol != Protocol::Grpc => Problem::new(
            ProblemKind::GrpcPort,
            "the port speaks gRPC, and was spoken to in HTTP/1.1",
            "Collectors receive gRPC on port 4317 and HTTP on 4318: change the port, or OTEL_EXPORTER_OTLP_PROTOCOL.",
        ),
        Some(Speaks::Http1) if settings.protocol == Protocol::Grpc => http_port(),
        _ => Problem::new(
            ProblemKind::NotAReceiver,
            format!("the answer is not of the protocol {}: {found}", settings.protocol),
            "Something else than an OTLP receiver listens there; behind TLS, gRPC and HTTP have ports of their own too \
             (collectors: 4317 and 4318).",
        ),
    }
}

fn http_port() -> Problem {
    Problem::new(
        ProblemKind::HttpPort,
        "the port speaks HTTP/1.1, and was spoken to in gRPC",
        "Collectors receive gRPC on port 4317 and HTTP on 4318: change the port, or OTEL_EXPORTER_OTLP_PROTOCOL.",
    )
}

/// Explains the result of a gRPC export.
#[cfg(feature = "grpc")]
pub(super) fn grpc(settings: &TransportConfig, answer: Result<Reply, Failure>) -> Option<Problem> {
    use ProblemKind as Kind;
    let failure = match answer {
        Ok(reply) => return of_reply(settings, &reply),
        Err(failure) => failure,
    };
    let found = printable(&failure.to_string());
    Some(match &failure {
        Failure::Timeout => timeout(settings),
        Failure::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => http_port(),
            Some(tls) => of_tls(tls),
            None => of_io(settings, io),
        },
        Failure::Proxy(_) => Problem::new(Kind::Proxy, found, PROXY),
        Failure::NoHttp2 => http_port(),
        Failure::Http2(_) => of_malformed(settings, &found),
        Failure::NotGrpc { status, .. } => match *status {
            StatusCode::UNAUTHORIZED => Problem::new(Kind::Unauthorized, found, credentials(settings)),
            StatusCode::FORBIDDEN => Problem::new(Kind::Forbidden, found, FORBIDDEN),
            status if status.is_server_error() => Problem::new(Kind::ServerError, found, SERVER_ERROR),
            _ => Problem::new(
                Kind::NotAReceiver,
                found,
                "This is a web server and no OTLP receiver for gRPC: collectors receive it on port 4317.",
            ),
        },
        Failure::Unusable(_) => other(found),
    })
}

#[cfg(feature = "grpc")]
fn of_reply(settings: &TransportConfig, reply: &Reply) -> Option<Problem> {
    use ProblemKind as Kind;
    let found = reply.reason();
    let problem = match reply.code {
        Code::OK => match reply.outcome() {
            Outcome::Refused { reason } => Problem::new(Kind::NotAReceiver, reason, NOT_A_RECEIVER),
            Outcome::Partial { message, .. } => rejects(&message),
            _ => return None,
        },
        Code::UNAUTHENTICATED => Problem::new(Kind::Unauthorized, found, credentials(settings)),
        Code::PERMISSION_DENIED => Problem::new(Kind::Forbidden, found, FORBIDDEN),
        Code::UNIMPLEMENTED => Problem::new(
            Kind::NoSuchPath,
            found,
            "The receiver has no such service: it takes no data of this signal (a collector without a pipeline for it). Set this \
             signal's exporter to `none`, or take it on there.",
        ),
        Code::RESOURCE_EXHAUSTED => Problem::new(Kind::RateLimited, found, RATE_LIMITED),
        Code::UNAVAILABLE => Problem::new(Kind::ServerError, found, SERVER_ERROR),
        _ => Problem::new(Kind::Other, found, "The receiver's logs may tell more."),
    };
    Some(problem)
}

fn tls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(io) => io.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    }
}

fn of_tls(error: &rustls::Error) -> Problem {
    use ProblemKind as Kind;
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => Problem::new(
            Kind::UnknownAuthority,
            "the receiver's certificate is by an authority that is not trusted",
            "Name its PEM file in OTEL_EXPORTER_OTLP_CERTIFICATE. Without it the built-in authorities of the web are trusted, and \
             not those of the system. Certificates are always checked: there is no switch for that.",
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Problem::new(
            Kind::NameMismatch,
            "the receiver's certificate is for another name",
            "Use the name that the certificate is for, or have one issued for this name.",
        ),
        rustls::Error::InvalidCertificate(why) => Problem::new(
            Kind::BadCertificate,
            printable(&format!("the receiver's certificate is not valid: {why}")),
            "Renew it; or is the clock of this machine wrong?",
        ),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Problem::new(
            Kind::NoTls,
            "the port speaks plain text, and was spoken to in TLS",
            "Write `http://` instead of `https://`, if the way to the receiver is one to trust.",
        ),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied,
        ) => Problem::new(
            Kind::ClientCertificate,
            "the receiver wants a certificate of this program, or another one",
            "Name both PEM files: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY.",
        ),
        other => Problem::new(
            Kind::Other,
            printable(&format!("TLS failed: {other}")),
            "The two sides did not agree on TLS: does the port speak it, and version 1.2 or 1.3?",
        ),
    }
}

fn other(found: String) -> Problem {
    Problem::new(ProblemKind::Other, found, "The receiver's logs may tell more.")
}

/// The proxy on the way, if there is one.
fn proxy(settings: &TransportConfig) -> Option<String> {
    let proxy = settings.proxy.as_ref()?;
    Some(printable(&format!("{}:{}", proxy.host(), proxy.port())))
}

/// The error in words, of which a URL is never one.
fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => "the URL cannot be used".to_owned(),
        ureq::Error::Io(io) => printable(&io.source().map_or_else(|| io.to_string(), ToString::to_string)),
        other => printable(&other.to_string()),
    }
}
