"""Random requests on hashes, sorted sets and streams of up to a hundred thousand elements."""

ELEMENTS = 100_000
# Adds entries behind those that there are: as many as ARGV[1], one ID each.
FILL_STREAM = """
local from = redis.call('INCRBY', KEYS[2], ARGV[1]) - ARGV[1]
for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], (from + i) .. '-1', 'number', i, 'name', 'entry:' .. i) end
return redis.call('XLEN', KEYS[1])"""


def long_hashes(rng):
    name = rng.choice("""SET SET SET SET FILL FILL FILL FILL HDEL HMGET HMGET HLEN HEXISTS HINCRBY HINCRBYFLOAT COPY ENCODING
        HSCAN HSCAN DIGEST""".split())
    of = lambda: rng.choice(["h1", "h2"])
    field = lambda: f"{rng.choice(['', 'field:'])}{rng.randrange(ELEMENTS)}"
    many = lambda: [field() for _ in range(rng.choice([1, 100, 1000]))]
    if name == "SET":
        return ["HSET", of(), *(word for one in many() for word in (one, one[::-1]))]
    if name == "FILL":
        start = rng.randrange(ELEMENTS)
        return ["HSET", of(), *(word for at in range(start, start + 4000) for word in (f"field:{at}", str(at)))]
    return {
        "HDEL": [name, of(), *many()],
        "HMGET": [name, of(), *many()],
        "HLEN": [name, of()],
        "HEXISTS": [name, of(), field()],
        "HINCRBY": [name, of(), f"count:{rng.randrange(9)}", "7"],
        "HINCRBYFLOAT": [name, of(), f"sum:{rng.randrange(9)}", "0.25"],
        "COPY": [name, of(), of(), "REPLACE"],
        "ENCODING": ["OBJECT", "ENCODING", of()],
        "HSCAN": [name, of(), "CURSOR", "COUNT", "1000", *rng.choice([[], ["MATCH", "*99*"]])],
        "DIGEST": ["DEBUG", "DIGEST-VALUE", "h1", "h2"],
    }[name]


def long_zsets(rng):
    name = rng.choice("""ADD ADD ADD FILL FILL FILL FILL ZREM ZMSCORE ZCARD ZRANK ZREVRANK ZRANGE ZRANGE BYSCORE FROM_TOP ZCOUNT
        BYRANK POP UNION INTER INTERCARD DIFF STORE ZSCAN DIGEST""".split())
    of = lambda: rng.choice(["z1", "z2"])
    member = lambda: f"member:{rng.randrange(ELEMENTS):06}"
    score = lambda: str(rng.choice([rng.randrange(ELEMENTS), rng.randrange(-50, 50) / 8]))
    many = lambda: [member() for _ in range(rng.choice([1, 100, 1000]))]
    low = rng.randrange(ELEMENTS)
    if name == "ADD":
        return ["ZADD", of(), *rng.choice([[], ["GT"], ["XX"]]), *(word for one in many() for word in (score(), one))]
    if name == "FILL":
        step = rng.choice([1, 1, -1, 0])
        return ["ZADD", of(), *(w for at in range(low, low + 4000) for w in (str(low + (at - low) * step), f"member:{at:06}"))]
    return {
        "ZREM": [name, of(), *many()],
        "ZMSCORE": [name, of(), *many()],
        "ZCARD": [name, of()],
        "ZRANK": [name, of(), member()],
        "ZREVRANK": [name, of(), member()],
        "ZRANGE": [name, of(), str(low), str(low + 100), *rng.choice([[], ["WITHSCORES"], ["REV"]])],
        "BYSCORE": ["ZRANGE", of(), str(low), f"({low + 500}", "BYSCORE", "LIMIT", "3", "50", "WITHSCORES"],
        "FROM_TOP": ["ZREVRANGEBYSCORE", of(), "+inf", "-inf", "LIMIT", str(low // 2), "50"],
        "ZCOUNT": [name, of(), f"({low}", str(low + rng.randrange(ELEMENTS))],
        "BYRANK": ["ZREMRANGEBYRANK", of(), str(low), str(low + rng.choice([0, 100, 5000]))],
        "POP": [rng.choice(["ZPOPMIN", "ZPOPMAX"]), of(), rng.choice(["1", "1000"])],
        "UNION": ["ZUNIONSTORE", "d", "2", of(), of(), "AGGREGATE", rng.choice(["MIN", "MAX", "SUM"])],
        "INTER": ["ZINTERSTORE", rng.choice(["d", "z1"]), "2", of(), of(), "WEIGHTS", "1", "2"],
        "INTERCARD": ["ZINTERCARD", "2", of(), of(), "LIMIT", rng.choice(["0", "1000"])],
        "DIFF": ["ZDIFFSTORE", "d", "2", of(), of()],
        "STORE": ["ZRANGESTORE", "d", of(), str(low // 2), str(low)],
        "ZSCAN": [name, of(), "CURSOR", "COUNT", "1000"],
        "DIGEST": ["DEBUG", "DIGEST-VALUE", "z1", "z2", "d"],
    }[name]


def long_streams(rng):
    name = rng.choice("""FILL FILL FILL FILL FILL XRANGE XRANGE XREVRANGE XLEN XDEL XDEL XTRIM XREAD GROUP READ READ READ READ XACK
        XACK XPENDING CLAIM LENGTHS DIGEST""".split())
    of = lambda: rng.choice(["x1", "x2"])
    number = lambda: rng.randrange(1, ELEMENTS)
    some_id = lambda: f"{number()}-1"
    many = lambda: [some_id() for _ in range(rng.choice([1, 100, 1000]))]
    key, start = of(), number()
    if name == "FILL":
        return ["EVAL", FILL_STREAM, "2", key, f"next:{key}", rng.choice(["1", "500", "5000", "10000"])]
    return {
        "XRANGE": [name, of(), some_id(), "+", "COUNT", "100"],
        "XREVRANGE": [name, of(), f"({start}-1", "-", "COUNT", "100"],
        "XLEN": [name, of()],
        "XDEL": [name, of(), *many()],
        "XTRIM": [name, of(), *rng.choice([["MAXLEN", str(ELEMENTS // 2)], ["MAXLEN", "~", "70000"],
                                           ["MINID", str(start // 4)]])],
        "XREAD": [name, "COUNT", "200", "STREAMS", "x1", "x2", some_id(), some_id()],
        "GROUP": ["XGROUP", "CREATE", of(), "g", "0"],
        "READ": ["XREADGROUP", "GROUP", "g", rng.choice(["c1", "c2"]), "COUNT", "3000", "STREAMS", key, ">"],
        "XACK": [name, of(), "g", *(f"{at}-1" for at in range(start // 8, start // 8 + 2000))],
        "XPENDING": [name, of(), "g"],
        "CLAIM": ["XAUTOCLAIM", of(), "g", "c1", "0", some_id(), "COUNT", "500", "JUSTID"],
        "LENGTHS": ["EVAL", "local n = 0 for _, e in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do n = n + #e[2] end return n",
                    "1", of()],
        "DIGEST": ["DEBUG", "DIGEST-VALUE", "x1", "x2"],
    }[name]
