//! What one annotated call costs, next to the same by other means, in one run: `cargo bench --bench overhead`.
//!
//! Every variant returns the same reply; the instrumented ones put the same attributes on a span and record at least the same four
//! metrics. By hand, spans are thrown away. Variants take turns, and medians of the caller's CPU time are compared, so that what else the
//! machine does hits all of them. Read ratios, not nanoseconds: nothing here is a test, nothing is asserted about time. Each `RATIO` line
//! has a name and a value, for scripts.
//!
//! With the name of a variant, and a number of calls, only that is called: for `valgrind --tool=callgrind`, whose count of
//! instructions hardly depends on what else the machine does.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a program that prints a table")]
#![allow(clippy::disallowed_methods, reason = "its threads end after it")]

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use llm_trace::opentelemetry::metrics::Histogram;
use llm_trace::opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use llm_trace::opentelemetry::{Array, Context, KeyValue, StringValue, Value, global};
use llm_trace::{LlmResponse, Response, Usage, llm_trace};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

const ROUNDS: usize = 40;
const CALLS: u32 = 2000;
const COST: f64 = 0.000_147_6;

#[derive(Debug)]
struct Reply {
    id: &'static str,
    model: &'static str,
    input: u64,
    output: u64,
}

impl LlmResponse for Reply {
    fn describe(&self) -> Response {
        Response::new()
            .with_model(self.model)
            .with_id(self.id)
            .with_finish_reason("stop")
            .with_usage(Usage::new(self.input, self.output))
    }
}

fn complete(model: &str) -> Reply {
    black_box(model);
    Reply { id: "chatcmpl-1", model: "gpt-4o-mini-2024-07-18", input: 812, output: 43 }
}

#[inline(never)]
fn bare(model: &str) -> Reply {
    complete(model)
}

#[llm_trace(chat, provider = "openai", model = model, temperature = 0.7)]
#[inline(never)]
fn ours(model: &str) -> Reply {
    complete(model)
}

/// A provider without a bill: everything but the look-up of a price.
#[llm_trace(chat, provider = "ollama", model = model, temperature = 0.7)]
#[inline(never)]
fn ours_unpriced(model: &str) -> Reply {
    complete(model)
}

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
            KeyValue::new("code.function.name", "overhead::call"),
            KeyValue::new("code.file.path", file!()),
            KeyValue::new("code.line.number", i64::from(line!())),
            KeyValue::new("gen_ai.request.temperature", 0.7),
        ]));
        let context = Context::current_with_span(span);
        let reply = {
            let _attached = context.clone().attach();
            complete(model)
        };
        context.span().set_attributes([
            KeyValue::new("gen_ai.response.model", reply.model),
            KeyValue::new("gen_ai.response.id", reply.id.to_owned()),
            KeyValue::new("gen_ai.response.finish_reasons", finish_reasons()),
            KeyValue::new("gen_ai.usage.input_tokens", 812),
            KeyValue::new("gen_ai.usage.output_tokens", 43),
            KeyValue::new("gen_ai.usage.cost", COST),
            KeyValue::new("llm_trace.price.source", "a table"),
            KeyValue::new("llm_trace.price.model", "openai/gpt-4o-mini"),
        ]);
        context.span().end();
        self.measure(model, &reply, started);
        reply
    }

    /// The same labels for all but the tokens, which have one more.
    fn measure(&self, model: &str, reply: &Reply, started: Instant) {
        let labels = |token_type: Option<&'static str>| {
            let labels = [
                KeyValue::new("gen_ai.operation.name", "chat"),
                KeyValue::new("gen_ai.provider.name", "openai"),
                KeyValue::new("gen_ai.request.model", model.to_owned()),
                KeyValue::new("gen_ai.response.model", reply.model),
            ];
            let token_type = token_type.map(|value| KeyValue::new("gen_ai.token.type", value));
            labels.into_iter().chain(token_type).collect::<Vec<_>>()
        };
        self.duration.record(started.elapsed().as_secs_f64(), &labels(None));
        self.tokens.record(reply.input, &labels(Some("input")));
        self.tokens.record(reply.output, &labels(Some("output")));
        self.cost.record(COST, &labels(None));
    }

    #[inline(never)]
    fn call_with_tracing(&self, model: &str) -> Reply {
        let started = Instant::now();
        let reply = traced(model);
        self.measure(model, &reply, started);
        reply
    }
}

fn finish_reasons() -> Value {
    Value::Array(Array::String(vec![StringValue::from("stop")]))
}

#[tracing::instrument(name = "chat", skip_all, fields(
    otel.name = format!("chat {model}"),
    otel.kind = "client",
    gen_ai.operation.name = "chat",
    gen_ai.provider.name = "openai",
    gen_ai.request.model = model,
    gen_ai.request.temperature = 0.7,
    gen_ai.response.model,
    gen_ai.response.id,
    gen_ai.response.finish_reasons,
    gen_ai.usage.input_tokens,
    gen_ai.usage.output_tokens,
    gen_ai.usage.cost,
    llm_trace.price.source,
    llm_trace.price.model,
))]
#[inline(never)]
fn traced(model: &str) -> Reply {
    let reply = complete(model);
    let span = tracing::Span::current();
    span.record("gen_ai.response.model", reply.model);
    span.record("gen_ai.response.id", reply.id);
    span.record("gen_ai.response.finish_reasons", "stop");
    span.record("gen_ai.usage.input_tokens", 812_i64);
    span.record("gen_ai.usage.output_tokens", 43_i64);
    span.record("gen_ai.usage.cost", COST);
    span.record("llm_trace.price.source", "a table");
    span.record("llm_trace.price.model", "openai/gpt-4o-mini");
    reply
}

