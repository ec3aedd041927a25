//! Random requests to a whole server: it never crashes, hangs or leaks.
//!
//! Short by default. `DUNLIN_FUZZ_SECONDS` makes it longer and `DUNLIN_FUZZ_SEED` another run; what was random is the
//! same again with the same seed.

mod syntax;

use crate::common::network::{Peer, Served, bulk, request};
use dunlin::command::table::Commands;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// xorshift64*: all that is asked of it is to be the same again.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let seed = setting("DUNLIN_FUZZ_SEED").unwrap_or(20_261_122);
        println!("DUNLIN_FUZZ_SEED={seed}");
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn time_is_up(start: Instant) -> bool {
    start.elapsed() > Duration::from_secs(setting("DUNLIN_FUZZ_SECONDS").unwrap_or(8))
}

/// Words that commands know, so that more than their error replies is reached. Not among them is what stops the server,
/// or makes it wait or fill up as asked: SLEEP, PAUSE, POPULATE.
const WORDS: &[&str] = &[
    "EX",
    "PX",
    "EXAT",
    "PXAT",
    "NX",
    "XX",
    "GT",
    "LT",
    "KEEPTTL",
    "PERSIST",
    "GET",
    "IFEQ",
    "IFNE",
    "MATCH",
    "COUNT",
    "TYPE",
    "string",
    "DB",
    "REPLACE",
    "LEN",
    "IDX",
    "MINMATCHLEN",
    "WITHMATCHLEN",
    "ASYNC",
    "SYNC",
    "ID",
    "INFO",
    "LIST",
    "KILL",
    "SETNAME",
    "GETNAME",
    "SETINFO",
    "lib-name",
    "lib-ver",
    "REPLY",
    "ON",
    "OFF",
    "SKIP",
    "NO-EVICT",
    "NO-TOUCH",
    "HELP",
    "SKIPME",
    "yes",
    "no",
    "normal",
    "ADDR",
    "DOCS",
    "GETKEYS",
    "GETKEYSANDFLAGS",
    "FILTERBY",
    "ACLCAT",
    "PATTERN",
    "RESET",
    "RESETSTAT",
    "SET",
    "ENCODING",
    "FREQ",
    "IDLETIME",
    "REFCOUNT",
    "HISTOGRAM",
    "HISTORY",
    "LATEST",
    "GRAPH",
    "DOCTOR",
    "USAGE",
    "SAMPLES",
    "STATS",
    "PURGE",
    "MALLOC-STATS",
    "VERSION",
    "AUTH",
    "default",
    "OBJECT",
    "DIGEST",
    "DIGEST-VALUE",
    "STRINGMATCH-LEN",
    "PROTOCOL",
    "LOG",
    "ERROR",
    "FLUSH",
    "everything",
    "commandstats",
    "maxmemory",
    "*max*",
    "get",
    "set",
    "bitcount",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "10",
    "15",
    "16",
    "100",
    "1023",
    "65536",
    "1048575",
    "1048576",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "536870911",
    "536870912",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "00",
    "+1",
    "-0",
    " 1",
    "1 ",
    "0x10",
    "1.5",
    "-1e308",
    "1e309",
    "inf",
    "-inf",
    "nan",
    "1e-400",
    "0.1",
    "1e17",
    "3.0e3",
    "179769313486231570000000000",
    "1e4932",
    "1e-4950",
    "5e-324",
];

const PATTERNS: &[&str] =
    &["*", "k?", "[a-z]*", "[^k]*", "*a*b*c*d*e*f*", "\\", "[", "[z-a", "k[0-", "****?"];

