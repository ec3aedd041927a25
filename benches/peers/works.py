"""What is measured: the works of the sections pinned and free, the datasets of the section memory, and the bars for both.

Commands are load.c's: `#` a number of twelve digits below `keys`, `#{FIRST,COUNT}` one of these, `%` the same as an integer,
`?` any twelve digits, `@` a value of `size` bytes, `&` the number of a pair of connections; ` ; ` stands between the commands of one
operation, `\\s` for a space within an argument, `\\` before any other letter for that one.
"""
import hashlib
import shlex
import sys
from dataclasses import dataclass, replace

MILLION = 1_000_000
OPS = {1: 60_000, 16: 400_000, 64: 800_000}  # of a work that costs as much as a GET; by pipeline


@dataclass(frozen=True)
class Fill:
    """Data that a work finds: the command, once for each number below `count`; with one connection in their order."""
    command: str
    count: int
    size: int = 8
    conns: int = 4


@dataclass(frozen=True)
class Work:
    """`cost`: of an operation, in GETs, roughly: a run is so many times shorter. `used_up`: each run needs its data anew.
    Without fills the server is emptied before each run, so that the work is mostly inserts."""
    command: str
    size: int = 8
    keys: int = MILLION
    fills: tuple = ()
    cost: float = 1
    pipelines: tuple = (1, 16, 64)
    conns: int = 50
    used_up: bool = False
    #: Connections that only read, and what they send first: then each message that one of them gets is an operation.
    listeners: int = 0
    listen_by: str = ""
    #: What every second connection sends, in pairs with the others: then an operation is what one of the two does.
    partner: str = ""
    resp3: bool = False

    def others(self):
        """Who there is besides the connections that send the command, as arguments of load()."""
        return {"listeners": self.listeners, "listen_by": self.listen_by, "partner": self.partner, "resp3": self.resp3}

    def ops(self, pipeline, scale):
        return max(int(OPS[pipeline] / self.cost * scale), 2 * self.conns)

    def of_fewer_keys(self, most):
        """With the million that most works have cut to this number."""
        less = lambda count: most if count == MILLION else count
        return replace(self, keys=less(self.keys), fills=tuple(replace(f, count=less(f.count)) for f in self.fills))


def members(count, word="{}"):
    """The same elements for every collection of a kind."""
    return " ".join(word.format(f"{i:03}") for i in range(count))


def named(command, size):
    """A fill by one of load.c's own works, which there are in memcached's protocol too."""
    return (Fill(command, MILLION, size),)


STRINGS = {
    "GET 64B": Work("get", 64, fills=named("set", 64)),
    "SET 64B": Work("set", 64, fills=named("set", 64)),
    "1:10 64B": Work("mixed", 64, fills=named("set", 64)),
    "MSET10 64B": Work("mset", 64, fills=named("set", 64), cost=8),
    "GET 1K": Work("get", 1024, fills=named("set", 1024)),
    "SET 1K": Work("set", 1024, fills=named("set", 1024)),
    "1:10 1K": Work("mixed", 1024, fills=named("set", 1024)),
    "INCR": Work("incr", fills=named("incr", 8)),
}

BOARD = (Fill("ZADD zset # mem:#", MILLION),)
HLLS = (Fill("PFADD hll:#{0,10000} item:#", MILLION),)
BITS = (Fill("SET bits @", 1, 1 << 20), Fill("SET other @", 1, 1 << 20))
ENTRIES = "XADD stream 1-# field @ other @"
GROUP = (Fill(ENTRIES, 400_000, conns=1), Fill("XGROUP CREATE stream group 0", 1))
SLOW = {"pipelines": (1,), "conns": 4}  # milliseconds each: what a request costs besides does not matter


def halves(command, count):
    """Two collections of so many, half of them in both."""
    return (Fill(command.format("one", f"#{{0,{count}}}"), count),
            Fill(command.format("two", f"#{{{count // 2},{count}}}"), count))


