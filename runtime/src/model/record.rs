//! A finished call as plain data. It is made once, when the call ends, and every sink reads the same.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, TraceId};
use smol_str::SmolStr;

use crate::model::content::RecordedContent;
use crate::model::request::Request;
use crate::model::response::Response;
use crate::model::site::Site;
#[cfg(feature = "otlp")]
use crate::value::ContentValue;
use crate::value::bounds;

/// A call that has ended: what was recorded of it, and what was derived from that.
#[derive(Debug)]
pub(crate) struct CallRecord {
    pub(crate) site: Site,
    /// The agent on whose behalf the call ran; for an agent, itself.
    pub(crate) agent: Option<AgentRun>,
    /// The tags that are labels of metrics.
    pub(crate) labels: Arc<[KeyValue]>,
    pub(crate) request: Request,
    pub(crate) response: Response,
    pub(crate) attempts: Attempts,
    pub(crate) outcome: Outcome,
    pub(crate) timing: Timing,
    /// By the wall clock.
    pub(crate) start: SystemTime,
    /// By the monotonic clock; `None` if it is out of bounds.
    pub(crate) duration: Option<Duration>,
    /// Trace and span.
    pub(crate) ids: (TraceId, SpanId),
    /// The text that the topic is derived from, if topics are recorded.
    pub(crate) topic: Option<String>,
    /// The error code of the answer to an MCP message.
    pub(crate) mcp_status_code: Option<i64>,
    /// Derived, like signals and content, only if a sink reads it.
    pub(crate) price: Price,
    pub(crate) signals: Signals,
    pub(crate) content: RecordedContent,
}

/// One invocation of an agent in this process, with the calls it has made so far.
#[derive(Clone, Debug)]
pub(crate) struct AgentRun {
    pub(crate) name: SmolStr,
    pub(crate) inference_calls: u64,
    pub(crate) tool_calls: u64,
}

/// The price of a call.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(not(feature = "pricing"), expect(dead_code, reason = "without prices every call is `None`"))]
pub(crate) enum Price {
    /// US dollars, and the model whose price was used.
    Known { usd: f64, model: Arc<PricedModel> },
    /// The call reported usage, but its model has no known price.
    Unknown,
    /// Nothing was used, the counts contradict each other, or the model runs on the caller's own machine.
    None,
}

/// A model with a price.
#[derive(Debug, PartialEq)]
pub(crate) struct PricedModel {
    /// `provider/model`.
    pub(crate) name: Arc<str>,
    /// In tokens, if it is known.
    pub(crate) context_window: Option<u64>,
}

/// Quality signals of a call; a disabled signal is treated as unknown.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    pub(crate) documents: Option<u64>,
    pub(crate) top_score: Option<f64>,
    pub(crate) score_gap: Option<f64>,
    pub(crate) duplicates: Option<u64>,
    pub(crate) truncated: Option<bool>,
    pub(crate) refused: Option<bool>,
    pub(crate) context_utilization: Option<f64>,
}

/// Attempts that the caller reported.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempts {
    pub(crate) count: u64,
    pub(crate) wasted_tokens: u64,
}

/// The outcome of a call.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Completed,
    Failed(Failure),
    Cancelled,
    /// Telemetry ended first.
    #[cfg(feature = "otlp")]
    Shutdown,
}

/// An error: its class, and its message if policy lets it pass.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error_type: SmolStr,
    pub(crate) message: Option<String>,
}

impl Failure {
    /// One whose class may be a label.
    pub(crate) fn new(error_type: &str, message: Option<String>) -> Self {
        Failure { error_type: SmolStr::new(bounds::required(error_type)), message }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Outcome::Failed(failure)
    }
}

/// When the first parts of a streamed response arrived, counted from the call's begin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    /// The first text, reasoning or tool call.
    pub(crate) first_chunk: Option<Duration>,
    /// The first text a user can see.
    pub(crate) first_text: Option<Duration>,
}

impl Timing {
    pub(crate) fn is_complete(&self) -> bool {
        self.first_chunk.is_some() && self.first_text.is_some()
    }
}

/// Besides its texts.
#[cfg(feature = "otlp")]
const RECORD_BYTES: usize = 2 << 10;

impl CallRecord {
    /// One of a call that begins.
    pub(crate) fn new(
        site: Site,
        labels: Arc<[KeyValue]>,
        request: Request,
        start: SystemTime,
        ids: (TraceId, SpanId),
    ) -> Self {
        CallRecord {
            site,
            agent: None,
            labels,
            request,
            response: Response::new(),
            attempts: Attempts::default(),
            outcome: Outcome::Completed,
            timing: Timing::default(),
            start,
            duration: None,
            ids,
            topic: None,
            mcp_status_code: None,
            price: Price::None,
            signals: Signals::default(),
            content: RecordedContent::default(),
        }
    }

    /// The name of the tool, agent, workflow or task: as given, or the function's.
    pub(crate) fn own_name(&self) -> &str {
        self.request.name.as_deref().unwrap_or(self.site.function)
    }

    /// Returns whether any captured content may be recorded.
    pub(crate) fn has_content(&self) -> bool {
        !(self.request.rest().content.pieces.is_empty() && self.response.rest().content.pieces.is_empty())
    }

    /// Drops what the content was formed from: a span has text only, and many wait.
    #[cfg(feature = "otlp")]
    pub(crate) fn keep_content_as_text(&mut self) {
        self.request.drop_content();
        self.response.drop_content();
        for attribute in &mut self.content.attributes {
            attribute.tree = ContentValue::Null;
        }
    }

    /// About what it takes in memory: content is there as it was captured, and as it is recorded, as a tree and as a text.
    #[cfg(feature = "otlp")]
    pub(crate) fn bytes(&self) -> usize {
        let captured = self.request.rest().content.pieces.iter().chain(&self.response.rest().content.pieces);
        let captured: usize = captured.map(|(_, value)| value.cost()).sum();
        let recorded: usize = self.content.attributes.iter().map(|attribute| 2 * attribute.len()).sum();
        RECORD_BYTES + captured + recorded
    }

    /// The end by the wall clock at the start and the monotonic clock since then.
    pub(crate) fn end(&self) -> SystemTime {
        self.start.checked_add(self.duration.unwrap_or_default()).unwrap_or(self.start)
    }
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use super::*;
    use crate::model::content::{ContentAttribute, ContentKind};
    use crate::model::site::{CallSite, Kind};

    #[test]
    fn a_record_that_waits_for_its_span_holds_its_content_once() {
        static SITE: CallSite = CallSite::new(Kind::Chat, "ask", "tests", "record.rs", 1);
        let text = "word ".repeat(1000);
        let mut request = Request::new(Kind::Chat);
        request.change_content(|content| content.set(ContentKind::Input, ContentValue::text(text.clone())));
        let ids = (TraceId::INVALID, SpanId::INVALID);
        let mut record =
            CallRecord::new(Site::Function(&SITE), Arc::default(), request, SystemTime::UNIX_EPOCH, ids);
        record.response.rest_mut().content.set(ContentKind::Output, ContentValue::text(text.clone()));
        record.content.attributes.push(ContentAttribute::text("k".into(), text));
        record.keep_content_as_text();
        assert!(!record.has_content(), "captured pieces are gone");
        assert_eq!(record.content.attributes[0].tree, ContentValue::Null);
        assert_eq!(record.content.attributes[0].text.len(), 5000);
    }
}
