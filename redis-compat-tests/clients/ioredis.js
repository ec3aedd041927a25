// ioredis: what an application does with it. The argument says where to connect, as JSON.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const Redis = require("ioredis");
const run = require("./runner");

const where = JSON.parse(process.argv[2]);
const options = where.path ? { path: where.path } : { host: where.host, port: where.port };
if (where.ca) {
  options.tls = { ca: fs.readFileSync(where.ca), cert: fs.readFileSync(where.cert), key: fs.readFileSync(where.key) };
}

const tests = {
  async values(r) {
    assert.equal(await r.set("k", "v"), "OK");
    assert.equal(await r.get("k"), "v");
    assert.equal(await r.get("missing"), null);
    assert.equal(await r.set("k", "w", "NX"), null);
    assert.equal(await r.set("k", "w", "EX", 100, "XX"), "OK");
    assert.ok((await r.ttl("k")) > 98);
    assert.deepEqual(await r.getBuffer("k"), Buffer.from("w"));
    await r.set("bin", Buffer.from([0, 255, 13, 10]));
    assert.deepEqual(await r.getBuffer("bin"), Buffer.from([0, 255, 13, 10]));
    await r.mset({ a: "1", b: "2" });
    assert.deepEqual(await r.mget("a", "b", "c"), ["1", "2", null]);
    await assert.rejects(r.incr("k"), /ERR value is not an integer or out of range/);
    await assert.rejects(r.call("NOSUCH", "x"), /ERR unknown command 'NOSUCH'/);
  },
  async autoPipelining() {
    const r = new Redis({ ...options, enableAutoPipelining: true });
    const replies = await Promise.all(Array.from({ length: 2000 }, () => r.incr("n")));
    assert.deepEqual(replies, Array.from({ length: 2000 }, (_, n) => n + 1));
    r.disconnect();
  },
  async pipelines(r) {
    const pipeline = r.pipeline();
    for (let n = 0; n < 1000; n++) pipeline.set(`p${n}`, "x".repeat(n)).strlen(`p${n}`);
    const replies = await pipeline.exec();
    replies.forEach(([error, reply], n) => {
      assert.equal(error, null);
      assert.equal(reply, n % 2 ? (n - 1) / 2 : "OK");
    });
  },
  async scanStream(r) {
    await r.mset(Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`s${n}`, n])));
    const seen = new Set();
    for await (const keys of r.scanStream({ match: "s*", count: 13 })) keys.forEach((key) => seen.add(key));
    assert.equal(seen.size, 400);
  },
  async readyCheckAndInfo(r) {
    assert.match(await r.info("server"), /redis_version:\d+\.\d+\.\d+/);
    assert.equal(r.status, "ready");
    assert.equal(await r.client("SETNAME", "node"), "OK");
    assert.match(await r.client("LIST"), /name=node/);
    assert.ok(Object.keys(await r.command("INFO", "get")).length > 0);
  },
  async users(r) {
    await r.acl("SETUSER", "alice", "reset", "on", ">one", "~a:*", "+@read", "+set", "+info", "+client");
    const alice = new Redis({ ...options, username: "alice", password: "one" });
    assert.equal(await alice.set("a:1", "x"), "OK");
    await assert.rejects(alice.set("b", "x"), /NOPERM No permissions to access a key/);
    await assert.rejects(alice.del("a:1"), /NOPERM User alice has no permissions to run the 'del' command/);
    assert.equal(await r.acl("DELUSER", "alice"), 1);
    alice.disconnect();
    const stranger = new Redis({ ...options, username: "alice", password: "one", retryStrategy: null });
    stranger.on("error", () => {});
    await assert.rejects(stranger.get("a:1"), /WRONGPASS|Connection is closed/);
    stranger.disconnect();
  },
  async reconnect(r) {
    const victim = new Redis({ ...options, retryStrategy: () => 10 });
    await victim.set("k", "v");
    const id = await victim.client("ID");
    assert.equal(await r.client("KILL", "ID", id), 1);
    assert.equal(await victim.get("k"), "v");
    assert.notEqual(await victim.client("ID"), id);
    victim.disconnect();
  },
  async largeValues(r) {
    const big = Buffer.alloc(8 << 20, "0123456789abcdef");
    await r.set("big", big);
    assert.ok(big.equals(await r.getBuffer("big")));
  },
};

run(new Redis({ ...options, lazyConnect: true, maxRetriesPerRequest: 2 }), (r) => r.flushall(), tests);
