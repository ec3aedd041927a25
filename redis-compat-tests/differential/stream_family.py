"""Random requests on streams. IDs are given, never made of the time; no reply of these tells how long ago something was,
but for XPENDING's, where the rule `pending` leaves that out.

Since 7.2 a consumer comes to be when it tries to read or claim, in 7.0 when it gets something: nothing here tells which
consumers there are.
"""
KEYS = ["s1", "s2", "text"]
GROUPS = ["g1", "g2", ""]
CONSUMERS = ["c1", "c2", "c\x00\xff"]
BAD_IDS = ["", "-", "+", "abc", "1-2-3", "-1", "18446744073709551616", "1-", "*", "1-*", "01-02", "(1", "$", ">"]
NAMES = ["f", "g", "name", "12", ""]
VALUES = ["", "v", "1", "-5", "4095", "100000", "9223372036854775807", "x" * 63, "y" * 64, "z" * 4096, "\x00\xff\r\n", "007"]
COUNTS = ["0", "1", "2", "5", "100", "-1", "abc", "9223372036854775808"]
NODE_ENTRIES = ["0", "1", "3", "100"]
NODE_BYTES = ["0", "60", "300", "4096"]


def some_id(rng):
    roll = rng.random()
    if roll < 0.04:
        return rng.choice(BAD_IDS)
    if roll < 0.06:
        return "18446744073709551615-18446744073709551615"
    if roll < 0.3:
        return str(rng.randint(0, 25))
    return f"{rng.randint(0, 25)}-{rng.randint(0, 3)}"


def bound(rng, extreme):
    roll = rng.random()
    if roll < 0.4:
        return extreme
    return ("(" if roll > 0.85 else "") + some_id(rng)


def new_id(rng):
    return f"{rng.randint(0, 25)}-*" if rng.random() < 0.85 else some_id(rng)


def threshold(rng):
    words = rng.choice([["MAXLEN", rng.choice(["0", "1", "3", "8", "20", "-1"])], ["MINID", some_id(rng)]])
    words.insert(1, rng.choice(["~", "=", ""]))
    words = [word for at, word in enumerate(words) if word or at != 1]
    if rng.random() < (0.4 if "~" in words else 0.05):
        words += ["LIMIT", rng.choice(["0", "1", "4", "10", "-1", "x"])]
    return words


def fields(rng):
    if rng.random() < 0.6:
        return ["f", rng.choice(VALUES), "g", rng.choice(VALUES)]
    return [word for _ in range(rng.randint(1, 3)) for word in (rng.choice(NAMES), rng.choice(VALUES))]


def sometimes(rng, words, chance=0.3):
    return words if rng.random() < chance else []


