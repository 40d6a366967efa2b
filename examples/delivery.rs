//! Plain OpenTelemetry spans, exported by `opentelemetry-otlp` and delivered by `llm-trace-delivery`, without llm-trace.
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names the receiver. Prints what was delivered; exit code 1 if not everything was.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use llm_trace_delivery::Signal;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let delivery = llm_trace_delivery::builder().build()?;
    let client = delivery.client(Signal::Traces);
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();

    let tracer = provider.tracer("shop");
    tracer.in_span("checkout", |_| {
        tracer.in_span("reserve", |_| ());
        tracer.in_span("pay", |_| ());
    });

    provider.shutdown()?;
    let report = delivery.shutdown(Duration::from_secs(30));
    println!("{report}");
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