/// Commands that make keys of every type, and some that do what chance alone hardly ever does. `K` is a key of the type
/// that the letter before it stands for, `N` a number, `V` any argument, `C` a command with its arguments.
const TEMPLATES: &[&str] = &[
    "SET sK V",
    "SET sK V PX N",
    "SETRANGE sK 100 V",
    "SETBIT sK 12345 1",
    "BITFIELD sK SET u8 0 N INCRBY i16 3 N",
    "RPUSH lK V V V V",
    "LMOVE lK lK LEFT RIGHT",
    "BLPOP lK lK 0.01",
    "BLMOVE lK lK LEFT LEFT 0.01",
    "HSET hK V V V V",
    "HSETEX hK PX 20 FIELDS 1 V V",
    "HPEXPIRE hK 15 FIELDS 2 a b",
    "SADD SK V V V 1 2 3",
    "SUNIONSTORE SK SK SK",
    "ZADD zK N V N V N V",
    "ZRANGESTORE zK zK 0 -1",
    "ZUNIONSTORE zK 2 zK SK WEIGHTS 2 N",
    "BZMPOP 0.01 2 zK zK MIN COUNT 3",
    "GEOADD zK 13.4 52.5 V 2.3 48.8 V",
    "GEOSEARCHSTORE zK zK FROMLONLAT 2 48 BYRADIUS 3000 km",
    "XADD xK * V V V V",
    "XADD xK MAXLEN ~ 10 * a V",
    "XGROUP CREATE xK g 0 MKSTREAM",
    "XREADGROUP GROUP g c COUNT 3 STREAMS xK >",
    "XREAD BLOCK 5 STREAMS xK $",
    "XAUTOCLAIM xK g d 0 0 COUNT 2",
    "PFADD pK V V V V",
    "PFMERGE pK pK pK",
    "BF.ADD bK V",
    "CF.ADD cK V",
    "CMS.INITBYDIM mK 100 4",
    "CMS.INCRBY mK V N",
    "TOPK.RESERVE tK 5",
    "TOPK.ADD tK V V",
    "TDIGEST.CREATE dK",
    "TDIGEST.ADD dK N N N",
    "SORT lK BY w* GET # STORE lK",
    "COPY sK sK DB 1 REPLACE",
    "RENAME lK lK",
    "PEXPIRE sK 10",
    "MIGRATE 127.0.0.1 1 sK 0 20 COPY",
    "WAIT 1 5",
    "WATCH sK lK hK",
    "MULTI",
    "MULTI",
    "EXEC",
    "EXEC",
    "DISCARD",
    "SUBSCRIBE V V",
    "PSUBSCRIBE k* V",
    "SSUBSCRIBE V",
    "UNSUBSCRIBE",
    "PUBLISH V V",
    "SPUBLISH V V",
    "MONITOR",
    "CLIENT TRACKING ON",
    "CLIENT TRACKING ON BCAST PREFIX k PREFIX s",
    "CLIENT TRACKING OFF",
    "HELLO 3",
    "RESET",
    "CONFIG SET notify-keyspace-events KEA",
    "CONFIG SET notify-keyspace-events \"\"",
    "CONFIG SET hash-max-listpack-entries N",
    "CONFIG SET list-max-listpack-size N",
    "CONFIG SET set-max-intset-entries N",
    "CONFIG SET zset-max-listpack-entries N",
    "CONFIG SET slowlog-log-slower-than 0",
    "CONFIG SET latency-monitor-threshold 1",
    "CONFIG SET tracking-table-max-keys 5",
    "CONFIG SET maxmemory-clients 20mb",
    "EVAL return(redis.call(unpack(ARGV))) 1 sK C",
    "EVAL return(redis.pcall(unpack(ARGV))) 0 C",
    "EVAL return{KEYS[1],ARGV[1],{ok='x'},3.5,false} 1 sK V",
    "EVAL_RO return(redis.call('GET',KEYS[1])) 1 sK",
    "EVAL P 0",
    "EVAL P 2 sK lK C",
    "EVAL_RO P 1 hK V",
    "SCRIPT LOAD P",
    "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
    "FUNCTION LOAD REPLACE F",
    "FUNCTION LOAD F",
    "FUNCTION DELETE lib1",
    "FUNCTION LIST LIBRARYNAME l* WITHCODE",
    "FUNCTION RESTORE V REPLACE",
    "FCALL f0 2 sK lK C",
    "FCALL f1 1 hK V",
    "FCALL_RO f2 0",
    "SCRIPT FLUSH",
    "SCRIPT LOAD return(1)",
    "FUNCTION FLUSH",
    "FUNCTION DUMP",
    "FCALL f 1 sK V",
    "ACL SETUSER u1 on nopass ~s* +@all -debug &*",
    "ACL SETUSER u2 on >p %R~* +@read (~l* +@list)",
    "ACL DELUSER u1 u2",
    "AUTH u1 x",
    "ACL DRYRUN u1 C",
];

