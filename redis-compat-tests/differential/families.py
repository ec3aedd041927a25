"""Random requests by family, from small pools of keys, values and options, so that they meet each other.

Every family is a function of a random generator to one request. Nothing depends on the time: expiries are either
long past or far away, so both servers agree whatever the speed of the machine.
"""
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


FAMILIES = {"strings": strings, "numbers": numbers, "keyspace": keyspace, "expiry": expiry, "connection": connection,
            "mixed": mixed, "arguments": arguments,
            "bitmaps": bitmaps, "hyperloglog": hyperloglog}
