//! Metrics of messages and sessions of the Model Context Protocol.

use std::time::Duration;

use opentelemetry::metrics::Histogram;

use super::cardinality::Limited;
use super::instruments::Make;
use super::{Labels, record_duration};
use crate::model::record::CallRecord;
use crate::model::request::Request;
use crate::model::site::Kind;
use crate::semconv::{attribute, metric};
use crate::sinks::CallSink;
use crate::sinks::span::mcp_attributes;
use crate::value::bounds;
use crate::value::panic::catch_user_panic;

pub(super) struct Instruments {
    client_operation: Limited<Histogram<f64>>,
    server_operation: Limited<Histogram<f64>>,
    client_session: Limited<Histogram<f64>>,
    server_session: Limited<Histogram<f64>>,
}

impl Instruments {
    pub(super) fn new(make: &Make) -> Self {
        let seconds = |name, what| make.seconds(name, metric::MCP_DURATION_BUCKETS, what);
        Instruments {
            client_operation: seconds(
                metric::MCP_CLIENT_OPERATION_DURATION,
                "Duration of MCP requests and notifications, as their sender sees it.",
            ),
            server_operation: seconds(
                metric::MCP_SERVER_OPERATION_DURATION,
                "Duration of MCP requests and notifications, as their receiver sees it.",
            ),
            client_session: seconds(
                metric::MCP_CLIENT_SESSION_DURATION,
                "Duration of MCP sessions, as the client sees it.",
            ),
            server_session: seconds(
                metric::MCP_SERVER_SESSION_DURATION,
                "Duration of MCP sessions, as the server sees it.",
            ),
        }
    }
}

/// Records how long a message took.
pub(super) fn record(call: &CallRecord, instruments: &super::Instruments) {
    let mut labels = Labels::of(call);
    let attributes: Vec<_> = mcp_attributes(&call.request).collect();
    for attribute in &attributes {
        labels.add_attribute(Some(attribute));
    }
    // The protocol version that is agreed on in this message is known at its end.
    let agreed = call.response.rest().mcp.as_ref().and_then(|answer| answer.protocol_version.as_deref());
    labels.add(attribute::MCP_PROTOCOL_VERSION, agreed);
    add_network(&mut labels, &call.request, agreed.is_none());
    let code = call.mcp_status_code.map(|code| code.to_string());
    labels.add(attribute::RPC_RESPONSE_STATUS_CODE, code.as_deref());
    let histogram = if call.site.kind == Kind::McpServer {
        &instruments.mcp.server_operation
    } else {
        add_server(&mut labels, &call.request);
        &instruments.mcp.client_operation
    };
    record_duration(histogram, call, labels, instruments);
}

/// Records how long a session lasted, and the class of the error that ended it.
pub(crate) fn record_session(
    calls: &CallSink,
    request: &Request,
    duration: Duration,
    error_type: Option<&str>,
) {
    let Some(duration) = bounds::duration(duration) else { return };
    let Some(instruments) = calls.instruments() else { return };
    catch_user_panic(|| measure_session(&instruments, request, duration, error_type));
}

fn measure_session(
    instruments: &super::Instruments,
    request: &Request,
    duration: Duration,
    error_type: Option<&str>,
) {
    let mut labels = Labels::beginning_with(&[]);
    add_network(&mut labels, request, true);
    labels.add(attribute::ERROR_TYPE, error_type.map(bounds::required));
    let histogram = if request.kind() == Kind::McpServer {
        &instruments.mcp.server_session
    } else {
        add_server(&mut labels, request);
        &instruments.mcp.client_session
    };
    instruments.cells.with(&labels, |cell| histogram.record(duration.as_secs_f64(), cell));
}

fn add_network<'a>(labels: &mut Labels<'a>, request: &'a Request, with_version: bool) {
    for key in
        [attribute::MCP_PROTOCOL_VERSION, attribute::NETWORK_TRANSPORT, attribute::NETWORK_PROTOCOL_NAME]
    {
        if with_version || key != attribute::MCP_PROTOCOL_VERSION {
            labels.add_attribute(request.attribute_of(key));
        }
    }
}

fn add_server<'a>(labels: &mut Labels<'a>, request: &'a Request) {
    labels.add(attribute::SERVER_ADDRESS, request.server_address.as_deref());
    labels.add_int(attribute::SERVER_PORT, request.server_port);
}