# Collections of a hundred are small ones in Redis' eyes (listpack, intset), but for sets of strings, which 7.0 keeps in tables.
TYPES = {
    "LPUSH": Work("lpush", 64, 10_000),
    "HSET": Work("hset", 64, cost=1.5),
    "SADD": Work("sadd"),
    "ZADD": Work("zadd", cost=2),
    "LRANGE 100": Work("LRANGE list:# 0 99", keys=10_000, cost=8, pipelines=(16,),
                       fills=(Fill("RPUSH list:# " + members(100, "@"), 10_000, 16),)),
    "HGETALL 50": Work("HGETALL hash:#", keys=10_000, cost=8, pipelines=(16,),
                       fills=(Fill("HSET hash:# " + members(50, "field:{} @"), 10_000),)),
    "SMEMBERS 100 strings": Work("SMEMBERS set:#", keys=10_000, cost=8, pipelines=(16,),
                                 fills=(Fill("SADD set:# " + members(100, "member:{}"), 10_000),)),
    "SMEMBERS 100 ints": Work("SMEMBERS ints:#", keys=10_000, cost=8, pipelines=(16,),
                              fills=(Fill("SADD ints:# " + members(100, "5{}"), 10_000),)),
    "ZRANGE 100": Work("ZRANGE zset:# 0 99", keys=10_000, cost=8, pipelines=(16,),
                       fills=(Fill("ZADD zset:# " + members(100, "{0} member:{0}"), 10_000),)),
    "ZRANGE 100 of 1000": Work("ZRANGE zset:# 450 549", keys=500, cost=8, pipelines=(16,),
                               fills=(Fill("ZADD zset:#{0,500} # mem:#", 500_000),)),
    "ZRANGE 100 of 1M": Work("ZRANGE zset # +inf BYSCORE LIMIT 0 100", cost=12, pipelines=(16,), fills=BOARD),
    "ZRANK": Work("ZRANK zset mem:#", cost=2, pipelines=(16, 64), fills=BOARD),
    "SINTER 2x100k strings": Work("SINTER one two", cost=1000, fills=halves("SADD {0} member:{1}", 100_000), **SLOW),
    "SINTER 2x100k ints": Work("SINTER one two", cost=1000, fills=halves("SADD {0} 1{1}", 100_000), **SLOW),
    "SUNIONSTORE 2x10k": Work("SUNIONSTORE result one two", cost=250, fills=halves("SADD {0} member:{1}", 10_000), **SLOW),
    "ZUNIONSTORE 2x10k": Work("ZUNIONSTORE result 2 one two", cost=400, fills=halves("ZADD {0} {1} member:{1}", 10_000), **SLOW),
    "PFADD": Work("PFADD hll:#{0,10000} item:#", cost=2, pipelines=(16, 64)),
    "PFADD filled": Work("PFADD hll:#{0,10000} item:#", cost=2, pipelines=(16, 64), fills=HLLS),
    "PFADD dense": Work("PFADD dense item:#", pipelines=(16, 64), fills=(Fill("PFADD dense item:#", 200_000),)),
    "PFCOUNT": Work("PFCOUNT hll:#{0,10000}", pipelines=(16, 64), fills=HLLS),
    "PFCOUNT of 2": Work("PFCOUNT hll:#{0,10000} hll:#{0,10000}", cost=50, pipelines=(16,), fills=HLLS),
    "BITCOUNT 1MB": Work("BITCOUNT bits", cost=15, fills=BITS, **SLOW),
    "BITOP AND 1MB": Work("BITOP AND result bits other", cost=60, fills=BITS, **SLOW),
    "GEOSEARCH 1 km": Work("GEOSEARCH geo FROMLONLAT 10.? 45.? BYRADIUS 1 km ASC", cost=15, pipelines=(16,),
                           fills=(Fill("GEOADD geo 10.? 45.? place:#", 100_000),)),
    "XADD": Work("XADD stream * field @ other @", cost=1.5, pipelines=(16, 64)),
    "XRANGE 100": Work("XRANGE stream 1-# + COUNT 100", keys=99_900, cost=20, pipelines=(16,),
                       fills=(Fill(ENTRIES, 100_000, conns=1),)),
    "XREADGROUP 10": Work("XREADGROUP GROUP group consumer COUNT 10 STREAMS stream >", cost=10, pipelines=(16,),
                          fills=GROUP, used_up=True),
    "SORT 10k": Work("SORT numbers", cost=250, fills=(Fill("RPUSH numbers ?", 10_000),), **SLOW),
    "SORT 10k ALPHA": Work("SORT words ALPHA", cost=400, fills=(Fill("SADD words word:?", 10_000),), **SLOW),
}
SCRIPT = "return redis.call('get',KEYS[1])"
LIBRARY = ("#!lua name=bench\nredis.register_function{function_name='bench_get',"
           "callback=function(keys,args) return redis.call('get',keys[1]) end}")
PAIRS = {"pipelines": (1,), "conns": 100}
SUBSCRIBERS = {"cost": 12, "pipelines": (1, 16), "conns": 10, "listeners": 100, "size": 64}


def quoted(argument):
    """An argument of any letters, as load.c takes it."""
    escaped = "".join("\\" + c if c in "\\#%?@&" else c for c in argument)
    return escaped.replace(" ", "\\s").replace("\n", "\\n")


# What connections do beside commands on data.
CONNECTIONS = {
    "MULTI 10 SETs EXEC": Work("MULTI ; " + "SET key:# @ ; " * 10 + "EXEC", 64, fills=named("set", 64), cost=4),
    "PUBLISH to 100": Work("PUBLISH channel @", listen_by="SUBSCRIBE channel", **SUBSCRIBERS),
    "PUBLISH to 100 RESP3": Work("PUBLISH channel @", listen_by="SUBSCRIBE channel", resp3=True, **SUBSCRIBERS),
    "EVALSHA of GET": Work(f"EVALSHA {hashlib.sha1(SCRIPT.encode()).hexdigest()} 1 key:#", 64, cost=2,
                           fills=(Fill("SCRIPT LOAD " + quoted(SCRIPT), 1),) + named("set", 64)),
    "FCALL of GET": Work("FCALL bench_get 1 key:#", 64, cost=2,
                         fills=(Fill("FUNCTION LOAD REPLACE " + quoted(LIBRARY), 1),) + named("set", 64)),
    "BLPOP/RPUSH 50 pairs": Work("RPUSH there:& x ; BLPOP back:& 0", partner="BLPOP there:& 0 ; RPUSH back:& x", **PAIRS),
}
WORKS = STRINGS | TYPES | CONNECTIONS
GROUPS = {"strings": STRINGS, "types": TYPES, "connections": CONNECTIONS, "all": WORKS}
FREE = ("GET 64B", "SET 64B", "1:10 64B", "MSET10 64B", "HSET", "ZADD")
QUICK = ("GET 64B", "SET 64B", "ZADD")


