"""redis-py, synchronous: what an application does with it. The argument says where to connect, as JSON."""
import threading
import time

import redis

import sketches
import where


def client(**more):
    return where.client(redis, **more)


def values(r):
    assert r.set("k", b"\x00\xff\r\n") is True
    assert r.get("k") == b"\x00\xff\r\n"
    assert r.get("missing") is None
    assert r.set("k", "w", nx=True) is None
    assert r.set("k", "w", xx=True, get=True) == b"\x00\xff\r\n"
    assert r.getdel("k") == b"w"
    assert r.append("k", "abc") == 3 and r.strlen("k") == 3
    assert r.getrange("k", 1, -1) == b"bc"
    assert r.setrange("k", 1, "XY") == 3
    assert r.mset({"a": 1, "b": 2}) and r.mget("a", "b", "nope") == [b"1", b"2", None]
    assert r.msetnx({"a": 1, "z": 1}) is False
    assert r.lcs("a", "b") in (b"", "")
    assert r.dbsize() == 3


def counters(r):
    assert [r.incr("n") for _ in range(5)] == [1, 2, 3, 4, 5]
    assert r.decrby("n", 10) == -5 and r.incrbyfloat("f", 1.5) == 1.5
    r.set("s", "text")
    try:
        r.incr("s")
        raise AssertionError("INCR of a text passed")
    except redis.ResponseError as error:
        assert str(error) == "value is not an integer or out of range", error


def expiry(r):
    r.set("k", 1, ex=100)
    assert 98 <= r.ttl("k") <= 100 and r.pttl("k") > 90_000
    assert r.expire("k", 1000, gt=True) == 1 and r.expire("k", 5, nx=True) == 0
    assert r.persist("k") == 1 and r.ttl("k") == -1 and r.ttl("nope") == -2
    r.getex("k", px=5_000_000)
    assert r.expiretime("k") > 1_700_000_000


def keys(r):
    r.mset({f"key:{n}": n for n in range(500)})
    assert sorted(r.scan_iter(match="key:*", count=7)) == sorted(f"key:{n}".encode() for n in range(500))
    assert r.delete(*[f"key:{n}" for n in range(100)]) == 100 and r.unlink("key:100") == 1
    assert r.exists("key:200", "key:201", "key:1") == 2 and r.touch("key:200") == 1
    assert r.rename("key:200", "other") and r.type("other") == b"string"
    assert r.copy("other", "copied") and r.move("copied", 1) and r.randomkey() is not None
    assert len(r.keys("key:4?")) == 0 and len(r.keys("key:4??")) == 100
    assert r.object("encoding", "other") == b"int"


def pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for n in range(2000):
            pipe.set(f"p:{n}", n)
            pipe.get(f"p:{n}")
        replies = pipe.execute()
    assert replies[0::2] == [True] * 2000 and replies[1::2] == [str(n).encode() for n in range(2000)]
    with r.pipeline(transaction=False) as pipe:
        pipe.set("text", "a").incr("text").get("text")
        replies = pipe.execute(raise_on_error=False)
    assert replies[0] is True and isinstance(replies[1], redis.ResponseError) and replies[2] == b"a"


def large_values(r):
    big = bytes(range(256)) * 40_000
    r.set("big", big)
    assert r.get("big") == big and r.strlen("big") == len(big)


def late_reader(r):
    """Replies that fill the socket's buffer before anything is read: what is left must follow (TLS keeps records)."""
    value = b"x" * 100_000
    r.set("late", value)
    connection = r.connection_pool.get_connection()
    try:
        for count in (3, 40, 160):
            for _ in range(count):
                connection.send_command("GET", "late")
            time.sleep(0.3)  # To be late is the point: the server has tried to send by now.
            for _ in range(count):
                assert connection.read_response() == value
    finally:
        r.connection_pool.release(connection)


def moved(dump, load, source, target):
    """Copies a filter piece by piece, as it is done between servers."""
    position = 0
    while True:
        position, data = dump(source, position)
        if position == 0:
            return
        assert load(target, position, data)


def refused(text, call, *args, **more):
    try:
        call(*args, **more)
    except redis.ResponseError as error:
        assert text in str(error), error
        return
    raise AssertionError(f"{call.__name__} {args} passed")


def bloom(r):
    bf = r.bf()
    assert bf.create("b", 0.01, 1000) and r.type("b") == b"MBbloom--"
    assert bf.add("b", "one") == 1 and bf.add("b", "one") == 0
    assert bf.madd("b", "one", "two", "three") == [0, 1, 1]
    assert bf.exists("b", "two") == 1 and bf.mexists("b", "one", "nine") == [1, 0]
    assert bf.card("b") == 3 and bf.card("none") == 0
    assert bf.insert("i", ["x", "y"], capacity=50, error=0.001, expansion=4) == [1, 1]
    info = bf.info("i")
    info = info if isinstance(info, dict) else info.__dict__
    facts = [value for name, value in info.items() if "apacity" in str(name) or "nserted" in str(name)]
    assert facts == [50, 2], info
    assert bf.create("n", 0.01, 2, noScale=True) and bf.madd("n", 1, 2) == [1, 1]
    refused("non scaling filter is full", bf.add, "n", 3)
    refused("item exists", bf.create, "b", 0.01, 1000)
    items = [f"item {n}" for n in range(20_000)]
    bf.madd("b", *items)
    moved(bf.scandump, bf.loadchunk, "b", "copy")
    assert all(bf.mexists("copy", *items)) and r.dump("copy") == r.dump("b")
    assert r.restore("again", 0, r.dump("b")) and all(bf.mexists("again", *items))
    others = bf.mexists("b", *[f"other {n}" for n in range(20_000)])
    assert sum(others) < 1.1 * 0.01 * 20_000, sum(others)
    refused("received bad data", bf.loadchunk, "broken", 1, b"x" * 73)
    refused("insufficient memory", bf.create, "huge", 1e-300, 1 << 30)


