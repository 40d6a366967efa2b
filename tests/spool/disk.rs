//! The disk fails: the program does not.

use std::fs;

use llm_trace_tests::faults::Row;
use llm_trace_tests::otlp::{Answer, Receiver, unreachable_endpoint};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tempfile::tempdir;

use crate::program::{Program, files};

#[test]
fn a_full_disk_is_said_once_and_what_does_not_fit_waits_in_memory() {
    let fault = "disk full (4 MiB), receiver away";
    // Which is not asked again within a flush.
    let (dir, away) = (tempdir().unwrap(), Receiver::answering(Answer::Status(401)));
    let Some(mut program) = Program::start_mounted(dir.path(), "size=4m", &away.endpoint(), &[]) else {
        return Row::skip(fault, "no file system can be mounted");
    };
    for _ in 0..20 {
        program.ask("spans 500");
        program.ask("flush");
    }
    let (counts, said) = program.shutdown();
    let row =
        Row { spooled: counts.get("spooled"), dropped: counts.dropped(), ..Row::of(fault, 10_000, &[]) };
    row.settle();
    assert!(row.spooled > 0, "what fitted is on disk");
    assert_eq!(row.dropped.iter().map(|(_, count)| count).sum::<u64>(), counts.get("undelivered"));
    assert_eq!(said.matches("No space left").count(), 1, "{said}");
}

#[test]
fn a_full_disk_costs_nothing_while_the_receiver_answers() {
    let fault = "disk full (64 KiB), written ahead";
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let write_ahead = [("LLM_TRACE_SPOOL_MODE", "write_ahead")];
    let endpoint = receiver.endpoint();
    let Some(mut program) = Program::start_mounted(dir.path(), "size=64k", &endpoint, &write_ahead) else {
        return Row::skip(fault, "no file system can be mounted");
    };
    program.ask("spans 1000");
    let (counts, said) = program.shutdown();
    assert_eq!(counts.get("delivered"), 1000);
    Row::of(fault, 1000, &receiver.spans()).settle();
    assert_eq!(said.matches("No space left").count(), 1, "{said}");
}

#[test]
fn a_read_only_folder_is_said_once_and_costs_nothing_while_the_receiver_answers() {
    let fault = "read-only spool, written ahead";
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let write_ahead = [("LLM_TRACE_SPOOL_MODE", "write_ahead")];
    let endpoint = receiver.endpoint();
    let Some(mut program) = Program::start_mounted(dir.path(), "ro", &endpoint, &write_ahead) else {
        return Row::skip(fault, "no file system can be mounted");
    };
    program.ask("spans 1000");
    let (counts, said) = program.shutdown();
    assert_eq!(counts.get("delivered"), 1000);
    Row::of(fault, 1000, &receiver.spans()).settle();
    assert_eq!(said.matches("Read-only file system").count(), 1, "{said}");
}

#[test]
fn a_corrupted_file_is_said_and_moved_aside_and_the_program_goes_on() {
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let mut program = Program::start(dir.path(), &unreachable_endpoint(), &[]);
    program.ask("spans 400");
    assert_eq!(program.shutdown().0.get("spooled"), 400);
    let path = files(dir.path(), ".redb").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes.iter_mut().skip(64).step_by(1000).for_each(|byte| *byte ^= 0xff);
    fs::write(&path, bytes).unwrap();

    let mut program = Program::start(dir.path(), &receiver.endpoint(), &[]);
    program.ask("spans 100");
    let (counts, said) = program.shutdown();
    assert_eq!((counts.get("started"), counts.get("delivered")), (100, 100));
    assert_eq!(said.matches("could not be read and was moved to").count(), 1, "{said}");
    assert_eq!(files(dir.path(), "corrupt-").len(), 1);
    // What was in the file nobody can count any more: it is there for whoever wants to try.
    let aside = vec![("moved aside", 400)];
    Row { dropped: aside, ..Row::of("corrupted spool file (400 spans in it)", 500, &receiver.spans()) }
        .settle();
}

#[test]
fn setting_the_clock_back_between_two_runs_loses_nothing_and_forth_expires_what_is_old() {
    for (fault, years, expired) in [("clock set back a year", 1_i64, 0), ("stored a year ago", -1, 200)] {
        let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
        let mut program = Program::start(dir.path(), &unreachable_endpoint(), &[]);
        program.ask("spans 200");
        assert_eq!(program.shutdown().0.get("spooled"), 200);
        shift_dates(&files(dir.path(), ".redb")[0], years);

        let mut program = Program::start(dir.path(), &receiver.endpoint(), &[]);
        program.until("nothing waits", |counts| counts.get("spooled") == 0);
        let (counts, _) = program.shutdown();
        assert_eq!(counts.get("expired"), expired, "{fault}");
        Row { dropped: counts.dropped(), ..Row::of(fault, 200, &receiver.spans()) }.settle();
    }
}

/// As if everything had been stored so many years later: what a clock that is set back makes of it.
fn shift_dates(path: &std::path::Path, years: i64) {
    const HEADS: TableDefinition<'_, u64, (u8, u64, u64, u64)> = TableDefinition::new("heads");
    let db = Database::open(path).unwrap();
    let read = db.begin_read().unwrap();
    let heads = read.open_table(HEADS).unwrap();
    let rows: Vec<_> = heads.iter().unwrap().map(Result::unwrap).collect();
    assert!(!rows.is_empty());
    let write = db.begin_write().unwrap();
    for (key, head) in rows {
        let (signal, items, stored, bytes) = head.value();
        let stored = stored.saturating_add_signed(years * 365 * 24 * 60 * 60 * 1000);
        write.open_table(HEADS).unwrap().insert(key.value(), (signal, items, stored, bytes)).unwrap();
    }
    write.commit().unwrap();
}
