"""Redis 7.0.15 follows Dunlin: it is given a copy, and then all that happens, and has the same data in the end.

What happens comes from the generators of the differential suite, so commands of newer servers are left out.
"""
import os
import random
import re
import signal
import subprocess
import tempfile
import time

from compat.resp import Closed, Garbled, encode
from compat.results import Results
from compat.servers import Server, StartFailed, is_redis, reference, under_test
from differential import families

SECONDS = 30
# These do to the server what would end the test: nothing is followed through them.
FAMILIES = [name for name in families.FAMILIES if name not in ("connection", "arguments", "lua patterns", "lua libraries")]
# Redis 7.0.15 does not know them.
NEWER = re.compile(rb"^(H(P?EXPIRE|P?TTL|PERSIST|GETEX|SETEX|GETDEL)|X(DELEX|ACKDEL)|BF\.|CF\.|CMS\.|TOPK\.|TDIGEST\.)", re.I)
# They change how the server answers or stores (CONFIG SET, which replicas are not told), not what it holds; or would wait.
LEFT_OUT = {b"SUBSCRIBE", b"PSUBSCRIBE", b"MONITOR", b"SYNC", b"PSYNC", b"QUIT", b"RESET", b"SHUTDOWN", b"DEBUG", b"HELLO", b"CLIENT", b"CONFIG"}


def until(condition, seconds=SECONDS):
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def info(connection, section, field):
    found = re.search(rf"^{field}:(.*?)\r?$", connection.ask("INFO", section).text.decode(), re.M)
    return found.group(1) if found else None


class Group:
    """The server under test, and a Redis that follows it."""

    def __init__(self, ours, replica):
        self.ours, self.replica = ours, replica
        self.admin, self.other = ours.connect(SECONDS), replica.connect(SECONDS)

    def follow(self):
        self.other.ask_ok("REPLICAOF", self.ours.host, str(self.ours.port))
        return until(lambda: info(self.other, "replication", "master_link_status") == "up")

    def unfollow(self):
        self.other.ask_ok("REPLICAOF", "NO", "ONE")
        return until(lambda: info(self.admin, "replication", "connected_slaves") == "0")

    def has_caught_up(self):
        """Whether the replica has got everything that has happened."""
        return self.admin.ask("WAIT", "1", str(SECONDS * 1000)).raw == b":1\r\n"

    def digests(self):
        return [connection.ask("DEBUG", "DIGEST").raw for connection in (self.admin, self.other)]

    def agrees(self):
        """Both have the same data. What expires between two questions is asked again."""
        if not self.has_caught_up():
            return "the replica does not get everything"
        agree = until(lambda: len(set(self.digests())) == 1, 5)
        return "" if agree else self.difference()

    def difference(self):
        """The first keys that differ."""
        lines = []
        for db in range(16):
            for connection in (self.admin, self.other):
                connection.ask("SELECT", str(db))
            names = {item.text for connection in (self.admin, self.other) for item in connection.ask("KEYS", "*").items}
            for name in sorted(names):
                ours, theirs = (c.ask("DEBUG", "DIGEST-VALUE", name).raw for c in (self.admin, self.other))
                if ours != theirs:
                    kinds = [c.ask(*words).raw for c in (self.admin, self.other) for words in (("TYPE", name), ("PTTL", name), ("DUMP", name))]
                    lines.append(f"db {db}, {name!r}: dunlin {kinds[:3]}, redis {kinds[3:]}")
        for connection in (self.admin, self.other):
            connection.ask("SELECT", "0")
        return "\n".join(lines[:5]) or f"digests differ, no key does: {self.digests()}"


def work(rng, family, steps):
    """Requests of a family that Redis 7.0.15 can repeat."""
    for _ in range(steps):
        words = families.to_bytes(families.FAMILIES[family](rng))
        name = words[0].upper()
        if name not in LEFT_OUT and b"CURSOR" not in words and not NEWER.match(name):
            yield words


