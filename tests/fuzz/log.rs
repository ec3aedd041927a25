//! The reader of the append-only log with its manifest: it refuses or loads, always the same, and what it loads can be
//! gone on from.

use crate::harness::{Decoder, magnitude, within_memory};
use crate::random::Random;
use dunlin_storage::disk::Disk;
use dunlin_storage::disk::fake::FakeDisk;
use dunlin_storage::log::annotation::{Annotation, Kind};
use dunlin_storage::log::resp::encode_command;
use dunlin_storage::log::{
    LoadOptions, Loader, LogBuffer, LogDirectory, LogError, LogNames, LogWriter, Record,
};
use std::path::Path;

const SEED: u64 = 0x5eed;

/// All files of the log in one input: this, a name and a line end before each.
const FILE_MARK: &[u8] = b"=====";

fn pack(disk: &FakeDisk) -> Vec<u8> {
    let names = disk.list(Path::new("appendonlydir")).expect("a directory");
    let file = |name: &String| {
        let bytes = disk.bytes(Path::new("appendonlydir").join(name)).expect("it is listed");
        [FILE_MARK, name.as_bytes(), b"\n", &bytes].concat()
    };
    // The manifest first, so that what is cut is a file's end.
    names.iter().rev().map(file).collect::<Vec<_>>().concat()
}

fn unpack(mut input: &[u8]) -> FakeDisk {
    let disk = FakeDisk::new(0);
    while let Some(rest) = input.strip_prefix(FILE_MARK) {
        let name_end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let content = &rest[(name_end + 1).min(rest.len())..];
        let len =
            content.windows(FILE_MARK.len()).position(|bytes| bytes == FILE_MARK).unwrap_or(content.len());
        if let Ok(name) = std::str::from_utf8(&rest[..name_end]) {
            disk.put(Path::new("appendonlydir").join(name.replace('/', "_")), &content[..len]);
        }
        input = &content[len..];
    }
    disk
}

fn command(args: &[&str]) -> Vec<u8> {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    let mut bytes = Vec::new();
    encode_command(&args, &mut bytes);
    bytes
}

fn directory(disk: &FakeDisk) -> LogDirectory<FakeDisk> {
    LogDirectory::new(disk.clone(), LogNames::default())
}

/// A record as it can be kept and compared; a group's braces have no database.
type Kept = (Option<u16>, Vec<Vec<u8>>);

struct Loaded {
    records: Vec<Kept>,
    loader: Loader<FakeDisk>,
}

fn load(disk: &FakeDisk, options: LoadOptions) -> Result<Loaded, LogError> {
    let mut loader = Loader::open(directory(disk), options)?;
    let mut records = Vec::new();
    let mut open = false;
    while let Some(record) = loader.next()? {
        records.push(match record {
            Record::GroupBegin => {
                assert!(!std::mem::replace(&mut open, true), "a group in a group");
                (None, vec![b"{".to_vec()])
            }
            Record::GroupEnd => {
                assert!(std::mem::replace(&mut open, false), "the end of no group");
                (None, vec![b"}".to_vec()])
            }
            Record::Command { db, args } => {
                assert!(!args.is_empty(), "a command without a name");
                (Some(db), args.iter().map(<[u8]>::to_vec).collect())
            }
        });
    }
    assert!(!open, "a group was handed out that does not end");
    let (read, total) = loader.progress_bytes();
    // What a file has beyond the beginning of the next one is passed over.
    assert!(read <= total, "{read} bytes of {total}");
    Ok(Loaded { records, loader })
}

/// What an error says, without what comes from the input.
fn shape(error: &LogError) -> String {
    match error {
        LogError::Damaged { damage, .. } => format!("damaged: {damage:?}"),
        LogError::Torn { damage, .. } => format!("torn: {damage:?}"),
        other => {
            let text = other.to_string();
            text.split('\'')
                .step_by(2)
                .collect::<String>()
                .chars()
                .filter(char::is_ascii_alphabetic)
                .take(80)
                .collect()
        }
    }
}

