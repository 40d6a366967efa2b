//! Settings of delivery: queues, spool, connections.

use super::Rows;
use crate::settings::delivery::{MAX_RETRY_AFTER, SELF_METRICS};
use crate::settings::{Builder, ConfigError, Settings, proxy, spool};

pub(super) fn rows(rows: &mut Rows<'_>, builder: &Builder, settings: &Settings) -> Result<(), ConfigError> {
    let method = builder.max_queue_bytes.map(|_| "with_max_queue_bytes");
    let queue = format!("{} bytes per signal", settings.delivery.max_queue_bytes);
    rows.push("waiting in memory", queue, method, &[])?;
    let method = builder.max_retry_after.map(|_| "with_max_retry_after");
    let longest = format!("{} s", settings.delivery.max_retry_after.as_secs_f64());
    rows.push("longest Retry-After", longest, method, &[MAX_RETRY_AFTER])?;
    let method = builder.self_metrics.map(|_| "with_self_metrics");
    rows.push("self-metrics", settings.delivery.self_metrics.to_string(), method, &[SELF_METRICS])?;
    spool::rows(builder, settings.spool.as_ref(), &mut |name, value, method, variable| {
        rows.push(name, value, method, &[variable])
    })?;
    if let Some(proxy) = settings.signals().find_map(|signal| signal.proxy.as_ref()) {
        rows.push("proxy", format!("{}:{}", proxy.host(), proxy.port()), None, &proxy::VARIABLES)?;
    }
    Ok(())
}
