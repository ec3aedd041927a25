//! Rewrites without crashes: what is in the directory, and that the log goes on. For crashes see [`super::crash`].

use super::*;
use crate::disk::fake::Fault;

fn files(disk: &FakeDisk) -> Vec<String> {
    let names = disk.list("appendonlydir".as_ref()).expect("a directory");
    names.iter().map(|name| name.replace("appendonly.aof.", "")).collect()
}

#[test]
fn a_rewrite_replaces_all_files_and_keeps_the_lsn() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    for round in 2..5 {
        buffer.append(0, &command(&["INCR", "a"]));
        let mut base = writer.begin_rewrite(&buffer).expect("begins");
        assert!(matches!(writer.begin_rewrite(&buffer), Err(LogError::RewriteRunning)));
        assert_eq!(base.lsn(), buffer.appended_lsn());
        buffer.append(5, &command(&["INCR", "b"]));
        writer.write_from(&buffer).expect("written");
        writer.sync().expect("synced");
        base.command(3, &command(&["SET", "a", &round.to_string()])).expect("written");
        base.command_args(3, &[b"SET", b"c", b"1"]).expect("written");
        writer.finish_rewrite(base.seal().expect("synced")).expect("finished");
        let expected =
            [format!("{}.base.aof", round - 1), format!("{round}.incr.aof"), "manifest".to_owned()];
        assert_eq!(files(&disk), expected);
        let lines = load(&disk).expect("loads");
        assert_eq!(lines, [&format!("3 SET a {round}")[..], "3 SET c 1", "5 INCR b"]);
        let (base_bytes, all_bytes) = writer.size_bytes();
        let size = |name: &str| {
            disk.bytes(format!("appendonlydir/appendonly.aof.{name}")).map_or(0, |bytes| bytes.len())
        };
        assert_eq!(base_bytes, size(&expected[0]) as u64);
        assert_eq!(all_bytes, base_bytes + size(&expected[1]) as u64);
    }
    let lsn = buffer.appended_lsn();
    assert_eq!(resume(&disk).expect("loads").2.appended_lsn(), lsn);
}

#[test]
fn an_aborted_rewrite_loses_nothing() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    buffer.append(0, &command(&["INCR", "a"]));
    let base = writer.begin_rewrite(&buffer).expect("begins");
    buffer.append(0, &command(&["INCR", "b"]));
    drop(base);
    writer.abort_rewrite();
    writer.write_from(&buffer).expect("written");
    let base = writer.begin_rewrite(&buffer).expect("begins again");
    writer.close(&buffer).expect("closed");
    drop(base);
    let expected = ["0 INCR a", "0 INCR b"];
    assert_eq!(resume(&disk).expect("loads").0, expected);
    assert!(files(&disk).iter().all(|name| !name.contains("temp")), "{:?}", files(&disk));
}

#[test]
fn a_log_that_was_off_begins_with_a_base() {
    let disk = FakeDisk::new(0);
    // What an earlier life left doesn't count any more.
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    buffer.append(0, &command(&["SET", "old", "1"]));
    writer.close(&buffer).expect("closed");
    let buffer = LogBuffer::new(Lsn::new(7), 1 << 20);
    let mut writer = LogWriter::detached(directory(&disk), Lsn::new(7), SEED).expect("readable");
    assert!(matches!(writer.write_from(&buffer), Err(LogError::Detached)));
    let mut base = writer.begin_rewrite(&buffer).expect("begins");
    base.command(0, &command(&["SET", "new", "1"])).expect("written");
    let lsn = buffer.append(0, &command(&["SET", "newer", "1"])).lsn;
    writer.write_from(&buffer).expect("written");
    writer.sync().expect("synced");
    assert_eq!(writer.positions().durable(), Lsn::ZERO, "not before the base is there");
    assert_eq!(load(&disk).expect("loads"), ["0 SET old 1"]);
    writer.finish_rewrite(base.seal().expect("synced")).expect("finished");
    assert_eq!(writer.positions().durable(), lsn);
    assert_eq!(load(&disk).expect("loads"), ["0 SET new 1", "0 SET newer 1"]);
}

