"""Values of every type and form: what one server dumps, the other one restores, to the same value.

The values are made by commands on both servers; DEBUG DIGEST-VALUE says whether two are the same.
"""
from compat.resp import encode

from .long_families import FILL_STREAM
from .pair import Finding


def texts(count, length=8):
    return [f"{n:0{length}}x" for n in range(count)]


def pushed(command, members, key="k"):
    """Commands of up to 500 members each."""
    members = list(members)
    return [[command, key, *members[at : at + 500]] for at in range(0, len(members), 500)]


def pairs(names, values):
    return [word for pair in zip(names, values) for word in pair]


def in_pieces(command, words, size=500):
    return [[command, "k", *words[at : at + size]] for at in range(0, len(words), size)]


def stream():
    entries = [["XADD", "k", f"{1000 + n // 3}-{n % 3 + 1}", "name", f"value {n}", *(["more", str(n)] if n % 7 == 0 else [])] for n in range(250)]
    return [
        *entries,
        ["XDEL", "k", "1001-1", "1002-2"],
        ["XGROUP", "CREATE", "k", "group", "0"],
        ["XGROUP", "CREATE", "k", "idle", "$"],
        ["XREADGROUP", "GROUP", "group", "one", "COUNT", "10", "STREAMS", "k", ">"],
        ["XREADGROUP", "GROUP", "group", "two", "COUNT", "5", "STREAMS", "k", ">"],
        ["XACK", "k", "group", "1000-1"],
    ]


def values():
    """Labels, each with the commands that make the key `k`."""
    for text in ("", "a", "0", "-1", "127", "128", "-32768", "32768", "2147483647", "-2147483649", "9223372036854775807", "01", "1.5"):
        yield f"string {text!r}", [["SET", "k", text]]
    for length in (20, 21, 44, 45, 100, 513, 20_000, 300_000):
        yield f"string of {length} equal bytes", [["SET", "k", "a" * length]]
        yield f"string of {length} different bytes", [["SET", "k", bytes(n * n % 251 for n in range(length))]]
    for count in (1, 5, 127, 128, 129, 511, 512, 513, 10_000, 100_000):
        yield f"list of {count}", pushed("RPUSH", texts(count))
        yield f"list of {count} numbers", pushed("RPUSH", map(str, range(-count, count * 1000, 1000)))
        yield f"set of {count} numbers", pushed("SADD", map(str, range(count)))
        yield f"set of {count} large numbers", pushed("SADD", (str(n << 40) for n in range(count)))
        yield f"set of {count}", pushed("SADD", texts(count))
        yield f"sorted set of {count}", in_pieces("ZADD", pairs((str(n * 0.25 - 3) for n in range(count)), texts(count)))
        yield f"hash of {count}", in_pieces("HSET", pairs(texts(count), map(str, range(count))))
    yield "list with a long element", [["RPUSH", "k", "a", "b" * 100_000, "c"]]
    yield "set with a long member", [["SADD", "k", "a", "b" * 65]]
    yield "sorted set with special scores", [["ZADD", "k", "inf", "a", "-inf", "b", "1e300", "c", "-0", "d", "3.3", "e"]]
    yield "sorted set with a long member", [["ZADD", "k", "1", "a", "2.5", "b" * 65]]
    yield "hash with a long value", [["HSET", "k", "a", "b" * 65, "c", "1"]]
    yield "bits", [["SETBIT", "k", "1000", "1"]]
    yield "HyperLogLog", [["PFADD", "k", *texts(100)]]
    yield "HyperLogLog, dense", [*pushed("PFADD", texts(5000))]
    yield "stream", stream()
    yield "stream of 100,000", [["EVAL", FILL_STREAM, "2", "k", "next", "100000"]]
    yield "stream without entries", [["XADD", "k", "5-5", "a", "b"], ["XDEL", "k", "5-5"]]


def run(pair, options, results, findings):
    left_out = set()
    for label, commands in values():
        label = f"dump: {label}"
        if options.only and not any(word in label for word in options.only):
            continue
        lacking = {words[0] for words in commands if pair.ours_lacks(words[0].encode())}
        left_out |= lacking
        found = list(check_there_and_back(pair, commands) if lacking else check(pair, commands))
        findings += found
        results.fail(label, "\n".join(map(str, found))) if found else results.ok(label)
    label = "dump: libraries of functions"
    if not options.only or any(word in label for word in options.only):
        found = list(check_libraries(pair))
        findings += found
        results.fail(label, "\n".join(map(str, found))) if found else results.ok(label)
    if left_out:
        print(f"differential: values only sent through and back, for want of {' '.join(sorted(left_out))}")


