//! Tests of the log as a whole: what went in comes out, on good disks and bad ones.

mod crash;
mod damage;
mod rewrite;

use super::{LoadOptions, Loader, LogBuffer, LogDirectory, LogError, LogNames, LogWriter, Lsn, Record, resp};
use crate::disk::Disk;
use crate::disk::fake::FakeDisk;

const INCR: &str = "appendonlydir/appendonly.aof.1.incr.aof";
const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";
const SEED: u64 = 0x5eed;

fn directory<D: Disk>(disk: &D) -> LogDirectory<D> {
    LogDirectory::new(disk.clone(), LogNames::default())
}

/// How many cases a property gets: PROPTEST_CASES, for longer runs, or this.
fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

fn command(args: &[&str]) -> Vec<u8> {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    let mut out = Vec::new();
    resp::encode_command(&args, &mut out);
    out
}

/// A loaded log as lines: `<db> <args>` for a command, `{` and `}` for a group.
fn drain<D: Disk>(loader: &mut Loader<D>) -> Result<Vec<String>, LogError> {
    let mut lines = Vec::new();
    while let Some(record) = loader.next()? {
        lines.push(match record {
            Record::GroupBegin => "{".to_owned(),
            Record::GroupEnd => "}".to_owned(),
            Record::Command { db, args } => {
                let args: Vec<_> = args.iter().map(|arg| arg.escape_ascii().to_string()).collect();
                format!("{db} {}", args.join(" "))
            }
        });
    }
    Ok(lines)
}

fn load<D: Disk>(disk: &D) -> Result<Vec<String>, LogError> {
    drain(&mut Loader::open(directory(disk), LoadOptions::default())?)
}

/// Loads all and opens the log for writing behind it.
fn resume<D: Disk>(disk: &D) -> Result<(Vec<String>, LogWriter<D>, LogBuffer), LogError> {
    let mut loader = Loader::open(directory(disk), LoadOptions::default())?;
    let lines = drain(&mut loader)?;
    let buffer = LogBuffer::new(loader.lsn(), 1 << 20);
    Ok((lines, LogWriter::resume(loader, SEED)?, buffer))
}

#[test]
fn what_is_appended_is_loaded() {
    let disk = FakeDisk::new(0);
    let (lines, mut writer, buffer) = resume(&disk).expect("a new log");
    assert!(lines.is_empty());
    let positions = writer.positions();
    buffer.append(0, &command(&["SET", "a", "1"]));
    buffer.append(3, &command(&["SET", "b", "x\r\ny"]));
    let two = buffer.append_group(&[(3, &command(&["DEL", "a"])), (0, &command(&["DEL", "b"]))]).lsn;
    assert_eq!(writer.write_from(&buffer).expect("written"), two);
    assert_eq!((positions.written(), positions.durable()), (two, Lsn::ZERO));
    assert_eq!(writer.sync().expect("synced"), two);
    assert_eq!(positions.durable(), two);
    let three = buffer.append(3, &command(&["SET", "c", ""])).lsn;
    writer.close(&buffer).expect("closed");
    let expected = ["0 SET a 1", "3 SET b x\\r\\ny", "{", "3 DEL a", "0 DEL b", "}", "3 SET c "];
    let (lines, mut writer, buffer) = resume(&disk).expect("loads");
    assert_eq!(lines, expected);
    assert_eq!(buffer.appended_lsn(), three);
    // The writer goes on in the same file, and a closed writer goes on too.
    for n in 0..3 {
        buffer.append(1, &command(&["INCR", &n.to_string()]));
        writer.close(&buffer).expect("closed");
    }
    let expected = [&expected[..], &["1 INCR 0", "1 INCR 1", "1 INCR 2"]].concat();
    assert_eq!(load(&disk).expect("loads"), expected);
    assert_eq!(disk.list("appendonlydir".as_ref()).expect("a directory").len(), 2);
    let size = disk.bytes(INCR).expect("a file").len() as u64;
    assert_eq!(writer.size_bytes(), (0, size));
}

#[test]
fn the_text_on_disk_is_documented() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    buffer.append(0, &command(&["SET", "a", "1"]));
    writer.close(&buffer).expect("closed");
    let expected = "#DL run v=1 seg=0000000000005eed lsn=0 synced=0 sum=X\r\n\
                    #DL block seg=0000000000005eed lsn=0 synced=0 len=50 crc=X sum=X\r\n\
                    *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n\
                    #DL end seg=0000000000005eed lsn=50 synced=50 sum=X\r\n";
    let mut text = String::from_utf8(disk.bytes(INCR).expect("a file")).expect("text");
    for name in ["crc=", "sum="] {
        let parts: Vec<&str> = text.split(name).collect();
        text = parts[..1]
            .iter()
            .map(|part| (*part).to_owned())
            .chain(parts[1..].iter().map(|part| format!("X{}", &part[8..])))
            .collect::<Vec<_>>()
            .join(name);
    }
    assert_eq!(text, expected);
    let manifest = disk.bytes(MANIFEST).expect("a manifest");
    assert_eq!(manifest, b"file appendonly.aof.1.incr.aof seq 1 type i\n");
}

#[test]
fn a_second_server_is_refused() {
    let disk = FakeDisk::new(0);
    let directory = directory(&disk);
    let lock = directory.lock("pid 7").expect("free");
    let error = directory.lock("pid 8").expect_err("taken").to_string();
    assert_eq!(error, "another server (pid 7) has its log in this directory: dunlin.lock is locked");
    drop(lock);
    assert!(directory.lock("pid 8").is_ok());
}