def send_all(ours, requests):
    """Whatever is answered. A client that would wait leaves, and another one goes on."""
    connection = ours.connect(2)
    for words in requests:
        try:
            connection.send(encode(*words))
            connection.reply()
        except (OSError, Closed, Garbled):
            connection.close()
            connection = ours.connect(2)
    connection.close()


def data(group, options, results):
    """A copy of what was there, and what happens behind it."""
    for family in FAMILIES:
        label = f"random {family}"
        if options.only and not any(word in label for word in options.only):
            continue
        rng = random.Random(f"{options.seed}/{family}")
        group.unfollow()
        group.admin.ask("FLUSHALL")
        send_all(group.ours, work(rng, family, 3 * options.steps))
        if not group.follow():
            results.fail(label, f"the replica does not get its copy:\n{group.replica.log()[-2000:]}")
            continue
        why = group.agrees()
        if results.check(f"{label}: the copy", not why, why):
            send_all(group.ours, work(rng, family, 3 * options.steps))
            why = group.agrees()
            results.check(f"{label}: the stream", not why, why)


def large_values(group, results):
    """Collections of all forms, beyond what is sent at once."""
    group.unfollow()
    group.admin.ask("FLUSHALL")
    for db in (0, 5):
        group.admin.ask("SELECT", str(db))
        for at in range(0, 20_000, 500):
            numbers = range(at, at + 500)
            for words in (
                ["RPUSH", "list", *(f"element {n}" for n in numbers)],
                ["SADD", "set", *(f"member {n}" for n in numbers)],
                ["SADD", "numbers", *map(str, numbers)],
                ["ZADD", "sorted", *(word for n in numbers for word in (str(n / 7), f"member {n}"))],
                ["HSET", "hash", *(word for n in numbers for word in (f"field {n}", "v" * (n % 100)))],
                ["PFADD", "sketch", *(f"item {n}" for n in numbers)],
            ):
                group.admin.ask(*words)
            group.admin.ask("XADD", "stream", "*", "at", str(at))
        group.admin.ask("SET", "long", bytes(n * n % 251 for n in range(3_000_000)))
        group.admin.ask("XGROUP", "CREATE", "stream", "group", "0")
        group.admin.ask("XREADGROUP", "GROUP", "group", "one", "COUNT", "10", "STREAMS", "stream", ">")
    group.admin.ask("SELECT", "0")
    group.admin.ask("FUNCTION", "LOAD", "REPLACE", "#!lua name=l\nredis.register_function('f', function() return 1 end)")
    results.check("large values: the replica gets a copy", group.follow(), group.replica.log()[-2000:])
    why = group.agrees()
    results.check("large values", not why, why)
    results.check("libraries of functions", group.other.ask("FUNCTION", "LIST").raw == group.admin.ask("FUNCTION", "LIST").raw)