/// What scripts are made of. None of it runs for long: what has written can't be killed.
const STATEMENTS: &[&str] = &[
    "for i = 1, 20000 do end",
    "local t = {} for i = 1, 5000 do t[i] = {i, tostring(i)} end KEYS = KEYS or t",
    "redis.call(unpack(ARGV or {'ping'}))",
    "redis.pcall(unpack(ARGV or {'ping'}))",
    "redis.pcall('set', 's0', string.rep('x', 3000))",
    "redis.pcall('lpush', 'l1', 'a', 1, 2.5)",
    "redis.pcall('del', 'k1', 'h1', 'z1')",
    "redis.setresp(3) local r = redis.pcall('hgetall', 'h0') redis.setresp(2)",
    "pcall(function() error({err = 'MINE', deep = {}}) end)",
    "local ok, e = pcall(cjson.decode, '[1,{\"a\":[null,1e400]}') if ok then return e end",
    "local x = cmsgpack.pack({1, {a = 2}, 'x', -1.5}) cmsgpack.unpack(x .. x)",
    "pcall(cmsgpack.unpack, redis.sha1hex('x'))",
    "struct.unpack('<I4s', struct.pack('<I4s', 7, 'text'))",
    "local s = string.rep('ab', 3000) s:gsub('a(b*)', '%1%0') s:find('(a*(.)%w(%s*))', 20)",
    "string.format('%5.2f %q %s', 1, 'x', nil or 'y')",
    "coroutine.wrap(function() coroutine.yield(1) end)()",
    "table.sort({3, 1, 2}, function(a, b) return a < b end)",
    "redis.acl_check_cmd('set', 'k', 1)",
    "redis.log(redis.LOG_DEBUG, 'x')",
    "error('stop')",
    "return {1, {2, false, 'x', {ok = 'fine'}}, {err = 'ERR x'}, nil, 4}",
    "return {map = {a = 1}, set = {b = true}}",
    "return redis.pcall('zrange', 'z0', 0, -1, 'withscores')",
    "return cjson.encode({a = {1, 2, {b = false}}, n = 1e300})",
    "x = 1",
    "return _G",
];

/// What ends the server, makes it wait or shuts everybody out when it is asked to, or asks others for an address.
const LEFT_OUT: &[&str] = &[
    // Within MULTI it ends EXEC's reply early, as in Redis, and nobody knows where.
    "client|reply",
    "shutdown",
    "migrate",
    // What comes behind them is no reply; `follow_again_and_again` sends them.
    "sync",
    "psync",
    "client|pause",
    "config|set",
    "config|rewrite",
    "acl|setuser",
    "acl|load",
    "acl|save",
];

fn filled(random: &mut Random, names: &[Vec<Vec<u8>>], template: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for word in template.split(' ') {
        match word {
            "\"\"" => words.push(Vec::new()),
            "V" => words.push(argument(random)),
            "P" => words.push(script(random)),
            "F" => words.push(library(random)),
            "N" => words.push(random.pick(NUMBERS).into()),
            "C" => {
                let inner = random_words(random, names);
                words.extend(inner);
            }
            _ => match word.strip_suffix('K').filter(|kind| kind.len() == 1) {
                Some(kind) => words.push(format!("{kind}{}", random.below(4)).into_bytes()),
                None => words.push(word.as_bytes().to_vec()),
            },
        }
    }
    words
}

/// A script's text.
fn script(random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    if random.one_in(4) {
        text += random.pick(&[
            "#!lua\n",
            "#!lua flags=no-writes\n",
            "#!lua flags=allow-oom,no-cluster\n",
            "#!lua x\n",
        ]);
    }
    if random.one_in(40) {
        // Only before anything else: it must be killed.
        text += "while true do end ";
    }
    for _ in 0..random.below(5) {
        // `return` may only end a block.
        text += &format!("do {} end\n", random.pick(STATEMENTS));
    }
    let mut text = text.into_bytes();
    if random.one_in(10) && !text.is_empty() {
        let at = random.below(text.len());
        text[at] = random.next() as u8;
    }
    text
}

/// A library with two functions.
fn library(random: &mut Random) -> Vec<u8> {
    let (name, number) = (random.below(3), random.below(3));
    let header = format!("#!lua name=lib{name}\nredis.register_function('f{number}', function(KEYS, ARGV)\n");
    let next = format!(
        "end)\nredis.register_function{{function_name='f{}', callback=function(KEYS, ARGV)\n",
        number + 1
    );
    let script = |random: &mut Random| {
        let text = script(random);
        if text.starts_with(b"#!") { b"return 1 ".to_vec() } else { text }
    };
    [
        header.into_bytes(),
        script(random),
        next.into_bytes(),
        script(random),
        b"end, flags={'no-writes'}}".to_vec(),
    ]
    .concat()
}

