//! The way in for programs that export with `opentelemetry-otlp`: an HTTP client that hands requests to senders.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{Request, Response};
use opentelemetry::metrics::Meter;
use opentelemetry_http::{HttpClient, HttpError};
use ureq::tls::TlsConfig;

use crate::retry::after;
use crate::{
    Backoff, Compression, DeliveryStats, ExportReport, ExportRequest, ItemState, Protocol, Sender,
    SenderConfig, Signal, Spool, TransportConfig, shape,
};
#[cfg(feature = "spool")]
use crate::{DiskSpool, SpoolSettings};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_MAX_QUEUE_BYTES: usize = 32 << 20;
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);

/// Time reserved for writing the spool during shutdown, at most half of the timeout.
const TIME_FOR_DISK: Duration = Duration::from_secs(2);

/// Grace period for reporting a timeout.
const MARGIN: Duration = Duration::from_millis(500);

/// Configures a [`Delivery`].
#[must_use]
#[derive(Debug)]
pub struct Builder {
    protocol: Protocol,
    compression: Compression,
    timeout: Duration,
    max_queue_bytes: usize,
    backoff: Backoff,
    has_deltas: bool,
    tls: TlsConfig,
    proxy: Option<ureq::Proxy>,
    #[cfg(feature = "spool")]
    spool: Option<SpoolSettings>,
}

/// A parameter of the [`Builder`] that cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    parameter: &'static str,
    value: String,
    expected: String,
}

/// Delivers the encoded requests of a program's exporters, and counts their items.
///
/// Keep it until the program ends, shut down the SDK's providers, and then [shut it down](Self::shutdown), which blocks until the
/// receivers have answered. Dropping it does the same.
#[derive(Debug)]
#[must_use = "dropping this ends delivery; keep it until the program ends"]
pub struct Delivery {
    shared: Arc<Shared>,
    is_over: bool,
}

/// The client of one exporter, for `with_http_client`. It takes each request, answers at once, and never blocks on a receiver.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    signal: Signal,
}

#[derive(Debug)]
struct Shared {
    builder: Builder,
    stats: Arc<DeliveryStats>,
    spool: Option<Arc<dyn Spool>>,
    /// Each is made with the address and the headers of the first request of its signal.
    senders: [OnceLock<Sender>; Signal::ALL.len()],
}

/// Starts the configuration of a [`Delivery`].
pub fn builder() -> Builder {
    Builder {
        protocol: Protocol::default(),
        compression: Compression::default(),
        timeout: DEFAULT_TIMEOUT,
        max_queue_bytes: DEFAULT_MAX_QUEUE_BYTES,
        backoff: Backoff::default(),
        has_deltas: false,
        tls: TlsConfig::default(),
        proxy: None,
        #[cfg(feature = "spool")]
        spool: None,
    }
}

