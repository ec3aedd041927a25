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


FAMILIES = {"strings": strings, "numbers": numbers, "keyspace": keyspace, "expiry": expiry, "hashes": hashes, "connection": connection}
