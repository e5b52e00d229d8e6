/** The assignment of values to buffers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { largestLiveSet, type Lifetime, packLifetimes } from "../../src/plan/memory.ts";

/** Lifetimes of a network-like kind: most are short, sizes differ by orders of magnitude. */
const lifetimes = fc.array(
  fc.record({
    first: fc.integer({ min: -1, max: 40 }),
    length: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 3 }) }, fc.integer({ min: 0, max: 40 })),
    words: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 100000 })),
  }),
  { maxLength: 40 },
).map((drawn) =>
  drawn.map(({ first, length, words }, index): Lifetime => ({
    value: `v${index}`,
    byteLength: 4 * words,
    first,
    last: first + length,
  }))
);

Deno.test("packLifetimes() never puts two values that are alive at once into one buffer", () => {
  fc.assert(
    fc.property(lifetimes, (values) => {
      const { slots } = packLifetimes(values);
      values.forEach((a, index) =>
        values.slice(0, index).forEach((b, other) => {
          const areAlive = a.first <= b.last && b.first <= a.last;
          assert.ok(!areAlive || slots[index] !== slots[other], `${JSON.stringify([a, b])} share slot ${slots[index]}`);
        })
      );
    }),
    { numRuns: 500, seed: 6 },
  );
});

Deno.test("packLifetimes() gives every value a buffer that holds it, and no buffer more than it needs", () => {
  fc.assert(
    fc.property(lifetimes, (values) => {
      const { slots, byteLengths } = packLifetimes(values);
      const largest = byteLengths.map((_, slot) =>
        Math.max(...values.filter((_, index) => slots[index] === slot).map(({ byteLength }) => byteLength))
      );
      assert.deepEqual(byteLengths, largest);
    }),
    { numRuns: 300, seed: 6 },
  );
});

Deno.test("packLifetimes() needs at least the largest live set and at most all values together", () => {
  fc.assert(
    fc.property(lifetimes, (values) => {
      const total = packLifetimes(values).byteLengths.reduce((sum, byteLength) => sum + byteLength, 0);
      assert.ok(total >= largestLiveSet(values));
      assert.ok(total <= values.reduce((sum, { byteLength }) => sum + byteLength, 0));
    }),
    { numRuns: 300, seed: 6 },
  );
});

Deno.test("packLifetimes() reaches the largest live set where sizes alternate", () => {
  const alternating = Array.from({ length: 20 }, (_, step): Lifetime => ({
    value: `v${step}`,
    byteLength: step % 2 === 0 ? 4000 + step : 400 + step,
    first: step,
    last: step + 1,
  }));
  const { byteLengths } = packLifetimes(alternating);
  assert.deepEqual([...byteLengths].sort((a, b) => a - b), [419, 4018]);
});

Deno.test("largestLiveSet() is the most that is alive in one step", () => {
  const of = (...spans: [byteLength: number, first: number, last: number][]) =>
    largestLiveSet(spans.map(([byteLength, first, last], index) => ({ value: `v${index}`, byteLength, first, last })));
  assert.equal(of(), 0);
  assert.equal(of([8, -1, 3]), 8);
  assert.equal(of([8, 0, 1], [16, 2, 3]), 16, "one ends before the other begins");
  assert.equal(of([8, 0, 2], [16, 2, 3]), 24, "both are alive in step 2");
});