def streams(rng):
    name = rng.choice("""XADD XADD XADD XADD XADD XADD XADD XADD XADD XTRIM XDEL XDEL XRANGE XREVRANGE XLEN XREAD XREAD XSETID
        CREATE CREATE SETID DESTROY DELCONSUMER NEW NEW NEW NEW HISTORY NOACK XACK XACK XPENDING XPENDING SUMMARY XCLAIM XCLAIM
        XAUTOCLAIM XAUTOCLAIM INFO INFO DEL TYPE COPY RENAME CONFIG SET DIGEST""".split())
    key = rng.choice(KEYS[:2]) if rng.random() < 0.97 else KEYS[2]
    group = rng.choice(GROUPS[:1] * 6 + GROUPS)
    consumer = rng.choice(CONSUMERS)
    ids = [some_id(rng) for _ in range(rng.randint(1, 3))]
    count = sometimes(rng, ["COUNT", rng.choice(COUNTS)])
    if name == "XADD":
        return ["XADD", key, *sometimes(rng, ["NOMKSTREAM"], 0.1), *sometimes(rng, threshold(rng), 0.2), new_id(rng),
                *fields(rng), *sometimes(rng, ["odd"], 0.02)]
    return {
        "XTRIM": lambda: ["XTRIM", key, *threshold(rng), *sometimes(rng, threshold(rng), 0.05)],
        "XDEL": lambda: ["XDEL", key, *ids],
        "XRANGE": lambda: ["XRANGE", key, bound(rng, "-"), bound(rng, "+"), *count, *sometimes(rng, ["FOO"], 0.05)],
        "XREVRANGE": lambda: ["XREVRANGE", key, bound(rng, "+"), bound(rng, "-"), *count],
        "XLEN": lambda: ["XLEN", key],
        "XREAD": lambda: ["XREAD", *count, "STREAMS", *rng.choice([[key, some_id(rng)], ["s1", "s2", some_id(rng), some_id(rng)]])],
        "XSETID": lambda: ["XSETID", key, some_id(rng), *sometimes(rng, ["ENTRIESADDED", rng.choice(["0", "3", "50", "-1"])]),
                           *sometimes(rng, ["MAXDELETEDID", some_id(rng)])],
        "CREATE": lambda: ["XGROUP", "CREATE", key, group, rng.choice(["$", "0", some_id(rng)]), *sometimes(rng, ["MKSTREAM"], 0.7),
                           *sometimes(rng, ["ENTRIESREAD", rng.choice(["0", "3", "-1", "-2", "x"])])],
        "SETID": lambda: ["XGROUP", "SETID", key, group, rng.choice(["$", "0", some_id(rng)]),
                          *sometimes(rng, ["ENTRIESREAD", rng.choice(["0", "3", "-1", "-2", "x"])])],
        "DESTROY": lambda: ["XGROUP", "DESTROY", key, group] if rng.random() < 0.5 else ["XLEN", key],
        "DELCONSUMER": lambda: ["XGROUP", "DELCONSUMER", key, group, consumer],
        "NEW": lambda: ["XREADGROUP", "GROUP", group, consumer, *count, "STREAMS", key, ">"],
        "HISTORY": lambda: ["XREADGROUP", "GROUP", group, consumer, *count, "STREAMS", key, some_id(rng)],
        "NOACK": lambda: ["XREADGROUP", "GROUP", group, consumer, *count, "NOACK", "STREAMS", "s1", "s2", ">", ">"],
        "XACK": lambda: ["XACK", key, group, *ids],
        "XPENDING": lambda: ["XPENDING", key, group, *sometimes(rng, ["IDLE", rng.choice(["0", "10000000", "x"])]), bound(rng, "-"),
                             bound(rng, "+"), rng.choice(COUNTS), *sometimes(rng, [consumer])],
        "SUMMARY": lambda: ["XPENDING", key, group],
        "XCLAIM": lambda: ["XCLAIM", key, group, consumer, rng.choice(["0", "0", "0", "10000000", "-1", "x"]), *ids,
                           *sometimes(rng, ["FORCE"]), *sometimes(rng, ["JUSTID"]), *sometimes(rng, ["RETRYCOUNT", rng.choice(COUNTS)]),
                           *sometimes(rng, rng.choice([["IDLE", "5"], ["TIME", "1"], ["IDLE", "x"]]), 0.2),
                           *sometimes(rng, ["LASTID", some_id(rng)], 0.1), *sometimes(rng, ["FOO"], 0.02)],
        "XAUTOCLAIM": lambda: ["XAUTOCLAIM", key, group, consumer, rng.choice(["0", "0", "0", "10000000", "x"]), bound(rng, "-"),
                               *count, *sometimes(rng, ["JUSTID"])],
        "INFO": lambda: ["XINFO", "STREAM", key],
        "DEL": lambda: ["DEL", key] if rng.random() < 0.2 else ["XLEN", key],
        "TYPE": lambda: rng.choice([["TYPE", key], ["OBJECT", "ENCODING", key], ["EXISTS", key]]),
        "COPY": lambda: ["COPY", "s1", "s2", *sometimes(rng, ["REPLACE"])],
        "RENAME": lambda: rng.choice([["RENAME", "s2", "s1"], ["XLEN", "s2"], ["XLEN", "s1"]]),
        "CONFIG": lambda: ["CONFIG", "SET", *rng.choice([["stream-node-max-entries", rng.choice(NODE_ENTRIES)],
                                                         ["stream-node-max-bytes", rng.choice(NODE_BYTES)]])],
        "SET": lambda: ["SET", "text", "x"],
        "DIGEST": lambda: ["DEBUG", "DIGEST-VALUE", key],
    }[name]()
