//! DUMP and RESTORE: a value as bytes in Redis' own format, and back.
//!
//! RESTORE is logged with the time to live counted from 1970 and with REPLACE, so that it gives the same value again
//! whatever is there then.

use crate::command::key::{as_del, deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_storage::rdb::payload::{self, Refused};
use dunlin_storage::rdb::{self, entry};
use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "dump",
        arity: 2,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "2.6.0",
        summary: "Returns a serialized representation of the value stored at a key.",
        complexity: "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects \
                     composing the value and M their average size. For small string values the time complexity is thus \
                     O(1)+O(1*M) where M is small, so simply O(1).",
        syntax: "key",
        tips: &["nondeterministic_output"],
        run: Run::OnKeys(dump),
        ..CommandSpec::BLANK
    },
    RESTORE,
    CommandSpec {
        name: "restore-asking",
        flags: WRITE.and(DENYOOM).and(ASKING),
        since: "3.0.0",
        summary: "RESTORE as a node of a cluster sends it to another one.",
        group: "server",
        complexity: "As RESTORE",
        ..RESTORE
    },
];

const RESTORE: CommandSpec = CommandSpec {
    name: "restore",
    arity: -4,
    flags: WRITE.and(DENYOOM),
    since: "2.6.0",
    summary: "Creates a key from the serialized representation of a value.",
    keys: &[KeySpec::one(1, key::OW.and(key::UPDATE))],
    acl: acl::KEYSPACE.and(acl::DANGEROUS),
    group: "generic",
    complexity: "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number \
                 of Redis objects composing the value and M their average size. For small string values the time complexity \
                 is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is \
                 O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
    syntax: "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
    history: &[
        ("3.0.0", "Added the `REPLACE` modifier."),
        ("5.0.0", "Added the `ABSTTL` modifier."),
        ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
    ],
    run: Run::OnKeys(restore),
    ..CommandSpec::BLANK
};

fn dump(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let compresses = cx.server.settings.snapshot().rdb_compression();
    let payload = cx.keys.read(args.at(1)).map(|entry| entry::dump(&entry, compresses));
    match payload {
        Some(Some(payload)) => cx.reply.bulk(&payload),
        Some(None) => return Err(CommandError::text("this type of value has no serialized form")),
        None => cx.reply.null(),
    }
    Ok(())
}

#[derive(Default)]
struct Options {
    replaces: bool,
    is_absolute: bool,
    idle_s: Option<i64>,
    frequency: Option<i64>,
}