def connections(group, results):
    """A connection that breaks, messages, and who waits for replicas."""
    group.follow()
    before = info(group.admin, "stats", "sync_partial_ok")
    group.admin.ask("CLIENT", "KILL", "TYPE", "replica")
    for n in range(100):
        group.admin.ask("SET", f"meanwhile {n}", "x")
    goes_on = until(lambda: info(group.admin, "stats", "sync_partial_ok") == str(int(before) + 1))
    results.check("a replica that comes back goes on where it was", goes_on, group.replica.log()[-1500:])
    why = group.agrees()
    results.check("... and has missed nothing", not why, why)

    subscriber = group.replica.connect(SECONDS)
    subscriber.ask("SUBSCRIBE", "news")
    group.admin.ask("PUBLISH", "news", "hello")
    results.check("messages reach the clients of replicas", b"hello" in subscriber.reply().raw)

    group.admin.ask("SET", "waited", "for")
    results.check("WAIT counts who has it", group.admin.ask("WAIT", "1", "0").raw == b":1\r\n")
    results.check("... and gives up in time", group.admin.ask("WAIT", "2", "50").raw == b":1\r\n")
    group.admin.ask_ok("CONFIG", "SET", "min-replicas-to-write", "1")
    results.check("min-replicas-to-write: one is enough", group.admin.ask("SET", "a", "1").raw == b"+OK\r\n")
    group.admin.ask_ok("CONFIG", "SET", "min-replicas-to-write", "2")
    few = group.admin.ask("SET", "a", "1").raw
    results.check("... but not for two", few.startswith(b"-NOREPLICAS"), few)
    group.admin.ask_ok("CONFIG", "SET", "min-replicas-to-write", "0")
    role = group.admin.ask("ROLE").raw
    results.check("ROLE names it", str(group.replica.port).encode() in role, role)
    expect = f"ip=127.0.0.1,port={group.replica.port},state=online,"
    line = info(group.admin, "replication", "slave0") or ""
    results.check("INFO names it", line.startswith(expect), line)
    listed = group.admin.ask("CLIENT", "LIST", "TYPE", "replica").text.decode()
    results.check("CLIENT LIST TYPE replica", listed.count("\n") == 1 and " flags=S " in listed, listed)


def tools(group, results):
    """redis-cli --rdb, and Redis' own look at the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "dump.rdb")
        argv = ["redis-cli", "-h", group.ours.host, "-p", str(group.ours.port), "--rdb", path]
        said = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS)
        results.check("redis-cli --rdb", said.returncode == 0, said.stdout + said.stderr)
        checked = subprocess.run(["redis-check-rdb", path], capture_output=True, text=True, timeout=SECONDS)
        results.check("redis-check-rdb", "RDB looks OK" in checked.stdout, checked.stdout[-500:])


def ending(group, results):
    """A server that is told to stop waits for a replica that lags, unless that is called off."""
    group.follow()
    group.has_caught_up()
    replica = group.replica.process.pid
    waits = lambda: until(lambda: group.ours.log().count("Waiting for replicas before shutting down.") > seen)
    os.kill(replica, signal.SIGSTOP)
    try:
        group.admin.ask("SET", "last", "one")
        stopper, seen = group.ours.connect(SECONDS), 0
        stopper.send(encode(b"SHUTDOWN"))
        results.check("SHUTDOWN waits for who lags", waits() and group.ours.alive(), group.ours.log()[-1500:])
        reader = group.ours.connect(SECONDS)
        results.check("... and answers readers", reader.ask("GET", "last").text == b"one")
        reader.ask_ok("SHUTDOWN", "ABORT")
        called_off = stopper.reply().raw
        results.check("SHUTDOWN ABORT calls it off", called_off.startswith(b"-ERR Errors trying to SHUTDOWN"), called_off)
        results.check("... and writes go on", reader.ask("SET", "last", "two").raw == b"+OK\r\n")
        seen = 1
        group.ours.process.send_signal(signal.SIGTERM)
        results.check("SIGTERM waits, too", waits() and group.ours.alive(), group.ours.log()[-1500:])
    finally:
        os.kill(replica, signal.SIGCONT)
    ended = until(lambda: not group.ours.alive())
    results.check("it ends once the replica has everything", ended and "1 of 1 replicas are in sync" in group.ours.log(), group.ours.log()[-1500:])
    results.check("... which it has", group.other.ask("GET", "last").text == b"two")


def run(options):
    results = Results("replicas")
    try:
        with under_test(options) as ours, reference(**{"repl-diskless-load": "disabled"}) as replica:
            if not isinstance(ours, Server) or is_redis(ours.command) and options.only:
                results.fail("start", "needs a server of its own")
                return results
            group = Group(ours, replica)
            data(group, options, results)
            for check in (large_values, connections, tools):
                if not options.only or any(word in check.__name__ for word in options.only):
                    check(group, results)
            results.check("the server stays up", ours.alive(), ours.log()[-2000:])
            ending(group, results)
    except StartFailed as error:
        results.fail("start", error)
    return results
