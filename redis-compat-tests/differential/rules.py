"""How two replies to the same request are compared: byte for byte, unless a rule here says otherwise.

A rule gives None when the replies agree, else a sentence. Rules exist for what depends on the time, on chance or
on the process (addresses, ids, memory), and compare everything else about such replies: kind, names, shape.
"""
import re

from .declared_differences import CLIENT_FIELDS_SINCE_7_2

SEVENTEEN_DIGITS = re.compile(rb"-?\d+\.\d+")
FIELD = re.compile(rb"([A-Za-z0-9_.:-]+)=")


def exact(redis, ours):
    return None if redis.raw == ours.raw or shortest(redis, ours) else "bytes differ"


def shortest(redis, ours):
    """Whether all that differs is how scores are written: 7.0 gives 17 digits, 7.2 no more than tell the number."""
    if redis.kind != ours.kind or len(redis.items) != len(ours.items):
        return False
    if redis.items:
        return all(map(shortest, redis.items, ours.items))
    return redis.raw == ours.raw or bool(
        SEVENTEEN_DIGITS.fullmatch(redis.text)
        and len(redis.text.strip(b"-.")) > 16
        and len(ours.text) < len(redis.text)
        and ours.text.decode("latin-1") == repr(float(redis.text))
    )


def kind(redis, ours):
    """Same type of reply; both null or neither; errors with the same first word."""
    if redis.kind != ours.kind or redis.is_null != ours.is_null:
        return "another kind of reply"
    if redis.is_error and redis.text.split(b" ")[0] != ours.text.split(b" ")[0]:
        return "another error"
    return None


def shape(redis, ours):
    """Same kinds and lengths all the way down; integers, lines and bulks may differ in content."""
    wrong = kind(redis, ours)
    if wrong or len(redis.items) != len(ours.items):
        return wrong or "another length"
    return next((w for w in map(shape, redis.items, ours.items) if w), None)


def near(tolerance):
    """Integers of the same sign at most so far apart (in the reply's own unit)."""

    def compare(redis, ours):
        if redis.raw == ours.raw:
            return None
        if redis.kind != b":" or ours.kind != b":":
            return "bytes differ"
        a, b = int(redis.text), int(ours.text)
        if (a < 0) != (b < 0) or abs(a - b) > tolerance:
            return f"more than {tolerance} apart"
        return None

    return compare


def unordered(redis, ours):
    """The same elements in any order."""
    if redis.kind != ours.kind:
        return "another kind of reply"
    if sorted(r.raw for r in redis.items) != sorted(r.raw for r in ours.items):
        return "other elements"
    return None


def unordered_deep(redis, ours):
    """As unordered, but what is inside the elements may be in any order too."""
    if canonical(redis) != canonical(ours):
        return "other content"
    return None


def pairs_unordered(redis, ours):
    """The same pairs in any order, flat or as a map: a large hash has its server's own order."""
    if redis.kind != ours.kind or len(redis.items) != len(ours.items):
        return "another kind or length"
    theirs, mine = ([r.raw for r in reply.items] for reply in (redis, ours))
    if not theirs:
        return exact(redis, ours)
    return None if sorted(zip(theirs[::2], theirs[1::2])) == sorted(zip(mine[::2], mine[1::2])) else "other pairs"


def elements_unordered(redis, ours):
    """As unordered, but errors must be the same."""
    return unordered(redis, ours) or (None if redis.items else exact(redis, ours))


def canonical(reply):
    if reply.kind == b"%":
        return (reply.kind, sorted((canonical(reply.items[i]), canonical(reply.items[i + 1]))
                                   for i in range(0, len(reply.items), 2)))
    if isinstance(reply.value, list):
        return (reply.kind, sorted(map(canonical, reply.items), key=repr))
    return (reply.kind, reply.text if reply.value is not None else None)


def names(redis, ours):
    """A map (or flat list of pairs) with the same names; values are compared by kind."""
    if redis.kind != ours.kind:
        return "another kind of reply"
    theirs, mine = dict(redis.pairs()), dict(ours.pairs())
    if set(theirs) != set(mine):
        return f"missing names {sorted(set(theirs) - set(mine))}, further names {sorted(set(mine) - set(theirs))}"
    wrong = [n for n in theirs if theirs[n].kind != mine[n].kind]
    return f"other kinds of value: {wrong}" if wrong else None


def fields(redis, ours):
    """Text of `name=value` words on lines, as CLIENT LIST's: the same names in the same order, line by line."""
    wrong = kind(redis, ours)
    if wrong or redis.is_error:
        return wrong
    theirs = [FIELD.findall(line) for line in redis.text.splitlines()]
    mine = [[f for f in FIELD.findall(line) if f not in CLIENT_FIELDS_SINCE_7_2] for line in ours.text.splitlines()]
    return None if theirs == mine else f"fields {theirs} against {mine}"