#[test]
fn room_made_ready_ahead_is_written_to_and_means_nothing() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    writer.set_ahead(true);
    let mut expected = Vec::new();
    let mut longer = 0;
    for n in 0..60_usize {
        let value = "v".repeat(n * 37 % 150);
        buffer.append(0, &command(&["SET", &n.to_string(), &value]));
        expected.push(format!("0 SET {n} {value}"));
        let before = disk.bytes(INCR).expect("a file").len();
        writer.write_from(&buffer).expect("written");
        writer.sync().expect("synced");
        let bytes = disk.bytes(INCR).expect("a file");
        longer += usize::from(bytes.len() != before);
        // The end of the process leaves it as it is; the next start goes on from the last block.
        let killed = disk.after_kill();
        let loader = Loader::open(directory(&killed), LoadOptions::default()).expect("opens");
        assert_eq!(loader.torn_tail(), None);
        drop(loader);
        let (lines, mut next, buffer) = resume(&killed).expect("loads");
        assert_eq!(lines, expected);
        buffer.append(0, &command(&["PING"]));
        next.close(&buffer).expect("closed");
        assert_eq!(load(&killed).expect("loads"), [&expected[..], &["0 PING".to_owned()]].concat());
        // Redis appends behind it.
        if n > 0 {
            assert_eq!(bytes.len() as u64 % crate::log::ahead::UNIT_BYTES, 0, "{n}");
            let killed = disk.after_kill();
            killed.put(INCR, &[&bytes[..], &command(&["PING"])].concat());
            assert_eq!(load(&killed).expect("loads"), [&expected[..], &["0 PING".to_owned()]].concat());
        }
    }
    assert!((10..30).contains(&longer), "the file grew {longer} times");
    let large = "v".repeat(5000);
    buffer.append(0, &command(&["SET", "large", &large]));
    expected.push(format!("0 SET large {large}"));
    writer.write_from(&buffer).expect("written");
    assert!(disk.bytes(INCR).expect("a file").ends_with(b"v\r\n"), "a large block is appended");
    writer.sync().expect("synced");
    writer.close(&buffer).expect("closed");
    assert!(disk.bytes(INCR).expect("a file").ends_with(b"\r\n"));
    assert_eq!(load(&disk).expect("loads"), expected);
}

#[test]
fn room_that_is_made_when_nobody_waits_is_there_when_it_is_needed() {
    use crate::log::ahead::UNIT_BYTES;
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    let len = || disk.bytes(INCR).expect("a file").len() as u64;
    writer.make_room().expect("nothing to do");
    let empty = len();
    writer.set_ahead(true);
    writer.make_room().expect("no block shows yet that it's worth it");
    assert_eq!(len(), empty);
    let mut expected = Vec::new();
    for n in 0..60_usize {
        let value = "v".repeat(n * 37 % 150);
        buffer.append(0, &command(&["SET", &n.to_string(), &value]));
        expected.push(format!("0 SET {n} {value}"));
        let before = len();
        writer.write_from(&buffer).expect("written");
        writer.sync().expect("synced");
        assert!(n < 2 || len() == before, "the file grew while {n} waited");
        writer.make_room().expect("made");
        assert!(len().is_multiple_of(UNIT_BYTES) || n == 0, "Redis appends at the end of a unit");
        writer.make_room().expect("it is there");
        assert!(len() <= (before / UNIT_BYTES + 2) * UNIT_BYTES, "no more than is needed");
        let killed = disk.after_kill();
        assert_eq!(load(&killed).expect("loads"), expected);
    }
    // A large block goes behind the last one, and not behind the room.
    let large = "v".repeat(5000);
    buffer.append(0, &command(&["SET", "large", &large]));
    expected.push(format!("0 SET large {large}"));
    writer.write_from(&buffer).expect("written");
    assert!(disk.bytes(INCR).expect("a file").ends_with(b"v\r\n"));
    writer.close(&buffer).expect("closed");
    writer.make_room().expect("a closed file gets none");
    assert_eq!(load(&disk).expect("loads"), expected);
    assert!(disk.bytes(INCR).expect("a file").ends_with(b"\r\n"));
}

#[test]
fn room_that_the_disk_has_no_space_for_is_no_failure() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    let len = || disk.bytes(INCR).expect("a file").len() as u64;
    writer.set_ahead(true);
    let mut expected = Vec::new();
    for n in 0..40 {
        buffer.append(0, &command(&["INCR", "n"]));
        expected.push("0 INCR n".to_owned());
        writer.write_from(&buffer).expect("written");
        writer.sync().expect("synced");
        let before = len();
        if n % 3 == 1 {
            disk.fail_call(disk.calls(), crate::disk::fake::Fault::NoSpace);
        }
        writer.make_room().expect("blocks may fit yet");
        assert!(n % 3 != 1 || len() == before, "what room there is stays");
        disk.forgive();
    }
    assert_eq!(writer.failure(), None);
    assert_eq!(load(&disk.after_kill()).expect("loads"), expected);
}

/// A part of a block that begins like a command, where the block's beginning did not reach the disk.
#[test]
fn what_is_left_of_a_block_is_not_taken_for_what_redis_appended() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    writer.set_ahead(true);
    for _ in 0..2 {
        buffer.append(0, &command(&["INCR", "n"]));
        writer.write_from(&buffer).expect("written");
        writer.sync().expect("synced");
    }
    let mut bytes = disk.bytes(INCR).expect("a file");
    let place = bytes.len() - 512;
    let left = command(&["SET", "forged", "1"]);
    bytes[place..place + left.len()].copy_from_slice(&left);
    disk.put(INCR, &bytes);
    let loader = Loader::open(directory(&disk), LoadOptions::default()).expect("opens");
    assert!(loader.torn_tail().is_some());
    assert_eq!(load(&disk).expect("loads"), ["0 INCR n", "0 INCR n"]);
}
