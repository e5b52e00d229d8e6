/** Reading results back from the GPU. */
import assert from "node:assert/strict";
import { createStorage, readBuffers, tensorFromWords, writeWords } from "../../src/gpu/buffers.ts";
import { StagingBuffers } from "../../src/gpu/staging.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const ignore = !gpu;

/** A buffer that holds `count` numbers from `first` on. */
function numbers(first: number, count: number): GPUBuffer {
  const buffer = createStorage(gpu!, 4 * count, "numbers");
  writeWords(gpu!, buffer, Uint32Array.from({ length: count }, (_, index) => first + index));
  return buffer;
}

Deno.test({
  name: "readBuffers() gives parts of any length, longer than one copied range and shorter than its alignment",
  ignore,
  async fn() {
    const lengths = [1, 200_001, 0, 3, 65_536];
    const buffers = lengths.map((length, index) => numbers(1000 * index, Math.max(1, length)));
    const found = await readBuffers(
      gpu!,
      buffers.map((buffer, index) => ({ buffer, byteLength: 4 * lengths[index]! })),
    );
    found.forEach((words, index) => {
      assert.equal(words.byteLength, 4 * lengths[index]!);
      assert.equal(new Uint32Array(words).findIndex((word, place) => word !== 1000 * index + place), -1);
    });
    for (const buffer of buffers) buffer.destroy();
  },
});

Deno.test({
  name: "readBuffers() fills the targets that parts name and nothing beside them",
  ignore,
  async fn() {
    const buffer = numbers(5, 8);
    const whole = new Uint32Array(6);
    const target = new Uint8Array(whole.buffer, 8, 12);
    const [memory] = await readBuffers(gpu!, [{ buffer, byteOffset: 4, byteLength: 12, target }]);
    assert.equal(memory, whole.buffer);
    assert.deepEqual([...whole], [0, 0, 6, 7, 8, 0]);
    buffer.destroy();
  },
});

Deno.test({
  name: "readBuffers() reads what was there when it was called, whatever is read or written meanwhile",
  ignore,
  async fn() {
    const buffer = numbers(0, 70_000);
    using staging = new StagingBuffers(gpu!.device);
    const before = readBuffers(gpu!, [{ buffer, byteLength: 280_000 }], staging);
    writeWords(gpu!, buffer, new Uint32Array(70_000).fill(7));
    const after = readBuffers(gpu!, [{ buffer, byteLength: 280_000 }], staging);
    assert.equal(new Uint32Array((await before)[0]!).findIndex((word, place) => word !== place), -1);
    assert.equal(new Uint32Array((await after)[0]!).findIndex((word) => word !== 7), -1);
    buffer.destroy();
  },
});

Deno.test({
  name: "StagingBuffers.take() gives a buffer that came back before it makes one, and never one that is in use",
  ignore,
  fn() {
    using staging = new StagingBuffers(gpu!.device);
    const first = staging.take(300_000);
    const second = staging.take(300_000);
    assert.notEqual(first, second);
    staging.giveBack(first);
    assert.equal(staging.take(290_000), first);
    const third = staging.take(290_000);
    assert.notEqual(third, first);
    third.destroy();
    staging.giveBack(first);
    staging.giveBack(second);
    const larger = staging.take(1_000_000);
    assert.ok(larger.size >= 1_000_000);
    staging.giveBack(larger);
  },
});

Deno.test("tensorFromWords() keeps words that are values as they lie, and converts the others", () => {
  const words = Float32Array.of(1.5, -2).buffer;
  assert.equal(tensorFromWords(words, "float32", [2]).data.buffer, words);
  const integers = Int32Array.of(-3, 4).buffer;
  assert.equal(tensorFromWords(integers, "int32", [2]).data.buffer, integers);
  assert.deepEqual(tensorFromWords(integers, "int64", [2]).data, Float64Array.of(-3, 4));
  assert.deepEqual(tensorFromWords(Uint32Array.of(255, 0).buffer, "bool", [2]).data, Uint8Array.of(255, 0));
});