def info_names(text):
    """INFO's text as {section: [field names]}."""
    sections, section = {}, None
    for line in text.decode(errors="replace").splitlines():
        if line.startswith("#"):
            section = line[1:].strip()
            sections[section] = []
        elif ":" in line and section is not None:
            sections[section].append(line.split(":")[0])
    return sections


def scan_elements(redis, ours):
    """A SCAN step: a cursor and a list; the suite's SCANALL does the real comparison."""
    return shape_of_scan(redis) or shape_of_scan(ours)


def shape_of_scan(reply):
    if len(reply.items) != 2 or reply.items[0].kind != b"$" or reply.items[1].kind != b"*":
        return f"not a cursor and a list: {reply.raw[:80]!r}"
    return None


def slowlog(redis, ours):
    """Entries with the same arguments and client names; ids, times and addresses differ."""
    if redis.kind != ours.kind or len(redis.items) != len(ours.items):
        return "another number of entries"
    for a, b in zip(redis.items, ours.items):
        if shape(a, b):
            return "another shape of entry"
        if a.items[3].raw != b.items[3].raw or a.items[5].raw != b.items[5].raw:
            return f"other arguments or name: {a.raw!r} against {b.raw!r}"
    return None


def counters(redis, ours):
    """INFO's commandstats and errorstats: the same names with the same counts, whatever their order and times."""
    wrong = kind(redis, ours)
    if wrong:
        return wrong
    theirs, mine = counts_of(redis.text), counts_of(ours.text)
    wrong = [f"{n}: redis {theirs.get(n)}, dunlin {mine.get(n)}" for n in theirs | mine if theirs.get(n) != mine.get(n)]
    return "; ".join(sorted(wrong)) or None


def counts_of(text):
    counts = {}
    for line in text.decode().splitlines():
        name, _, values = line.partition(":")
        if values:
            counts[name] = re.findall(r"(?:calls|count)=\d+", values)
    return counts


def pending(redis, ours):
    """XPENDING's entries: all but how long ago they were delivered."""
    if redis.kind != b"*" or ours.kind != b"*" or not all(len(entry.items) == 4 for entry in redis.items + ours.items):
        return exact(redis, ours)
    known = [[[entry.items[at].raw for at in (0, 1, 3)] for entry in reply.items] for reply in (redis, ours)]
    return None if known[0] == known[1] else "other entries"


def users(redis, ours):
    """What users are shown to be: 7.0 says `sanitize-payload` only of those of whom it was said, 7.2 of all."""
    def said(reply):
        if reply.items:
            return reply.kind, [said(item) for item in reply.items if item.text != b"sanitize-payload"]
        return reply.kind, reply.text.replace(b" sanitize-payload ", b" ")

    return None if said(redis) == said(ours) else "other users"


RULES = {
    "counters": counters,
    "exact": exact,
    "kind": kind,
    "shape": shape,
    "unordered": unordered,
    "unordered-deep": unordered_deep,
    "names": names,
    "fields": fields,
    "scan": scan_elements,
    "slowlog": slowlog,
    "pending": pending,
}
NEAR = re.compile(r"near (\d+)")
# What holds for a command unless the scenario says otherwise; the longest match wins. The tolerances are those of a
# machine that has other things to do; expiries that a scenario set to a point in time are compared exactly.
BY_COMMAND = {
    b"TTL": near(3),
    b"PTTL": near(3000),
    b"EXPIRETIME": near(3),
    b"PEXPIRETIME": near(3000),
    b"HGETALL": pairs_unordered,
    b"HKEYS": elements_unordered,
    b"HVALS": elements_unordered,
    b"HRANDFIELD": shape,
    b"RANDOMKEY": kind,
    b"KEYS": unordered,
    b"SCAN": scan_elements,
    b"ACL LIST": users,
    b"ACL GETUSER": users,
    b"SMEMBERS": unordered,
    b"SPOP": unordered,
    b"SRANDMEMBER": unordered,
    b"SINTER": unordered,
    b"SUNION": unordered,
    b"SDIFF": unordered,
    b"SSCAN": unordered_deep,
    b"TIME": shape,
    b"LASTSAVE": kind,
    b"LOLWUT": kind,
    b"HELLO": names,
    b"CLIENT ID": kind,
    b"CLIENT INFO": fields,
    b"CLIENT LIST": fields,
    b"OBJECT IDLETIME": near(2),
    b"MEMORY USAGE": kind,
    b"MEMORY STATS": kind,
    b"MEMORY DOCTOR": kind,
    b"DEBUG OBJECT": kind,
    b"SLOWLOG GET": slowlog,
    b"LATENCY HISTOGRAM": kind,
    b"COMMAND COUNT": kind,
    b"XPENDING": pending,
}


def rule_for(words, named=None):
    """The comparison for a request."""
    if named:
        found = NEAR.fullmatch(named)
        return near(int(found.group(1))) if found else RULES[named]
    first = words[0].upper() if words else b""
    second = first + b" " + words[1].upper() if len(words) > 1 else first
    return BY_COMMAND.get(second) or BY_COMMAND.get(first) or exact
