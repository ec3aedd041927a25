"""redis-py: what it builds from transactions, scripts, pub/sub, users and invalidations. The argument says where to connect, as JSON.

Each test says which commands it needs; where the server lacks one, the test is left out, and said to be.
"""
import threading
import time

import redis

import where

PATIENCE_SECONDS = 10


def client(**more):
    return where.client(redis, **more)


def until(condition, what):
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"no {what} in time"
        time.sleep(0.002)


def message(listener, kind):
    """The next message of that kind."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        got = listener.get_message(timeout=1)
        if got and got["type"] == kind:
            return got
    raise AssertionError(f"no {kind} in time")


def transactions(r):
    with r.pipeline(transaction=True) as pipe:
        replies = pipe.set("a", 1).incr("a").lpush("l", "x", "y").lrange("l", 0, -1).execute()
    assert replies == [True, 2, 2, [b"y", b"x"]], replies
    with r.pipeline(transaction=True) as pipe:
        try:
            pipe.set("b", "text").incr("b").set("c", 1).execute()
            raise AssertionError("INCR of a text passed")
        except redis.ResponseError as error:
            assert "value is not an integer" in str(error)
    assert r.get("c") == b"1", "the other commands of a transaction have run"
    with r.pipeline(transaction=True) as pipe:
        try:
            pipe.set("d", 1).execute_command("NOSUCH").execute()
            raise AssertionError("an unknown command passed")
        except redis.ResponseError as error:
            assert "unknown command" in str(error), error
    assert r.get("d") is None, "a transaction that was refused changes nothing"


def watched_keys(r):
    r.set("n", 1)
    with r.pipeline() as pipe:
        pipe.watch("n")
        value = int(pipe.get("n"))
        client().set("n", 100)
        pipe.multi()
        pipe.set("n", value + 1)
        try:
            pipe.execute()
            raise AssertionError("a transaction ran on a key that had changed")
        except redis.WatchError:
            pass
    assert r.get("n") == b"100"


def optimistic_counters(r):
    """Several threads increment by WATCH, GET, MULTI, SET, EXEC: no increment is lost."""
    r.set("n", 0)

    def increment(pipe):
        value = int(pipe.get("n"))
        pipe.multi()
        pipe.set("n", value + 1)

    def work():
        mine = client()
        for _ in range(50):
            mine.transaction(increment, "n")

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert r.get("n") == b"200", r.get("n")


def scripts(r):
    add = r.register_script("local v = redis.call('INCRBY', KEYS[1], ARGV[1]) return {KEYS[1], v, redis.status_reply('fine')}")
    assert add(keys=["n"], args=[5]) == [b"n", 5, b"fine"]
    r.script_flush()
    assert add(keys=["n"], args=[5]) == [b"n", 10, b"fine"], "a forgotten script is loaded again"
    assert r.script_exists(add.sha) == [True]
    assert r.eval("return {1, 'a', {2, 3}, false, 3.99}", 0) == [1, b"a", [2, 3], None, 3]
    assert r.eval("return cjson.encode({a = {1, 2}})", 0) == b'{"a":[1,2]}'
    try:
        r.eval("return redis.error_reply('MINE it is')", 0)
        raise AssertionError("an error is no error")
    except redis.ResponseError as error:
        assert str(error) == "MINE it is", error
    with r.pipeline() as pipe:
        add(keys=["n"], args=[1], client=pipe)
        assert pipe.get("n").execute() == [[b"n", 11, b"fine"], b"11"]


def functions(r):
    library = "#!lua name=lib\nredis.register_function('double', function(keys, args) return redis.call('GET', keys[1]) * 2 end)"
    assert r.function_load(library, replace=True) == b"lib"
    r.set("n", 21)
    assert r.fcall("double", 1, "n") == 42
    dump = r.function_dump()
    r.function_flush()
    assert r.function_list() == []
    assert r.function_restore(dump) and r.fcall("double", 1, "n") == 42
    r.function_delete("lib")


def locks(r):
    lock = r.lock("lock", timeout=10)
    assert lock.acquire(blocking=False) and lock.locked() and lock.owned()
    other = client().lock("lock", timeout=10)
    assert not other.acquire(blocking=False)
    assert lock.extend(20) and lock.reacquire()
    try:
        other.release()
        raise AssertionError("a lock was released by somebody else")
    except redis.exceptions.LockError:
        pass
    lock.release()
    assert not lock.locked() and other.acquire(blocking=False)
    other.release()


def locks_keep_others_out(r):
    inside, worst = [], []

    def work():
        mine = client()
        for _ in range(10):
            with mine.lock("lock", timeout=30, sleep=0.001):
                inside.append(1)
                worst.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(worst) == 40 and max(worst) == 1


def publish_and_subscribe(r):
    listener = client().pubsub()
    listener.subscribe("news", "weather")
    listener.psubscribe("n*")
    for _ in range(2):
        assert message(listener, "subscribe")
    assert message(listener, "psubscribe")["data"] == 3
    assert r.publish("news", b"\x00hello") == 2
    assert message(listener, "message")["data"] == b"\x00hello"
    got = message(listener, "pmessage")
    assert (got["pattern"], got["channel"], got["data"]) == (b"n*", b"news", b"\x00hello")
    assert dict(r.pubsub_numsub("news", "nobody")) == {b"news": 1, b"nobody": 0} and r.pubsub_numpat() == 1
    assert sorted(r.pubsub_channels()) == [b"news", b"weather"]
    listener.unsubscribe()
    listener.punsubscribe()
    for _ in range(2):
        assert message(listener, "unsubscribe")
    until(lambda: r.publish("news", "x") == 0, "end of the subscription")
    listener.close()


def subscribers_in_threads(r):
    got = []
    listeners = [client().pubsub(ignore_subscribe_messages=True) for _ in range(3)]
    for listener in listeners:
        listener.subscribe(chat=lambda m: got.append(m["data"]))
    until(lambda: dict(r.pubsub_numsub("chat"))[b"chat"] == 3, "three subscribers")
    threads = [listener.run_in_thread(sleep_time=0.01, daemon=True) for listener in listeners]
    for number in range(100):
        assert r.publish("chat", number) == 3
    until(lambda: len(got) == 300, "300 messages")
    [thread.stop() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(map(int, got)) == sorted(list(range(100)) * 3)


def sharded_channels(r):
    listener = client().pubsub()
    listener.ssubscribe("shard")
    assert message(listener, "ssubscribe")
    assert r.spublish("shard", "x") == 1 and message(listener, "smessage")["data"] == b"x"
    listener.close()


def keyspace_notifications(r):
    before = r.config_get("notify-keyspace-events")["notify-keyspace-events"]
    r.config_set("notify-keyspace-events", "KEA")
    listener = client().pubsub(ignore_subscribe_messages=True)
    listener.psubscribe("__key*__:*")
    until(lambda: r.pubsub_numpat() == 1, "the subscription")
    r.set("k", 1, px=20)
    seen = set()
    until(lambda: seen.add((listener.get_message(timeout=1) or {}).get("channel")) or b"__keyevent@0__:expired" in seen, "expired")
    assert {b"__keyspace@0__:k", b"__keyevent@0__:set", b"__keyevent@0__:expire"} <= seen, seen
    listener.close()
    r.config_set("notify-keyspace-events", before)


def monitored(r):
    with client().monitor() as monitor:
        r.set("seen", "by \"monitor\"")
        for line in monitor.listen():
            if "seen" in line["command"]:
                assert line["command"].startswith("SET seen by") and line["db"] == 0, line
                break


def users(r):
    r.acl_setuser("reader", enabled=True, passwords=["+secret"], categories=["+@read"], keys=["data:*"], reset=True)
    r.set("data:1", "x")
    reader = client(username="reader", password="secret")
    assert reader.get("data:1") == b"x"
    for refused in (lambda: reader.set("data:1", "y"), lambda: reader.get("other")):
        try:
            refused()
            raise AssertionError("it was allowed")
        except redis.exceptions.NoPermissionError:
            pass
    try:
        client(username="reader", password="wrong").ping()
        raise AssertionError("a wrong password was taken")
    except redis.exceptions.AuthenticationError:
        pass
    assert r.acl_deluser("reader") == 1


def invalidations(r):
    """What client-side caching rests on: the server says when what was read has changed. (redis-py's own cache asks for 7.4.)"""
    r.set("k", "old")
    caching = client(protocol=3, single_connection_client=True)
    caching.ping()
    pushed = []
    caching.connection._parser.set_invalidation_push_handler(pushed.append)
    caching.client_tracking_on()
    assert caching.get("k") == b"old"
    r.set("k", "new")
    r.set("other", "x")
    until(lambda: caching.ping() and pushed, "invalidation")
    assert pushed == [[b"invalidate", [b"k"]]], pushed
    assert caching.get("k") == b"new"
    caching.close()


def pools(r):
    pool = redis.BlockingConnectionPool(max_connections=4, timeout=10, **client().connection_pool.connection_kwargs)
    pool.connection_class = client().connection_pool.connection_class

    def work(number):
        mine = redis.Redis(connection_pool=pool)
        for _ in range(50):
            mine.incr(f"n{number % 3}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(map(int, r.mget("n0", "n1", "n2"))) == 600
    pool.disconnect()


def ended_connections(r):
    mine = client(retry_on_error=[redis.ConnectionError], client_name="mine")
    assert mine.ping()
    number = mine.client_id()
    assert r.client_kill_filter(_id=number) == 1
    assert mine.ping() and mine.client_id() != number, "it connects anew"


def waited_for(r):
    r.set("k", 1)
    began = time.monotonic()
    assert r.wait(1, 50) == 0 and time.monotonic() - began >= 0.045
    assert r.role()[0] == b"master"
    waiting = client()
    waiting.ping()
    waiter = threading.Thread(target=lambda: waiting.blpop("nothing", timeout=PATIENCE_SECONDS))
    waiter.start()
    until(lambda: any(c["cmd"] == "blpop" and "b" in c["flags"] for c in r.client_list()), "a client that waits")
    blocked = next(c for c in r.client_list() if c["cmd"] == "blpop")
    assert r.client_unblock(int(blocked["id"])) in (1, True)
    waiter.join()


TESTS = [
    (transactions, "multi exec"), (watched_keys, "watch"), (optimistic_counters, "watch multi"), (scripts, "evalsha script"),
    (functions, "fcall"), (locks, "evalsha"), (locks_keep_others_out, "evalsha"), (publish_and_subscribe, "psubscribe publish pubsub"),
    (subscribers_in_threads, "subscribe publish pubsub"), (sharded_channels, "ssubscribe"), (keyspace_notifications, "psubscribe pubsub"),
    (monitored, "monitor"), (users, "acl"), (invalidations, "client|tracking"), (pools, ""), (ended_connections, ""), (waited_for, "wait role"),
]


def main():
    r = client()
    known = {name.decode() for name in r.execute_command("COMMAND LIST")}
    for test, needs in TESTS:
        missing = [name for name in needs.split() if name not in known]
        if missing:
            print(f"left out {test.__name__}: needs {' '.join(missing).upper()}")
            continue
        try:
            r.flushall()
            test(r)
            print(f"ok {test.__name__}")
        except Exception as error:
            print(f"not ok {test.__name__}: {type(error).__name__}: {(str(error).splitlines() or ['?'])[0]}")
    print("end")


if __name__ == "__main__":
    main()
