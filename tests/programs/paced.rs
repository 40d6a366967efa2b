//! Calls at a fixed rate, telemetry to a receiver in another process: what is lost, CPU per call, and memory.
//!
//! `scripts/bench.sh` runs it optimised, each process on a core of its own. `paced receiver` prints its address and takes everything.
//! `paced <who> <rate> <seconds> <compression> <endpoint>` makes calls:
//!
//! - `ours`: annotated, with `init()`
//! - `by-hand`: the same spans and metrics by hand, with `init()`
//! - `sdk`: the same by hand, with the SDK's batch processor and opentelemetry-otlp, which does not compress
//!
//! It prints calls, calls per second, lost spans, nanoseconds of CPU per call, and peak memory in kB.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for measurements")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cpu_time::ProcessTime;
use http::{Request, Response};
use llm_trace::{Compression, LlmResponse, Usage, llm_trace};
use opentelemetry::metrics::Histogram;
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value, global};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["receiver"] => receive(),
        [who, rate, seconds, compression, endpoint] => {
            let pace = Pace { rate: rate.parse().unwrap(), seconds: seconds.parse().unwrap() };
            let compression = match compression {
                "none" => Compression::None,
                "gzip" => Compression::Gzip,
                "zstd" => Compression::Zstd,
                other => panic!("no compression: {other}"),
            };
            match who {
                "ours" => with_init(pace, compression, endpoint, |_| annotated("gpt-4o-mini")),
                "by-hand" => with_init(pace, compression, endpoint, |by_hand| by_hand.call("gpt-4o-mini")),
                "sdk" => with_sdk(pace, endpoint),
                other => panic!("nobody: {other}"),
            }
        }
        _ => panic!("paced receiver | paced ours|by-hand|sdk <rate> <seconds> none|gzip|zstd <endpoint>"),
    }
}

struct Reply {
    id: &'static str,
    model: &'static str,
}

impl LlmResponse for Reply {
    fn describe(&self) -> llm_trace::Response {
        llm_trace::Response::new()
            .with_model(self.model)
            .with_id(self.id)
            .with_finish_reason("stop")
            .with_usage(Usage::new(812, 43))
    }
}

fn complete(model: &str) -> Reply {
    black_box(model);
    Reply { id: "chatcmpl-1", model: "gpt-4o-mini-2024-07-18" }
}

#[llm_trace(chat, provider = "openai", model = model, temperature = 0.7)]
#[inline(never)]
fn annotated(model: &str) -> Reply {
    complete(model)
}

/// The same telemetry on the API of OpenTelemetry.
struct ByHand {
    tracer: global::BoxedTracer,
    duration: Histogram<f64>,
    tokens: Histogram<u64>,
    cost: Histogram<f64>,
}

impl ByHand {
    fn new() -> Self {
        let meter = global::meter("by-hand");
        ByHand {
            tracer: global::tracer("by-hand"),
            duration: meter.f64_histogram("gen_ai.client.operation.duration").build(),
            tokens: meter.u64_histogram("gen_ai.client.token.usage").build(),
            cost: meter.f64_histogram("gen_ai.usage.cost").build(),
        }
    }

    #[inline(never)]
    fn call(&self, model: &str) -> Reply {
        let started = Instant::now();
        let builder = self.tracer.span_builder(format!("chat {model}")).with_kind(SpanKind::Client);
        let span = self.tracer.build(builder.with_attributes([
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "openai"),
            KeyValue::new("gen_ai.request.model", model.to_owned()),
            KeyValue::new("code.function.name", "paced::call"),
            KeyValue::new("code.file.path", file!()),
            KeyValue::new("code.line.number", i64::from(line!())),
            KeyValue::new("gen_ai.request.temperature", 0.7),
        ]));
        let context = Context::current_with_span(span);
        let reply = {
            let _attached = context.clone().attach();
            complete(model)
        };
        let finish_reasons = Value::Array(Array::String(vec![StringValue::from("stop")]));
        context.span().set_attributes([
            KeyValue::new("gen_ai.response.model", reply.model),
            KeyValue::new("gen_ai.response.id", reply.id.to_owned()),
            KeyValue::new("gen_ai.response.finish_reasons", finish_reasons),
            KeyValue::new("gen_ai.usage.input_tokens", 812),
            KeyValue::new("gen_ai.usage.output_tokens", 43),
            KeyValue::new("gen_ai.usage.cost", 0.000_147_6),
            KeyValue::new("llm_trace.price.source", "a table"),
            KeyValue::new("llm_trace.price.model", "openai/gpt-4o-mini"),
        ]);
        context.span().end();
        let labels = [
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "openai"),
            KeyValue::new("gen_ai.request.model", model.to_owned()),
            KeyValue::new("gen_ai.response.model", reply.model),
        ];
        self.duration.record(started.elapsed().as_secs_f64(), &labels);
        self.cost.record(0.000_147_6, &labels);
        for (kind, count) in [("input", 812), ("output", 43)] {
            let kind = KeyValue::new("gen_ai.token.type", kind);
            self.tokens.record(count, &[&labels[..], &[kind]].concat());
        }
        reply
    }
}

