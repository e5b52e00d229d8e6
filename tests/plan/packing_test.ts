/** The packing of values into buffers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { largestLiveSet, type Lifetime, packLifetimes } from "../../src/plan/packing.ts";

/** Lifetimes of a network-like kind: most are short, sizes differ by orders of magnitude, neighbours may not share a buffer. */
const lifetimes = fc.array(
  fc.record({
    first: fc.integer({ min: -1, max: 40 }),
    length: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 3 }) }, fc.integer({ min: 0, max: 40 })),
    words: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 100000 })),
    isAlone: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
    apart: fc.integer({ min: 0, max: 3 }),
    ratherApart: fc.integer({ min: 0, max: 3 }),
  }),
  { maxLength: 40 },
).map((drawn) => {
  const made = drawn.map(({ first, length, words, isAlone }) => lifetime(4 * words, first, first + length, isAlone));
  drawn.forEach(({ apart, ratherApart }, index) => {
    for (const [kind, count] of [["apartFrom", apart], ["ratherApartFrom", ratherApart]] as const) {
      for (const other of made.slice(Math.max(0, index - count), index)) {
        made[index]![kind].add(other);
        other[kind].add(made[index]!);
      }
    }
  });
  return made;
});

function lifetime(byteLength: number, first: number, last: number, isAlone = false): Lifetime {
  return { byteLength, first, last, apartFrom: new Set(), ratherApartFrom: new Set(), isAlone };
}

function total(values: readonly Lifetime[]): number {
  return packLifetimes(values).buffers.reduce((sum, byteLength) => sum + byteLength, 0);
}

Deno.test("packLifetimes() never lets two values that are alive at once overlap", () => {
  fc.assert(
    fc.property(lifetimes, (values) => {
      const { places } = packLifetimes(values);
      values.forEach((a, index) =>
        values.slice(0, index).forEach((b, other) => {
          if (a.first > b.last || b.first > a.last || places[index]!.buffer !== places[other]!.buffer) return;
          const [from, otherFrom] = [places[index]!.offset, places[other]!.offset];
          const isApart = from + a.byteLength <= otherFrom || otherFrom + b.byteLength <= from;
          assert.ok(isApart, `${index} and ${other} overlap at ${from} and ${otherFrom}`);
        })
      );
    }),
    { numRuns: 500, seed: 6 },
  );
});

Deno.test("packLifetimes() gives values that must stay apart different buffers, and lone ones a buffer for themselves", () => {
  fc.assert(
    fc.property(lifetimes, (values) => {
      const { places } = packLifetimes(values);
      const bufferOf = new Map(values.map((value, index) => [value, places[index]!.buffer]));
      for (const value of values) {
        for (const other of value.apartFrom) assert.notEqual(bufferOf.get(value), bufferOf.get(other));
        const members = values.filter((other) => bufferOf.get(other) === bufferOf.get(value));
        if (value.isAlone) assert.equal(members.length, 1);
      }
    }),
    { numRuns: 300, seed: 6 },
  );
});

Deno.test("packLifetimes() brings values together that are rather apart only where a fifth more than the largest live set is not enough", () => {
  let [apart, together] = [0, 0];
  fc.assert(
    fc.property(lifetimes, (values) => {
      const strict = strictly(values);
      const { places } = packLifetimes(values);
      const isTogether = values.some((value, index) =>
        values.some((other, at) => value.ratherApartFrom.has(other) && places[index]!.buffer === places[at]!.buffer)
      );
      if (isTogether) together++;
      else apart++;
      if (total(strict) <= 1.2 * largestLiveSet(values)) {
        assert.ok(!isTogether);
        assert.equal(total(values), total(strict));
      } else assert.ok(total(values) <= total(strict));
    }),
    { numRuns: 500, seed: 6 },
  );
  assert.ok(apart > 50 && together > 50, `${apart} apart, ${together} together`);
});

/** The same values, in which those that are rather apart may never come together. */
function strictly(values: readonly Lifetime[]): Lifetime[] {
  const copies = new Map(values.map((value) => [value, { ...value, apartFrom: new Set<Lifetime>() }]));
  for (const [value, copy] of copies) {
    for (const other of [...value.apartFrom, ...value.ratherApartFrom]) copy.apartFrom.add(copies.get(other)!);
  }
  return [...copies.values()];
}

Deno.test("packLifetimes() puts every value at a multiple of 256 within a buffer that ends with its last byte", () => {
  fc.assert(
    fc.property(lifetimes, (values) => {
      const { places, buffers } = packLifetimes(values);
      const ends = buffers.map((_, buffer) =>
        Math.max(...values.map(({ byteLength }, index) => {
          const place = places[index]!;
          return place.buffer === buffer ? place.offset + byteLength : 0;
        }))
      );
      assert.deepEqual(buffers, ends);
      assert.ok(places.every(({ offset }) => offset % 256 === 0 && offset >= 0));
    }),
    { numRuns: 300, seed: 6 },
  );
});

Deno.test("packLifetimes() never needs less than the largest live set", () => {
  fc.assert(
    fc.property(lifetimes, (values) => assert.ok(total(values) >= largestLiveSet(values))),
    { numRuns: 300, seed: 6 },
  );
});

Deno.test("packLifetimes() lays small values side by side where a large one was", () => {
  assert.equal(total([lifetime(4096, 0, 1), lifetime(2048, 2, 3), lifetime(2048, 2, 3)]), 4096);
});

Deno.test("packLifetimes() fills the gap between two values with a third", () => {
  const values = [lifetime(1024, 0, 9), lifetime(2048, 0, 4), lifetime(512, 0, 9), lifetime(2048, 5, 9)];
  assert.equal(total(values), 1024 + 2048 + 512);
});

Deno.test("packLifetimes() keeps what must be apart apart even where that costs memory", () => {
  const [a, b] = [lifetime(1024, 0, 1), lifetime(1024, 2, 3)];
  assert.equal(total([a, b]), 1024);
  a.apartFrom.add(b);
  b.apartFrom.add(a);
  assert.equal(total([a, b]), 2048);
});

Deno.test("packLifetimes() lays two values into the room of a later one where they are only rather apart", () => {
  const [a, b, large] = [lifetime(1024, 0, 1), lifetime(1024, 1, 2), lifetime(2048, 3, 3)];
  assert.equal(total([a, b, large]), 2048);
  a.ratherApartFrom.add(b);
  b.ratherApartFrom.add(a);
  assert.equal(total([a, b, large]), 2048);
  a.apartFrom.add(b);
  b.apartFrom.add(a);
  assert.equal(total([a, b, large]), 3072);
});

Deno.test("largestLiveSet() is the most that is alive in one step", () => {
  assert.equal(largestLiveSet([]), 0);
  assert.equal(largestLiveSet([lifetime(8, -1, 3)]), 8);
  assert.equal(largestLiveSet([lifetime(8, 0, 1), lifetime(16, 2, 3)]), 16, "one ends before the other begins");
  assert.equal(largestLiveSet([lifetime(8, 0, 2), lifetime(16, 2, 3)]), 24, "both are alive in step 2");
});
