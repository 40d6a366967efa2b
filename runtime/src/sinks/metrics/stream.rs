//! In: the content chunks of one streamed call, as they arrive. Out: how long the first and each further one took.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;

use super::cells::Cell;
use super::instruments::Instruments;
use crate::model::request::Request;
use crate::model::response::Response;
use crate::model::site::Kind;

/// The instruments of one stream with their labels: found once, as a response has thousands of chunks.
pub(crate) struct ChunkMeter {
    instruments: Arc<Instruments>,
    cell: Arc<Cell>,
}

impl ChunkMeter {
    /// With what is known of a call when its first chunk arrives.
    pub(crate) fn new(
        kind: Kind,
        tags: &[KeyValue],
        request: &Request,
        response: &Response,
        instruments: Arc<Instruments>,
    ) -> Self {
        let cell = instruments.cells.get(&super::client_labels(kind, tags, request, response));
        ChunkMeter { instruments, cell }
    }

    /// The first chunk, since the call's begin.
    pub(crate) fn first(&self, since_begin: Duration) {
        crate::value::panic::catch_user_panic(|| {
            self.instruments.time_to_first_chunk.record(since_begin.as_secs_f64(), &self.cell);
        });
    }

    /// A further chunk, since the one before it.
    pub(crate) fn next(&self, gap: Duration) {
        crate::value::panic::catch_user_panic(|| {
            self.instruments.time_per_output_chunk.record(gap.as_secs_f64(), &self.cell);
        });
    }
}