LIBRARIES = {
    "lib": "#!lua name=lib\nlocal text = '" + "x" * 5000 + "'\nredis.register_function{function_name='length', callback=function() return #text end, flags={'no-writes'}, description='how long'}",
    "other": "#!lua name=other\nredis.register_function('keys', function(keys, args) return {keys, args} end)",
}


def check_libraries(pair):
    """What one server's FUNCTION DUMP holds, each server restores."""
    pair.begin(2)
    sides = {"redis": pair.redis, "dunlin": pair.ours}
    for giver, side in sides.items():
        yield from make(side, [["FUNCTION", "FLUSH"], *(["FUNCTION", "LOAD", code] for code in LIBRARIES.values())])
        payload = ask(side, "FUNCTION", "DUMP").value
        for taker, other in sides.items():
            yield from make(other, [["FUNCTION", "FLUSH"], ["FUNCTION", "RESTORE", payload]])
            for words in (
                *(["FUNCTION", "LIST", "LIBRARYNAME", name, "WITHCODE"] for name in LIBRARIES),
                ["FCALL_RO", "length", "0"], ["FCALL", "keys", "1", "k", "v"],
            ):
                replies = [ask(one, *words).raw for one in (other, side)]
                if replies[0] != replies[1]:
                    yield Finding([b"FUNCTION"], replies[1], replies[0], f"from {giver} to {taker}: {' '.join(words[:3])}")
            # Which library it names first is by chance in Redis.
            again = ask(other, "FUNCTION", "RESTORE", payload).raw
            if not (again.startswith(b"-ERR Library ") and again.rstrip().endswith(b" already exists")):
                yield Finding([b"FUNCTION"], b"-ERR Library ... already exists", again, f"from {giver} to {taker}, again")
    for side in sides.values():
        yield from make(side, [["FUNCTION", "FLUSH"]])


def ask(side, *words):
    return side.ask("first", encode(*words))


def make(side, commands):
    for words in commands:
        reply = ask(side, *words)
        if reply.is_error:
            yield Finding([words[0].encode()], b"", reply.raw, "set-up step")


def check_there_and_back(pair, commands):
    """Redis' dump, restored and dumped by the server under test, is the same value for Redis."""
    pair.begin(2)
    yield from make(pair.redis, commands)
    expected = ask(pair.redis, "DEBUG", "DIGEST-VALUE", "k").raw
    restored = ask(pair.ours, "RESTORE", "k", 0, ask(pair.redis, "DUMP", "k").value)
    reloaded = ask(pair.ours, "DEBUG", "RELOAD")
    payload = ask(pair.ours, "DUMP", "k").text
    again = ask(pair.redis, "RESTORE", "again", 0, payload)
    said = ask(pair.redis, "DEBUG", "DIGEST-VALUE", "again").raw
    if said != expected:
        found = restored.raw + reloaded.raw + again.raw + said
        yield Finding([b"RESTORE"], expected, found, "another value after the way there and back")


def check(pair, commands):
    pair.begin(2)
    for side in (pair.redis, pair.ours):
        yield from make(side, commands)
    expected = ask(pair.redis, "DEBUG", "DIGEST-VALUE", "k").raw
    sides = {"redis": pair.redis, "dunlin": pair.ours}
    for giver, side in sides.items():
        payload = ask(side, "DUMP", "k").value
        for taker, other in sides.items():
            key = f"from {giver}"
            reply = ask(other, "RESTORE", key, 0, payload)
            said = ask(other, "DEBUG", "DIGEST-VALUE", key).raw
            if reply.is_error or said != expected:
                yield Finding([b"RESTORE"], expected, reply.raw + said, f"{taker} restores what {giver} dumped")
            if taker == "dunlin":
                encodings = [ask(other, "OBJECT", "ENCODING", name).raw for name in ("k", key)]
                if encodings[0] != encodings[1]:
                    yield Finding([b"OBJECT"], *encodings, f"another encoding when {giver} dumped it")
    if not ask(pair.ours, "DEBUG", "RELOAD").is_error:
        said = ask(pair.ours, "DEBUG", "DIGEST-VALUE", "k").raw
        if said != expected:
            yield Finding([b"DEBUG", b"RELOAD"], expected, said, "another value after a reload")