#[derive(Clone, Copy)]
struct Pace {
    rate: u32,
    seconds: u32,
}

impl Pace {
    /// Calls at the rate, and catches up after each pause. Returns the number of calls, and the rate that was reached.
    fn run(self, call: impl Fn() -> Reply) -> (u64, f64) {
        let (rate, length) = (f64::from(self.rate), f64::from(self.seconds));
        let (started, mut calls) = (Instant::now(), 0_u64);
        loop {
            let elapsed = started.elapsed().as_secs_f64();
            if elapsed >= length {
                #[expect(clippy::cast_precision_loss, reason = "millions")]
                return (calls, calls as f64 / elapsed);
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "millions")]
            let due = (elapsed * rate) as u64;
            // What is not reached in twice the time is not caught up with.
            let due = due.min(calls + u64::from(self.rate) / 50);
            for _ in calls..due {
                black_box(call());
            }
            calls = calls.max(due);
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

fn with_init(pace: Pace, compression: Compression, endpoint: &str, call: impl Fn(&ByHand) -> Reply) {
    let builder = llm_trace::builder().with_endpoint(endpoint).with_compression(compression);
    let telemetry = builder.init().unwrap();
    let by_hand = ByHand::new();
    call(&by_hand);
    // The price table has been read.
    std::thread::sleep(Duration::from_secs(1));
    let before = ProcessTime::now();
    let (calls, rate) = pace.run(|| call(&by_hand));
    let report = telemetry.shutdown();
    let cpu = before.elapsed();
    report_run(calls, rate, report.spans().started() - report.spans().delivered(), cpu);
}

fn with_sdk(pace: Pace, endpoint: &str) {
    let spans = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_http_client(Plain::to(endpoint));
    let metrics = opentelemetry_otlp::MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/metrics"))
        .with_http_client(Plain::to(endpoint));
    let tracers = SdkTracerProvider::builder().with_batch_exporter(Counted(spans.build().unwrap())).build();
    let reader = PeriodicReader::builder(metrics.build().unwrap()).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    global::set_tracer_provider(tracers.clone());
    global::set_meter_provider(meters.clone());
    let by_hand = ByHand::new();
    let before = ProcessTime::now();
    let (calls, rate) = pace.run(|| by_hand.call("gpt-4o-mini"));
    tracers.shutdown().unwrap();
    meters.shutdown().unwrap();
    report_run(calls, rate, calls - EXPORTED.load(Ordering::Relaxed), before.elapsed());
}

/// Spans that the receiver has acknowledged.
static EXPORTED: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
struct Counted(opentelemetry_otlp::SpanExporter);

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        self.0.export(batch).await?;
        EXPORTED.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        self.0.set_resource(resource);
    }
}

fn report_run(calls: u64, rate: f64, lost: u64, cpu: Duration) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB");
    println!("{calls} {rate:.0} {lost} {} {peak}", cpu.as_nanos() / u128::from(calls.max(1)));
}

/// A client without TLS, on one connection.
#[derive(Debug)]
struct Plain(Mutex<BufReader<TcpStream>>);

impl Plain {
    fn to(endpoint: &str) -> Self {
        let stream = TcpStream::connect(endpoint.trim_start_matches("http://")).unwrap();
        stream.set_nodelay(true).unwrap();
        Plain(Mutex::new(BufReader::new(stream)))
    }
}

#[async_trait]
impl HttpClient for Plain {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut stream = self.0.lock().unwrap();
        let (path, body) = (request.uri().path(), request.body());
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.get_mut().write_all(head.as_bytes())?;
        stream.get_mut().write_all(body)?;
        read_message(&mut stream)?;
        Ok(Response::new(Bytes::new()))
    }
}

/// Reads the head and the body of a request or response; returns the length of the body, or `None` at the end.
fn read_message(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<u64>> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            return std::io::copy(&mut stream.take(length), &mut std::io::sink()).map(Some);
        }
    }
}

/// Takes everything, until it is killed.
fn receive() {
    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        std::thread::spawn(move || {
            let mut stream = BufReader::with_capacity(1 << 18, stream.unwrap());
            stream.get_ref().set_nodelay(true).unwrap();
            while let Ok(Some(_)) = read_message(&mut stream) {
                stream.get_mut().write_all(ANSWER.as_bytes()).unwrap();
            }
        });
    }
}
