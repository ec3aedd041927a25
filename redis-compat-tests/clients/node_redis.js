// node-redis: what an application does with it. The argument says where to connect, as JSON.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { createClient, commandOptions } = require("redis");
const run = require("./runner");

const where = JSON.parse(process.argv[2]);
const socket = where.path ? { path: where.path } : { host: where.host, port: where.port };
if (where.ca) {
  Object.assign(socket, {
    tls: true, ca: fs.readFileSync(where.ca), cert: fs.readFileSync(where.cert), key: fs.readFileSync(where.key),
  });
}

const tests = {
  async values(r) {
    assert.equal(await r.set("k", "v", { EX: 100, NX: true }), "OK");
    assert.equal(await r.set("k", "w", { NX: true }), null);
    assert.equal(await r.set("k", "w", { GET: true, KEEPTTL: true }), "v");
    assert.ok((await r.ttl("k")) > 98);
    assert.equal(await r.getEx("k", { PERSIST: true }), "w");
    assert.equal(await r.ttl("k"), -1);
    assert.equal(await r.incrByFloat("f", 0.5), "0.5");
    assert.deepEqual(await r.mGet(["k", "missing"]), ["w", null]);
    const bytes = Buffer.from([0, 255, 13, 10]);
    await r.set("bin", bytes);
    assert.deepEqual(await r.get(commandOptions({ returnBuffers: true }), "bin"), bytes);
    await assert.rejects(r.incr("k"), /ERR value is not an integer or out of range/);
  },
  async automaticPipeline(r) {
    const replies = await Promise.all(Array.from({ length: 2000 }, () => r.incr("n")));
    assert.deepEqual(replies, Array.from({ length: 2000 }, (_, n) => n + 1));
  },
  async scanIterator(r) {
    await r.mSet(Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`s${n}`, String(n)])));
    const seen = new Set();
    for await (const key of r.scanIterator({ MATCH: "s*", COUNT: 17 })) seen.add(key);
    assert.equal(seen.size, 400);
  },
  async introspection(r) {
    assert.match(await r.info(), /redis_version/);
    assert.equal((await r.configGet("maxmemory")).maxmemory, "0");
    assert.equal((await r.clientInfo()).db, 0);
    assert.deepEqual(await r.commandGetKeys(["SET", "a", "b"]), ["a"]);
    assert.ok((await r.commandInfo(["get"]))[0].name === "get");
    assert.equal(await r.ping("x"), "x");
  },
  async users(r) {
    await r.aclSetUser("alice", ["reset", "on", ">one", "~a:*", "+@read", "+set", "+client", "+hello"]);
    const user = await r.aclGetUser("alice");
    assert.ok(user.flags.includes("on") && user.passwords.length === 1, JSON.stringify(user));
    assert.deepEqual(await r.aclUsers(), ["alice", "default"]);
    assert.equal(await r.aclWhoAmI(), "default");
    assert.equal((await r.aclGenPass()).length, 64);
    const alice = r.duplicate({ username: "alice", password: "one" });
    await alice.connect();
    assert.equal(await alice.set("a:1", "x"), "OK");
    await assert.rejects(alice.set("b", "x"), /NOPERM No permissions to access a key/);
    await alice.quit();
    const stranger = r.duplicate({ username: "alice", password: "two" });
    stranger.on("error", () => {});
    await assert.rejects(stranger.connect(), /WRONGPASS/);
    const [first, second] = await r.aclLog();
    assert.equal(first.reason, "auth");
    assert.equal(second.reason, "key");
    assert.equal(await r.aclDelUser("alice"), 1);
  },
  async duplicateAndDatabases(r) {
    const other = r.duplicate({ database: 3 });
    await other.connect();
    await other.set("k", "three");
    assert.equal(await r.get("k"), null);
    assert.equal(await r.sendCommand(["SWAPDB", "0", "3"]), "OK");
    assert.equal(await r.get("k"), "three");
    await other.quit();
  },
};

run(createClient({ socket: { ...socket, reconnectStrategy: false } }), (r) => r.flushAll(), tests);
