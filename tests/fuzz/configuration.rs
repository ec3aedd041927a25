//! The reader of redis.conf: what it refuses it can name, and what it takes survives being written and read again.

use crate::harness::{Decoder, within_memory};
use dunlin::config::rewrite::{Extent, rewrite};
use dunlin::config::{Config, LoadError, Loader, Machine, Source, file, quote, settings};

fn load(text: &[u8]) -> Result<Config, LoadError> {
    let mut loader = Loader::new(&Machine { cores: 2, directory: "/data".into() });
    loader.text(Source::StandardInput, text)?;
    Ok(loader.finish())
}

/// The shape of a message: what stands in quotes and numbers comes from the input.
fn shape(text: &str) -> String {
    let outside: String = text.split('\'').step_by(2).collect();
    outside.chars().filter(|char| !char.is_ascii_digit()).take(120).collect()
}

fn check(text: &[u8]) -> String {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').map(file::trim).collect();
    // Other files are no matter of this test.
    if lines.iter().any(|line| line.to_ascii_lowercase().contains_include()) {
        return "includes".into();
    }
    for line in &lines {
        if let Ok(words) = quote::split(line) {
            let mut again = Vec::new();
            words.iter().for_each(|word| {
                quote::quote_into(word, &mut again);
                again.push(b' ');
            });
            assert_eq!(quote::split(&again), Ok(words), "quoted again");
        }
    }
    // A configuration itself is a few dozen KiB, and a default may be set many times.
    let loaded = within_memory(text.len() + (64 << 10), 256, || load(text));
    let config = match loaded {
        Err(error) => {
            let origin = error.origin.as_ref().expect("it is about a line");
            assert_eq!(origin.text, lines[origin.line - 1], "the wrong line is shown");
            assert!(error.to_string().contains(">>> '"), "{error}");
            return shape(&error.problem) + &shape(error.advice.as_deref().unwrap_or_default());
        }
        Ok(config) => config,
    };
    // All settings take long to write: not every time.
    let extents = [Extent::Changed, Extent::Everything];
    for extent in if text.len().is_multiple_of(16) { &extents[..] } else { &extents[..1] } {
        let once = rewrite(text, &config, &[], *extent);
        let again = load(&once).unwrap_or_else(|error| panic!("what was written is refused: {error}"));
        assert!(again.changed_since(&config).is_empty(), "{}", once.escape_ascii());
        let twice = rewrite(&once, &again, &[], *extent);
        assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once), "written twice");
    }
    // CONFIG SET of the same words must not fail in a worse way than an error, and takes all or nothing.
    let mut taken = Vec::new();
    for line in lines.iter().take(8) {
        if let file::Line::Directive { name, arguments } = file::read_line(line) {
            let value = arguments.join(&b' ');
            if config.set_all(&[(name.as_slice(), value.as_slice())], true).is_ok() {
                taken.push(settings::find(&name).map(|id| id.setting().name));
            }
        }
    }
    taken.truncate(3);
    format!("{taken:?} {:?}", config.inert().first())
}

trait Includes {
    fn contains_include(&self) -> bool;
}

impl Includes for Vec<u8> {
    /// Whether a line's first word may be `include`, however it is quoted.
    fn contains_include(&self) -> bool {
        matches!(file::read_line(self), file::Line::Directive { name, .. } if name == b"include")
    }
}

const WHOLE: &[u8] = b"# a comment\n\nPORT 7000\nbind 127.0.0.1 -::1\nbind * -::*\nmaxmemory 2gb\n\
    maxmemory-policy noeviction\nrequirepass \"a b\\x21\"\nclient-output-buffer-limit normal 1mb 1mb 5\n\
    client-output-buffer-limit pubsub 0 0 0 replica 256mb 64mb 60\nunixsocketperm 700\nunixsocket '/tmp/it\\'s'\n\
    list-max-ziplist-value 64\nsave 3600 1 300 100\nsave \"\"\nrename-command FLUSHALL \"\"\n\
    rename-command GET get2\nappendonly yes\nappendfsync everysec\nappenddirname \"aof\"\nloglevel notice\n\
    tls-port 0\ntls-auth-clients optional\nlatency-tracking-info-percentiles 50 99 99.9\nmaxmemory-clients 5%\n\
    proto-max-bulk-len 512mb\nio-threads 4\ndatabases 16\ntimeout 0\ntcp-keepalive 300\nhz 10\n\
    oom-score-adj-values 0 200 800\nauto-aof-rewrite-percentage 100\nauto-aof-rewrite-min-size 64mb\n";

#[test]
fn configuration() {
    let defaults = load(b"").expect("nothing is wrong with nothing");
    let everything = rewrite(b"", &defaults, &[], Extent::Everything);
    let mut corpus: Vec<Vec<u8>> = WHOLE.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    corpus.extend(everything.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    corpus.extend([Vec::new(), WHOLE.to_vec(), everything.clone(), b"port 1\r\nport 2\r\n".to_vec()]);
    corpus.extend(
        [
            &b"tls-ciphersuites \"\"\nmasterauth \"\"\nmasterauth \"\"\n"[..],
            &b"user default on"[..],
            b"user alice on >secret ~a:* (~b +get) +@read",
            b"loadmodule x.so",
            b"replicaof a 1",
            b"cluster-enabled yes",
        ]
        .map(<[u8]>::to_vec),
    );
    let names: Vec<&'static str> = settings::all().map(|(_, setting)| setting.name).collect();
    let mut words: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    words.extend([
        &b"yes"[..],
        b"no",
        b"\"\"",
        b"''",
        b"\"",
        b"'",
        b"\\x4",
        b"\\xff",
        b"\\",
        b"#",
        b"\n",
        b" ",
        b"\t",
        b"\0",
        b"kb",
        b"k",
        b"mb",
        b"GB",
        b"%",
        b"-1",
        b"*",
        b"normal",
        b"slave",
        b"pubsub",
        b"rename-command",
        b"default",
    ]);
    Decoder { name: "configuration", corpus, words: &words, mend: |_, _| {}, check: &check }.run();
}