impl Options {
    fn parse(args: &mut Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        while args.remaining() > 0 {
            if args.accept("REPLACE") {
                options.replaces = true;
            } else if args.accept("ABSTTL") {
                options.is_absolute = true;
            } else if args.remaining() > 1 && options.frequency.is_none() && args.accept("IDLETIME") {
                let idle_s = args.integer()?;
                if idle_s < 0 {
                    return Err(CommandError::text("Invalid IDLETIME value, must be >= 0"));
                }
                options.idle_s = Some(idle_s);
            } else if args.remaining() > 1 && options.idle_s.is_none() && args.accept("FREQ") {
                let frequency = args.integer()?;
                if !(0..=255).contains(&frequency) {
                    return Err(CommandError::text("Invalid FREQ value, must be >= 0 and <= 255"));
                }
                options.frequency = Some(frequency);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

fn restore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (key, payload) = (args.at(1), args.at(3));
    args.seek(4);
    let options = Options::parse(args)?;
    if !options.replaces && cx.keys.write(key).exists() {
        return Err(CommandError::Coded(Cow::Borrowed("BUSYKEY Target key name already exists.")));
    }
    let ttl = args.integer_at(2)?;
    if ttl < 0 {
        return Err(CommandError::text("Invalid TTL value, must be >= 0"));
    }
    let expire_at = match (ttl, options.is_absolute) {
        (0, _) => None,
        (_, true) => Some(ttl),
        (_, false) => Some(cx.now().saturating_add(ttl)),
    };
    let forms = cx.server.thresholds.forms();
    let resealed = match cx.server.hot.skip_checksums.load(Relaxed) {
        true => payload::reseal(payload),
        false => None,
    };
    let payload = resealed.as_deref().unwrap_or(payload);
    let mut entry = entry::restore(key, payload, expire_at, &forms).map_err(|refused| match refused {
        Refused::Unsealed => CommandError::text("DUMP payload version or checksum are wrong"),
        Refused::Damaged(damaged) => {
            let form = rdb::form_name(payload.first().copied().unwrap_or_default());
            tracing::warn!("RESTORE refused a value. {form} integrity check failed: {damaged}");
            CommandError::text("Bad data format")
        }
    })?;
    if expire_at.is_some_and(|at| at <= cx.now()) {
        cx.keys.write(key).discard(deletion("del", &as_del(key)));
        cx.reply.ok();
        return Ok(());
    }
    // Of the two what the policy goes by counts, as in Redis.
    let clock = cx.keys.access.clock;
    entry.set_clock(match (options.frequency, options.idle_s) {
        (Some(count), _) if clock.counts_uses() => clock.with_uses(count as u8),
        (_, Some(idle_s)) if !clock.counts_uses() => clock.idle_for(idle_s as u32),
        _ => clock.initial(),
    });
    let effect = |effect: &mut EffectWriter| {
        effect.arg(b"RESTORE").arg(key).integer(expire_at.unwrap_or(0)).arg(payload);
        effect.arg(b"REPLACE").arg(b"ABSTTL");
    };
    cx.keys.event(EventClass::New, "new", key);
    cx.keys.write(key).place_anew(entry, Change::composed(EventClass::Generic, "restore", &effect));
    cx.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{TestClient, check};

    /// What a bulk reply holds.
    fn bulk(reply: &[u8]) -> &[u8] {
        let start = reply.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
        &reply[start..reply.len() - 2]
    }

    fn dumped(client: &mut TestClient, key: &[u8]) -> Vec<u8> {
        bulk(&client.run(&[b"DUMP", key]).expect("it is answered")).to_vec()
    }

    fn restore(client: &mut TestClient, words: &[&[u8]]) -> String {
        let reply = client.run(&[&[&b"RESTORE"[..]], words].concat()).expect("it is answered");
        String::from_utf8_lossy(&reply).trim_end().to_owned()
    }

    #[test]
    fn a_string_comes_back() {
        let mut client = TestClient::new();
        client.say("SET a hello");
        let payload = dumped(&mut client, b"a");
        // As Redis 7.0 answers it.
        assert_eq!(payload, b"\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a".as_slice());
        assert_eq!(restore(&mut client, &[b"a", b"0", &payload]), "-BUSYKEY Target key name already exists.");
        assert_eq!(restore(&mut client, &[b"b", b"0", &payload]), "+OK");
        assert_eq!(client.say("GET b"), "$5\r\nhello\r\n");
        assert_eq!(client.say("DUMP nosuch"), "$-1\r\n");
    }

    #[test]
    fn long_strings_are_compressed_unless_the_operator_says_no() {
        let mut client = TestClient::configured("enable-debug-command yes");
        client.say(&format!("SET a {}", "x".repeat(1000)));
        client.say(&format!("RPUSH l {0} {0}", "y".repeat(100)));
        for (setting, at_most) in [("yes", 50), ("no", 2000), ("yes", 50)] {
            assert_eq!(client.say(&format!("CONFIG SET rdbcompression {setting}")), "+OK\r\n");
            for key in ["a", "l"] {
                let payload = dumped(&mut client, key.as_bytes());
                assert!((at_most / 10..at_most).contains(&payload.len()), "{setting}: {}", payload.len());
                assert_eq!(restore(&mut client, &[b"b", b"0", &payload, b"REPLACE"]), "+OK");
                let digests = client.say(&format!("DEBUG DIGEST-VALUE {key} b"));
                let digests: Vec<_> = digests.lines().skip(1).collect();
                assert_eq!(digests[0], digests[1]);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        check(&[
            ("RESTORE k 0 x NOSUCH", "-ERR syntax error"),
            ("RESTORE k 0 x IDLETIME", "-ERR syntax error"),
            ("RESTORE k 0 x IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0"),
            ("RESTORE k 0 x FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
            ("RESTORE k 0 x FREQ 1 IDLETIME 1", "-ERR syntax error"),
            ("RESTORE k -1 x", "-ERR Invalid TTL value, must be >= 0"),
            ("RESTORE k a x", "-ERR value is not an integer or out of range"),
            ("RESTORE k 0 x", "-ERR DUMP payload version or checksum are wrong"),
        ]);
        let mut client = TestClient::new();
        client.say("SET a hello");
        let mut payload = dumped(&mut client, b"a");
        payload[3] ^= 1;
        let reply = restore(&mut client, &[b"b", b"0", &payload]);
        assert_eq!(reply, "-ERR DUMP payload version or checksum are wrong");
    }

    #[test]
    fn times_are_logged_from_1970() {
        let mut client = TestClient::new();
        client.say("SET a hello");
        let payload = dumped(&mut client, b"a");
        client.effects();
        client.events();
        assert_eq!(restore(&mut client, &[b"a", b"1000", &payload, b"REPLACE", b"IDLETIME", b"77"]), "+OK");
        let effect = client.effects().join("; ");
        assert!(effect.starts_with("0: RESTORE a 1700000001000 "), "{effect}");
        assert!(effect.ends_with(" REPLACE ABSTTL"), "{effect}");
        assert_eq!(client.events(), ["0: new a", "0: restore a"]);
        assert_eq!(client.say("PTTL a"), ":1000\r\n");
        assert_eq!(client.say("OBJECT IDLETIME a"), ":77\r\n");
        assert_eq!(restore(&mut client, &[b"a", b"1000", &payload, b"REPLACE", b"ABSTTL"]), "+OK");
        assert_eq!(client.effects(), ["0: DEL a"]);
        assert_eq!(client.events(), ["0: del a"]);
        assert_eq!(client.say("EXISTS a"), ":0\r\n");
    }
}