/// The letter of the type of key that a command is most likely about.
fn kind_of(name: &[u8], random: &mut Random) -> u8 {
    match name {
        [b'h', ..] => b'h',
        [b'l' | b'r', ..] | [b'b', b'l' | b'r', ..] => b'l',
        [b'z', ..] | [b'b', b'z', ..] | [b'g', b'e', b'o', ..] => b'z',
        [b'x', ..] => b'x',
        [b'p', b'f', ..] => b'p',
        [b'b', b'f', b'.', ..] => b'b',
        [b'c', b'f', b'.', ..] => b'c',
        [b'c', b'm', b's', ..] => b'm',
        [b't', b'o', b'p', ..] => b't',
        [b't', b'd', ..] => b'd',
        [b's', ..] if random.one_in(2) => b'S',
        _ => *random.pick(&[&b's', &b's', &b's', &b'l', &b'h', &b'z', &b'S', &b'x']),
    }
}

fn argument(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0..=3 => format!("k{}", random.below(12)).into_bytes(),
        4..=6 => {
            vec![*random.pick(&[&b's', &b'l', &b'h', &b'S', &b'z', &b'x']), b'0' + random.below(4) as u8]
        }
        7 => format!("{{tag}}{}", random.below(4)).into_bytes(),
        8..=11 => random.pick(NUMBERS).into(),
        12 => (random.next() as i64 >> random.below(64)).to_string().into_bytes(),
        13..=15 => random.pick(WORDS).into(),
        16 => random.pick(PATTERNS).into(),
        17 => {
            let len = random.below(40);
            random.bytes(len)
        }
        18 => {
            let byte = random.next() as u8;
            vec![byte; random.below(30_000)]
        }
        _ => Vec::new(),
    }
}

/// A command that there is, mostly with a number of arguments that it may have.
fn random_words(random: &mut Random, names: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
    let mut words = names[random.below(names.len())].clone();
    let count = if random.one_in(50) { random.below(300) } else { random.below(7) };
    if words[0] == b"debug" && !random.one_in(10) {
        words.push(random.pick(WORDS).into());
    }
    if count > 0 && random.one_in(2) {
        let kind = kind_of(&words[0], random);
        words.push(vec![kind, b'0' + random.below(4) as u8]);
    }
    words.extend((0..count).map(|_| argument(random)));
    words
}

/// The commands that there are, but those that would end the run.
struct Known {
    /// The names of each: with its subcommand's if it has some.
    names: Vec<Vec<Vec<u8>>>,
    forms: Vec<syntax::Form>,
}

impl Known {
    fn of(served: &Served) -> Self {
        let commands = Commands::new(&[]);
        let names = command_names(served);
        let form = |name: &Vec<Vec<u8>>| {
            syntax::Form::new(name, commands.find_full(&name.join(&b'|')).expect("it has a name").spec)
        };
        Self { forms: names.iter().map(form).collect(), names }
    }
}

/// A request: of a known form, as its syntax says, or of any.
fn command(random: &mut Random, known: &Known) -> Vec<u8> {
    let Known { names, forms } = known;
    let words = match random.below(5) {
        0 | 1 => {
            let template = random.pick(TEMPLATES);
            filled(random, names, template)
        }
        2 | 3 => forms[random.below(forms.len())].request(random),
        _ => random_words(random, names),
    };
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    request(&words)
}

/// The names of all commands, each with its subcommand's if it has some, but those that would end the run.
fn command_names(served: &Served) -> Vec<Vec<Vec<u8>>> {
    let reply = served.unix().ask(&[b"COMMAND", b"LIST"]);
    let lines = reply.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let names = lines.filter(|line| line.first().is_some_and(u8::is_ascii_lowercase));
    let names = names.filter(|name| !LEFT_OUT.iter().any(|other| other.as_bytes() == *name));
    let names: Vec<_> =
        names.map(|name| name.split(|byte| *byte == b'|').map(<[u8]>::to_vec).collect()).collect();
    assert!(names.len() > 300, "{}", String::from_utf8_lossy(&reply));
    names
}

/// Reads replies up to the marker. `false`: the connection ended before.
fn read_to(peer: &mut Peer, marker: &[u8]) -> bool {
    let marker = bulk(marker);
    while let Some(reply) = peer.reply() {
        if reply == marker {
            return true;
        }
    }
    false
}

