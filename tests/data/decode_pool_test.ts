import assert from "node:assert/strict";
import { createInlinePool, createWorkerPool, type DecodePool } from "../../src/data/decode_pool.ts";
import type { DecodeSettings } from "../../src/data/decode_job.ts";
import { createSampleCache } from "../../src/data/sample_cache.ts";
import { flat, picture, png, withFolder } from "./fixtures.ts";
import { refused } from "./refused.ts";

const SETTINGS: DecodeSettings = { steps: [], layout: "NHWC" };

function bothPools(count: number): [string, DecodePool][] {
  return [["inline", createInlinePool(SETTINGS)], ["workers", createWorkerPool(SETTINGS, count)]];
}

Deno.test("run() gives the same samples and digests inline and in workers", async () => {
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`${at}.png`, png(picture(at % 7 + 1, 3))]));
  await withFolder(files, async (folder) => {
    for (const [name, pool] of bothPools(2)) {
      const all = await Promise.all(Object.keys(files).map((file) => pool.run("sample", `${folder}/${file}`)));
      all.forEach(({ size, data }, at) => {
        assert.deepEqual(size, { width: at % 7 + 1, height: 3, channels: 3 }, name);
        assert.deepEqual(data, picture(at % 7 + 1, 3).data, `${name} ${at}`);
      });
      const digest = await pool.run("digest", `${folder}/0.png`);
      const expected = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${folder}/0.png`));
      assert.deepEqual(digest.data, new Uint8Array(expected));
      pool.close();
    }
  });
});

Deno.test("run() names a file that cannot be decoded and goes on with the others", async () => {
  await withFolder({ "good.png": png(flat(2, 2, [1, 2, 3])), "bad.png": "no picture" }, async (folder) => {
    for (const [, pool] of bothPools(1)) {
      const good = pool.run("sample", `${folder}/good.png`);
      const message =
        /Cannot read picture ".*bad\.png": it is no picture that can be read, expected JPEG or PNG; replace the file, or remove it and its label/;
      await assert.rejects(pool.run("sample", `${folder}/bad.png`), refused(message));
      await assert.rejects(pool.run("sample", `${folder}/none.png`), refused(/none\.png": it does not exist/));
      assert.equal((await good).size.width, 2);
      assert.equal((await pool.run("sample", `${folder}/good.png`)).size.width, 2);
      pool.close();
    }
  });
});

/** A worker that answers with the length of the path, and dies of paths that hold "deadly". */
const MORTAL = new URL(`data:application/javascript,${
  encodeURIComponent(`globalThis.onmessage = ({ data }) => {
    if (!("job" in data)) return globalThis.postMessage({ ready: true });
    const { id, path } = data.job;
    if (globalThis.dying) return;
    globalThis.dying = path.includes("deadly");
    if (globalThis.dying) setTimeout(() => { throw new Error("out of memory"); }, 0);
    else globalThis.postMessage({ id, size: { width: path.length, height: 1, channels: 1 }, data: new Uint8Array(1) });
  };`)
}`);

Deno.test("run() names the file that a worker died of and does the other jobs in a new one", async () => {
  const pool = createWorkerPool(SETTINGS, 1, MORTAL);
  const before = pool.run("sample", "a");
  const deadly = pool.run("sample", "deadly.jpg");
  const behind = ["abc", "abcd"].map((path) => pool.run("sample", path));
  await assert.rejects(deadly, refused(/"deadly\.jpg": the decoder died of it \(.*out of memory/));
  assert.equal((await before).size.width, 1);
  assert.deepEqual((await Promise.all(behind)).map(({ size }) => size.width), [3, 4]);
  assert.equal((await pool.run("sample", "abcde")).size.width, 5);
  pool.close();
});

Deno.test("run() rejects when the worker module cannot be loaded", async () => {
  const pool = createWorkerPool(SETTINGS, 1, new URL("file:///nowhere/decode_worker.ts"));
  const others = Promise.allSettled(["b.jpg", "c.jpg"].map((path) => pool.run("sample", path)));
  await assert.rejects(pool.run("sample", "a.jpg"), refused(/Cannot start the decoder of pictures: ./));
  assert.deepEqual((await others).map(({ status }) => status), ["rejected", "rejected"]);
  pool.close();
});

Deno.test("run() says why the decoders of a worker cannot be loaded", async () => {
  const failing = new URL(`data:application/javascript,${
    encodeURIComponent(`globalThis.onmessage = ({ data }) => {
      if ("settings" in data) globalThis.postMessage({ unstartable: "no permission" });
    };`)
  }`);
  const pool = createWorkerPool(SETTINGS, 1, failing);
  await assert.rejects(pool.run("sample", "a.jpg"), refused(/^Cannot start the decoder of pictures: no permission$/));
  pool.close();
});

Deno.test("close() rejects what is under way and what comes later", async () => {
  const pool = createWorkerPool(SETTINGS, 1, MORTAL);
  const pending = Array.from({ length: 40 }, (_, at) => pool.run("sample", `x${at}`));
  const settled = Promise.allSettled(pending);
  pool.close();
  for (const outcome of await settled) {
    assert.equal(outcome.status, "rejected");
    assert.ok(outcome.status === "rejected" && refused(/the dataset is closed/)(outcome.reason));
  }
  await assert.rejects(pool.run("sample", "y"), refused(/the dataset is closed/));
});

Deno.test("createSampleCache() never holds more than its budget", () => {
  const cache = createSampleCache(100, 35);
  for (let index = 0; index < 100; index++) {
    cache.get(index);
    cache.offer(index, new Uint8Array(10));
    assert.ok(cache.bytes <= 35);
  }
  assert.equal(cache.bytes, 30);
  cache.offer(5, new Uint8Array(36));
  assert.equal(cache.bytes, 30);
});

Deno.test("createSampleCache() keeps its share through repeated scans", () => {
  const cache = createSampleCache(100, 300);
  const scan = (indices: readonly number[]) => {
    let found = 0;
    for (const index of indices) {
      if (cache.get(index) !== undefined) found++;
      else cache.offer(index, new Uint8Array(10));
    }
    return found;
  };
  const all = Array.from({ length: 100 }, (_, index) => index);
  scan([...all].reverse());
  assert.deepEqual([scan(all), scan(all), scan(all)], [30, 30, 30]);
});

Deno.test("createSampleCache() takes in a subset that is used more than the rest", () => {
  const cache = createSampleCache(100, 30);
  for (let index = 0; index < 100; index++) {
    cache.get(index);
    cache.offer(index, Uint8Array.of(index));
  }
  const subset = Array.from({ length: 20 }, (_, at) => 99 - at);
  for (let round = 0; round < 4; round++) {
    for (const index of subset) if (cache.get(index) === undefined) cache.offer(index, Uint8Array.of(index));
  }
  for (const index of subset) assert.deepEqual(cache.get(index), Uint8Array.of(index));
});