/// Whether it is what `aof-load-truncated yes` forgives.
fn is_torn(error: &LogError) -> bool {
    matches!(error, LogError::Torn { .. } | LogError::Empty { .. })
}

fn check(input: &[u8]) -> String {
    let disk = unpack(input);
    // The window alone is 256 KiB, and there is one a file.
    let loaded = within_memory(input.len() + (64 << 10), 64, || {
        load(&disk, LoadOptions::default()).map_err(|error| shape(&error))
    });
    let strict = load(&disk, LoadOptions { cut_torn_tail: false, ..LoadOptions::default() });
    let loaded = match loaded {
        Err(error) => {
            // A torn end is seen before what is wrong in earlier files.
            let strict = strict.err().expect("it is not more forgiving");
            assert!(is_torn(&strict) || shape(&strict) == error, "{strict}");
            return error;
        }
        Ok(loaded) => loaded,
    };
    match &strict {
        Ok(strict) => assert_eq!(strict.records, loaded.records),
        Err(error) => assert!(is_torn(error), "{error}"),
    }
    assert_eq!(strict.is_err(), loaded.loader.torn_tail().is_some());
    let torn = loaded.loader.torn_tail().map(|torn| torn.damage);
    let widest = loaded.records.iter().map(|(_, args)| args.len()).max().unwrap_or(0);
    let answer = format!(
        "{torn:?} {} {} {}",
        magnitude(loaded.records.len()),
        magnitude(widest),
        loaded.records.iter().any(|(db, _)| db.is_none())
    );

    // The log goes on behind it, and the next start finds both.
    let buffer = LogBuffer::new(loaded.loader.lsn(), 1 << 20);
    match LogWriter::resume(loaded.loader, SEED) {
        Ok(mut writer) => {
            buffer.append(7, &command(&["PING"]));
            writer.close(&buffer).expect("the disk is well");
            let again = load(&disk, LoadOptions { cut_torn_tail: false, ..LoadOptions::default() });
            let again = again.unwrap_or_else(|error| panic!("what we went on with is refused: {error}"));
            let mut expected = loaded.records;
            expected.push((Some(7), vec![b"PING".to_vec()]));
            assert_eq!(again.records, expected);
        }
        Err(error) => return format!("{answer}, but {}", shape(&error)),
    }
    answer
}

/// Makes the sums right again of lines and blocks whose other fields were spoiled, so that more than their check is
/// reached.
fn mend(random: &mut Random, input: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(found) =
        input.get(at..).and_then(|rest| rest.windows(4).position(|bytes| bytes == b"#DL "))
    {
        let start = at + found;
        let Some(len) = input[start..].iter().position(|byte| *byte == b'\n') else { return };
        let end = start + len + 1;
        at = end;
        let Some(mut annotation) = lenient(&input[start..end]) else { continue };
        if let Kind::Block { len_bytes, crc } = &mut annotation.kind {
            // Now and then a length is left as it is, whatever the block holds.
            if !random.one_in(4) {
                let rest = &input[end..];
                let next = rest.windows(4).position(|bytes| bytes == b"#DL ").unwrap_or(rest.len());
                *len_bytes = next as u64;
            }
            let len = usize::try_from(*len_bytes).unwrap_or(usize::MAX);
            *crc = crc32fast::hash(input[end..].get(..len).unwrap_or_default());
        }
        let line = annotation.to_line().into_bytes();
        at = start + line.len();
        input.splice(start..end, line);
    }
}

/// Reads an annotation whatever its sum.
fn lenient(line: &[u8]) -> Option<Annotation> {
    let line = std::str::from_utf8(line).ok()?;
    let field = |name: &str| line.split([' ', '\r', '\n']).find_map(|word| word.strip_prefix(name));
    let number = |name: &str| field(name)?.parse::<u64>().ok();
    let kind = match line.split(' ').nth(1)? {
        "run" => Kind::Run,
        "base" => Kind::Base,
        "end" => Kind::End,
        "block" => Kind::Block { len_bytes: number("len=")?, crc: 0 },
        _ => return None,
    };
    let segment = u64::from_str_radix(field("seg=")?, 16).ok()?;
    Some(Annotation { kind, segment, lsn: number("lsn=")?, synced: number("synced=")? })
}