/// Takes spans and forgets them: what an exporter does is not what a call waits for.
#[derive(Debug)]
struct Forget;

impl SpanProcessor for Forget {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}
    fn on_end(&self, span: SpanData) {
        black_box(span);
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn tracers(sampler: Sampler) -> SdkTracerProvider {
    SdkTracerProvider::builder().with_sampler(sampler).with_span_processor(Forget).build()
}

fn meters() -> SdkMeterProvider {
    let hour = Duration::from_secs(3600);
    let reader = PeriodicReader::builder(InMemoryMetricExporter::default()).with_interval(hour).build();
    SdkMeterProvider::builder().with_reader(reader).build()
}

type Variant<'a> = (&'static str, Box<dyn Fn() + 'a>);

fn variant<'a>(name: &'static str, call: impl Fn(&str) -> Reply + 'a) -> Variant<'a> {
    let call = move || {
        black_box(call(black_box("gpt-4o-mini")));
    };
    (name, Box::new(call))
}

/// Calls nothing but one variant, for a program that counts instructions: what a call takes is the difference between two
/// numbers of calls.
fn call_only(calls: Option<String>, call: &dyn Fn()) {
    for _ in 0..calls.map_or(CALLS, |calls| calls.parse().expect("a number of calls")) {
        call();
    }
}

/// Prints, for each variant, the median time of a call, its ratio to `base` and its allocations.
fn compare(title: &str, base: &str, variants: &[Variant<'_>]) {
    let mut times = vec![Vec::with_capacity(ROUNDS); variants.len()];
    for _ in 0..ROUNDS {
        for ((_, call), times) in variants.iter().zip(&mut times) {
            let started = ThreadTime::now();
            for _ in 0..CALLS {
                call();
            }
            times.push(started.elapsed() / CALLS);
        }
    }
    let medians: Vec<_> = times
        .iter_mut()
        .map(|times| {
            times.sort_unstable();
            times[ROUNDS / 2].as_nanos()
        })
        .collect();
    let base = variants.iter().position(|(name, _)| *name == base).unwrap();
    println!("\n{title:44} ns/call  × {:<12} allocations", variants[base].0);
    for ((name, call), median) in variants.iter().zip(&medians) {
        let allocations = allocation_counter::measure(call).count_total;
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one call")]
        let ratio = *median as f64 / medians[base].max(1) as f64;
        println!("{name:44} {median:>7}  {ratio:<14.2} {allocations:>11}");
        let figure = format!("{title}/{name}").replace(' ', "-");
        println!("RATIO {figure} {ratio:.2}\nCOUNT {figure}/allocations {allocations}");
    }
}

/// A receiver of OTLP that reads and forgets.
fn receiver() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(stream: TcpStream) {
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

fn init(sampler: llm_trace::Sampler) -> llm_trace::Telemetry {
    llm_trace::builder()
        .with_endpoint(format!("http://{}", receiver()))
        .with_service_name("overhead")
        .with_sampler(sampler)
        .init()
        .unwrap()
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let only = arguments.next();
    if only.is_none() {
        compare(
            "nothing installed",
            "bare",
            &[variant("bare", bare), variant("ours", ours), variant("#[tracing::instrument]", traced)],
        );
    }

    global::set_meter_provider(meters());
    let export = tracing_opentelemetry::layer().with_tracer(tracers(Sampler::AlwaysOn).tracer("tracing"));
    // As programs do; otherwise each call is mirrored for a layer that would export it again.
    let subscriber = tracing_subscriber::registry().with(export).with(LevelFilter::INFO);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    global::set_tracer_provider(tracers(Sampler::AlwaysOn));
    let by_hand = ByHand::new();
    ours("gpt-4o-mini"); // decodes the price table
    let hand = || variant("by hand", |model| by_hand.call(model));
    let with_tracing = || variant("#[tracing::instrument]", |model| by_hand.call_with_tracing(model));
    match only.as_deref() {
        Some("bare") => return call_only(arguments.next(), &*variant("", bare).1),
        Some("by hand") => return call_only(arguments.next(), &*hand().1),
        Some("ours, own providers") => return call_only(arguments.next(), &*variant("", ours).1),
        Some("#[tracing::instrument]") => return call_only(arguments.next(), &*with_tracing().1),
        Some("ours" | "ours, not sampled") | None => {}
        Some(other) => panic!("no variant `{other}`"),
    }
    if only.is_none() {
        compare(
            "sampled, own providers",
            "by hand",
            &[
                variant("bare", bare),
                hand(),
                variant("ours", ours),
                variant("ours, provider without prices", ours_unpriced),
                with_tracing(),
            ],
        );
    }

    let is_sampled = only.as_deref() != Some("ours, not sampled");
    let sampler = if is_sampled { llm_trace::Sampler::always_on() } else { llm_trace::Sampler::always_off() };
    let telemetry = init(sampler);
    ours("gpt-4o-mini");
    if only.is_some() {
        return call_only(arguments.next(), &*variant("", ours).1);
    }
    compare(
        "sampled, init()",
        "by hand",
        &[hand(), variant("ours", ours), variant("ours, provider without prices", ours_unpriced)],
    );
    drop(telemetry);

    global::set_tracer_provider(tracers(Sampler::AlwaysOff));
    global::set_meter_provider(meters());
    let by_hand = ByHand::new();
    let telemetry = init(llm_trace::Sampler::always_off());
    compare(
        "not sampled, init()",
        "by hand",
        &[variant("by hand", |model| by_hand.call(model)), variant("ours", ours)],
    );
    drop(telemetry);
}
