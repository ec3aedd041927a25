//! Torn ends, flipped bits and arbitrary bytes: what is forgiven, what stops the start, and what it costs to find out.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::log::{Damage, TornTail};

/// A log of six units in four blocks, two of them synced before the last; with the offsets at which blocks end and
/// the lines that are there then.
fn sample() -> (FakeDisk, Vec<(usize, Vec<String>)>) {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    let mut ends = vec![(len(&disk), Vec::new())];
    let mut lines: Vec<String> = Vec::new();
    for block in 0..4 {
        buffer.append(block, &command(&["SET", "key", &block.to_string()]));
        buffer.append_group(&[(block, &command(&["INCR", "n"])), (9, &command(&["INCR", "m"]))]);
        lines.push(format!("{block} SET key {block}"));
        lines.extend(["{".to_owned(), format!("{block} INCR n"), "9 INCR m".to_owned(), "}".to_owned()]);
        writer.write_from(&buffer).expect("written");
        if block < 2 {
            writer.sync().expect("synced");
        }
        ends.push((len(&disk), lines.clone()));
    }
    (disk, ends)
}

fn len(disk: &FakeDisk) -> usize {
    disk.bytes(INCR).expect("a file").len()
}

/// A disk with the same log but for the bytes of its last file.
fn with_bytes(bytes: &[u8]) -> FakeDisk {
    let disk = FakeDisk::new(0);
    disk.put(MANIFEST, b"file appendonly.aof.1.incr.aof seq 1 type i\n");
    disk.put(INCR, bytes);
    disk
}

/// Loads, lets the log go on, and checks that what came in between is there at the next load.
fn check_goes_on(disk: &FakeDisk, expected: &[String]) {
    let (lines, mut writer, buffer) = resume(disk).expect("loads");
    assert_eq!(lines, expected);
    buffer.append(0, &command(&["PING"]));
    writer.close(&buffer).expect("closed");
    assert_eq!(load(disk).expect("loads again"), [expected, &["0 PING".to_owned()]].concat());
}

#[test]
fn a_log_cut_at_any_byte_holds_the_blocks_before() {
    let (disk, ends) = sample();
    let bytes = disk.bytes(INCR).expect("a file");
    for cut in 0..bytes.len() {
        for zeros in [0, 1, 700, 5000] {
            let mut torn = bytes[..cut].to_vec();
            torn.resize(cut + zeros, 0);
            let disk = with_bytes(&torn);
            let expected = ends.iter().rev().find(|(end, _)| *end <= cut).map_or(&[][..], |(_, lines)| lines);
            check_goes_on(&disk, expected);
        }
    }
}

#[test]
fn a_torn_tail_is_reported_and_refused_if_so_told() {
    let (disk, ends) = sample();
    let bytes = disk.bytes(INCR).expect("a file");
    let disk = with_bytes(&bytes[..bytes.len() - 3]);
    let (end, _) = ends[3];
    let loader = Loader::open(directory(&disk), LoadOptions::default()).expect("opens");
    let expected = TornTail {
        path: INCR.into(),
        offset: end as u64,
        dropped_bytes: (bytes.len() - 3 - end) as u64,
        damage: Damage::EndOfFile,
    };
    assert_eq!(loader.torn_tail(), Some(&expected));
    let strict = LoadOptions { cut_torn_tail: false, ..LoadOptions::default() };
    let error = Loader::open(directory(&disk), strict).err().expect("refused");
    assert!(matches!(error, LogError::Torn { offset, .. } if offset == end as u64), "{error}");
}

