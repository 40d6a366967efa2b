//! Files and folders that something else has damaged, removed or replaced.

use crate::disk::tests::*;

#[test]
fn a_corrupted_file_loses_what_is_unreadable_and_the_rest_is_sent() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage, &[u64]); 5] = [
        ("garbage", |bytes| *bytes = vec![0x5a; 100_000], &[]),
        ("empty", Vec::clear, &[]),
        ("cut", |bytes| bytes.truncate(bytes.len() / 2), &[1]),
        ("flipped", |bytes| bytes[50_000 + 200] ^= 1, &[1, 4]),
        ("header", |bytes| bytes[..512].fill(0xff), &[2, 4]),
    ];
    for (damage, apply, expected) in damages {
        let place = Place::new();
        let process = place.process();
        for items in [1, 2, 4] {
            process.store(TRACES, items, &vec![0xee; 50_000]).expect("stored");
        }
        drop(process);
        let path = &place.files(SEGMENT)[0];
        let mut bytes = fs::read(path).expect("read");
        apply(&mut bytes);
        fs::write(path, bytes).expect("written");
        let process = place.process();
        assert_eq!(process.replayed_items(TRACES), expected, "{damage}");
        let lost = 7 - expected.iter().sum::<u64>();
        assert_eq!(process.spooled_and_dropped(TRACES, DropReason::Corrupt), (0, lost, lost), "{damage}");
        process.store(TRACES, 8, b"new").expect("stored");
        drop(process);
        let next = place.process();
        assert_eq!(next.counts(TRACES).dropped(), 0, "{damage} is counted once");
        assert_eq!(next.replayed_items(TRACES), [8], "{damage}");
    }
}

/// Wherever the damage is: the returned bytes are the stored ones, or the request is counted as lost.
#[test]
fn one_wrong_bit_never_gives_other_bytes() {
    let place = Place::new();
    place.process().store(TRACES, 1, &vec![0xee; 20_000]).expect("stored");
    let sound: Vec<_> =
        place.files("").into_iter().map(|path| (fs::read(&path).expect("read"), path)).collect();
    let (whole, path) =
        sound.iter().find(|(_, path)| path.to_string_lossy().ends_with(SEGMENT)).expect("one");
    for position in (0..whole.len()).step_by(whole.len() / 24) {
        for (bytes, path) in &sound {
            write_private(path, bytes);
        }
        let mut bytes = whole.clone();
        bytes[position] ^= 0x10;
        fs::write(path, bytes).expect("written");
        let process = place.process();
        let sent = process.replay(TRACES);
        let lost = process.counts(TRACES).dropped_for(DropReason::Corrupt);
        // Behind the request is the commit, which is not needed.
        let expected = if lost == 0 { vec![(1, vec![0xee; 20_000])] } else { vec![] };
        assert_eq!((sent, lost == 0), (expected, position >= 20_000 + 61), "at {position}");
    }
}

#[test]
fn a_file_that_breaks_while_it_is_used_loses_what_is_unreadable_and_that_is_counted() {
    let place = Place::new();
    let process = place.process();
    for items in 1..=20 {
        process.store(TRACES, items, &vec![0xee; 1 << 20]).expect("stored");
    }
    let first = place.files(SEGMENT).into_iter().min().expect("a segment");
    let file = File::options().write(true).open(&first).expect("opened");
    file.set_len(file.metadata().expect("there").len() / 2).expect("cut");
    let mut second = fs::read(&place.files("00000001-")[0]).expect("read");
    second[1000] ^= 1;
    fs::write(&place.files("00000001-")[0], second).expect("written");
    let sent: u64 = process.replayed_items(TRACES).iter().sum();
    assert_eq!(process.spooled_and_dropped(TRACES, DropReason::Corrupt), (0, 210 - sent, 210 - sent));
    // Two of four in the first segment, and one in the second.
    assert_eq!(sent, 210 - 3 - 4 - 5);
    process.store(TRACES, 7, b"new").expect("stored");
    assert_eq!(process.replayed_items(TRACES), [7]);
}

#[test]
fn files_that_were_rolled_back_are_noticed_and_the_difference_is_counted() {
    let place = Place::new();
    let process = place.process();
    process.store(TRACES, 1, b"early").expect("stored");
    let path = place.files(SEGMENT).remove(0);
    let early = fs::read(&path).expect("read");
    process.store(TRACES, 20, b"late").expect("stored");
    process.store(Signal::Logs, 300, b"later").expect("stored");
    drop(process);
    fs::write(&path, early).expect("written");
    let next = place.process();
    assert_eq!(next.spooled_and_dropped(TRACES, DropReason::Corrupt), (1, 20, 20));
    assert_eq!(next.spooled_and_dropped(Signal::Logs, DropReason::Corrupt), (0, 300, 300));
    assert_eq!(next.replayed_items(TRACES), [1]);
    drop(next);

    // Nor is a slot that lost all its segments a new one.
    place.process().store(TRACES, 5, b"a").expect("stored");
    for path in place.files(SEGMENT) {
        fs::remove_file(path).expect("removed");
    }
    assert_eq!(place.process().spooled_and_dropped(TRACES, DropReason::Corrupt), (0, 5, 5));
    assert_eq!(place.process().counts(TRACES).started(), 0, "once");
}

