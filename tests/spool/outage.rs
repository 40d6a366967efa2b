//! Outages of the receiver and of the program.

use std::path::Path;

use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::{Answer, Receiver, unreachable_endpoint};
use tempfile::tempdir;

use crate::program::{Counts, Program, files};

const WRITE_AHEAD: &[(&str, &str)] = &[("LLM_TRACE_SPOOL_MODE", "write_ahead")];

/// Starts another program with the same service name and an accepting receiver; it ends once it has delivered the rest.
fn drain(dir: &Path, receiver: &Receiver, left: u64) -> Counts {
    let mut program = Program::start(dir, &receiver.endpoint(), &[]);
    program.until("all is delivered", |counts| counts.get("delivered") >= left && counts.get("spooled") == 0);
    let (counts, stderr) = program.shutdown();
    // Spans are waited for. Metrics may be taken over later, and then stay stored.
    assert!(["", "llm-trace: metrics stored\n"].contains(&stderr.as_str()), "{stderr}");
    counts
}

#[test]
fn a_kill_during_export_loses_nothing_that_was_written_ahead() {
    let (dir, hanging, receiver) = (tempdir().unwrap(), Receiver::answering(Answer::Hang), Receiver::start());
    let mut program = Program::start(dir.path(), &hanging.endpoint(), WRITE_AHEAD);
    program.ask("spans 2000");
    let counts = program.until("all is stored", |counts| counts.get("spooled") == 2000);
    hanging.wait_for(1);
    assert_eq!((counts.get("started"), counts.get("queued")), (2000, 0));
    program.kill();

    let counts = drain(dir.path(), &receiver, 2000);
    assert_eq!((counts.get("started"), counts.get("delivered")), (2000, 2000));
    let row = Row::of("kill -9 during export, written ahead", 2000, &receiver.spans());
    row.settle();
    assert_eq!((row.delivered, row.lost()), (2000, 0));
}

#[test]
fn kills_again_and_again_lose_nothing_that_was_written_ahead() {
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let mut started = 0;
    for round in 1..=6 {
        let mut program = Program::start(dir.path(), &receiver.endpoint(), WRITE_AHEAD);
        // Spans end while others are stored, sent and removed; the kill comes in between.
        for _ in 0..round {
            program.ask("spans 200");
            started += 200;
            program.until("no span is in memory only", |counts| counts.get("queued") == 0);
        }
        program.kill();
    }
    drain(dir.path(), &receiver, 0);
    let row = Row::of("kill -9 six times while sending, written ahead", started, &receiver.spans());
    row.settle();
    assert_eq!(row.lost(), 0);
}

#[test]
fn a_receiver_that_was_down_for_the_whole_run_gets_everything_afterwards() {
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let mut program = Program::start(dir.path(), &unreachable_endpoint(), &[]);
    program.ask("spans 1500");
    let (counts, stderr) = program.shutdown();
    assert_eq!((counts.get("started"), counts.get("spooled")), (1500, 1500));
    let expected =
        format!("1500 spans and metrics stored for {}: connection refused", unreachable_endpoint());
    assert_eq!((counts.receipt.as_str(), stderr), (expected.as_str(), format!("llm-trace: {expected}\n")));
    Row { spooled: 1500, ..Row::of("receiver down for the whole run", 1500, &[]) }.settle();

    let counts = drain(dir.path(), &receiver, 1500);
    assert_eq!(counts.get("delivered"), 1500);
    Row::of("… and then up", 1500, &receiver.spans()).settle();
    assert_eq!(files(dir.path(), ".spool"), Vec::<std::path::PathBuf>::new(), "nothing is left on disk");
}

#[test]
fn of_the_metrics_of_an_outage_the_newest_state_arrives_once() {
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let often = [("OTEL_METRIC_EXPORT_INTERVAL", "50")];
    let mut program = Program::start(dir.path(), &unreachable_endpoint(), &often);
    for _ in 0..3 {
        program.ask("chat 100");
        program.ask("flush");
    }
    program.shutdown();
    drain(dir.path(), &receiver, 3);
    let counts: Vec<u64> = receiver
        .metric_requests()
        .into_iter()
        .flat_map(|request| request.resource_metrics)
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics)
        .filter(|metric| metric.name == "gen_ai.client.operation.duration")
        .flat_map(|metric| match metric.data {
            Some(opentelemetry_proto::tonic::metrics::v1::metric::Data::Histogram(histogram)) => {
                histogram.data_points
            }
            other => panic!("{other:?}"),
        })
        .map(|point| point.count)
        .collect();
    assert_eq!(counts, [3], "the states before it would be counted twice, or arrive after it");
}

#[test]
fn two_programs_share_a_folder_and_one_that_is_killed_is_not_missed() {
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let unreachable = unreachable_endpoint();
    let mut first = Program::start(dir.path(), &unreachable, WRITE_AHEAD);
    let mut second = Program::start(dir.path(), &unreachable, &[]);
    first.ask("spans 300");
    second.ask("spans 500");
    first.until("all is stored", |counts| counts.get("spooled") == 300);
    assert_eq!(files(dir.path(), ".lock").len(), 2);
    first.kill();
    let (counts, _) = second.shutdown();
    let (own, taken_over) = (500, counts.get("started") - 500);
    assert_eq!(counts.get("spooled"), own + taken_over);
    drain(dir.path(), &receiver, 800);
    Row::of("two processes on one folder, one killed", 800, &receiver.spans()).settle();
}

#[test]
fn the_spool_contains_no_credentials() {
    let dir = tempdir().unwrap();
    let mut program = Program::start(dir.path(), &unreachable_endpoint(), WRITE_AHEAD);
    program.ask("spans 10");
    program.until("all is stored", |counts| counts.get("spooled") == 10);
    program.kill();
    let stored = files(dir.path(), "v1-");
    assert!(!stored.is_empty());
    for path in stored {
        let bytes = std::fs::read(&path).unwrap();
        let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(!has(b"s3cr3t-canary") && !has(b"uthorization"), "{}", path.display());
        assert_eq!(has(b"spooling"), path.extension().is_some_and(|extension| extension == "spool"));
    }
}

#[test]
fn a_prompt_of_50_megabytes_is_cut_before_it_is_stored() {
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let captured = ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY");
    let mut program = Program::start(dir.path(), &unreachable_endpoint(), &[WRITE_AHEAD[0], captured]);
    program.ask("chat 50000000");
    assert_eq!(program.shutdown().0.get("spooled"), 1);
    let stored = std::fs::metadata(&files(dir.path(), ".spool")[0]).unwrap().len();
    assert!(stored < 1 << 20, "{stored} bytes");
    drain(dir.path(), &receiver, 1);
    Row::of("a prompt of 50 MB, receiver down, then up", 1, &receiver.spans()).settle();
}
