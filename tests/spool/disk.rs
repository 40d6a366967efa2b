//! Disk failures do not fail the program.

use std::fs;

use llm_trace_test_support::faults::Row;
use llm_trace_test_support::otlp::{Answer, Receiver, unreachable_endpoint};
use tempfile::tempdir;

use crate::program::{Program, files};

#[test]
fn a_full_disk_is_logged_once_and_the_rest_waits_in_memory() {
    let fault = "disk full (4 MiB), receiver away";
    // A flush does not retry this status.
    let (dir, away) = (tempdir().unwrap(), Receiver::answering(Answer::Status(401)));
    let Some(mut program) = Program::start_mounted(dir.path(), "size=4m", &away.endpoint(), &[]) else {
        return Row::skip(fault, "no file system can be mounted");
    };
    for _ in 0..20 {
        program.ask("spans 500");
        program.ask("flush");
    }
    let (counts, stderr) = program.shutdown();
    let row =
        Row { spooled: counts.get("spooled"), dropped: counts.dropped(), ..Row::of(fault, 10_000, &[]) };
    row.settle();
    assert!(row.spooled > 0, "what fitted is on disk");
    assert_eq!(row.dropped.iter().map(|(_, count)| count).sum::<u64>(), counts.get("undelivered"));
    assert_eq!(stderr.matches("No space left").count(), 1, "{stderr}");
}

#[test]
fn a_full_disk_loses_nothing_while_the_receiver_answers() {
    let fault = "disk full (64 KiB), written ahead";
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let write_ahead = [("LLM_TRACE_SPOOL_MODE", "write_ahead")];
    let endpoint = receiver.endpoint();
    let Some(mut program) = Program::start_mounted(dir.path(), "size=64k", &endpoint, &write_ahead) else {
        return Row::skip(fault, "no file system can be mounted");
    };
    program.ask("spans 1000");
    let (counts, stderr) = program.shutdown();
    assert_eq!(counts.get("delivered"), 1000);
    Row::of(fault, 1000, &receiver.spans()).settle();
    assert_eq!(stderr.matches("No space left").count(), 1, "{stderr}");
}

#[test]
fn a_read_only_folder_is_logged_once_and_loses_nothing_while_the_receiver_answers() {
    let fault = "read-only spool, written ahead";
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    let write_ahead = [("LLM_TRACE_SPOOL_MODE", "write_ahead")];
    let endpoint = receiver.endpoint();
    let Some(mut program) = Program::start_mounted(dir.path(), "ro", &endpoint, &write_ahead) else {
        return Row::skip(fault, "no file system can be mounted");
    };
    program.ask("spans 1000");
    let (counts, stderr) = program.shutdown();
    assert_eq!(counts.get("delivered"), 1000);
    Row::of(fault, 1000, &receiver.spans()).settle();
    assert_eq!(stderr.matches("Read-only file system").count(), 1, "{stderr}");
}

#[test]
fn a_corrupted_file_loses_unreadable_items_which_are_counted_and_logged() {
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    store_in_four_requests(dir.path());
    let path = files(dir.path(), ".spool").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[60_000] ^= 1; // in the first request of spans, each of which is larger than 100 kB
    fs::write(&path, bytes).unwrap();
    assert_eq!(delivered_and_lost(dir.path(), "flipped bit in the spool", &receiver), (300, 100));
}

