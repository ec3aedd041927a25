"""Random requests by family, from small pools of keys, values and options, so that they meet each other.

Every family is a function of a random generator to one request. Nothing depends on the time: expiries are either
long past or far away, so both servers agree whatever the speed of the machine.
"""
from . import long_families, lua_family
from .stream_family import streams

KEYS = ["k1", "k2", "k3", "key:{tag}:1", "key:{tag}:2", "", "bin\x00\xff", "long" * 30]
INTEGERS = ["0", "1", "-1", "2", "10", "100", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
            "-9223372036854775809", "+1", "01", " 1", "1 ", "", "abc", "1.5", "4294967296", "-0", "0x10", "1e3"]
FLOATS = ["0", "1", "-1", "3.0e3", "0.1", "0.2", "1.5", "-2.25", "1e400", "nan", "inf", "-inf", "abc", "", " 1", "1 ",
          "0x10", "5.0e-2", "200", "17179869185", "1e17", "123456789.123456789", "99999999999999999999"]
VALUES = ["", "a", "hello", "10", "-5", "3.5", "x" * 43, "y" * 44, "z" * 45, "\x00\x01\xff", "12345678901234567890",
          "9223372036854775807", "Hello World", "a\r\nb", "w" * 600]
FAR_SECONDS = ["1000", "100000", "2147483648"]
FAR_MILLIS = ["1000000", "100000000"]
FAR_UNIX = ["4102444800", "5000000000"]
PAST_UNIX = ["1", "1000000000"]
BAD_TIMES = ["0", "-1", "-100", "9223372036854775807", "9223372036854775", "-9223372036854775808", "abc", "", "1.5"]
PATTERNS = ["*", "k*", "k?", "key:{tag}:*", "[k]*", "[^k]*", "*1", "\\*", "", "k[1-2]", "bin*", "*{*", "**", "k[3-1]"]
JUNK = ["FOO", "", "NX", "XX", "-1", "EX", "PERSIST"]


def to_bytes(words):
    return [w if isinstance(w, bytes) else w.encode("latin-1") for w in words]


def case(rng, word):
    """Names and options are case-insensitive, so they come in any case."""
    return rng.choice([word, word.lower(), word.capitalize(), word])


def key(rng):
    return rng.choice(KEYS)


def keys(rng, most=4):
    return [key(rng) for _ in range(rng.randint(1, most))]


def options(rng, choices, most=3):
    """Some of the choices, each a list of words or a function to one, in any order, now and then repeated or junk."""
    picked = []
    for _ in range(rng.choice([0, 0, 1, 1, 2, most])):
        choice = rng.choice(choices)
        choice = choice(rng) if callable(choice) else choice
        picked += [case(rng, choice[0]), *choice[1:]]
    if rng.random() < 0.03:
        picked.insert(rng.randrange(len(picked) + 1), rng.choice(JUNK))
    return picked


def sometimes_broken(rng, words):
    """Now and then an argument too many or too few."""
    roll = rng.random()
    if roll < 0.02 and len(words) > 1:
        return words[:-1]
    if roll < 0.04:
        return words + [rng.choice(JUNK)]
    return words


def expiry_options(rng):
    return rng.choice([
        ["EX", rng.choice(FAR_SECONDS)], ["PX", rng.choice(FAR_MILLIS)], ["EXAT", rng.choice(FAR_UNIX + PAST_UNIX)],
        ["PXAT", rng.choice(FAR_UNIX) + "000"], ["EX", rng.choice(BAD_TIMES)], ["PX", rng.choice(BAD_TIMES)],
    ])


def strings(rng):
    name = rng.choice("""SET SET SET GET GET APPEND DECR DECRBY GETDEL GETEX GETRANGE GETSET INCR INCRBY INCRBYFLOAT LCS
        MGET MSET MSETNX PSETEX SETEX SETNX SETRANGE STRLEN SUBSTR DEL TYPE ENCODING TTL""".split())
    value = rng.choice(VALUES)
    if name == "SET":
        words = ["SET", key(rng), value, *options(rng, [["NX"], ["XX"], ["GET"], ["KEEPTTL"], expiry_options])]
    elif name in ("GET", "DECR", "INCR", "GETDEL", "STRLEN", "TYPE", "TTL"):
        words = [name, key(rng)]
    elif name == "ENCODING":
        words = ["OBJECT", "ENCODING", key(rng)]
    elif name in ("APPEND", "GETSET", "SETNX"):
        words = [name, key(rng), value]
    elif name in ("DECRBY", "INCRBY"):
        words = [name, key(rng), rng.choice(INTEGERS)]
    elif name == "INCRBYFLOAT":
        words = [name, key(rng), rng.choice(FLOATS)]
    elif name == "GETEX":
        words = [name, key(rng), *options(rng, [["PERSIST"], expiry_options], most=2)]
    elif name in ("GETRANGE", "SUBSTR"):
        words = [name, key(rng), rng.choice(INTEGERS), rng.choice(INTEGERS)]
    elif name == "SETRANGE":
        words = [name, key(rng), rng.choice(["0", "1", "5", "50", "-1", "536870912", "abc"]), value]
    elif name == "LCS":
        words = [name, key(rng), key(rng),
                 *options(rng, [["LEN"], ["IDX"], ["WITHMATCHLEN"], ["MINMATCHLEN", rng.choice(["0", "2", "-1", "x"])]])]
    elif name in ("MGET", "DEL"):
        words = [name, *keys(rng)]
    elif name in ("MSET", "MSETNX"):
        words = [name] + [w for k in keys(rng, 3) for w in (k, rng.choice(VALUES))]
    else:
        times = FAR_SECONDS if name == "SETEX" else FAR_MILLIS
        words = [name, key(rng), rng.choice(times + BAD_TIMES[:1] + BAD_TIMES), value]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


def keyspace(rng):
    name = rng.choice("""SET SET SET COPY DEL EXISTS KEYS MOVE RENAME RENAMENX SCAN SCANALL TOUCH TYPE UNLINK DBSIZE
        SELECT SWAPDB PERSIST TTL RANDOM FLUSHDB ENCODING REFCOUNT GET""".split())
    databases = ["0", "1", "2", "15", "16", "-1", "abc", "", "99999999999999999999"]
    if name == "SET":
        words = ["SET", key(rng), rng.choice(VALUES), *(["EX", "1000"] if rng.random() < 0.3 else [])]
    elif name == "COPY":
        words = [name, key(rng), key(rng), *options(rng, [["REPLACE"], ["DB", rng.choice(databases)]], most=2)]
    elif name in ("DEL", "EXISTS", "TOUCH", "UNLINK"):
        words = [name, *keys(rng)]
    elif name == "KEYS":
        words = [name, rng.choice(PATTERNS)]
    elif name == "MOVE":
        words = [name, key(rng), rng.choice(databases)]
    elif name in ("RENAME", "RENAMENX"):
        words = [name, key(rng), key(rng)]
    elif name == "SCAN":
        # An error whenever the arguments are wrong; the cursor of a good call is the server's own affair.
        words = [name, rng.choice(["abc", "-1", "1.5", ""]), *options(rng, [["COUNT", "0"], ["FOO"]], most=1)]
    elif name == "SCANALL":
        return to_bytes(["SCAN"]) + [b"CURSOR"] + to_bytes(options(
            rng, [["MATCH", rng.choice(PATTERNS)], ["COUNT", rng.choice(["1", "3", "1000"])], ["TYPE", "string"],
                  ["TYPE", "list"]], most=2))
    elif name == "SELECT":
        words = [name, rng.choice(databases)]
    elif name == "SWAPDB":
        words = [name, rng.choice(databases), rng.choice(databases)]
    elif name == "RANDOM":
        words = ["RANDOMKEY"]
    elif name in ("ENCODING", "REFCOUNT"):
        words = ["OBJECT", name, key(rng)]
    elif name == "DBSIZE":
        words = [name]
    elif name == "FLUSHDB":
        if rng.random() < 0.7:
            return ["DBSIZE"]
        words = [name, *options(rng, [["ASYNC"], ["SYNC"]], most=1)]
    else:
        words = [name, key(rng)]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


