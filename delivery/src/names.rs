//! Names of what delivery measures and of what it puts on an item.

pub(super) const SIGNAL: &str = "llm_trace.signal";
pub(super) const DROP_REASON: &str = "llm_trace.drop.reason";
pub(super) const OVERSIZE_BYTES: &str = "llm_trace.oversize.bytes";
pub(super) const DELIVERY_STARTED: &str = "llm_trace.delivery.started";
pub(super) const DELIVERY_UNSAMPLED: &str = "llm_trace.delivery.unsampled";
pub(super) const DELIVERY_DELIVERED: &str = "llm_trace.delivery.delivered";
pub(super) const DELIVERY_DROPPED: &str = "llm_trace.delivery.dropped";
pub(super) const DELIVERY_OPEN: &str = "llm_trace.delivery.open";
pub(super) const DELIVERY_QUEUED: &str = "llm_trace.delivery.queued";
pub(super) const DELIVERY_SPOOLED: &str = "llm_trace.delivery.spooled";
pub(super) const DELIVERY_RETRIES: &str = "llm_trace.delivery.retries";
pub(super) const UNIT_ITEMS: &str = "{item}";
pub(super) const UNIT_REQUESTS: &str = "{request}";