#[test]
fn a_failed_log_takes_no_writes_until_it_has_recovered() {
    for fault in [Fault::Io, Fault::NoSpace] {
        let disk = FakeDisk::new(0);
        let (_, mut writer, buffer) = resume(&disk).expect("a new log");
        let one = buffer.append(0, &command(&["INCR", "a"])).lsn;
        writer.write_from(&buffer).expect("written");
        writer.sync().expect("synced");
        let two = buffer.append(0, &command(&["INCR", "b"])).lsn;
        disk.fail_call(disk.calls(), fault);
        assert!(matches!(writer.write_from(&buffer), Err(LogError::Io { .. })));
        let three = buffer.append(0, &command(&["INCR", "c"])).lsn;
        for _ in 0..2 {
            assert!(matches!(writer.write_from(&buffer), Err(LogError::Poisoned { .. })));
            assert!(matches!(writer.sync(), Err(LogError::Poisoned { .. })));
        }
        let positions = writer.positions();
        assert_eq!((positions.written(), positions.durable()), (one, one));
        assert!(buffer.held_bytes() > 0, "what wasn't written is still held");
        assert!(writer.failure().expect("failed").contains("can't write"));
        writer.recover_after_error().expect("the disk is well again");
        assert_eq!(writer.write_from(&buffer).expect("written"), three);
        assert!(two < three);
        writer.sync().expect("synced");
        assert_eq!(buffer.held_bytes(), 0);
        assert_eq!(load(&disk.after_power_loss()).expect("loads"), ["0 INCR a", "0 INCR b", "0 INCR c"]);
    }
}

#[test]
fn a_rewrite_that_ends_well_does_not_hide_a_failure_that_came_while_it_ran() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    buffer.append(0, &command(&["SET", "a", "1"]));
    let mut base = writer.begin_rewrite(&buffer).expect("begins");
    base.command(0, &command(&["SET", "a", "1"])).expect("written");
    writer.sync().expect("the old file is finished and the new one named");
    buffer.append(0, &command(&["SET", "b", "2"]));
    disk.fail_call(disk.calls(), Fault::NoSpace);
    assert!(writer.write_from(&buffer).is_err());
    let sealed = base.seal().expect("the disk is well again");
    assert!(matches!(writer.finish_rewrite(sealed), Err(LogError::Poisoned { .. })));
    assert!(writer.failure().is_some(), "what wasn't written is still missing");
    writer.recover_after_error().expect("recovers");
    writer.write_from(&buffer).expect("written");
    writer.sync().expect("synced");
    assert_eq!(load(&disk.after_power_loss()).expect("loads"), ["0 SET a 1", "0 SET b 2"]);
}

#[test]
fn after_a_failed_sync_the_bytes_are_written_anew() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    let zero = buffer.append(0, &command(&["INCR", "a"])).lsn;
    writer.write_from(&buffer).expect("written");
    writer.sync().expect("synced");
    buffer.append(0, &command(&["INCR", "b"]));
    writer.write_from(&buffer).expect("written");
    disk.fail_call(disk.calls(), Fault::Io);
    assert!(writer.sync().is_err());
    assert_eq!(writer.positions().durable(), zero);
    writer.recover_after_error().expect("recovers");
    assert!(writer.positions().durable() > zero);
    for _ in 0..10 {
        assert_eq!(load(&disk.after_power_loss()).expect("loads"), ["0 INCR a", "0 INCR b"]);
    }
    assert_eq!(files(&disk), ["1.incr.aof", "2.incr.aof", "manifest"]);
}