def expiry(rng):
    name = rng.choice("""SET SET EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME PERSIST GETEX EXISTS GET
        RENAME COPY SETKEEP DEL INCR APPEND GETSET""".split())
    conditions = [["NX"], ["XX"], ["GT"], ["LT"]]
    times = {
        "EXPIRE": FAR_SECONDS + BAD_TIMES, "PEXPIRE": FAR_MILLIS + BAD_TIMES,
        "EXPIREAT": FAR_UNIX + PAST_UNIX + BAD_TIMES,
        "PEXPIREAT": [t + "000" for t in FAR_UNIX + PAST_UNIX] + BAD_TIMES,
    }
    if name == "SET":
        words = ["SET", key(rng), rng.choice(["1", "a", "10"])]
    elif name == "SETKEEP":
        words = ["SET", key(rng), "2", "KEEPTTL"]
    elif name in times:
        words = [name, key(rng), rng.choice(times[name]), *options(rng, conditions, most=2)]
    elif name == "GETEX":
        words = [name, key(rng), *rng.choice([[], ["PERSIST"], expiry_options(rng)])]
    elif name in ("RENAME", "COPY"):
        words = [name, key(rng), key(rng)]
    elif name in ("APPEND", "GETSET"):
        words = [name, key(rng), "1"]
    else:
        words = [name, key(rng)]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


def numbers(rng):
    """Arithmetic on a few keys, near the limits."""
    name = rng.choice("SET INCR DECR INCRBY DECRBY INCRBYFLOAT INCRBYFLOAT GET ENCODING APPEND".split())
    number = rng.choice(["1", "-1", "7", str(rng.getrandbits(63)), str(-rng.getrandbits(63)), str(rng.getrandbits(8))])
    decimal = rng.choice([number, f"{rng.uniform(-10, 10):.3f}", f"{rng.uniform(-1e9, 1e9):.9f}", "0.1", "-0.1", "1e5",
                          f"{rng.uniform(0, 1):.17f}", "3e-7"])
    target = rng.choice(["n1", "n2", "n3"])
    if name == "ENCODING":
        return ["OBJECT", "ENCODING", target]
    if name == "SET":
        return ["SET", target, rng.choice([number, decimal, "0"])]
    if name in ("INCRBY", "DECRBY"):
        return [name, target, number]
    if name == "INCRBYFLOAT":
        return [name, target, decimal]
    if name == "APPEND":
        return [name, target, rng.choice(["0", "1", ".5", "e1"])] if rng.random() < 0.2 else ["GET", target]
    return [name, target]


ELEMENTS = ["0", "1", "2", "-1", "01", "", "a", "b", "\x00\xff", "a\r\n", "12345678901234567890", "9223372036854775807",
            "-9223372036854775808", "x" * 62, "x" * 63, "x" * 64, "y" * 126, "z" * 500, "w" * 4095, "w" * 4096, "v" * 9000]
INDEXES = ["0", "1", "-1", "2", "-2", "5", "-5", "20", "100", "-100", "1000", "x", "", "9223372036854775807",
           "-9223372036854775808", "9223372036854775808"]


def element(rng):
    return rng.choice(ELEMENTS[:8] if rng.random() < 0.6 else ELEMENTS)


def elements(rng):
    count = rng.choice([1, 1, 1, 2, 3, 10, 10, 40, 200])
    return [element(rng) if rng.random() < 0.5 else str(rng.randrange(1000)) for _ in range(count)]


def lists(rng):
    name = rng.choice("""LPUSH RPUSH LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LPOPS LLEN LINDEX LRANGE LRANGE LSET LSET LINSERT LINSERT
        LREM LREM LTRIM LPOS LPOS LMOVE LMOVE RPOPLPUSH LMPOP DIGEST SIZE SET DEL COPY RENAME EXPIRE TYPE""".split())
    lists_of = lambda: rng.choice(["l1", "l2", "l3", "l3", "bin\x00\xff"])
    ends = lambda: case(rng, rng.choice(["LEFT", "RIGHT"] * 9 + ["UP"]))
    index = lambda: rng.choice(INDEXES[:9] if rng.random() < 0.7 else INDEXES)
    if name in ("LPUSH", "RPUSH", "LPUSHX", "RPUSHX"):
        words = [name, lists_of(), *elements(rng)]
    elif name == "LPOPS":
        words = [rng.choice(["LPOP", "RPOP"]), lists_of(), rng.choice(["0", "1", "2", "7", "50", "-1", "x"])]
    elif name in ("LPOP", "RPOP", "LLEN", "TYPE"):
        words = [name, lists_of()]
    elif name == "LINDEX":
        words = [name, lists_of(), index()]
    elif name in ("LRANGE", "LTRIM"):
        words = [name, lists_of(), index(), rng.choice(["-1", index()])]
    elif name == "LSET":
        words = [name, lists_of(), index(), element(rng)]
    elif name == "LINSERT":
        words = [name, lists_of(), case(rng, rng.choice(["BEFORE", "AFTER"] * 9 + ["UP"])), element(rng), element(rng)]
    elif name == "LREM":
        words = [name, lists_of(), rng.choice(["0", "1", "-1", "3", "-3", "x"]), element(rng)]
    elif name == "LPOS":
        words = [name, lists_of(), element(rng), *options(rng, [
            ["RANK", rng.choice(["1", "2", "-1", "-3", "0", "x"])], ["COUNT", rng.choice(["0", "1", "3", "-1"])],
            ["MAXLEN", rng.choice(["0", "1", "10", "-1"])]])]
    elif name == "LMOVE":
        words = [name, lists_of(), lists_of(), ends(), ends()]
    elif name in ("RPOPLPUSH", "COPY", "RENAME"):
        words = [name, lists_of(), lists_of()]
    elif name == "LMPOP":
        words = [name, rng.choice("11123x"), *[lists_of() for _ in range(rng.choice([1, 1, 2, 3]))], ends(),
                 *options(rng, [["COUNT", rng.choice(["1", "2", "30", "0"])]], most=1)]
    elif name == "DIGEST":
        words = ["DEBUG", "DIGEST-VALUE", "l1", "l2", "l3"]
    elif name == "SIZE":
        words = ["CONFIG", "SET", "list-max-listpack-size", rng.choice(["-1", "-2", "-5", "0", "1", "4", "16", "128"])]
    elif name == "SET":
        words = ["SET", lists_of(), "v"] if rng.random() < 0.2 else ["LRANGE", lists_of(), "0", "-1"]
    elif name == "DEL":
        words = ["DEL", lists_of()] if rng.random() < 0.4 else ["LLEN", lists_of()]
    else:
        words = [name, lists_of(), "1000"]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