impl Builder {
    /// Sets the protocol of the receivers, independent of the encoding of the exporters, which must be protobuf. Over gRPC, scheme, host
    /// and port of the exporter's endpoint count. Default: [`Protocol::HttpProtobuf`].
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Sets the compression of requests. The exporters must not compress. Default: [`Compression::None`].
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// For the answer to one request. Default: 10 seconds. Range: above 0.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Limits the memory for waiting requests of each signal, in bytes before compression; beyond it the oldest requests are dropped
    /// ([`QueueFull`](crate::DropReason::QueueFull)). Default: 32 MiB. Range: above 0.
    pub fn with_max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = bytes;
        self
    }

    /// The pauses between attempts, which tests shorten. Default: from 1 second to 60, doubled with each failure, with full jitter.
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Takes metrics with delta temporality: each request counts, so none takes the place of an earlier one, and none is stored on
    /// disk, where it could be sent twice. Without this, metrics are cumulative, and deltas are an error of the export.
    pub fn with_delta_metrics(mut self) -> Self {
        self.has_deltas = true;
        self
    }

    /// Sets the trusted certificates, and the client's certificate. Default: the public authorities, and no client certificate.
    pub fn with_tls(mut self, tls: TlsConfig) -> Self {
        self.tls = tls;
        self
    }

    /// Sets the proxy to all receivers, such as [`ureq::Proxy::try_from_env`]. gRPC supports HTTP proxies only. Default: none, whatever the
    /// environment has.
    pub fn with_proxy(mut self, proxy: Option<ureq::Proxy>) -> Self {
        self.proxy = proxy;
        self
    }

    /// Stores on disk what cannot be delivered, for a later attempt or process. What an earlier process left is sent once the exporter
    /// of the signal has handed over its first request. Default: it waits in memory only.
    #[cfg(feature = "spool")]
    pub fn with_spool(mut self, settings: SpoolSettings) -> Self {
        self.spool = Some(settings);
        self
    }

    /// Opens the spool, if there is one. Threads start with the first request of each signal.
    ///
    /// # Errors
    ///
    /// If a value is out of range, needs a feature that is off, or if others than the program's user have access to the spool.
    pub fn build(self) -> Result<Delivery, ConfigError> {
        let invalid = |parameter, value: String, expected: &str| {
            Err(ConfigError { parameter, value, expected: expected.to_owned() })
        };
        match self.protocol {
            Protocol::HttpJson if cfg!(not(feature = "http-json")) => {
                return invalid("with_protocol", self.protocol.to_string(), "needs the feature `http-json`");
            }
            Protocol::Grpc if cfg!(not(feature = "grpc")) => {
                return invalid("with_protocol", self.protocol.to_string(), "needs the feature `grpc`");
            }
            _ => {}
        }
        if self.compression == Compression::Zstd && cfg!(not(feature = "zstd")) {
            return invalid("with_compression", self.compression.to_string(), "needs the feature `zstd`");
        }
        if self.timeout.is_zero() {
            return invalid("with_timeout", format!("{:?}", self.timeout), "expected a time above 0");
        }
        if self.max_queue_bytes == 0 {
            return invalid("with_max_queue_bytes", "0".to_owned(), "expected a number above 0");
        }
        let stats = Arc::new(DeliveryStats::default());
        let spool = self.open_spool(&stats)?;
        let shared = Shared { builder: self, stats, spool, senders: Default::default() };
        Ok(Delivery { shared: Arc::new(shared), is_over: false })
    }

    #[cfg(feature = "spool")]
    fn open_spool(&self, stats: &Arc<DeliveryStats>) -> Result<Option<Arc<dyn Spool>>, ConfigError> {
        let Some(settings) = &self.spool else { return Ok(None) };
        DiskSpool::check_private(&settings.folder).map_err(|error| ConfigError {
            parameter: "with_spool",
            value: settings.folder.display().to_string(),
            expected: error.to_string(),
        })?;
        Ok(Some(Arc::new(DiskSpool::open(settings.clone(), Arc::clone(stats)))))
    }

    #[cfg(not(feature = "spool"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as with the feature")]
    fn open_spool(&self, _stats: &Arc<DeliveryStats>) -> Result<Option<Arc<dyn Spool>>, ConfigError> {
        Ok(None)
    }
}

impl Delivery {
    /// A client for the exporter of a signal. Address and headers are those of the exporter's requests, of the first for all; its
    /// timeout, retries and compression are not used.
    pub fn client(&self, signal: Signal) -> Client {
        Client { shared: Arc::clone(&self.shared), signal }
    }

    /// Tries to deliver everything that the exporters have submitted, and returns the counts by then. Busy receivers are retried until
    /// `timeout` is over; three consecutive failures without an answer end the attempts. Blocks.
    pub fn flush(&self, timeout: Duration) -> ExportReport {
        let until = after(timeout);
        let flushes: Vec<_> = self.shared.senders().map(|sender| (sender, sender.flush(until))).collect();
        for (sender, flush) in flushes {
            sender.wait_for_flush(flush, until);
        }
        self.report()
    }

    /// Returns the counts so far.
    pub fn report(&self) -> ExportReport {
        self.shared.stats.report()
    }

