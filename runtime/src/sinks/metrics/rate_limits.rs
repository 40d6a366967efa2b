//! Rate limits of a provider, from headers → gauges, recorded at once: a stream can take minutes.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Gauge;

use super::cardinality::Limited;
use super::cells::Cell;
use super::instruments::Make;
use super::labels::Labels;
use crate::extract::rate_limits::{Limit, RateLimits};
use crate::model::request::Request;
use crate::semconv::{attribute, metric};

pub(crate) struct Instruments {
    requests: Gauges,
    tokens: Gauges,
}

struct Gauges {
    limit: Limited<Gauge<u64>>,
    remaining: Limited<Gauge<u64>>,
    reset: Limited<Gauge<f64>>,
}

impl Instruments {
    pub(super) fn new(make: &Make) -> Self {
        Instruments {
            requests: Gauges {
                limit: make.count(
                    metric::RATELIMIT_REQUESTS_LIMIT,
                    metric::UNIT_REQUESTS,
                    "Requests that the provider allows.",
                ),
                remaining: make.count(
                    metric::RATELIMIT_REQUESTS_REMAINING,
                    metric::UNIT_REQUESTS,
                    "Requests that the provider still allows, as of its last response.",
                ),
                reset: make.time(
                    metric::RATELIMIT_REQUESTS_RESET,
                    "Time until the provider allows all requests again, as of its last response.",
                ),
            },
            tokens: Gauges {
                limit: make.count(
                    metric::RATELIMIT_TOKENS_LIMIT,
                    metric::UNIT_TOKENS,
                    "Tokens that the provider allows.",
                ),
                remaining: make.count(
                    metric::RATELIMIT_TOKENS_REMAINING,
                    metric::UNIT_TOKENS,
                    "Tokens that the provider still allows, as of its last response.",
                ),
                reset: make.time(
                    metric::RATELIMIT_TOKENS_RESET,
                    "Time until the provider allows all tokens again, as of its last response.",
                ),
            },
        }
    }
}

/// Records what is left to a call's provider, model and server.
pub(crate) fn record(
    limits: &RateLimits,
    request: &Request,
    tags: &[KeyValue],
    instruments: &super::Instruments,
) {
    let mut labels = Labels::beginning_with(tags);
    labels.add(attribute::PROVIDER_NAME, request.provider.as_deref());
    labels.add(attribute::REQUEST_MODEL, request.model.as_deref());
    labels.add(attribute::SERVER_ADDRESS, request.server_address.as_deref());
    labels.add_int(attribute::SERVER_PORT, request.server_port);
    instruments.cells.with(&labels, |cell| {
        instruments.rate_limits.requests.record(&limits.requests, cell);
        instruments.rate_limits.tokens.record(&limits.tokens, cell);
    });
}

impl Gauges {
    fn record(&self, limit: &Limit, cell: &Cell) {
        for (gauge, count) in [(&self.limit, limit.allowed), (&self.remaining, limit.remaining)] {
            if let Some(count) = count {
                gauge.record(count, cell);
            }
        }
        if let Some(reset) = limit.reset.as_ref().map(Duration::as_secs_f64) {
            self.reset.record(reset, cell);
        }
    }
}
