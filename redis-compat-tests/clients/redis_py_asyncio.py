"""redis-py's asyncio client. The argument says where to connect, as JSON."""
import asyncio

import redis.asyncio as redis

import where


def client(**more):
    return where.client(redis, **more)


async def values(r):
    await r.set("k", "v")
    assert await r.get("k") == b"v" and await r.get("nope") is None
    assert await r.mset({"a": 1, "b": 2}) and await r.mget("a", "b") == [b"1", b"2"]


async def many_at_once(r):
    await asyncio.gather(*(r.incrby("n", n) for n in range(200)))
    assert await r.get("n") == str(sum(range(200))).encode()
    got = await asyncio.gather(*(r.set(f"k{n}", n) for n in range(100)))
    assert all(got)


async def pipelines(r):
    async with r.pipeline(transaction=False) as pipe:
        for n in range(1000):
            pipe.set(f"p{n}", "x" * n).strlen(f"p{n}")
        replies = await pipe.execute()
    assert replies[1::2] == list(range(1000))


async def scanning(r):
    await r.mset({f"s{n}": n for n in range(300)})
    assert len([key async for key in r.scan_iter(count=11)]) == 300


async def cancelled_request(r):
    one = client(single_connection_client=True)
    await one.set("k", "v")
    task = asyncio.create_task(one.get("k"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await one.aclose()
    assert await r.get("k") == b"v"


async def main():
    for protocol in (2, 3):
        r = client(protocol=protocol, max_connections=64, socket_timeout=30)
        for test in (values, many_at_once, pipelines, scanning, cancelled_request):
            label = f"{test.__name__} (RESP{protocol})"
            try:
                await r.flushall()
                await asyncio.wait_for(test(r), 60)
                print(f"ok {label}")
            except Exception as error:
                print(f"not ok {label}: {type(error).__name__} {error}")
        await r.aclose()
    print("end")


asyncio.run(main())