    /// Has what is delivered, dropped and queued observed by a meter: see [`observe`](crate::observe).
    pub fn observe(&self, meter: &Meter) {
        crate::observe(meter, &self.shared.stats);
    }

    /// Delivers what waits, stores what cannot be delivered if there is a spool, and stops. Blocks, at most for `timeout` and half a
    /// second. With a spool, half of `timeout`, but no more than 2 seconds, is kept for the disk. Shut down the SDK's providers
    /// before: what they export later is counted as dropped. What is lost is also logged, as an error of `tracing`, or on stderr
    /// if no subscriber shows that.
    pub fn shutdown(mut self, timeout: Duration) -> ExportReport {
        self.stop(timeout)
    }

    fn stop(&mut self, timeout: Duration) -> ExportReport {
        self.is_over = true;
        let Shared { stats, spool, .. } = &*self.shared;
        stats.stopping();
        let for_disk = spool.as_ref().map(|_| TIME_FOR_DISK.min(timeout / 2)).unwrap_or_default();
        let (end, deadline) = (after(timeout), after(timeout.saturating_sub(for_disk)));
        let senders: Vec<_> = self.shared.senders().collect();
        for sender in &senders {
            sender.stop(deadline);
        }
        crate::close(&senders, spool.clone(), deadline + MARGIN / 5, end + MARGIN);
        let report = self.report();
        stats.log(&report);
        report
    }
}

/// Stops as [`shutdown`](Delivery::shutdown) does, within the timeout of one request.
impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.stop(self.shared.builder.timeout);
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        if head.headers.contains_key(CONTENT_ENCODING) {
            return Err(
                "the exporter compresses, which is left to `llm_trace_delivery::Builder::with_compression`"
                    .into(),
            );
        }
        let Some(found) = shape::look(self.signal, &body) else {
            return Err(format!("this is no export request of {} in protobuf", self.signal.as_str()).into());
        };
        if found.has_deltas && !self.shared.builder.has_deltas {
            return Err("the metrics are deltas: `llm_trace_delivery::Builder::with_delta_metrics`".into());
        }
        if found.items > 0 {
            let sender = self.shared.sender(self.signal, &head);
            self.shared.stats.entered(self.signal, ItemState::Queued, found.items);
            let (signal, item_count) = (self.signal, found.items);
            sender.push(ExportRequest { signal, body, item_count, created: SystemTime::now() });
        }
        Ok(Response::new(Bytes::new()))
    }
}

impl Shared {
    fn senders(&self) -> impl Iterator<Item = &Sender> {
        self.senders.iter().filter_map(OnceLock::get)
    }

    fn sender(&self, signal: Signal, head: &http::request::Parts) -> &Sender {
        self.senders[signal.index()].get_or_init(|| {
            let mut headers = head.headers.clone();
            for ours in [CONTENT_TYPE, CONTENT_LENGTH, HOST] {
                headers.remove(ours);
            }
            headers.values_mut().for_each(|value| value.set_sensitive(true));
            let Builder { protocol, compression, timeout, max_queue_bytes, backoff, .. } = self.builder;
            let (tls, proxy) = (self.builder.tls.clone(), self.builder.proxy.clone());
            let endpoint = head.uri.clone();
            let to = TransportConfig { endpoint, protocol, compression, headers, timeout, tls, proxy };
            let is_delta = signal == Signal::Metrics && self.builder.has_deltas;
            Sender::new(SenderConfig {
                signal,
                destination: to.destination(),
                attributes: to.attributes(signal),
                stats: Arc::clone(&self.stats),
                supersedes: signal == Signal::Metrics && !is_delta,
                transport: to.into_factory(),
                timeout,
                shorten_text: shape::shorten_text,
                max_bytes: max_queue_bytes,
                spool: self.spool.clone().filter(|_| !is_delta),
                backoff,
                max_retry_after: MAX_RETRY_AFTER,
            })
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { parameter, value, expected } = self;
        write!(f, "{parameter}: `{value}` is not valid: {expected}")
    }
}

impl std::error::Error for ConfigError {}
