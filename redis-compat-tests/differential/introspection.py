"""Compares what the two servers say about themselves: INFO, CONFIG GET, COMMAND INFO, COMMAND DOCS, COMMAND GETKEYS.

These replies list everything a server has, so they are compared name by name, for the names this issue covers.
"""
from compat.resp import encode

from . import declared_differences as declared
from . import rules
from .pair import Finding

COMMANDS = """append decr decrby get getdel getex getrange getset incr incrby incrbyfloat lcs mget mset msetnx psetex
set setex setnx setrange strlen substr copy del exists expire expireat expiretime keys move object persist pexpire
pexpireat pexpiretime pttl randomkey rename renamenx scan touch ttl type unlink auth client command config dbsize debug
echo flushall flushdb hello info lastsave latency lolwut memory ping quit reset select slowlog swapdb time shutdown
bgrewriteaof save bgsave function lpush rpush lpushx rpushx lpop rpop llen lrange lindex lset linsert lrem ltrim lpos lmove
rpoplpush lmpop""".split()
# Containers of which a part only belongs to this issue; the others must have all of Redis' subcommands.
SUBCOMMANDS = {
    "client": "id info list kill setname getname reply pause unpause no-evict help".split(),
    "command": "count docs getkeys getkeysandflags info list help".split(),
    "config": "get set rewrite resetstat help".split(),
    "object": "encoding freq idletime refcount help".split(),
    "memory": "usage stats doctor purge help".split(),
    "latency": "doctor graph help histogram history latest reset".split(),
    "slowlog": "get help len reset".split(),
    "function": [],
}
SECTIONS = ["", "server", "clients", "memory", "persistence", "stats", "replication", "cpu", "commandstats",
            "latencystats", "errorstats", "cluster", "keyspace", "modules", "default", "all", "everything"]


def run(pair, options, results, findings, against_redis):
    del against_redis
    checks = {"INFO": info, "CONFIG GET": config, "COMMAND INFO": command_info, "COMMAND DOCS": command_docs,
              "arity": arity, "CONFIG SET to what it is": config_set}
    for protocol in (2, 3):
        for name, check in checks.items():
            label = f"introspection: {name} (RESP{protocol})"
            if options.only and not any(word in label for word in options.only):
                continue
            pair.begin(protocol)
            found = list(check(pair))
            for each in found:
                each.place = f"introspection, RESP{protocol}"
            findings += found
            shown = found if options.all_differences else found[:40]
            if results.check(label, not found, "\n".join(f"{f.words[-1].decode()}: {f.why}" for f in shown)):
                continue


def both(pair, *words):
    data = encode(*words)
    return pair.redis.ask("first", data), pair.ours.ask("first", data)


def finding(why, *words):
    return Finding([w.encode() if isinstance(w, str) else w for w in words], b"", b"", why)


def info(pair):
    """Every section and field name of Redis must be there, in its order; further ones are fine."""
    for words in (("SET", "k", "v"), ("SETEX", "e", "1000", "v"), ("GET", "k"), ("LPOP",)):
        both(pair, *words)
    for section in SECTIONS:
        words = ["INFO"] + [section] * bool(section)
        theirs, mine = both(pair, *words)
        if theirs.kind != mine.kind:
            yield finding(f"kind {mine.kind} instead of {theirs.kind}: {mine.raw[:80]!r}", *words, section)
            continue
        redis, ours = rules.info_names(theirs.text), rules.info_names(mine.text)
        for name in redis:
            label = f"{section or 'INFO'} # {name}"
            if name not in ours:
                if redis[name] and name not in declared.INFO_FIELDS_NOT_OURS:
                    yield finding("no such section", *words, label)
                continue
            excused = declared.INFO_FIELDS_NOT_OURS.get(name, {})
            volatile = name in ("Commandstats", "Latencystats", "Errorstats")
            expected = [] if volatile else [f for f in redis[name] if f not in excused]
            missing = [f for f in expected if f not in ours[name]]
            if missing:
                yield finding("fields missing: " + " ".join(missing), *words, label)
            elif [f for f in ours[name] if f in expected] != expected:
                yield finding("fields in another order", *words, label)


def config(pair):
    """Every name must be there with the same default, but for what is declared."""
    theirs, mine = both(pair, "CONFIG", "GET", "*")
    if theirs.kind != mine.kind:
        yield finding(f"kind {mine.kind} instead of {theirs.kind}", "CONFIG", "GET", "*")
        return
    redis, ours = dict(theirs.pairs()), dict(mine.pairs())
    own = {b"port", b"dir", b"unixsocket", b"bind", b"enable-debug-command", b"enable-protected-configs", b"save"}
    for name, value in sorted(redis.items()):
        text = name.decode()
        if name not in ours:
            if text not in declared.CONFIG_NAMES_NOT_OURS:
                yield finding("no such name", "CONFIG", "GET", text)
        elif ours[name].raw != value.raw and name not in own and text not in declared.CONFIG_DEFAULTS_OF_OUR_OWN:
            yield finding(f"redis {value.text!r}, dunlin {ours[name].text!r}", "CONFIG", "GET", text)


