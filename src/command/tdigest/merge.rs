//! Digests of several digests: TDIGEST.MERGE.

use super::{MISSING, compression};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::number::parse_i64;
use dunlin_structures::tdigest::{Merger, Overflow, TDigest};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "tdigest.merge",
    arity: -4,
    flags: WRITE.and(DENYOOM),
    keys: &[KeySpec::one(1, key::RW.and(key::INSERT)), KeySpec::counted(2, key::RO.and(key::ACCESS))],
    acl: acl::TDIGEST,
    group: "module",
    since: "2.4.0",
    summary: "Merges t-digests into one that is there, or into a new one.",
    complexity: "O(N*K) with N being the number of centroids and K the number of t-digests",
    syntax: "destination numkeys source [source ...] [COMPRESSION compression] [OVERRIDE]",
    run: Run::OnKeys(merge),
    ..CommandSpec::BLANK
}];

/// What a request asks for.
struct Options {
    sources: usize,
    compression: Option<u64>,
    overrides: bool,
}

impl Options {
    /// Only where the number of sources is right are they locked. Behind them words are looked for in any place, and
    /// nothing else is minded once one is found: so it is in RedisBloom.
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        const ARITY: CommandError = CommandError::WrongArity("tdigest.merge");
        let count = parse_i64(args.at(2)).ok_or(CommandError::text("T-Digest: error parsing numkeys"))?;
        if count <= 0 {
            return Err(CommandError::text("T-Digest: numkeys needs to be a positive integer"));
        }
        let sources = usize::try_from(count).ok().filter(|count| *count <= args.len() - 3).ok_or(ARITY)?;
        let first = 3 + sources;
        let find = |word: &str| (first..args.len()).find(|index| args.is(*index, word));
        let compression = match find("compression") {
            Some(word) => Some(compression(args.get(word + 1).ok_or(ARITY)?)?),
            None => None,
        };
        let overrides = find("override").is_some();
        if first < args.len() && compression.is_none() && !overrides {
            return Err(CommandError::text("T-Digest: wrong keyword"));
        }
        Ok(Self { sources, compression, overrides })
    }
}

fn merge(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let options = Options::parse(args)?;
    let destination = args.at(1);
    let kept = {
        let found = cx.keys.read_module::<TDigest>(destination)?;
        found.filter(|_| !options.overrides).map(|digest| digest.compression())
    };
    // The highest of the sources, unless somebody asked for another or the destination has one.
    let mut highest = 0;
    for source in args.from(3).take(options.sources) {
        let digest = cx.keys.read_module::<TDigest>(source)?.ok_or(MISSING)?;
        highest = highest.max(digest.compression());
    }
    let merger = Merger::new(options.compression.or(kept).unwrap_or(highest));
    let mut merger = merger.ok_or(CommandError::text("T-Digest: allocation of destination digest failed"))?;
    let overflow = |_: Overflow| CommandError::text("T-Digest: overflow detected");
    let itself = kept.map(|_| destination);
    for source in itself.into_iter().chain(args.from(3).take(options.sources)) {
        if let Some(digest) = cx.keys.read_module::<TDigest>(source)? {
            merger.add(&digest).map_err(overflow)?;
        }
    }
    let digest = merger.finish().map_err(overflow)?;
    let entry = Entry::module(destination, digest);
    cx.keys.write(destination).put(entry, EventClass::Silent, "tdigest.merge");
    cx.reply.ok();
    Ok(())
}