/// The server answers, if it is only that a script runs for long; who sent that is perhaps gone.
fn expect_answer(served: &Served) -> Peer {
    let mut peer = served.unix();
    loop {
        let reply = peer.ask(&[b"PING"]);
        if reply == b"+PONG\r\n" {
            return peer;
        }
        assert!(reply.starts_with(b"-BUSY "), "{}", String::from_utf8_lossy(&reply));
        for kind in [b"SCRIPT".as_slice(), b"FUNCTION"] {
            peer.ask(&[kind, b"KILL"]);
        }
    }
}

/// The server answers, and an empty one holds little.
fn expect_health(served: &Served, before: u64) {
    let mut peer = expect_answer(served);
    assert_eq!(peer.ask(&[b"FLUSHALL"]), b"+OK\r\n");
    for forget in [&[&b"SCRIPT"[..], b"FLUSH"], &[b"FUNCTION", b"FLUSH"], &[b"SLOWLOG", b"RESET"]] {
        peer.ask(forget);
    }
    let end = Instant::now() + Duration::from_secs(20);
    while served.resident_bytes() > before + (48 << 20) && Instant::now() < end {
        served.unix().ping();
    }
    let after = served.resident_bytes();
    assert!(after <= before + (48 << 20), "{before} bytes became {after}: something is never freed");
}

const OPTIONS: &[&str] = &[
    "--io-threads",
    "2",
    "--proto-max-bulk-len",
    "1mb",
    "--enable-debug-command",
    "yes",
    "--databases",
    "4",
    // A sketch may be as large as all memory; whatever looks at all data would take minutes.
    "--maxmemory",
    "256mb",
];

/// Some of the commands wait for ever: ends the waits of all who do, until it is told to stop.
fn free_the_waiting(served: &Served, stop: &AtomicBool) {
    let mut peer = served.unix();
    while !stop.load(Ordering::Relaxed) {
        peer.try_send(&request(&[b"CLIENT", b"LIST"]));
        let Some(list) = peer.reply() else {
            // Another client has had it killed.
            peer = served.unix();
            continue;
        };
        for kind in [b"SCRIPT".as_slice(), b"FUNCTION"] {
            peer.try_send(&request(&[kind, b"KILL"]));
            let _ = peer.reply();
        }
        let list = String::from_utf8_lossy(&list).into_owned();
        for line in list
            .lines()
            .filter(|line| line.split(' ').any(|word| word.starts_with("flags=") && word.contains('b')))
        {
            let id = line.split([' ', '=']).nth(1).unwrap_or_default();
            peer.try_send(&request(&[b"CLIENT", b"UNBLOCK", id.as_bytes()]));
            let _ = peer.reply();
        }
    }
}

/// Replicas come, read something and go, until they are told to stop.
fn follow_again_and_again(served: &Served, stop: &AtomicBool) {
    let mut random = Random(1);
    while !stop.load(Ordering::Relaxed) {
        let mut stream = served.tcp_stream();
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket takes that");
        let hello: &[u8] =
            if random.one_in(2) { b"SYNC\r\n" } else { b"PSYNC ? -1\r\nREPLCONF ACK 9999\r\n" };
        // It may be killed at once.
        let _ = stream.write_all(hello);
        let mut bytes = [0; 4096];
        for _ in 0..random.below(200) {
            if !stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                break;
            }
        }
    }
}

#[test]
fn random_commands() {
    random_commands_with(&[]);
}

/// As above; and what was logged gives the same data again, however many commands of all families ran side by side.
#[test]
fn random_commands_and_their_log() {
    random_commands_with(&["--appendonly", "yes"]);
}

/// Loads the log anew and compares the data with what they were. They may differ where something expires just then.
fn expect_same_from_log(served: &Served) {
    let mut peer = served.unix();
    let digest = |peer: &mut Peer| peer.ask(&[b"DEBUG", b"DIGEST"]);
    for left in (0..5).rev() {
        let before = digest(&mut peer);
        let loaded = peer.ask(&[b"DEBUG", b"LOADAOF"]);
        assert_eq!(loaded, b"+OK\r\n", "{}", String::from_utf8_lossy(&loaded));
        let after = digest(&mut peer);
        if before == after {
            return;
        }
        assert!(left > 0, "the log gives other data than there were");
    }
}

fn random_commands_with(options: &[&str]) {
    let served = Served::start(&[OPTIONS, options].concat());
    let has_log = !options.is_empty();
    beside_who_frees_the_waiting(&served, || run_random_commands(&served, has_log));
}