def long_lists(rng):
    """Lists of up to a hundred thousand elements, changed at the ends, in the middle and by value."""
    name = rng.choice("PUSH PUSH PUSH LPOP LRANGE LRANGE LINDEX LSET LINSERT LREM LTRIM LPOS LMOVE DIGEST LLEN".split())
    of, number = lambda: rng.choice(["l1", "l2"]), lambda: str(rng.randrange(5000))
    index = lambda: str(rng.choice([rng.randrange(100), rng.randrange(30000), -rng.randrange(1, 30000)]))
    if name == "PUSH":
        return [rng.choice(["LPUSH", "RPUSH"]), of(),
                *[rng.choice(["", "element:"]) + number() for _ in range(rng.choice([1, 500, 2000, 4000]))]]
    if name == "LRANGE":
        start = rng.randrange(-30000, 30000)
        return [name, of(), str(start), str(start + rng.randrange(300))]
    if name == "LTRIM":
        return [name, of(), str(rng.randrange(500)), str(-rng.randrange(1, 500))]
    return {
        "LPOP": [rng.choice(["LPOP", "RPOP"]), of(), str(rng.randrange(1000))],
        "LINDEX": [name, of(), index()],
        "LSET": [name, of(), index(), number()],
        "LINSERT": [name, of(), rng.choice(["BEFORE", "AFTER"]), number(), number() * rng.choice([1, 1, 50])],
        "LREM": [name, of(), rng.choice(["0", "2", "-2"]), number()],
        "LPOS": [name, of(), number(), "RANK", rng.choice(["1", "-1", "2"]), "COUNT", "0"],
        "LMOVE": [name, of(), of(), rng.choice(["LEFT", "RIGHT"]), rng.choice(["LEFT", "RIGHT"])],
        "DIGEST": ["DEBUG", "DIGEST-VALUE", "l1", "l2"],
        "LLEN": [name, of()],
    }[name]


def connection(rng):
    name = rng.choice("PING ECHO SELECT SETNAME GETNAME DB COMMAND UNKNOWN EMPTY OBJECT STRINGMATCH CONFIG".split())
    text = rng.choice(VALUES + ["a b", "two\nlines", "caf\xe9"])
    words = {
        "PING": ["PING", *([text] if rng.random() < 0.5 else [])],
        "ECHO": ["ECHO", text],
        "SELECT": ["SELECT", rng.choice(["0", "5", "16", "-1", "x"])],
        "SETNAME": ["CLIENT", "SETNAME", text],
        "GETNAME": ["CLIENT", "GETNAME"],
        "DB": ["DBSIZE"],
        "COMMAND": ["COMMAND", "GETKEYS", *strings(rng)],
        "UNKNOWN": [rng.choice(["FOO", "", "get\x00", "no such", "x" * 200, "a\r\nb"]), *rng.sample(VALUES, rng.randint(0, 3))],
        "EMPTY": [rng.choice(["CLIENT", "CONFIG", "OBJECT", "MEMORY", "COMMAND GETKEYS"])],
        "OBJECT": ["OBJECT", rng.choice(["ENCODING", "REFCOUNT", "FREQ", "FOO"]), key(rng)],
        "STRINGMATCH": ["CLIENT", "KILL", rng.choice(["1.2.3.4:5", "ID", "TYPE"]), rng.choice(["x", "0", "9999999"])],
        "CONFIG": ["CONFIG", rng.choice(["GET", "SET", "FOO"]), rng.choice(["maxmemory", "hz", "nope", "proto-max-bulk-len"]),
                   *([rng.choice(["abc", "-1", "10"])] if rng.random() < 0.1 else [])],
    }[name]
    return sometimes_broken(rng, words)


def mixed(rng):
    """All that changes data, in one sequence: what one command leaves behind another one meets."""
    words = rng.choice([strings, strings, keyspace, expiry, expiry])(rng)
    name = words[0].decode() if isinstance(words[0], bytes) else words[0]
    # Long sequences would soon find all keys gone, and Redis counts keys that have expired until it happens on them.
    unwanted = name.upper() == "DBSIZE" or name.upper() == "FLUSHDB" and rng.random() < 0.8
    return ["GET", key(rng)] if unwanted else words


def some_text(rng, alphabet, most):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, most)))


def some_time(rng):
    """Digits that are no time, one long past, or one that no run lives to see."""
    text = some_text(rng, "0123456789- ", 22)
    return text + "0000000" if text.strip().isdigit() and int(text) < 10**7 else text


def arguments(rng):
    """Commands that read a number, a range, a pattern or two texts, with arguments from no pool."""
    target = rng.choice(["t1", "t2", "t3"])
    number = rng.choice([str(rng.randint(-20, 20)), str(rng.randint(-2**63 - 2, 2**63 + 2)), some_text(rng, "0123456789+-. e", 6)])
    decimal = rng.choice([repr(rng.uniform(-1, 1) * 10.0 ** rng.randint(-20, 25)), some_text(rng, "0123456789", 25),
                          some_text(rng, "0123456789.eE+-xXinfa ", 10), f"{rng.randint(-999, 999)}e{rng.randint(-30, 30)}"])
    text = some_text(rng, "abc", 30)
    return rng.choice([
        ["SET", target, text], ["SET", target, number], ["SET", target, decimal],
        ["INCRBY", target, number], ["DECRBY", target, number], ["INCRBYFLOAT", target, decimal],
        ["GETRANGE", target, number, str(rng.randint(-40, 40))], ["SETRANGE", target, str(rng.randint(-1, 60)), text],
        ["LCS", target, rng.choice(["t1", "t2"]), *rng.choice([[], ["LEN"], ["IDX"], ["IDX", "WITHMATCHLEN", "MINMATCHLEN", number]])],
        ["SET", some_text(rng, "ab[]^-\\\\*?", 5), "x"], ["KEYS", some_text(rng, "ab[]^-\\\\*?", 7)], ["KEYS", some_text(rng, "abt123*?[]", 4)],
        ["EXPIRE", target, some_time(rng)], ["PEXPIREAT", target, some_time(rng), rng.choice(["GT", "LT", "NX", "XX"])],
        ["SET", target, "1", rng.choice(["EX", "PX", "EXAT", "PXAT"]), some_time(rng)],
        ["OBJECT", "ENCODING", target], ["STRLEN", target], ["GET", target], ["APPEND", target, some_text(rng, "0123456789", 3)],
        ["COPY", target, rng.choice(["t1", "t2", "t3"]), "REPLACE"], ["PERSIST", target],
    ])


ZKEYS = ["z1", "z2", "z3", "z:{tag}:1", "", "k1"]
# Scores that 7.0 (17 digits) and 7.2 (as few as needed) print alike.
SCORES = ["0", "1", "-1", "2", "3", "10", "1.5", "-2.25", "0.125", "1e3", "inf", "-inf", "+5", "0x10", "1048576", "-0.5",
          "4503599627370497", "1e15"]
BAD_SCORES = ["", "nan", "abc", " 1", "1 ", "1e400", "(1"]
MEMBERS = ["a", "b", "c", "d", "e", "f", "g", "", "10", "9", "-5", "007", "4294967296", "bin\x00\xff", "m" * 63, "n" * 64,
           "o" * 65, *(f"member:{i:02}" for i in range(20)), *(str(i) for i in range(100, 115))]
RANKS = ["0", "1", "2", "5", "-1", "-2", "-5", "100", "-100", "x", "9223372036854775807"]
SCORE_ENDS = [*SCORES, "(1", "(2", "(-1", "(inf", "-inf", "+inf", "(0", "", "(", "x"]
TEXT_ENDS = ["-", "+", "[a", "(a", "[d", "(d", "[member:05", "(member:10", "[", "(", "[zz", "a", "", "[10", "(9"]