def cuckoo(r):
    cf = r.cf()
    assert cf.create("c", 1000, bucket_size=4, max_iterations=50, expansion=2) and r.type("c") == b"MBbloomCF"
    assert cf.add("c", "one") == 1 and cf.add("c", "one") == 1 and cf.addnx("c", "one") == 0
    assert cf.count("c", "one") == 2 and cf.delete("c", "one") == 1 and cf.count("c", "one") == 1
    assert cf.exists("c", "one") == 1 and cf.mexists("c", "one", "nine") == [1, 0]
    assert cf.insert("i", ["x", "x"], capacity=100) == [1, 1] and cf.insertnx("i", ["x", "y"]) == [0, 1]
    refused("not found", cf.insert, "none", ["x"], nocreate=True)
    refused("Not found", cf.delete, "none", "x")
    items = [f"item {n}" for n in range(5000)]
    cf.insert("c", items)
    info = cf.info("c")
    info = info if isinstance(info, dict) else info.__dict__
    assert [value for name, value in info.items() if "nserted" in str(name)] == [5001], info
    moved(cf.scandump, cf.loadchunk, "c", "copy")
    assert all(cf.mexists("copy", *items)) and r.dump("copy") == r.dump("c")
    assert r.restore("again", 0, r.dump("c")) and all(cf.mexists("again", *items))
    refused("Couldn't create filter!", cf.loadchunk, "broken", 1, b"x" * 38)


def connections(r):
    assert r.ping() and r.echo("x") == b"x" and isinstance(r.client_id(), int)
    assert r.client_setname("me") and r.client_getname() in ("me", b"me")
    assert any(c["name"] == "me" for c in r.client_list())
    assert r.info()["redis_version"] and "db0" in r.info("keyspace") or r.dbsize() == 0
    assert r.config_get("maxmemory") == {"maxmemory": "0"}
    assert isinstance(r.time()[0], int) and r.select(0)
    assert r.memory_usage("nope") is None
    assert r.command_count() > 50 and "get" in {name.lower() for name in r.command()}


def users(r):
    assert r.acl_whoami() in ("default", b"default") and "keyspace" in map(str_of, r.acl_cat())
    assert len(r.acl_genpass()) == 64 and len(r.acl_genpass(8)) == 2
    assert r.acl_setuser(
        "alice", enabled=True, reset=True, passwords=["+one", "+two"], categories=["+@read"],
        commands=["+set", "+acl|whoami", "+client|setinfo", "+hello"], keys=["a:*"], channels=["c:*"],
        selectors=[("+del", "%W~d:*")],
    )
    user = r.acl_getuser("alice")
    assert user["enabled"] and len(user["passwords"]) == 2 and "sanitize-payload" in user["flags"], user
    assert user["categories"] == ["-@all", "+@read"] and "+set" in user["commands"], user
    assert sorted(map(str_of, r.acl_users())) == ["alice", "default"] and len(r.acl_list()) == 2
    assert r.acl_dryrun("alice", "get", "a:1") in (b"OK", "OK", True)
    assert b"no permissions to access the 'b' key" in r.acl_dryrun("alice", "get", "b")
    r.acl_log_reset()
    alice = client(username="alice", password="two")
    assert alice.acl_whoami() in ("alice", b"alice") and alice.set("a:1", "x") and alice.delete("d:1") == 0
    for call in (lambda: alice.set("b", 1), lambda: alice.delete("a:1"), alice.flushall):
        try:
            call()
            raise AssertionError("it was allowed")
        except redis.exceptions.NoPermissionError:
            pass
    assert r.get("a:1") == b"x"
    try:
        client(username="alice", password="three").ping()
        raise AssertionError("a wrong password let somebody in")
    except redis.exceptions.AuthenticationError:
        pass
    reasons = [str_of(entry["reason"]) for entry in r.acl_log()]
    assert reasons == ["auth", "command", "key", "key"], reasons
    assert r.acl_deluser("alice") == 1 and r.acl_getuser("alice") is None
    alice.close()


def str_of(text):
    return text.decode() if isinstance(text, bytes) else text


def threads(r):
    def add():
        for _ in range(200):
            r.incr("shared")

    workers = [threading.Thread(target=add) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert r.get("shared") == b"1600"


def decoded(_):
    r = client(decode_responses=True)
    r.set("caf\u00e9", "\u4f60\u597d")
    assert r.get("caf\u00e9") == "\u4f60\u597d" and r.keys("caf*") == ["caf\u00e9"]


def main():
    for protocol in (2, 3):
        r = client(protocol=protocol, socket_timeout=30)
        tests = (
            values, counters, expiry, keys, pipelines, large_values, late_reader, connections, users, threads, decoded,
            bloom, cuckoo, *sketches.TESTS,
        )
        for test in tests:
            label = f"{test.__name__} (RESP{protocol})"
            try:
                r.flushall()
                test(r)
                print(f"ok {label}")
            except Exception as error:
                print(f"not ok {label}: {type(error).__name__} {error}")
        r.close()
    print("end")


main()