/// Runs this while somebody ends the waits of all, and the scripts that have no end.
fn beside_who_frees_the_waiting(served: &Served, run: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| free_the_waiting(served, &stop));
        scope.spawn(|| follow_again_and_again(served, &stop));
        let finished = std::panic::catch_unwind(AssertUnwindSafe(run));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = finished {
            let mut peer = served.unix();
            peer.try_send(&request(&[b"CLIENT", b"LIST"]));
            eprintln!("{}", String::from_utf8_lossy(&peer.reply().unwrap_or_default()));
            std::panic::resume_unwind(panic);
        }
    });
}

fn run_random_commands(served: &Served, has_log: bool) {
    let known = Known::of(served);
    let before = served.resident_bytes();
    let mut random = Random::seeded();
    let connect = |index: usize| if index.is_multiple_of(2) { served.tcp() } else { served.unix() };
    let mut peers: Vec<Peer> = (0..6).map(connect).collect();
    let (start, mut requests, mut rounds) = (Instant::now(), 0, 0);
    while !time_is_up(start) {
        let marker = format!("the end {:x}", random.next()).into_bytes();
        for peer in &mut peers {
            let mut batch = Vec::new();
            for _ in 0..random.below(60) {
                batch.extend(command(&mut random, &known));
                requests += 1;
            }
            // Out of transactions and subscriptions, and another user's rights.
            batch.extend(request(&[b"RESET"]));
            batch.extend(request(&[b"CLIENT", b"REPLY", b"ON"]));
            batch.extend(request(&[b"ECHO", &marker]));
            peer.try_send(&batch); // QUIT or CLIENT KILL may have come first.
        }
        for (index, peer) in peers.iter_mut().enumerate() {
            if !read_to(peer, &marker) {
                *peer = connect(index);
            }
        }
        expect_answer(served);
        rounds += 1;
        if has_log && rounds % 50 == 0 {
            expect_same_from_log(served);
        }
    }
    println!("{requests} random requests");
    drop(peers);
    if has_log {
        expect_same_from_log(served);
        return;
    }
    expect_health(served, before);
}

/// Spoils valid bytes in one of many ways.
fn spoil(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len() + 1);
    match random.below(7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(..at)),
        2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        3 => {
            let len = random.below(20);
            bytes.splice(at..at, random.bytes(len));
        }
        4 => {
            let piece: &[u8] =
                random.pick(&[&b"\r\n"[..], b"*", b"$", b"\"", b"'", b"*3\r\n", b"$-1\r\n", b"\0", b"\\x4"]);
            bytes.splice(at..at, piece.iter().copied());
        }
        5 => {
            let number = random.pick(NUMBERS);
            let header = format!("{}{number}\r\n", random.pick(&["*", "$"]));
            bytes.splice(at..at, header.into_bytes());
        }
        _ => {}
    }
}

#[test]
fn random_bytes() {
    let served = Served::start(OPTIONS);
    // A script goes on when its client has gone.
    beside_who_frees_the_waiting(&served, || send_random_bytes(&served));
}

fn send_random_bytes(served: &Served) {
    let known = Known::of(served);
    let before = served.resident_bytes();
    let mut random = Random::seeded();
    let (start, mut connections) = (Instant::now(), 0);
    while !time_is_up(start) {
        let mut bytes = Vec::new();
        if random.one_in(4) {
            let len = random.below(3000);
            bytes = random.bytes(len);
        } else {
            for _ in 0..1 + random.below(10) {
                bytes.extend(command(&mut random, &known));
            }
            // With a limit of a few bytes nobody could stay connected.
            let limits_clients = bytes.windows(17).any(|word| word == b"maxmemory-clients");
            for _ in 0..if limits_clients { 0 } else { random.below(4) } {
                spoil(&mut random, &mut bytes);
            }
        }
        let stream = served.tcp_stream();
        let mut peer = Peer::new(stream.try_clone().expect("descriptors suffice"));
        let cut = random.below(bytes.len() + 1);
        let _ = peer.try_send(&bytes[..cut]) && peer.try_send(&bytes[cut..]);
        connections += 1;
        // Half of them just go; the others wait for the end, which must come.
        if random.one_in(2) {
            let _ = stream.shutdown(Shutdown::Write); // It may be closed already.
            peer.read_to_end();
        }
        if connections % 50 == 0 {
            expect_answer(served);
        }
    }
    println!("{connections} connections with random bytes");
    expect_health(served, before);
}