#[test]
fn what_a_dead_process_left_incomplete_is_counted_by_who_takes_it_over() {
    let place = Place::new();
    let (first, second) = (place.process(), place.process());
    first.store(TRACES, 1, &[1; 100]).expect("stored");
    first.store(TRACES, 2, &[2; 100]).expect("stored");
    first.kill();
    let path = place.files("v1-0-").remove(0);
    let mut bytes = fs::read(&path).expect("read");
    bytes[100] ^= 1;
    fs::write(&path, bytes).expect("written");
    second.spool.shared.round();
    assert_eq!(second.spooled_and_dropped(TRACES, DropReason::Corrupt), (2, 1, 1));
    assert_eq!(second.replayed_items(TRACES), [2]);
}

#[test]
fn a_folder_that_is_removed_or_replaced_while_it_is_used_is_made_anew_and_what_was_in_it_is_counted() {
    type Fault = fn(&Place);
    let faults: [(&str, Fault); 4] = [
        ("folder removed", |place| fs::remove_dir_all(place.folder()).expect("removed")),
        ("folder moved", |place| fs::rename(place.folder(), place.dir.path().join("b")).expect("moved")),
        ("segment removed", |place| fs::remove_file(&place.files(SEGMENT)[0]).expect("removed")),
        ("segment replaced", |place| {
            let path = place.files(SEGMENT).remove(0);
            fs::rename(&path, path.with_extension("old")).expect("moved");
            write_private(&path, b"");
        }),
    ];
    for (fault, apply) in faults {
        let place = Place::new();
        let process = place.process();
        process.store(TRACES, 1, b"a").expect("stored");
        process.store(TRACES, 2, b"b").expect("stored");
        let (held, request) = process.spool.oldest(TRACES).expect("stored");
        assert_eq!(request.item_count, 1);
        apply(&place);
        process.store(TRACES, 4, b"c").expect("stored");
        assert_eq!(process.spooled_and_dropped(TRACES, DropReason::Corrupt), (5, 2, 2), "{fault}");
        process.spool.release(held);
        assert_eq!(process.spooled_and_dropped(TRACES, DropReason::Corrupt), (4, 3, 3), "{fault}");
        drop(process);
        let next = place.process();
        assert_eq!(next.replayed_items(TRACES), [4], "{fault}: what is said to be stored is there");
        assert_eq!(next.counts(TRACES).dropped(), 0, "{fault}: what was lost is counted once");
    }
}

#[test]
fn a_folder_that_is_removed_is_noticed_while_nothing_is_stored_and_at_the_end() {
    for ends in [false, true] {
        let place = Place::new();
        let process = place.process();
        process.store(TRACES, 3, b"a").expect("stored");
        fs::remove_dir_all(place.folder()).expect("removed");
        if ends {
            process.spool.close();
        } else {
            process.spool.shared.round();
        }
        assert_eq!(process.spooled_and_dropped(TRACES, DropReason::Corrupt), (0, 3, 3), "ends: {ends}");
    }
}

/// As a backup that is restored has it, or a program that synchronises folders.
#[test]
fn a_second_segment_of_the_same_number_does_not_keep_the_first_from_being_sent() {
    for (fault, name) in [("before it", "-0000000000000000"), ("behind it", "-ffffffffffffffff")] {
        let place = Place::new();
        place.process().store(TRACES, 3, b"a").expect("stored");
        let path = place.files(SEGMENT).remove(0);
        let text = path.to_string_lossy();
        let (begin, _) = text.rsplit_once('-').expect("a marker");
        write_private(Path::new(&format!("{begin}{name}{SEGMENT}")), &fs::read(&path).expect("read"));
        let process = place.process();
        assert_eq!(process.replayed_items(TRACES), [3], "{fault}");
        process.store(TRACES, 4, b"b").expect("stored");
        drop(process);
        let next = place.process();
        assert_eq!(next.replayed_items(TRACES), [4], "{fault}");
        assert_eq!(next.counts(TRACES).dropped(), 0, "{fault}");
        next.spool.close();
        assert_eq!(place.files(SEGMENT), [] as [PathBuf; 0], "{fault}: both are removed");
    }
}

#[test]
fn a_segment_of_the_highest_number_is_not_followed_by_one_of_a_lower() {
    let place = Place::new();
    place.process().store(TRACES, 3, b"a").expect("stored");
    let path = place.files(SEGMENT).remove(0);
    let name =
        path.file_name().expect("a name").to_string_lossy().replace("00000000-", &format!("{}-", u64::MAX));
    write_private(&place.folder().join(name), b"no record");
    let process = place.process();
    process.store(TRACES, 4, b"b").expect("stored");
    assert_eq!(process.replayed_items(TRACES), [3, 4]);
}

#[test]
fn a_link_in_place_of_a_file_is_not_followed() {
    let place = Place::new();
    let victim = place.dir.path().join("victim");
    fs::write(&victim, "").expect("written");
    place.process().store(TRACES, 1, b"a").expect("stored");
    let path = place.files(SEGMENT).remove(0);
    fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink(&victim, &path).expect("linked");
    let process = place.process();
    assert_eq!(process.store(TRACES, 2, b"b"), None, "it is the owner's to remove");
    assert_eq!(fs::metadata(&victim).expect("there").len(), 0);
}