def zset_range(rng):
    """Ends, and the options that go with them, mostly."""
    by = rng.choice(["RANK", "RANK", "SCORE", "TEXT"])
    ends = {"RANK": RANKS, "SCORE": SCORE_ENDS, "TEXT": TEXT_ENDS}[by]
    options = {"RANK": [], "SCORE": [["BYSCORE"]], "TEXT": [["BYLEX"]]}[by]
    if rng.random() < 0.3:
        options.append(["REV"])
    if rng.random() < (0.3 if by != "RANK" else 0.03):
        options.append(["LIMIT", rng.choice(["0", "1", "3", "-1", "x"]), rng.choice(["0", "1", "5", "-1", "100"])])
    rng.shuffle(options)
    return [rng.choice(ends), rng.choice(ends), *(word for option in options for word in option)], by


def zset_sources(rng):
    count = rng.randint(1, 3)
    return [rng.choice([str(count)] * 12 + ["0", "-1", "x", str(count + 1)]), *(rng.choice(ZKEYS) for _ in range(count))], count


def zsets(rng):
    """Sorted sets with a few members of all kinds. BYLEX meets sets of one score (LEX) often enough to say something."""
    name = rng.choice("""ZADD ZADD ZADD ZADD ZADD LEX LEX ZINCRBY ZREM ZREM ZCARD ZCOUNT ZLEXCOUNT ZSCORE ZMSCORE ZRANK
        ZREVRANK ZRANGE ZRANGE ZRANGE ZRANGESTORE ZRANGEBYSCORE ZREVRANGEBYSCORE LEXRANGE ZREVRANGE
        ZREMRANGEBYRANK ZREMRANGEBYSCORE LEXREM ZPOPMIN ZPOPMAX ZMPOP ZRANDMEMBER ZUNION ZINTER ZDIFF
        ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZINTERCARD ALL ALL ENCODING SET DEL COPY RENAME THRESHOLD ZSCAN""".split())
    target, member = rng.choice(ZKEYS), rng.choice(MEMBERS)
    score = rng.choice(SCORES if rng.random() < 0.97 else BAD_SCORES)
    if name == "ZADD":
        pairs = [word for _ in range(rng.choice([1, 1, 2, 5, 20])) for word in (rng.choice(SCORES), rng.choice(MEMBERS))]
        pairs[0] = score
        flags = options(rng, [["NX"], ["XX"], ["GT"], ["LT"], ["CH"]], most=2)
        flags += ["INCR"] if rng.random() < 0.1 else []
        words = [name, target, *flags, *(pairs[:2] if flags[-1:] == ["INCR"] and rng.random() < 0.8 else pairs)]
    elif name == "LEX":
        words = ["ZADD", "lex", *(w for _ in range(rng.randint(1, 6)) for w in ("0", rng.choice(MEMBERS)))]
    elif name == "ZINCRBY":
        words = [name, target, score, member]
    elif name in ("ZREM", "ZMSCORE"):
        words = [name, target, *(rng.choice(MEMBERS) for _ in range(rng.randint(1, 4)))]
    elif name in ("ZCARD", "DEL"):
        words = [name, target]
    elif name in ("ZSCORE", "ZRANK", "ZREVRANK"):
        words = [name, target, member]
    elif name in ("ZCOUNT", "ZREMRANGEBYSCORE"):
        words = [name, target, rng.choice(SCORE_ENDS), rng.choice(SCORE_ENDS)]
    elif name in ("ZLEXCOUNT", "LEXREM"):
        words = ["ZLEXCOUNT" if name == "ZLEXCOUNT" else "ZREMRANGEBYLEX", "lex", rng.choice(TEXT_ENDS), rng.choice(TEXT_ENDS)]
    elif name == "LEXRANGE":
        words = [rng.choice(["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), "lex", rng.choice(TEXT_ENDS), rng.choice(TEXT_ENDS),
                 *options(rng, [["LIMIT", rng.choice(["0", "1", "-1"]), rng.choice(["1", "-1", "3"])]], most=1)]
    elif name in ("ZRANGE", "ZRANGESTORE"):
        part, by = zset_range(rng)
        source = "lex" if by == "TEXT" else target
        words = [name, *([rng.choice(ZKEYS)] if name == "ZRANGESTORE" else []), source, *part]
        words += ["WITHSCORES"] if rng.random() < 0.3 and name == "ZRANGE" else []
    elif name == "ZREVRANGE":
        words = [name, target, rng.choice(RANKS), rng.choice(RANKS), *options(rng, [["WITHSCORES"]], most=1)]
    elif name in ("ZRANGEBYSCORE", "ZREVRANGEBYSCORE"):
        words = [name, target, rng.choice(SCORE_ENDS), rng.choice(SCORE_ENDS),
                 *options(rng, [["WITHSCORES"], ["LIMIT", rng.choice(["0", "1", "-1"]), rng.choice(["1", "-1", "3"])]], most=2)]
    elif name == "ZREMRANGEBYRANK":
        words = [name, target, rng.choice(RANKS), rng.choice(RANKS)]
    elif name in ("ZPOPMIN", "ZPOPMAX"):
        words = [name, target, *rng.choice([[], ["0"], ["1"], ["3"], ["-1"], ["x"], ["100"]])]
    elif name == "ZMPOP":
        words = [name, *zset_sources(rng)[0], rng.choice(["MIN", "MAX", "MAX", "FOO"]),
                 *options(rng, [["COUNT", rng.choice(["1", "2", "10", "0", "x"])]], most=1)]
    elif name == "ZRANDMEMBER":
        words = [name, "none", *rng.choice([[], ["3"], ["-3"], ["x"], ["3", "WITHSCORES"]])]
    elif name in ("ZUNION", "ZINTER", "ZDIFF", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZINTERCARD"):
        sources, count = zset_sources(rng)
        weights = ["WEIGHTS", *(rng.choice(["1", "2", "0", "-1", "0.5"]) for _ in range(count))]
        choices = [["LIMIT", rng.choice(["0", "1", "-1"])]] if name == "ZINTERCARD" else \
            [["WITHSCORES"], weights, ["AGGREGATE", rng.choice(["SUM", "MIN", "MAX"])]]
        if name.endswith("STORE"):
            choices = choices[1:] if "DIFF" not in name else []
            sources = [rng.choice(ZKEYS), *sources]
        elif name == "ZDIFF":
            choices = choices[:1]
        words = [name, *sources, *(options(rng, choices, most=2) if choices else [])]
    elif name == "ALL":
        words = ["ZRANGE", rng.choice([*ZKEYS, "lex"]), "0", "-1", "WITHSCORES"]
    elif name == "ENCODING":
        words = ["OBJECT", "ENCODING", target]
    elif name == "SET":
        words = ["SET", "k1", "x"]
    elif name in ("COPY", "RENAME"):
        words = [name, target, rng.choice(ZKEYS), *(["REPLACE"] if name == "COPY" else [])]
    elif name == "THRESHOLD":
        words = ["CONFIG", "SET", "zset-max-listpack-entries", rng.choice(["0", "4", "16", "128"])]
    else:
        return to_bytes([name, rng.choice(ZKEYS)]) + [rng.choice([b"x", b"1.5"])]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


def large_zsets(rng):
    """Two sorted sets of thousands of members, so that the large form is asked at every depth."""
    name = rng.choice("""ADD ADD ADD ADD ADD SPREAD ORDER ZINCRBY ZREM ZRANK ZREVRANK ZSCORE ZCARD ZCOUNT ZRANGE ZRANGE ZREVRANGE
        BYSCORE BYRANK REMSCORE POP UNION INTER DIFF STORE ENCODING""".split())
    target, other = rng.sample(["large1", "large2"], 2)
    member = f"member:{rng.randrange(20000):09}"
    low = rng.randrange(20000)
    high = low + rng.choice([0, 1, 10, 500])
    if name == "ADD":
        pairs = [(str(rng.randrange(20000)), f"member:{rng.randrange(20000):09}") for _ in range(500)]
        return to_bytes(["ZADD", target, *(word for pair in pairs for word in pair)])
    if name in ("SPREAD", "ORDER"):
        start, slope = rng.randrange(20000), rng.choice([-1, 0, 1]) if name == "ORDER" else 977
        return to_bytes(["ZADD", target, *(w for i in range(300) for w in (str(start + i * slope), f"{name}:{start + i}"))])
    return to_bytes({
        "ZINCRBY": ["ZINCRBY", target, rng.choice(["1", "-3", "0.5", "10000"]), member],
        "ZREM": ["ZREM", target, *(f"member:{rng.randrange(20000):09}" for _ in range(rng.choice([1, 5, 300])))],
        "ZRANK": ["ZRANK", target, member],
        "ZREVRANK": ["ZREVRANK", target, member],
        "ZSCORE": ["ZSCORE", target, member],
        "ZCARD": ["ZCARD", target],
        "ZCOUNT": ["ZCOUNT", target, str(low), f"({high}"],
        "ZRANGE": ["ZRANGE", target, str(low), str(low + 100), *rng.choice([[], ["WITHSCORES"], ["REV"]])],
        "ZREVRANGE": ["ZREVRANGE", target, str(low // 4), str(low // 4 + 20), "WITHSCORES"],
        "BYSCORE": ["ZRANGEBYSCORE", target, f"({low}", str(high), "WITHSCORES", "LIMIT", "1", "50"],
        "BYRANK": ["ZREMRANGEBYRANK", target, str(low // 4), str(low // 4 + rng.choice([0, 10, 1000]))],
        "REMSCORE": ["ZREMRANGEBYSCORE", target, str(low), str(high)],
        "POP": [rng.choice(["ZPOPMIN", "ZPOPMAX"]), target, rng.choice(["1", "100"])],
        "UNION": ["ZUNIONSTORE", target, "2", target, other, "AGGREGATE", rng.choice(["MIN", "MAX"])],
        "INTER": ["ZINTERSTORE", "both", "2", target, other, "WEIGHTS", "1", "2"],
        "DIFF": ["ZDIFF", "2", target, other],
        "STORE": ["ZRANGESTORE", "both", target, str(low), str(high), "BYSCORE"],
        "ENCODING": ["OBJECT", "ENCODING", target],
    }[name])


PLACES = [("13.361389", "38.115556"), ("15.087269", "37.502669"), ("12.758489", "38.788135"), ("17.241510", "38.788135"),
          ("0", "0"), ("-122.27652", "37.805186"), ("-73.9454966", "40.747533"), ("179.9", "10"), ("-179.9", "10.05"),
          ("180", "85.05112878"), ("2.349014", "48.864716"), ("2.35", "48.86"), ("116.38", "39.55"), ("10", "-45")]


def geo(rng):
    """Positions near and far. Results come in the order of their distances, which no two places share."""
    name = rng.choice("GEOADD GEOADD GEOADD GEOPOS GEOHASH GEODIST GEOSEARCH GEOSEARCH GEOSEARCH STORE GEORADIUS BYMEMBER ALL".split())
    target, member = rng.choice(["g1", "g2", "k1"]), f"p{rng.randrange(len(PLACES))}"
    unit = rng.choice(["m", "km", "ft", "mi", "KM", "x"] if rng.random() < 0.1 else ["km", "km", "mi", "m"])
    far = rng.choice(["0", "1", "10.5", "100", "200", "1000", "5000", "100000", "-1", "x"])
    further = options(rng, [["WITHDIST"], ["WITHCOORD"], ["WITHHASH"], ["COUNT", rng.choice(["1", "3", "0", "x"])]], most=3)
    further.append(rng.choice(["ASC", "DESC"]))
    place = rng.choice(PLACES)
    if name == "GEOADD":
        picked = rng.sample(range(len(PLACES)), rng.choice([1, 3, len(PLACES)]))
        words = [name, target, *options(rng, [["NX"], ["XX"], ["CH"]], most=2)]
        for index in picked:
            words += [*PLACES[index], f"p{index}"]
    elif name in ("GEOPOS", "GEOHASH"):
        words = [name, target, member, f"p{rng.randrange(20)}"]
    elif name == "GEODIST":
        words = [name, target, member, f"p{rng.randrange(20)}", *rng.choice([[], [unit]])]
    elif name in ("GEOSEARCH", "STORE"):
        middle = rng.choice([["FROMMEMBER", member], ["FROMLONLAT", *place]])
        shape = rng.choice([["BYRADIUS", far, unit], ["BYBOX", far, rng.choice(["1", "300", "9000"]), unit]])
        parts = [middle, shape]
        rng.shuffle(parts)
        words = [name, target, *parts[0], *parts[1], *further]
        if name == "STORE":
            words = ["GEOSEARCHSTORE", "d", *words[1:], *rng.choice([[], ["STOREDIST"]])]
    elif name == "GEORADIUS":
        words = [rng.choice([name, name + "_RO"]), target, *place, far, unit, *further,
                 *rng.choice([[], [], ["STORE", "d"]])]
    elif name == "BYMEMBER":
        words = [rng.choice(["GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO"]), target, member, far, unit, *further]
    else:
        words = ["ZRANGE", rng.choice(["g1", "g2", "d"]), "0", "-1"]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


SET_KEYS = ["s1", "s2", "s3", "s3", "bin\x00\xff", "k1"]
SET_INTEGERS = ["0", "-1", "32767", "32768", "-32769", "2147483648", "70368744177663", "70368744177664",
                "-70368744177665", "9223372036854775807", "-9223372036854775808"]
SET_TEXTS = ["", "a", "b", "c", "01", "-0", "\x00\xff", "a\r\n", "9223372036854775808", "x" * 63, "y" * 64, "z" * 65, "w" * 300]


def set_member(rng):
    roll = rng.random()
    if roll < 0.6:
        return str(rng.randrange(40))
    return rng.choice(SET_INTEGERS if roll < 0.75 else SET_TEXTS) if roll < 0.85 else f"member:{rng.randrange(30)}"


def sets(rng):
    """Sets of a few members, so that they meet each other; the thresholds move."""
    name = rng.choice("""SADD SADD SADD SADD INTS INTS SREM SREM SCARD SISMEMBER SMISMEMBER SMEMBERS SPOP SRANDMEMBER SMOVE SMOVE
        SINTER SINTERCARD SINTERSTORE SUNION SUNIONSTORE SDIFF SDIFF SDIFFSTORE SSCAN SSCANALL DIGEST LIMIT SET DEL COPY RENAME
        EXPIRE TYPE""".split())
    of = lambda: rng.choice(SET_KEYS[:5] if rng.random() < 0.95 else SET_KEYS)
    some = lambda most: [of() for _ in range(rng.randint(1, most))]
    members = lambda: [set_member(rng) for _ in range(rng.choice([1, 1, 2, 3, 10, 40]))]
    if name in ("SADD", "SREM", "SMISMEMBER"):
        words = [name, of(), *members()]
    elif name == "INTS":
        words = ["SADD", of(), *(str(rng.randrange(-50, 700)) for _ in range(rng.choice([1, 5, 100, 600])))]
    elif name in ("SCARD", "SMEMBERS", "TYPE"):
        words = [name, of()]
    elif name == "SISMEMBER":
        words = [name, of(), set_member(rng)]
    elif name == "SPOP":
        # What is popped is chance, so all of it must go for both servers to go on alike.
        # For the same reason the count is never left out.
        return [case(rng, name), of(), rng.choice(["0", "100000", "-1", "x", "9223372036854775807"])]
    elif name == "SRANDMEMBER":
        words = [name, of(), rng.choice(["0", "100000", "x", "-9223372036854775808"])]
    elif name == "SMOVE":
        words = [name, of(), of(), set_member(rng)]
    elif name in ("SINTER", "SUNION", "SDIFF"):
        words = [name, *some(6)]
    elif name in ("SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"):
        words = [name, of(), *some(4)]
    elif name == "SINTERCARD":
        keys_of = some(3)
        words = [name, rng.choice([str(len(keys_of))] * 12 + ["0", "x", "9"]), *keys_of,
                 *options(rng, [["LIMIT", rng.choice(["0", "1", "5", "-1"])]], most=1)]
    elif name == "SSCAN":
        words = [name, of(), rng.choice(["abc", "-", "1.5"]), *options(rng, [["COUNT", "0"], ["FOO"]], most=1)]
    elif name == "SSCANALL":
        return to_bytes(["SSCAN", of()]) + [b"CURSOR"] + to_bytes(options(
            rng, [["MATCH", rng.choice(["*", "1*", "[a-c]", "member:?"])], ["COUNT", rng.choice(["1", "3", "1000"])]], most=2))
    elif name == "DIGEST":
        words = ["DEBUG", "DIGEST-VALUE", "s1", "s2", "s3"]
    elif name == "LIMIT":
        words = ["CONFIG", "SET", "set-max-intset-entries", rng.choice(["0", "1", "5", "50", "512"])]
    elif name == "SET":
        words = ["SET", of(), "v"] if rng.random() < 0.2 else ["SMEMBERS", of()]
    elif name == "DEL":
        words = ["DEL", of()] if rng.random() < 0.4 else ["SCARD", of()]
    elif name == "EXPIRE":
        words = [name, of(), "1000"]
    else:
        words = [name, of(), of()]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


def long_sets(rng):
    """Sets of up to a hundred thousand members."""
    name = rng.choice("""SADD SADD SADD SADD SADD SADD INTS INTS SREM SREM SMISMEMBER SCARD SCARD SINTERCARD SINTERCARD
        SINTERSTORE SUNIONSTORE SDIFFSTORE SINTER SDIFF DIGEST POP SSCAN""".split())
    of = lambda: rng.choice(["s1", "s2", "s3"])
    many = lambda text: [f"{text}{rng.randrange(100_000)}" for _ in range(rng.choice([1, 100, 1000]))]
    if name in ("SADD", "SREM", "SMISMEMBER"):
        return [name, of(), *many(rng.choice(["", "member:"]))]
    if name == "INTS":
        start = rng.randrange(100_000)
        return ["SADD", of(), *(str(number) for number in range(start, start + 3000))]
    return {
        "SCARD": [name, of()],
        "SINTERCARD": [name, "2", of(), of(), "LIMIT", rng.choice(["0", "10", "1000"])],
        "SINTERSTORE": [name, "d", of(), of()],
        "SUNIONSTORE": [name, rng.choice(["d", "s1"]), of(), of()],
        "SDIFFSTORE": [name, "d", of(), of(), of()],
        "SINTER": [name, of(), of()],
        "SDIFF": [name, of(), of()],
        "DIGEST": ["DEBUG", "DIGEST-VALUE", "s1", "s2", "s3", "d"],
        "POP": ["SPOP", "d", "1000000"],
        "SSCAN": ["SSCAN", of(), "CURSOR", "COUNT", "1000"],
    }[name]


BIT_STRINGS = ["", "\x00", "\xff", "\x00\xff\xf0", "\xff" * 40, "\x00" * 700 + "\x01", "12345", "hello", "\xaa\x55" * 300]
BIT_INDEXES = ["0", "1", "-1", "2", "7", "8", "-8", "9", "100", "-100", "5000", "-20", "9223372036854775807",
               "-9223372036854775808", "abc", "", "4294967295", "4294967296"]


def bit_number(rng):
    return rng.choice([str(rng.randint(0, 64)), str(rng.randint(0, 6000)), rng.choice(BIT_INDEXES)])


def field_step(rng):
    kind = rng.choice("ui") + rng.choice(["1", "2", "5", "8", "13", "31", "32", "33", "62", "63", "64", "0", "65", "x"][: rng.choice([11, 11, 11, 14])])
    offset = rng.choice(["", "", "#"]) + rng.choice([str(rng.randint(0, 200)), str(rng.randint(0, 6000)), bit_number(rng)][: rng.choice([1, 2, 2, 3])])
    number = rng.choice(["0", "1", "-1", "127", "128", "-129", str(rng.getrandbits(62)), str(-rng.getrandbits(62)),
                         "9223372036854775807", "-9223372036854775808", "x"][: rng.choice([10, 10, 11])])
    return rng.choice([
        ["GET", kind, offset], ["SET", kind, offset, number], ["INCRBY", kind, offset, number],
        ["OVERFLOW", rng.choice(["WRAP", "SAT", "FAIL", "SAT", "FAIL"])],
    ])


def bitmaps(rng):
    name = rng.choice("""SET SETBIT SETBIT SETBIT GETBIT BITCOUNT BITCOUNT BITPOS BITPOS BITOP BITFIELD BITFIELD BITFIELD_RO
        GET STRLEN ENCODING APPEND DEL TTL""".split())
    if name in ("SET", "APPEND"):
        words = [name, key(rng), rng.choice(BIT_STRINGS + VALUES), *(["EX", "1000"] if name == "SET" and rng.random() < 0.1 else [])]
    elif name == "SETBIT":
        words = [name, key(rng), rng.choice([str(rng.randint(0, 100)), str(rng.randint(0, 6000))] * 4 + ["-1", "abc", "4294967296"]),
                 rng.choice(["0", "1", "0", "1", "0", "1", "2", "x"])]
    elif name == "GETBIT":
        words = [name, key(rng), bit_number(rng)]
    elif name in ("BITCOUNT", "BITPOS"):
        words = [name, key(rng), *([rng.choice(["0", "1", "0", "1", "0", "1", "2", "x"])] if name == "BITPOS" else []),
                 *[bit_number(rng) for _ in range(rng.randint(0, 2))]]
        if rng.random() < 0.5:
            words.append(rng.choice(["BIT", "BYTE", "bit", "byte", "BITS"]))
    elif name == "BITOP":
        words = [name, rng.choice(["AND", "OR", "XOR", "NOT", "and", "xOr", "NAND"]), key(rng), *keys(rng, 3)]
    elif name in ("BITFIELD", "BITFIELD_RO"):
        words = [name, key(rng)] + [w for _ in range(rng.randint(0, 4)) for w in field_step(rng)]
        if name == "BITFIELD_RO" and rng.random() < 0.7:
            words = [name, key(rng), "GET", "u8", str(rng.randint(0, 80)), "GET", "i13", "#" + str(rng.randint(0, 9))]
    elif name == "ENCODING":
        words = ["OBJECT", "ENCODING", key(rng)]
    else:
        words = [name, key(rng)]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


def hyperloglog(rng):
    """Sketches of all sizes: their bytes are compared after every change, and what both servers cache in them."""
    sketch = rng.choice(["h1", "h2", "h3", "h4"])
    name = rng.choice("""PFADD PFADD PFADD MANY MANY PFCOUNT PFCOUNT UNION PFMERGE GET GET DECODE ENCODING TODENSE
        HEADER LIMIT DEL COPY DIGEST""".split())
    if name == "MANY":
        start, count = rng.randint(0, 5000), rng.choice([10, 100, 300, 900])
        return to_bytes(["PFADD", sketch, *[str(n) for n in range(start, start + count)]])
    if name == "DEL" and rng.random() < 0.6:
        name = "GET"
    others = [rng.choice(["h1", "h2", "h3", "h4", "none"]) for _ in range(rng.randint(0, 3))]
    words = {
        "PFADD": ["PFADD", sketch, *[rng.choice(VALUES + [str(rng.getrandbits(40))]) for _ in range(rng.randint(0, 5))]],
        "PFCOUNT": ["PFCOUNT", sketch],
        "UNION": ["PFCOUNT", sketch, *others],
        "PFMERGE": ["PFMERGE", sketch, *others],
        "GET": ["GET", sketch],
        "DEL": ["DEL", sketch],
        "COPY": ["COPY", sketch, rng.choice(["h1", "h2", "h3", "h4"]), "REPLACE"],
        "DECODE": ["PFDEBUG", "DECODE", sketch],
        "ENCODING": ["PFDEBUG", "ENCODING", sketch],
        "TODENSE": ["PFDEBUG", rng.choice(["TODENSE", "GETREG", "FOO"]), sketch] if rng.random() < 0.3 else ["PFCOUNT", sketch],
        # Anything but the layout: the registers stay what they are.
        "HEADER": ["SETRANGE", sketch, rng.choice(["5", "6", "7", "8", "9", "10"]), rng.choice(["a", "\x00", "\xff"])]
        if rng.random() < 0.3 else ["GET", sketch],
        "LIMIT": ["CONFIG", "SET", "hll-sparse-max-bytes", rng.choice(["3000", "3000", "500", "100"])],
        "DIGEST": ["DEBUG", "DIGEST"],
    }[name]
    return to_bytes(words)


FIELDS = ["f1", "f2", "f3", "", "7", "-1", "007", "bin\x00\xff", "f" * 64, "f" * 65]
HASHES = ["h1", "h2", "h3", "small"]


def hashes(rng):
    """Fields of a few hashes: some small, some just at the thresholds, some large."""
    name = rng.choice("""HSET HSET HSET HSETNX HMSET HGET HMGET HGETALL HKEYS HVALS HLEN HSTRLEN HEXISTS HDEL HDEL HINCRBY
        HINCRBY HINCRBYFLOAT HINCRBYFLOAT HRANDFIELD HSCAN HSCANALL FILL FILL ENCODING TYPE DEL COPY RENAME EXPIRE STRING
        DIGEST""".split())
    target = rng.choice(HASHES) if rng.random() < 0.97 else rng.choice(KEYS)
    field = rng.choice(FIELDS)
    values = VALUES + INTEGERS + FLOATS + ["v" * 64, "v" * 65]
    some = [rng.choice(FIELDS) for _ in range(rng.randint(1, 4))]
    if name in ("HSET", "HMSET"):
        words = [name, target] + [w for f in some for w in (f, rng.choice(values))]
    elif name == "FILL":
        # Around the default threshold of 512 fields, as many as there may be in one command without a field twice.
        first, count = rng.choice([0, 0, 400]), rng.choice([3, 100, 112, 113, 400])
        words = ["HSET", target] + [w for n in range(first, first + count) for w in (f"n{n}", str(n))]
        return to_bytes(words)
    elif name == "HSETNX":
        words = [name, target, field, rng.choice(values)]
    elif name in ("HGET", "HSTRLEN", "HEXISTS"):
        words = [name, target, field]
    elif name in ("HMGET", "HDEL"):
        words = [name, target, *some]
    elif name == "HINCRBY":
        words = [name, target, field, rng.choice(INTEGERS)]
    elif name == "HINCRBYFLOAT":
        words = [name, target, field, rng.choice(FLOATS)]
    elif name == "HRANDFIELD":
        count = rng.choice(["0", "1", "3", "-3", "-100", "10000", "x", "-9223372036854775808", "9223372036854775807"])
        words = [name, target, *rng.choice([[], [count], [count, "WITHVALUES"], [count, "FOO"]])]
    elif name == "HSCAN":
        # An error whenever the arguments are wrong; the cursor of a good call is the server's own affair.
        words = [name, target, rng.choice(["abc", "1.5"]), *options(rng, [["COUNT", "0"], ["FOO"]], most=1)]
    elif name == "HSCANALL":
        return to_bytes(["HSCAN", target]) + [b"CURSOR"] + to_bytes(options(
            rng, [["MATCH", rng.choice(["*", "n*", "f?", "n1*", "7"])], ["COUNT", rng.choice(["1", "3", "1000", "0"])]],
            most=2))
    elif name == "ENCODING":
        words = ["OBJECT", "ENCODING", target]
    elif name in ("COPY", "RENAME"):
        words = [name, target, rng.choice(HASHES), *(["REPLACE"] if name == "COPY" else [])]
    elif name == "EXPIRE":
        words = [name, target, rng.choice(FAR_SECONDS)]
    elif name == "STRING":
        words = ["SET", target, "v"] if rng.random() < 0.1 else ["HLEN", target]
    elif name == "DIGEST":
        words = ["DEBUG", "DIGEST-VALUE", target]
    else:
        words = [name, target]
    return sometimes_broken(rng, [case(rng, words[0]), *words[1:]])


def sorting(rng):
    """SORT over lists, sets and sorted sets of numbers and texts, with weights and fields beside them."""
    name = rng.choice("SORT SORT SORT SORT SORT SORT_RO STORE LPUSH SADD ZADD WEIGHT FIELD LIST DIGEST DEL BAD".split())
    of = lambda: rng.choice(["l", "s", "z", "out"])
    number = lambda: rng.choice([str(rng.randrange(40)), str(rng.randrange(-5, 5)), f"{rng.randrange(100) / 8}"])
    some = lambda: [number() for _ in range(rng.choice([1, 3, 10, 150]))]
    if name in ("SORT", "SORT_RO", "STORE"):
        by = ["BY", rng.choice(["weight_*", "hash_*->f", "nosort", "weight_*->", "missing_*", "same"])]
        limit = ["LIMIT", rng.choice(["0", "1", "5", "-1", "1000", "x"]), rng.choice(["0", "1", "10", "-1", "1000"])]
        common = [["GET", rng.choice(["#", "weight_*", "hash_*->f", "hash_*->nosuch", "no star", "->"])], ["ASC"], ["DESC"], ["DESC"]]
        # Texts of weights may be equal: then a list's order counts, unless Redis sorts a part only; and a set has its
        # server's own order.
        of = lambda: rng.choice(["l", "z", "l", "z", "out"])
        key, chosen = rng.choice([
            lambda: (of(), [by, limit, *common]), lambda: (of(), [["ALPHA"], limit, *common]), lambda: ("l", [["ALPHA"], by, *common])])()
        words = ["SORT_RO" if name == "SORT_RO" else "SORT", key, *options(rng, chosen, most=4)]
        return to_bytes(sometimes_broken(rng, [*words, "STORE", "out"] if name == "STORE" else words))
    return to_bytes({
        "LPUSH": ["RPUSH", "l", *some()],
        "SADD": ["SORT", "s", "ALPHA", *rng.choice([[], ["DESC"], ["LIMIT", "1", "3"]])] if rng.random() < 0.6 else ["SADD", "s", *some()],
        "ZADD": ["ZADD", "z", *[word for text in some() for word in (number(), text)]],
        "WEIGHT": ["SET", f"weight_{number()}", rng.choice([number(), number(), number(), "text"])],
        "FIELD": ["HSET", f"hash_{number()}", "f", number()],
        "LIST": ["LRANGE", "out", "0", "-1"],
        "DIGEST": ["DEBUG", "DIGEST-VALUE", "l", "z", "out"],
        "DEL": ["DEL", of()] if rng.random() < 0.2 else ["TYPE", of()],
        "BAD": ["RPUSH", "l", "text"] if rng.random() < 0.1 else ["LTRIM", "l", "-60", "-1"],
    }[name])


def forms(rng):
    """Values of all types at their thresholds: which form each has, also after a copy, and after all were written and
    read again."""
    name = rng.choice("""RPUSH RPUSH LPOP SADD SADD SREM ZADD ZADD ZREM HSET HSET HDEL XADD APPEND SETRANGE INCR COPY COPY RENAME
        MOVE LIMIT RELOAD ENCODING ENCODING ENCODING DIGEST DIGEST DEL EXPIRE""".split())
    kind = {"RPUSH": "l", "LPOP": "l", "SADD": "s", "SREM": "s", "ZADD": "z", "ZREM": "z", "HSET": "h", "HDEL": "h", "XADD": "x"}
    of = lambda: f"{rng.choice('lszhxk')}{rng.randrange(3)}"
    text = lambda: rng.choice([str(rng.randrange(-30, 30)), f"m{rng.randrange(30)}", f"m{rng.randrange(30)}", "x" * rng.choice([63, 64, 65]),
                               "9223372036854775807", "9223372036854775808", "-0", "01"])
    texts = lambda: [text() for _ in range(rng.choice([1, 1, 2, 5, 20, 140]))]
    key = f"{kind.get(name, 'k')}{rng.randrange(3)}"
    return to_bytes({
        "RPUSH": lambda: [name, key, *texts()],
        "LPOP": lambda: [rng.choice(["LPOP", "RPOP"]), key, rng.choice(["1", "3", "60"])],
        "SADD": lambda: [name, key, *texts()],
        "SREM": lambda: [name, key, *texts()],
        "ZADD": lambda: [name, key, *[word for member in texts() for word in (str(rng.randrange(-9, 9) / 4), member)]],
        "ZREM": lambda: [name, key, *texts()],
        "HSET": lambda: [name, key, *[word for field in texts() for word in (field, text())]],
        "HDEL": lambda: [name, key, *texts()],
        "XADD": lambda: [name, key, f"{rng.randrange(1, 9)}-*", text(), text()],
        "APPEND": lambda: [name, key, text()],
        "SETRANGE": lambda: [name, key, rng.choice(["0", "5"]), text()],
        "INCR": lambda: [name, key],
        "COPY": lambda: [name, *(lambda a: [a, a[0] + str(rng.randrange(3))])(of()), "REPLACE"],
        "RENAME": lambda: [name, *(lambda a: [a, a[0] + str(rng.randrange(3))])(of())],
        "MOVE": lambda: ["OBJECT", "ENCODING", of()],
        "LIMIT": lambda: ["CONFIG", "SET", *rng.choice([
            ["list-max-listpack-size", rng.choice(["-2", "4", "16", "-1"])], ["set-max-intset-entries", rng.choice(["4", "16", "512"])],
            ["zset-max-listpack-entries", rng.choice(["4", "16", "128"])], ["zset-max-listpack-value", rng.choice(["8", "64"])],
            ["hash-max-listpack-entries", rng.choice(["4", "16", "128"])], ["hash-max-listpack-value", rng.choice(["8", "64"])],
            ["rdbcompression", rng.choice(["yes", "no"])]])],
        "RELOAD": lambda: ["DEBUG", "RELOAD"] if rng.random() < 0.3 else ["DBSIZE"],
        "ENCODING": lambda: ["OBJECT", "ENCODING", of()],
        "DIGEST": lambda: ["DEBUG", "DIGEST-VALUE", *[f"{kind}{number}" for kind in "lszhxk" for number in range(3)]],
        "DEL": lambda: ["DEL", of()] if rng.random() < 0.3 else ["TYPE", of()],
        "EXPIRE": lambda: [name, of(), "1000"],
    }[name]())


def transactions(rng):
    """MULTI, EXEC, DISCARD and WATCH around commands of all kinds, right and wrong ones."""
    name = rng.choice("""MULTI MULTI MULTI EXEC EXEC EXEC DISCARD WATCH WATCH UNWATCH SELECT SWAPDB FLUSH SET SET GET INCR INCR APPEND
        DEL RPUSH RPUSH LPOP LMOVE LRANGE EXISTS TYPE DBSIZE COPY RENAME MOVE SORT ENCODING MGET MSET ZADD ZRANGE HSET HGET
        EXPIRE PERSIST BAD""".split())
    of = lambda: rng.choice("abcdef")
    return to_bytes({
        "MULTI": lambda: [case(rng, name)], "EXEC": lambda: [case(rng, name)], "DISCARD": lambda: [name],
        "WATCH": lambda: [name, *[of() for _ in range(rng.randint(1, 3))]], "UNWATCH": lambda: [name],
        "SELECT": lambda: [name, rng.choice("00012")], "SWAPDB": lambda: [name, rng.choice("01"), rng.choice("01")],
        "FLUSH": lambda: [rng.choice(["FLUSHDB", "FLUSHALL"])], "SET": lambda: [name, of(), rng.choice(VALUES)],
        "GET": lambda: [name, of()], "INCR": lambda: [name, of()], "APPEND": lambda: [name, of(), rng.choice(VALUES)],
        "DEL": lambda: [name, of(), of()], "RPUSH": lambda: [name, of(), "1", "2", "3"], "LPOP": lambda: [name, of()],
        "LMOVE": lambda: [name, of(), of(), "LEFT", "RIGHT"], "LRANGE": lambda: [name, of(), "0", "-1"],
        "EXISTS": lambda: [name, of(), of()], "TYPE": lambda: [name, of()], "DBSIZE": lambda: [name],
        "COPY": lambda: [name, of(), of(), *rng.choice([[], ["REPLACE"], ["DB", "1"]])], "RENAME": lambda: [name, of(), of()],
        "MOVE": lambda: [name, of(), "1"], "SORT": lambda: [name, of(), "DESC", *rng.choice([[], ["BY", "b*"], ["STORE", "f"]])],
        "ENCODING": lambda: ["STRLEN", of()], "MGET": lambda: [name, of(), of()], "MSET": lambda: [name, of(), "1", of(), "x"],
        "ZADD": lambda: [name, of(), "1", "m", "2", "n"], "ZRANGE": lambda: [name, of(), "0", "-1", "WITHSCORES"],
        "HSET": lambda: [name, of(), "f", "1"], "HGET": lambda: [name, of(), "f"],
        "EXPIRE": lambda: [name, of(), rng.choice(["1000", "-1"])], "PERSIST": lambda: [name, of()],
        "BAD": lambda: rng.choice([["GET"], ["NOSUCH", "a"], ["EXEC", "x"], ["MULTI", "x"], ["OBJECT", "NOSUCH", "a"],
                                   ["SET", "a", "b", "c"], ["INCRBY", "a", "x"], ["WATCH"]]) if rng.random() < 0.4 else ["PING"],
    }[name]())


FAMILIES = {
    "transactions": transactions,
    "sorting": sorting,
    "forms": forms,
    "strings": strings,
    "numbers": numbers,
    "keyspace": keyspace,
    "expiry": expiry,
    "connection": connection,
    "mixed": mixed,
    "arguments": arguments,
    "lists": lists,
    "long lists": long_lists,
    "zsets": zsets,
    "large_zsets": large_zsets,
    "geo": geo,
    "sets": sets,
    "long sets": long_sets,
    "streams": streams,
    "bitmaps": bitmaps,
    "hyperloglog": hyperloglog,
    "hashes": hashes,
    "long hashes": long_families.long_hashes,
    "long sorted sets": long_families.long_zsets,
    "long streams": long_families.long_streams,
    "lua patterns": lua_family.patterns,
    "lua libraries": lua_family.libraries,
}