#[test]
fn a_file_of_ours_that_is_empty_has_lost_something() {
    const BASE: &str = "appendonlydir/appendonly.aof.1.base.aof";
    const NEXT: &str = "appendonlydir/appendonly.aof.2.incr.aof";
    let (disk, _) = sample();
    let ours = disk.bytes(INCR).expect("a file");
    let (base, one, two) = ("file appendonly.aof.1.base.aof seq 1 type b\n", 1, 2);
    let incr = |seq| format!("file appendonly.aof.{seq}.incr.aof seq {seq} type i\n");
    let redis = command(&["SET", "a", "1"]);
    type Files<'f> = Vec<(&'f str, &'f [u8])>;
    let cases: [(String, Files<'_>, bool); 5] = [
        (incr(one), vec![(INCR, b"")], true),
        (incr(one) + &incr(two), vec![(INCR, &ours), (NEXT, b"")], true),
        (incr(one) + &incr(two), vec![(INCR, &redis), (NEXT, b"")], false),
        (base.to_owned() + &incr(one), vec![(BASE, &redis), (INCR, b"")], false),
        (base.to_owned() + &incr(one), vec![(BASE, b""), (INCR, b"")], false),
    ];
    for (manifest, files, is_lost) in cases {
        let disk = FakeDisk::new(0);
        disk.put(MANIFEST, manifest.as_bytes());
        files.iter().for_each(|(name, bytes)| disk.put(name, bytes));
        let loader = Loader::open(directory(&disk), LoadOptions::default()).expect("opens");
        let damage = loader.torn_tail().map(|torn| torn.damage);
        assert_eq!(damage, is_lost.then_some(Damage::Empty), "{manifest}");
        let strict = LoadOptions { cut_torn_tail: false, ..LoadOptions::default() };
        assert_eq!(Loader::open(directory(&disk), strict).is_err(), is_lost, "{manifest}");
        // It can be gone on from, and is told of once.
        let expected = load(&disk).expect("loads");
        check_goes_on(&disk, &expected);
        let loader = Loader::open(directory(&disk), LoadOptions::default()).expect("opens");
        assert_eq!(loader.torn_tail(), None, "{manifest}");
    }
}

#[test]
fn a_flipped_bit_is_never_applied_and_stops_the_start_unless_it_is_in_the_last_block() {
    let (disk, ends) = sample();
    let bytes = disk.bytes(INCR).expect("a file");
    // The third block was never synced, but the fourth shows that it had been written.
    let durable_end = ends[3].0;
    for place in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            let disk = with_bytes(&flipped);
            let good = ends.iter().rev().find(|(end, _)| *end <= place).map_or(0, |(end, _)| *end);
            match load(&disk) {
                Ok(lines) => {
                    assert!(place >= durable_end, "byte {place} has a block behind it");
                    let (_, expected) =
                        ends.iter().find(|(end, _)| *end == good).expect("a block ends there");
                    assert_eq!(&lines, expected);
                }
                Err(LogError::Damaged { path, offset, .. }) => {
                    assert!(place < durable_end, "byte {place} is in the last block");
                    // A file's first line may be so mangled that it passes for a comment of somebody else.
                    let first_block = ends[0].0 as u64;
                    let is_named = offset == good as u64 || good == 0 && offset == first_block;
                    assert!(
                        is_named && path == Path::new(INCR),
                        "{} {offset} for byte {place}",
                        path.display()
                    );
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_log_that_is_closed_or_idle_forgives_no_flipped_bit() {
    for idle in [false, true] {
        let disk = FakeDisk::new(0);
        let (_, mut writer, buffer) = resume(&disk).expect("a new log");
        let start = len(&disk);
        buffer.append(0, &command(&["SET", "a", "1"]));
        writer.write_from(&buffer).expect("written");
        let end = len(&disk);
        if idle {
            writer.sync().expect("synced");
            assert_eq!(len(&disk), end, "more may come at once");
            writer.say_all_is_durable().expect("it is");
            assert!(len(&disk) > end);
        } else {
            writer.close(&buffer).expect("closed");
        }
        let bytes = disk.bytes(INCR).expect("a file");
        for place in start..end {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1;
            let error = load(&with_bytes(&flipped)).expect_err("damaged");
            assert!(matches!(error, LogError::Damaged { offset, .. } if offset == start as u64), "{error}");
        }
        buffer.append(0, &command(&["SET", "b", "2"]));
        writer.write_from(&buffer).expect("it goes on");
        assert_eq!(load(&disk).expect("loads"), ["0 SET a 1", "0 SET b 2"]);
    }
}

#[test]
fn an_idle_log_on_a_full_disk_has_not_failed() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    buffer.append(0, &command(&["SET", "a", "1"]));
    writer.write_from(&buffer).expect("written");
    writer.sync().expect("synced");
    let end = len(&disk);
    disk.fail_call(disk.calls(), crate::disk::fake::Fault::NoSpace);
    writer.say_all_is_durable().expect("no effect was to be written");
    assert_eq!(len(&disk), end);
    writer.say_all_is_durable().expect("there is room again");
    assert!(len(&disk) > end);
}

/// A disk that wrote later pages before it lost power shows zeros in place of the others.
#[test]
fn a_lost_page_with_blocks_behind_it_is_a_torn_end_if_nothing_says_that_it_was_durable() {
    for synced in [false, true] {
        let disk = FakeDisk::new(0);
        let (_, mut writer, buffer) = resume(&disk).expect("a new log");
        let mut ends = Vec::new();
        for _ in 0..4 {
            buffer.append(0, &command(&["SET", "a", &"v".repeat(600)]));
            writer.write_from(&buffer).expect("written");
            ends.push(len(&disk));
        }
        if synced {
            writer.sync().expect("synced");
            buffer.append(0, &command(&["SET", "a", "1"]));
            writer.write_from(&buffer).expect("written");
        }
        let mut bytes = disk.bytes(INCR).expect("a file");
        let sector = ends[1] / 512 * 512;
        bytes[ends[1]..sector + 512].fill(0);
        match load(&with_bytes(&bytes)) {
            Ok(lines) => assert!(!synced && lines.len() == 2, "{lines:?}"),
            Err(error) => assert!(synced, "{error}"),
        }
    }
}

#[test]
fn a_value_cannot_pass_itself_off_as_our_line() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    let forged = crate::log::annotation::Annotation {
        kind: crate::log::annotation::Kind::End,
        segment: SEED + 1,
        lsn: 1 << 40,
        synced: 1 << 40,
    };
    buffer.append(0, &command(&["SET", "a", &format!("\r\n{}", forged.to_line())]));
    writer.write_from(&buffer).expect("written");
    let bytes = disk.bytes(INCR).expect("a file");
    let disk = with_bytes(&bytes[..bytes.len() - 1]);
    assert_eq!(load(&disk).expect("a torn end, whatever the value says"), Vec::<String>::new());
}

/// What Redis wrote has no lines of ours: its own rules hold.
#[test]
fn a_log_of_redis_is_taken_as_redis_takes_it() {
    let select = command(&["SELECT", "2"]);
    let set = command(&["SET", "a", "1"]);
    let multi = [command(&["MULTI"]), set.clone(), command(&["INCR", "b"]), command(&["EXEC"])].concat();
    let stamp = b"#TS:1700000000\r\n".to_vec();
    let whole = [stamp.clone(), select, set.clone(), stamp, multi.clone()].concat();
    let before_group = whole.len() - multi.len();
    let all: Vec<String> = ["2 SET a 1", "{", "2 SET a 1", "2 INCR b", "}"].map(str::to_owned).to_vec();
    check_goes_on(&with_bytes(&whole), &all);
    // The file goes on in another one, since ours can't vouch for this one.
    let disk = with_bytes(&whole);
    drop(resume(&disk).expect("loads"));
    assert!(disk.bytes("appendonlydir/appendonly.aof.2.incr.aof").is_some());

    for cut in before_group..whole.len() {
        for zeros in [0, 1, 3000] {
            let mut torn = whole[..cut].to_vec();
            torn.resize(cut + zeros, 0);
            check_goes_on(&with_bytes(&torn), &all[..1]);
        }
    }
    let damaged: &[(&[u8], Damage)] = &[
        (b"SET a 1\r\n", Damage::Format),
        (b"*2\r\n:1\r\n*1\r\n$4\r\nPING\r\n", Damage::Format),
        (b"*1\r\n$99999999999\r\nPING\r\n", Damage::Length),
        (b"*99999999999\r\n", Damage::Length),
        (b"*1\r\n$4\r\nEXEC\r\n", Damage::Group),
        (b"*2\r\n$6\r\nSELECT\r\n$1\r\nx\r\n", Damage::Group),
        (b"#DL end\r\n", Damage::Annotation),
    ];
    for (bytes, expected) in damaged {
        let disk = with_bytes(&[&set, *bytes].concat());
        match load(&disk) {
            Err(LogError::Damaged { offset, damage, .. }) => {
                assert_eq!((offset, damage), (set.len() as u64, *expected))
            }
            other => panic!("{}: {other:?}", bytes.escape_ascii()),
        }
    }
}

#[test]
fn only_the_last_file_may_be_torn() {
    let set = command(&["SET", "a", "1"]);
    let disk = FakeDisk::new(0);
    let manifest =
        b"file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
    disk.put(MANIFEST, manifest);
    disk.put(INCR, &set[..set.len() - 1]);
    disk.put("appendonlydir/appendonly.aof.2.incr.aof", &set);
    let error = load(&disk).expect_err("torn in the middle").to_string();
    assert_eq!(error, format!("{INCR} is damaged at offset 0: the file ends in the middle of a command"));
}

#[test]
fn files_without_a_manifest_stop_the_start() {
    let disk = FakeDisk::new(0);
    let (_, mut writer, buffer) = resume(&disk).expect("a new log");
    let line = disk.bytes(INCR).expect("a file");
    buffer.append(0, &command(&["SET", "a", "1"]));
    writer.close(&buffer).expect("closed");
    let bytes = disk.bytes(INCR).expect("a file");
    drop(writer);
    disk.remove(MANIFEST.as_ref()).expect("it was there");
    let error = load(&disk).expect_err("it must not begin anew").to_string();
    assert!(error.starts_with(&format!("{INCR} is there, and the manifest {MANIFEST} is not")), "{error}");
    let error = LogWriter::detached(directory(&disk), Lsn::ZERO, SEED).err();
    assert!(matches!(error, Some(LogError::NoManifest { .. })), "nor when the log is turned on");
    assert_eq!(disk.bytes(INCR).expect("a file"), bytes);
    // What a first start leaves that dies early.
    for left in [&line[..], &line[..20], &[0; 70], &[]] {
        let disk = FakeDisk::new(0);
        disk.put(INCR, left);
        assert_eq!(load(&disk).expect("nothing is lost"), Vec::<String>::new());
    }
}

#[test]
fn what_cannot_be_loaded_is_named() {
    let disk = FakeDisk::new(0);
    disk.put(MANIFEST, b"file appendonly.aof.1.base.rdb seq 1 type b\n");
    let error = load(&disk).expect_err("missing").to_string();
    assert_eq!(error, "appendonlydir/appendonly.aof.1.base.rdb is named in the manifest and is missing");
    disk.put("appendonlydir/appendonly.aof.1.base.rdb", b"REDIS0011\xfa");
    let error = load(&disk).expect_err("RDB").to_string();
    assert!(error.starts_with("appendonlydir/appendonly.aof.1.base.rdb is an RDB file"), "{error}");
    disk.put(MANIFEST, b"file x seq 1 type q\n");
    let error = load(&disk).expect_err("bad").to_string();
    assert_eq!(error, format!("{MANIFEST}, line 1: Unknown AOF file type: 'file x seq 1 type q'"));
    let old = FakeDisk::new(0);
    old.put("appendonly.aof", b"REDIS0009...");
    assert!(matches!(load(&old), Err(LogError::RdbBase { path }) if path == Path::new("appendonly.aof")));
}

/// The next file of ours would have emptied it.
#[test]
fn a_base_with_the_name_of_our_next_file_is_left_alone() {
    let disk = FakeDisk::new(0);
    disk.put(MANIFEST, b"file appendonly.aof.1.incr.aof seq 1 type b\n");
    disk.put(INCR, &command(&["SET", "a", "1"]));
    check_goes_on(&disk, &["0 SET a 1".to_owned()]);
}

/// As Redis 7 does on its first start after an older one; a crash in between is made good by the next start.
#[test]
fn a_log_of_one_file_is_moved_into_the_directory() {
    let set = command(&["SET", "a", "1"]);
    let expected = vec!["0 SET a 1".to_owned()];
    let disk = FakeDisk::new(0);
    disk.put("appendonly.aof", &set);
    check_goes_on(&disk, &expected);
    assert!(disk.bytes("appendonly.aof").is_none());
    let manifest = disk.bytes(MANIFEST).expect("a manifest");
    assert_eq!(manifest, b"file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n");
    for seed in 0..20 {
        for call in 0.. {
            let disk = FakeDisk::new(seed);
            disk.put("appendonly.aof", &set);
            disk.fail_call(call, crate::disk::fake::Fault::PowerLoss);
            let _started = resume(&disk);
            let survived = disk.is_off();
            assert_eq!(load(&disk.after_power_loss()).expect("loads"), expected, "call {call}, seed {seed}");
            if !survived {
                break;
            }
        }
    }
}

/// It counted anew from there, so that the next file began below what the reader had come to.
#[test]
fn a_base_begins_a_log_and_nothing_else() {
    use crate::log::annotation::{Annotation, Kind};
    let line = |kind, lsn| Annotation { kind, segment: SEED, lsn, synced: 0 }.to_line().into_bytes();
    let set = command(&["SET", "a", "1"]);
    for kind in [Kind::Run, Kind::Base] {
        let disk = with_bytes(&[line(kind, 68), line(Kind::Base, 0), set.clone()].concat());
        check_loads_again(&disk);
        let disk = with_bytes(&[line(kind, 68), set.clone(), line(Kind::Base, 0), set.clone()].concat());
        check_loads_again(&disk);
    }
    let disk = with_bytes(&[line(Kind::Base, 68), set].concat());
    check_goes_on(&disk, &["0 SET a 1".to_owned()]);
}

/// What loads can be gone on from, and loads again with what came.
fn check_loads_again(disk: &FakeDisk) {
    if let Ok((lines, mut writer, buffer)) = resume(disk) {
        buffer.append(0, &command(&["PING"]));
        writer.close(&buffer).expect("closed");
        assert_eq!(load(disk).expect("loads again"), [&lines[..], &["0 PING".to_owned()]].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(512)))]

    /// Never a panic; what loads can be gone on from.
    #[test]
    fn arbitrary_bytes_do_no_harm(parts in prop::collection::vec(part(), 0..12)) {
        check_loads_again(&with_bytes(&parts.concat()));
    }
}

/// Pieces of which logs are made, whole and broken.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec!["SET", "a", "MULTI", "EXEC", "SELECT", "3", ""]);
    let kinds = (0u8..4, 0u64..200, any::<u32>()).prop_map(|(kind, number, crc)| {
        use crate::log::annotation::{Annotation, Kind};
        let kind = match kind {
            0 => Kind::Run,
            1 => Kind::Base,
            2 => Kind::End,
            _ => Kind::Block { len_bytes: number, crc },
        };
        Annotation { kind, segment: SEED, lsn: number, synced: 0 }.to_line().into_bytes()
    });
    prop_oneof![
        prop::collection::vec(words, 1..4).prop_map(|args| command(&args)),
        prop::sample::select(vec![command(&["MULTI"]), command(&["EXEC"])]),
        prop::collection::vec(any::<u8>(), 0..30),
        prop::sample::select(vec![
            "*",
            "$",
            "\r\n",
            "*3\r\n",
            "$-1\r\n",
            "$2147483647\r\n",
            "#TS:1\r\n",
            "#DL ",
            "\0\0\0"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        kinds,
        any::<u8>().prop_map(|n| {
            let bytes = command(&["SET", &n.to_string()]);
            let kind = crate::log::annotation::Kind::Block {
                len_bytes: bytes.len() as u64,
                crc: crc32fast::hash(&bytes),
            };
            let line =
                crate::log::annotation::Annotation { kind, segment: SEED, lsn: 0, synced: 0 }.to_line();
            [line.into_bytes(), bytes].concat()
        }),
    ]
}