#[test]
fn a_rewrite_helps_a_failed_log_too() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    buffer.append(0, &command(&["INCR", "a"]));
    disk.fail_call(disk.calls(), Fault::Io);
    assert!(writer.write_from(&buffer).is_err());
    // A rewrite that comes to nothing leaves the log failed, and now without the dropped effects.
    drop(writer.begin_rewrite(&buffer).expect("begins"));
    writer.abort_rewrite();
    assert!(writer.needs_rewrite());
    assert!(matches!(writer.recover_after_error(), Err(LogError::Poisoned { .. })));
    let mut base = writer.begin_rewrite(&buffer).expect("begins");
    base.command(0, &command(&["SET", "a", "1"])).expect("written");
    writer.finish_rewrite(base.seal().expect("synced")).expect("finished");
    buffer.append(0, &command(&["INCR", "b"]));
    writer.close(&buffer).expect("closed");
    assert_eq!(load(&disk).expect("loads"), ["0 SET a 1", "0 INCR b"]);
}

#[test]
fn a_write_is_tried_again_in_the_same_file_when_all_before_it_is_durable() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    buffer.append(0, &command(&["INCR", "a"]));
    writer.write_from(&buffer).expect("written");
    writer.sync().expect("synced");
    let last = buffer.append(0, &command(&["INCR", "b"])).lsn;
    for fault in [Fault::NoSpace, Fault::Io, Fault::NoSpace] {
        disk.fail_call(disk.calls(), fault);
        assert!(matches!(writer.write_from(&buffer), Err(LogError::Io { .. })), "{fault:?}");
        assert!(writer.may_retry());
        writer.recover_after_error().expect("the block is cut");
    }
    assert_eq!(writer.write_from(&buffer).expect("there is room again"), last);
    assert_eq!(writer.sync().expect("synced"), last);
    assert_eq!(load(&disk.after_power_loss()).expect("loads"), ["0 INCR a", "0 INCR b"]);
    assert_eq!(files(&disk), ["1.incr.aof", "manifest"]);
}

#[test]
fn a_recovery_that_fails_leaves_no_files_on_a_full_disk() {
    let mut failing_call = 0;
    loop {
        let disk = FakeDisk::new(failing_call);
        let (_, mut writer, buffer) = resume(&disk).expect("a new log");
        buffer.append(0, &command(&["INCR", "a"]));
        writer.write_from(&buffer).expect("written, and not synced");
        buffer.append(0, &command(&["INCR", "b"]));
        disk.fail_call(disk.calls(), Fault::NoSpace);
        assert!(writer.write_from(&buffer).is_err());
        disk.fail_call(disk.calls() + failing_call, Fault::NoSpace);
        let recovered = writer.recover_after_error();
        disk.forgive();
        let manifest = String::from_utf8(disk.bytes(MANIFEST).expect("a manifest")).expect("text");
        for file in files(&disk).iter().filter(|file| file.ends_with("aof")) {
            assert!(manifest.contains(file.as_str()), "{failing_call}: {file} is in the way");
        }
        if recovered.is_err() {
            assert!(writer.may_retry(), "{failing_call}");
            writer.recover_after_error().expect("there is room again");
        }
        writer.write_from(&buffer).expect("written");
        writer.sync().expect("synced");
        assert_eq!(load(&disk.after_power_loss()).expect("loads"), ["0 INCR a", "0 INCR b"]);
        if recovered.is_ok() && failing_call > 20 {
            break;
        }
        failing_call += 1;
    }
}

#[test]
fn only_what_a_write_met_may_be_tried_again() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    assert!(!writer.may_retry());
    buffer.append(0, &command(&["INCR", "a"]));
    writer.write_from(&buffer).expect("written");
    disk.fail_call(disk.calls(), Fault::Io);
    assert!(writer.sync().is_err());
    assert!(!writer.may_retry(), "what a sync says after that means nothing");

    // With two files in the air only a rewrite helps; it may be tried where room was missing.
    for (fault, may_retry) in [(Fault::NoSpace, true), (Fault::Io, true)] {
        let disk = FakeDisk::new(0);
        let (_, mut writer, buffer) = resume(&disk).expect("a new log");
        let _base = writer.begin_rewrite(&buffer).expect("begins");
        buffer.append(0, &command(&["INCR", "a"]));
        disk.fail_call(disk.calls(), fault);
        assert!(writer.write_from(&buffer).is_err());
        writer.abort_rewrite();
        assert!(writer.needs_rewrite());
        assert_eq!(writer.may_retry(), may_retry, "{fault:?}");
    }
}
