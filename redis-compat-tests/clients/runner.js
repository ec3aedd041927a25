// Runs tests on a connected client, each on empty databases, and says on standard output how each went.
"use strict";

async function run(r, flush, tests) {
  r.on("error", () => {});
  await r.connect();
  for (const [name, test] of Object.entries(tests)) {
    try {
      await flush(r);
      await test(r);
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`not ok ${name}: ${String(error.message).split("\n")[0]}`);
    }
  }
  await r.quit();
  console.log("end");
}

module.exports = (r, flush, tests) =>
  run(r, flush, tests).catch((error) => {
    console.log(`not ok start: ${error.message}`);
    process.exit(1);
  });
