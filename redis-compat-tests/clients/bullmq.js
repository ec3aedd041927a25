// BullMQ: queues with workers that do jobs. Leans on Lua, streams, sorted sets and blocking. The argument says where to
// connect, as JSON.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { Queue, Worker, QueueEvents, FlowProducer } = require("bullmq");
const Redis = require("ioredis");

const where = JSON.parse(process.argv[2]);
const connection = where.path ? { path: where.path } : { host: where.host, port: where.port };
connection.maxRetriesPerRequest = null;
if (where.ca) {
  connection.tls = { ca: fs.readFileSync(where.ca), cert: fs.readFileSync(where.cert), key: fs.readFileSync(where.key) };
}

const PATIENCE_MS = 20_000;
const open = [];

function kept(closable) {
  closable.on("error", () => {});
  open.push(closable);
  return closable;
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} in time`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/// Resolves when `worker` has completed so many jobs.
function completions(worker, count) {
  const seen = [];
  return within(new Promise((resolve) => {
    worker.on("completed", (job, result) => {
      seen.push([job.name, result]);
      if (seen.length === count) resolve(seen);
    });
  }), `${count} completed jobs`);
}

const queue = (name) => kept(new Queue(name, { connection }));
const worker = (name, work, more = {}) => kept(new Worker(name, work, { connection, ...more }));

const tests = {
  async jobsAreDoneOnceByTheWorkersOfAQueue() {
    const jobs = queue("plain");
    const done = [];
    const work = async (job) => {
      done.push(job.data.number);
      return job.data.number * 2;
    };
    const workers = [worker("plain", work, { concurrency: 4 }), worker("plain", work, { concurrency: 4 })];
    const seen = [];
    const all = within(new Promise((resolve) => {
      workers.forEach((w) => w.on("completed", (_, result) => seen.push(result) === 200 && resolve()));
    }), "200 completed jobs");
    await jobs.addBulk(Array.from({ length: 200 }, (_, number) => ({ name: "double", data: { number } })));
    await all;
    assert.deepEqual(done.sort((a, b) => a - b), Array.from({ length: 200 }, (_, number) => number));
    assert.equal((await jobs.getJobCounts("completed", "waiting", "active", "failed")).completed, 200);
  },
  async resultsComeByEvents() {
    const jobs = queue("events");
    const events = kept(new QueueEvents("events", { connection }));
    await events.waitUntilReady();
    worker("events", async (job) => ({ squared: job.data.number ** 2 }));
    const job = await jobs.add("square", { number: 12 });
    assert.deepEqual(await job.waitUntilFinished(events, PATIENCE_MS), { squared: 144 });
    assert.equal(await job.getState(), "completed");
  },
  async prioritiesAndOrder() {
    const jobs = queue("order");
    await jobs.add("late", {}, { priority: 10 });
    await jobs.add("soon", {}, { priority: 1 });
    await jobs.add("first", {}, { lifo: true });
    const workers = worker("order", async () => {}, { concurrency: 1, autorun: false });
    const seen = completions(workers, 3);
    workers.run();
    assert.deepEqual((await seen).map(([name]) => name), ["first", "soon", "late"]);
  },
  async delayedJobs() {
    const jobs = queue("delayed");
    const workers = worker("delayed", async () => Date.now());
    await workers.waitUntilReady();
    const seen = completions(workers, 2);
    const began = Date.now();
    await jobs.add("later", {}, { delay: 300 });
    await jobs.add("now", {});
    const [first, second] = await seen;
    assert.equal(first[0], "now");
    assert.ok(second[1] - began >= 290, `after ${second[1] - began} ms`);
  },
  async retriesWithBackoff() {
    const jobs = queue("retries");
    let tries = 0;
    const workers = worker("retries", async (job) => {
      tries += 1;
      if (job.attemptsMade < 2) throw new Error(`try ${job.attemptsMade}`);
      return "done";
    });
    const seen = completions(workers, 1);
    const job = await jobs.add("unlucky", {}, { attempts: 5, backoff: { type: "fixed", delay: 20 } });
    assert.deepEqual(await seen, [["unlucky", "done"]]);
    assert.equal(tries, 3);
    const hopeless = new Promise((resolve) => workers.on("failed", (failed) => failed.name === "hopeless" && resolve(failed)));
    await jobs.add("hopeless", {}, { attempts: 1 });
    assert.equal((await within(hopeless, "failed job")).failedReason, "try 0");
    assert.equal(await jobs.getFailedCount(), 1);
    assert.equal(await job.getState(), "completed");
  },
  async repeatedJobs() {
    const jobs = queue("repeat");
    const workers = worker("repeat", async () => {});
    const seen = completions(workers, 3);
    await jobs.upsertJobScheduler("tick", { every: 100 }, { name: "tick" });
    assert.deepEqual((await seen).map(([name]) => name), ["tick", "tick", "tick"]);
    assert.equal((await jobs.getJobSchedulers()).length, 1);
    assert.equal(await jobs.removeJobScheduler("tick"), true);
  },
  async flowsOfParentsAndChildren() {
    const flow = kept(new FlowProducer({ connection }));
    const results = new Map();
    worker("parts", async (job) => job.data.number);
    const parents = worker("whole", async (job) => {
      const parts = Object.values(await job.getChildrenValues());
      results.set(job.name, parts.sort());
      return parts.reduce((sum, part) => sum + part, 0);
    });
    const seen = completions(parents, 1);
    const part = (number) => ({ name: "part", queueName: "parts", data: { number } });
    await flow.add({ name: "sum", queueName: "whole", children: [part(1), part(2), part(3)] });
    assert.deepEqual(await seen, [["sum", 6]]);
    assert.deepEqual(results.get("sum"), [1, 2, 3]);
  },
  async limitedRate() {
    const jobs = queue("limited");
    const began = Date.now();
    const workers = worker("limited", async () => {}, { limiter: { max: 2, duration: 200 } });
    const seen = completions(workers, 6);
    await jobs.addBulk(Array.from({ length: 6 }, () => ({ name: "job", data: {} })));
    await seen;
    assert.ok(Date.now() - began >= 380, `six jobs, two each 200 ms, took ${Date.now() - began} ms`);
  },
  async pausedAndObliterated() {
    const jobs = queue("paused");
    await jobs.pause();
    const workers = worker("paused", async () => "done");
    await jobs.add("job", {});
    assert.equal(await jobs.isPaused(), true);
    assert.equal((await jobs.getJobCounts("paused")).paused, 1);
    const seen = completions(workers, 1);
    await jobs.resume();
    await seen;
    await jobs.clean(0, 100, "completed");
    assert.equal(await jobs.getCompletedCount(), 0);
    await jobs.obliterate({ force: true });
  },
};

async function main() {
  const r = new Redis(connection);
  r.on("error", () => {});
  for (const [name, test] of Object.entries(tests)) {
    try {
      await r.flushall();
      await test();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`not ok ${name}: ${String(error.message).split("\n")[0]}`);
    }
    await Promise.allSettled(open.splice(0).reverse().map((closable) => closable.close(true)));
  }
  console.log("end");
  process.exit(0);
}

main().catch((error) => {
  console.log(`not ok start: ${error.message}`);
  process.exit(1);
});