def chosen(names, default):
    """The works of this comma-separated list of names and groups."""
    wanted = names.split(",") if names else default
    unknown = [name for name in wanted if name not in WORKS and name not in GROUPS]
    if unknown:
        raise SystemExit(f"no such work: {', '.join(unknown)}; there are: {', '.join(list(GROUPS) + list(WORKS))}")
    return {label: work for label, work in WORKS.items()
            if label in wanted or any(label in GROUPS.get(name, ()) for name in wanted)}


# name: (command, value size, keys, payload bytes a key or element: the physical minimum)
DATASETS = {
    "1M strings 16+32 B": ("SET key:# @", 32, MILLION, 48),
    "5M strings 16+32 B": ("SET key:# @", 32, 5_000_000, 48),
    "1M ints as strings": ("SET key:# %", 8, MILLION, 24),
    "1M hashes of 5": ("HSET hsh:# f1 @ f2 @ f3 @ f4 @ f5 @", 8, MILLION, 66),
    "zset of 1M": ("ZADD zset # mem:#", 8, MILLION, 24),
    "set of 1M ints": ("SADD ints %", 8, MILLION, 8),
    "set of 1M strings": ("SADD set mem:#", 8, MILLION, 16),
    "hash of 1M 16+16 B": ("HSET hash fld:# val:#", 8, MILLION, 32),
    "list of 1M 16 B": ("RPUSH list itm:#", 8, MILLION, 16),
    "stream of 1M": ("XADD stream * field @ other @", 8, MILLION, 24),
}

# CPU an operation as a ratio to redis-server 7.0's, at most.
BARS = {
    "GET 64B P1": 0.95, "GET 64B P16": 0.56, "GET 64B P64": 0.40,
    "SET 64B P1": 0.98, "SET 64B P16": 0.45, "SET 64B P64": 0.38,
    "INCR P1": 0.80, "INCR P16": 0.55, "INCR P64": 0.48,
    "MSET10 64B P1": 0.60, "MSET10 64B P16": 0.35, "MSET10 64B P64": 0.35,
    "GET 1K P16": 0.68, "SET 1K P16": 0.58,
    "LPUSH P16": 0.60, "LPUSH P64": 0.50, "HSET P16": 0.60, "HSET P64": 0.55,
    "SADD P16": 0.60, "SADD P64": 0.55, "ZADD P16": 0.60, "ZADD P64": 0.55,
} | {f"{label} P{p}": 0.60 for label, work in TYPES.items()
     if work.pipelines != (1, 16, 64) and not label.startswith("BITOP") for p in work.pipelines} | {
    "MULTI 10 SETs EXEC P16": 0.50, "MULTI 10 SETs EXEC P64": 0.50, "PUBLISH to 100 P1": 0.70, "PUBLISH to 100 P16": 0.70,
    "PUBLISH to 100 RESP3 P1": 0.70, "PUBLISH to 100 RESP3 P16": 0.70, "EVALSHA of GET P16": 0.75, "EVALSHA of GET P64": 0.75,
    "FCALL of GET P16": 0.75, "FCALL of GET P64": 0.75, "BLPOP/RPUSH 50 pairs P1": 0.90}

# Bytes a key or element, at most; a stream is compared with redis-server's.
MEMORY_BARS = {
    "1M strings 16+32 B": 70, "1M ints as strings": 46, "1M hashes of 5": 112, "zset of 1M": 56, "set of 1M ints": 16,
    "set of 1M strings": 44, "hash of 1M 16+16 B": 60, "list of 1M 16 B": 20,
}
MEMORY_BAR_RATIOS = {"stream of 1M": 1.1}


def arguments(label, keys_max):
    """A line of load.c's arguments for each fill, then one for the work, to which -n, -P and -c are still missing."""
    work = WORKS[label].of_fewer_keys(keys_max)
    word = shlex.quote
    fills = [f"-w {word(f.command)} -n {f.count} -r {f.count} -d {f.size} -c {f.conns} -P 64 -S" for f in work.fills]
    others = f" -W {word(work.partner)}" if work.partner else ""
    others += f" -l {word(work.listen_by)} -L {work.listeners}" if work.listeners else ""
    return fills + [f"-w {word(work.command)} -d {work.size} -r {work.keys}{others}{' -3' * work.resp3}"]


if __name__ == "__main__":
    print("\n".join(arguments(sys.argv[1], int(sys.argv[2]))))
