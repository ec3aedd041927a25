// ioredis and node-redis: what they build from transactions, scripts and pub/sub. The argument says where to connect, as
// JSON. Each test says which commands it needs; where the server lacks one, the test is left out, and said to be.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { once } = require("node:events");
const Redis = require("ioredis");
const nodeRedis = require("redis");

const where = JSON.parse(process.argv[2]);
const tls = where.ca && { ca: fs.readFileSync(where.ca), cert: fs.readFileSync(where.cert), key: fs.readFileSync(where.key) };
const place = where.path ? { path: where.path } : { host: where.host, port: where.port };

function io(more = {}) {
  const r = new Redis({ ...place, ...(tls && { tls }), ...more });
  r.on("error", () => {});
  return r;
}

async function node(more = {}) {
  const r = nodeRedis.createClient({ socket: { ...place, ...(tls && { tls: true, ...tls }) }, ...more });
  r.on("error", () => {});
  return r.connect();
}

const tests = {
  ioredisTransactions: ["multi", async (r) => {
    assert.deepEqual(await r.multi().set("a", 1).incr("a").lrange("l", 0, -1).exec(), [[null, "OK"], [null, 2], [null, []]]);
    const other = io();
    await r.watch("a");
    await other.set("a", 100);
    assert.equal(await r.multi().set("a", 3).exec(), null);
    assert.equal(await r.get("a"), "100");
    await assert.rejects(r.multi().set("b").exec(), /EXECABORT|wrong number of arguments/);
    other.disconnect();
  }],
  ioredisScripts: ["evalsha", async (r) => {
    r.defineCommand("addTo", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    assert.equal(await r.addTo("n", 5), 5);
    await r.script("FLUSH");
    assert.equal(await r.addTo("n", 5), 10);
    const replies = await r.pipeline().addTo("n", 1).addTo("n", 2).exec();
    assert.deepEqual(replies, [[null, 11], [null, 13]]);
  }],
  ioredisPubSub: ["psubscribe", async (r) => {
    const listener = io();
    assert.equal(await listener.subscribe("news", "weather"), 2);
    assert.equal(await listener.psubscribe("n*"), 3);
    const got = [];
    const both = new Promise((resolve) => {
      listener.on("message", (...message) => got.push(message) === 2 && resolve());
      listener.on("pmessage", (...message) => got.push(message) === 2 && resolve());
    });
    assert.equal(await r.publish("news", "hello"), 2);
    await both;
    assert.deepEqual(got.sort(), [["n*", "news", "hello"], ["news", "hello"]]);
    await assert.rejects(listener.get("k"), /subscriber mode|only .* allowed/);
    assert.equal(await listener.unsubscribe("news", "weather"), 1);
    listener.disconnect();
  }],
  ioredisSubscribesAnewAfterALostConnection: ["psubscribe", async (r) => {
    const listener = io({ retryStrategy: () => 10 });
    await listener.subscribe("news");
    const id = /id=(\d+)[^\n]* sub=1/.exec(await r.client("LIST"))[1];
    assert.equal(await r.client("KILL", "ID", id), 1);
    const heard = once(listener, "message");
    const timer = setInterval(() => r.publish("news", "again"), 20);
    assert.deepEqual(await heard, ["news", "again"]);
    clearInterval(timer);
    listener.disconnect();
  }],
  ioredisMonitor: ["monitor", async (r) => {
    const monitor = await io().monitor();
    const seen = new Promise((resolve) => monitor.on("monitor", (_, args) => args[1] === "seen" && resolve(args)));
    await r.set("seen", "x y");
    assert.deepEqual(await seen, ["set", "seen", "x y"]);
    monitor.disconnect();
  }],
  nodeRedisTransactions: ["multi", async () => {
    const r = await node();
    assert.deepEqual(await r.multi().set("a", "1").incr("a").exec(), ["OK", 2]);
    await assert.rejects(r.executeIsolated(async (mine) => {
      await mine.watch("a");
      await r.set("a", "100");
      return mine.multi().set("a", "3").exec();
    }), nodeRedis.WatchError);
    assert.equal(await r.get("a"), "100");
    await r.quit();
  }],
  nodeRedisScriptsAndFunctions: ["fcall", async () => {
    const add = nodeRedis.defineScript({
      NUMBER_OF_KEYS: 1, SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
      transformArguments: (key, by) => [key, by.toString()], transformReply: (reply) => reply,
    });
    const r = await node({ scripts: { add } });
    assert.equal(await r.add("n", 5), 5);
    await r.sendCommand(["SCRIPT", "FLUSH"]);
    assert.equal(await r.add("n", 5), 10);
    await r.functionFlush();
    const code = "#!lua name=lib\nredis.register_function('double', function(keys) return redis.call('GET', keys[1]) * 2 end)";
    assert.equal(await r.functionLoad(code, { REPLACE: true }), "lib");
    assert.equal(await r.fCall("double", { keys: ["n"], arguments: [] }), 20);
    assert.equal((await r.functionList())[0].libraryName, "lib");
    await r.functionFlush();
    await r.quit();
  }],
  nodeRedisPubSub: ["ssubscribe", async () => {
    const [r, listener] = [await node(), await node()];
    const got = [];
    const all = new Promise((resolve) => {
      const hear = (message, channel) => got.push([channel, message]) === 3 && resolve();
      Promise.all([listener.subscribe("news", hear), listener.pSubscribe("n*", hear), listener.sSubscribe("shard", hear)])
        .then(async () => {
          await r.publish("news", "hello");
          await r.sPublish("shard", "sharded");
        });
    });
    await all;
    assert.deepEqual(got.sort(), [["news", "hello"], ["news", "hello"], ["shard", "sharded"]]);
    assert.deepEqual(await r.pubSubChannels(), ["news"]);
    await listener.unsubscribe("news");
    await listener.disconnect();
    await r.quit();
  }],
};

async function main() {
  const r = io();
  const known = new Set(await r.call("COMMAND", "LIST"));
  for (const [name, [needs, test]] of Object.entries(tests)) {
    if (!known.has(needs)) {
      console.log(`left out ${name}: needs ${needs.toUpperCase()}`);
      continue;
    }
    try {
      await r.flushall();
      await test(r);
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`not ok ${name}: ${String(error.message).replace(/\s+/g, " ").slice(0, 200)}`);
    }
  }
  console.log("end");
  process.exit(0);
}

main().catch((error) => {
  console.log(`not ok start: ${error.message}`);
  process.exit(1);
});