def config_set(pair):
    """Setting each name to the value that it has: the same are changeable, and the same errors come."""
    redis, ours = both(pair, "CONFIG", "GET", "*")
    theirs, mine = dict(redis.pairs()), dict(ours.pairs())
    for name in sorted(set(theirs) & set(mine)):
        said = []
        for side, values in ((pair.redis, theirs), (pair.ours, mine)):
            said.append(side.ask("first", encode("CONFIG", "SET", name, values[name].text)))
        words = [b"CONFIG", b"SET", name]
        if said[0].raw != said[1].raw and not declared.excused(words, said[0].raw, said[1].raw):
            yield finding(f"redis {said[0].raw!r}, dunlin {said[1].raw!r}", *words)


def arity(pair):
    """Every command and subcommand without arguments, and with more than any takes."""
    not_sent = {"shutdown", "quit", "save", "bgsave", "bgrewriteaof", "flushall", "reset"}
    names = [[name] for name in COMMANDS if name not in not_sent]
    names += [[container, sub] for container, subs in SUBCOMMANDS.items() for sub in subs if sub != "help"]
    for words in names:
        for arguments in ([], ["x"], ["x"] * 3, ["x"] * 14):
            request = [w.encode() for w in words + arguments]
            theirs, mine = both(pair, *request)
            if not theirs.is_error and not mine.is_error:
                continue  # What a good request answers is for the scenarios.
            if theirs.raw != mine.raw and not declared.excused(request, theirs.raw, mine.raw):
                yield finding(f"redis {theirs.raw[:200]!r}, dunlin {mine.raw[:200]!r}", b" ".join(request))


def command_info(pair):
    for name in COMMANDS:
        theirs, mine = both(pair, "COMMAND", "INFO", name)
        if not theirs.items or theirs.items[0].is_null:
            continue
        if not mine.items or mine.items[0].is_null:
            yield finding("missing", "COMMAND", "INFO", name)
            continue
        yield from entry_findings(theirs.items[0], mine.items[0], name)


ENTRY = ["name", "arity", "flags", "first key", "last key", "step", "ACL categories", "tips", "key specs", "subcommands"]


def entry_findings(theirs, mine, name):
    """One command's entry of COMMAND INFO; flags, categories, tips and key specs are sets."""
    if len(mine.items) != len(ENTRY):
        yield finding(f"{len(mine.items)} parts instead of {len(ENTRY)}", "COMMAND", "INFO", name)
        return
    for index, label in enumerate(ENTRY[:-1]):
        redis, ours = theirs.items[index], mine.items[index]
        if rules.canonical(redis) == rules.canonical(ours):
            continue
        if declared.excused([b"COMMAND", b"INFO", name.encode(), label.encode()], redis.raw, ours.raw):
            continue
        yield finding(f"{label}: redis {redis.raw!r}, dunlin {ours.raw!r}", "COMMAND", "INFO", name)
    subcommands = {entry.items[0].text.decode(): entry for entry in mine.items[-1].items if entry.items}
    container = name.split("|")[0]
    for entry in theirs.items[-1].items:
        full = entry.items[0].text.decode()
        if container in SUBCOMMANDS and full.split("|")[1] not in SUBCOMMANDS[container]:
            continue
        if full not in subcommands:
            yield finding("missing", "COMMAND", "INFO", full)
        else:
            yield from entry_findings(entry, subcommands[full], full)


def command_docs(pair):
    """Summary texts are our own; names, since, group, complexity and the arguments' tree must be there."""
    for name in COMMANDS:
        theirs, mine = both(pair, "COMMAND", "DOCS", name)
        redis, ours = dict(theirs.pairs()), dict(mine.pairs())
        if name.encode() not in redis:
            continue
        if name.encode() not in ours:
            yield finding("missing", "COMMAND", "DOCS", name)
            continue
        theirs, mine = dict(redis[name.encode()].pairs()), dict(ours[name.encode()].pairs())
        for part in (b"since", b"group", b"arguments"):
            if part not in theirs:
                continue
            if part not in mine:
                yield finding(f"no {part.decode()}", "COMMAND", "DOCS", name)
            elif part == b"arguments":
                redis_shape, our_shape = arguments(theirs[part]), arguments(mine[part])
                if redis_shape != our_shape and not declared.excused(
                        [b"COMMAND", b"DOCS", name.encode(), part], repr(redis_shape).encode(), repr(our_shape).encode()):
                    yield finding(f"arguments: redis {redis_shape}, dunlin {our_shape}", "COMMAND", "DOCS", name)
            elif theirs[part].raw != mine[part].raw:
                yield finding(f"{part.decode()}: redis {theirs[part].text!r}, dunlin {mine[part].text!r}",
                              "COMMAND", "DOCS", name)
        if b"summary" not in mine:
            yield finding("no summary", "COMMAND", "DOCS", name)


def arguments(reply):
    """The tree of arguments as (type, token, flags, inner), which is what redis-cli's hints are made of."""
    tree = []
    for argument in reply.items:
        parts = dict(argument.pairs())
        flags = sorted(f.text.decode() for f in parts[b"flags"].items) if b"flags" in parts else []
        inner = arguments(parts[b"arguments"]) if b"arguments" in parts else []
        token = parts[b"token"].text.decode() if b"token" in parts else ""
        tree.append((parts[b"type"].text.decode(), token, flags, inner))
    return tree