/// Logs of all kinds: left open and closed, of several runs, with a base, torn, and of Redis.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus = Vec::new();
    let disk = FakeDisk::new(0);
    for run in 0..3 {
        let loaded = load(&disk, LoadOptions::default()).expect("it is well");
        let buffer = LogBuffer::new(loaded.loader.lsn(), 1 << 20);
        let mut writer = LogWriter::resume(loaded.loader, SEED + run).expect("the disk is well");
        for n in 0..3 {
            buffer.append(n, &command(&["SET", "key", &n.to_string()]));
            buffer.append_group(&[(n, &command(&["INCR", "a"])), (9, &command(&["DEL", "b", ""]))]);
            writer.write_from(&buffer).expect("the disk is well");
            if n == 1 {
                writer.sync().expect("the disk is well");
                corpus.push(pack(&disk));
            }
        }
        corpus.push(pack(&disk));
        if run == 1 {
            let mut base = writer.begin_rewrite(&buffer).expect("the disk is well");
            base.command(0, &command(&["SET", "key", "2"])).expect("the disk is well");
            base.command(9, &command(&["SET", "c", "3", "PXAT", "99999999999999"]))
                .expect("the disk is well");
            buffer.append(0, &command(&["APPEND", "key", "x"]));
            writer.write_from(&buffer).expect("the disk is well");
            corpus.push(pack(&disk));
            writer.finish_rewrite(base.seal().expect("the disk is well")).expect("the disk is well");
            corpus.push(pack(&disk));
        }
        if run < 2 {
            writer.close(&buffer).expect("the disk is well");
        }
    }
    corpus.push(pack(&disk));

    let group =
        [command(&["MULTI"]), command(&["SET", "a", "1"]), command(&["INCR", "b"]), command(&["EXEC"])];
    let of_redis = [&b"#TS:1700000000\r\n"[..], &command(&["SELECT", "2"]), &group.concat()].concat();
    for files in
        [&[("1.incr.aof", "i")][..], &[("1.base.aof", "b"), ("1.incr.aof", "i"), ("2.incr.aof", "i")]]
    {
        let disk = FakeDisk::new(0);
        let mut manifest = "# by Redis\n".to_owned();
        for (name, kind) in files {
            disk.put(format!("appendonlydir/appendonly.aof.{name}"), &of_redis);
            let sequence = &name[..1];
            manifest += &format!("file \"appendonly.aof.{name}\" seq {sequence} type {kind}\n");
        }
        disk.put("appendonlydir/appendonly.aof.manifest", manifest.as_bytes());
        corpus.push(pack(&disk));
    }
    corpus.push(
        b"=====appendonly.aof.manifest\nfile appendonly.aof.1.incr.aof seq 1 type b\n=====appendonly.aof.1.incr.aof\n"
            .to_vec(),
    );
    corpus
}

#[test]
fn log() {
    let words: &[&[u8]] = &[
        b"*",
        b"$",
        b"\r\n",
        b"*1\r\n$4\r\nEXEC\r\n",
        b"*1\r\n$5\r\nMULTI\r\n",
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n",
        b"*2\r\n$6\r\nSELECT\r\n$5\r\n65536\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"*2147483647\r\n",
        b"$536870912\r\n",
        b"#TS:1\r\n",
        b"#DL ",
        b"#",
        b"\0\0\0\0",
        b"=====",
        b"REDIS0011",
        b"file",
        b"seq",
        b"type",
        b"lsn",
        b"synced",
        b"block",
        b"run",
        b"base",
        b"end",
        b"i",
        b"b",
        b"h",
        b"\"",
        b"\\x41",
        b"=====appendonly.aof.manifest\n",
        b"=====appendonly.aof.2.incr.aof\n",
        b"file appendonly.aof.1.incr.aof seq 1 type i\n",
        b"SET",
        b"MULTI",
        b"EXEC",
        b"SELECT",
    ];
    Decoder { name: "log", corpus: corpus(), words, mend, check: &check }.run();
}