#[test]
fn a_spool_that_was_emptied_or_rolled_back_is_not_taken_for_a_new_one() {
    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    store_in_four_requests(dir.path());
    fs::write(files(dir.path(), ".spool").remove(0), "").unwrap();
    assert_eq!(delivered_and_lost(dir.path(), "spool file emptied between two runs", &receiver), (0, 400));

    let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
    store_in_four_requests(dir.path());
    let path = files(dir.path(), ".spool").remove(0);
    let bytes = fs::read(&path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    let (delivered, lost) =
        delivered_and_lost(dir.path(), "spool file rolled back between two runs", &receiver);
    assert!(delivered > 0 && lost > 0, "{delivered}, {lost}");
}

#[test]
fn a_spool_that_is_removed_while_the_program_runs_is_noticed_and_counted() {
    let dir = tempdir().unwrap();
    let mut program = Program::start(dir.path(), &unreachable_endpoint(), &[]);
    program.ask("spans 300");
    program.ask("flush");
    program.until("all is stored", |counts| counts.get("spooled") == 300);
    fs::remove_dir_all(dir.path().join("spooling")).unwrap();
    program.ask("spans 100");
    program.ask("flush");
    program.until("the loss is counted", |counts| counts.get("corrupt") == 300);
    let (counts, stderr) = program.shutdown();
    assert_eq!(counts.get("spooled"), 100);
    assert_eq!(stderr.matches("was changed from outside").count(), 1, "{stderr}");
    let receiver = Receiver::start();
    let mut next = Program::start(dir.path(), &receiver.endpoint(), &[]);
    next.until("the rest is delivered", |counts| counts.get("delivered") == 100);
    next.shutdown();
    let dropped = counts.dropped();
    Row { dropped, ..Row::of("spool folder removed while running", 400, &receiver.spans()) }.settle();
}

#[test]
fn a_spool_accessible_to_others_or_with_a_link_is_an_error_of_init() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempdir().unwrap();
    let init = || {
        let builder = llm_trace::builder().with_service_name("shared").with_endpoint(unreachable_endpoint());
        builder.with_spool(dir.path()).init().map(drop).unwrap_err().to_string()
    };
    let folder = dir.path().join("shared");
    fs::create_dir(&folder).unwrap();
    let chmod = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    chmod(0o777);
    let (stderr, path) = (init(), folder.display().to_string());
    assert!(stderr.starts_with(&format!("with_spool: `{path}` is not valid: ")), "{stderr}");
    assert!(stderr.contains("has mode 0777") && stderr.contains(&format!("`chmod 700 {path}`")), "{stderr}");
    Row::refuse("spool folder with mode 0777");

    chmod(0o700);
    let file = folder.join("v1-0.lock");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let stderr = init();
    assert!(stderr.contains(&format!("`chmod 600 {}`", file.display())), "{stderr}");
    Row::refuse("spool file with mode 0666");

    fs::remove_file(&file).unwrap();
    symlink(dir.path().join("victim"), folder.join("v1-0-00000000-000000000000009f.spool")).unwrap();
    let stderr = init();
    assert!(stderr.contains("is a symbolic link"), "{stderr}");
    Row::refuse("spool file that is a symbolic link");
}

/// Runs with an unavailable receiver: four requests of a hundred spans.
fn store_in_four_requests(dir: &std::path::Path) {
    let mut program = Program::start(dir, &unreachable_endpoint(), &[]);
    for requests in 1..=4 {
        program.ask("spans 100");
        program.ask("flush");
        program.until("it is stored", |counts| counts.get("spooled") == requests * 100);
    }
    program.shutdown();
}

/// The next run, with the receiver back. Returns the numbers of delivered spans and of those counted as lost, of the
/// 400 spans of the run before.
fn delivered_and_lost(dir: &std::path::Path, fault: &str, receiver: &Receiver) -> (u64, u64) {
    let mut program = Program::start(dir, &receiver.endpoint(), &[]);
    program.until("nothing waits", |counts| counts.get("started") == 400 && counts.get("spooled") == 0);
    let (counts, stderr) = program.shutdown();
    assert_eq!(stderr.matches("does not have everything that was stored").count(), 1, "{stderr}");
    assert!(stderr.contains(&format!("lost are {} spans", counts.get("corrupt"))), "{stderr}");
    let row = Row { dropped: counts.dropped(), ..Row::of(fault, 400, &receiver.spans()) };
    row.settle();
    (row.delivered, counts.get("corrupt"))
}

#[test]
fn setting_the_clock_back_loses_nothing_and_setting_it_forward_expires_old_items() {
    for (fault, days, expired) in [("clock set back a month", 30_i64, 0), ("stored a month ago", -30, 200)] {
        let (dir, receiver) = (tempdir().unwrap(), Receiver::start());
        let mut program = Program::start(dir.path(), &unreachable_endpoint(), &[]);
        program.ask("spans 200");
        assert_eq!(program.shutdown().0.get("spooled"), 200);
        shift_dates(&files(dir.path(), ".spool")[0], days);

        let mut program = Program::start(dir.path(), &receiver.endpoint(), &[]);
        program.until("nothing waits", |counts| counts.get("spooled") == 0);
        let (counts, _) = program.shutdown();
        assert_eq!(counts.get("expired"), expired, "{fault}");
        Row { dropped: counts.dropped(), ..Row::of(fault, 200, &receiver.spans()) }.settle();
    }
}

/// Moves the stored times this many days ahead, to before the start of the system, as if the clock had been set back.
fn shift_dates(path: &std::path::Path, days: i64) {
    const HEADER: usize = 61;
    let mut bytes = fs::read(path).unwrap();
    let mut rest = &mut bytes[..];
    assert!(!rest.is_empty());
    while !rest.is_empty() {
        let wall = u64::from_le_bytes(rest[25..33].try_into().unwrap());
        let wall = wall.saturating_add_signed(days * 24 * 60 * 60 * 1000);
        rest[25..33].copy_from_slice(&wall.to_le_bytes());
        rest[33..41].copy_from_slice(&1_u64.to_le_bytes());
        let checksum = crc32fast::hash(&rest[..57]);
        rest[57..61].copy_from_slice(&checksum.to_le_bytes());
        let length = u32::from_le_bytes(rest[49..53].try_into().unwrap()) as usize;
        rest = &mut rest[HEADER + length..];
    }
    fs::write(path, bytes).unwrap();
}
