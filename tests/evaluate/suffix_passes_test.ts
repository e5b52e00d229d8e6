import assert from "node:assert/strict";
import fc from "fast-check";
import { cutIntoPasses, passCost, type PassLimits, type Stop, suffixCosts } from "../../src/evaluate/suffix_passes.ts";

/** Ten steps of equal work with activations that shrink on the way. */
const COSTS = Array.from({ length: 10 }, () => 100);
const limits: PassLimits = {
  costFrom: suffixCosts(COSTS),
  room: Infinity,
  byteLengthAt: (step) => 1000 - 100 * step,
  inputCost: 0,
};
const stopsAt = (...steps: number[]): Stop[] => steps.map((step, lane) => ({ lane, step }));
const totalCost = (stops: readonly Stop[], given: PassLimits) =>
  cutIntoPasses(stops, given).reduce((sum, pass) => sum + passCost(pass, given.costFrom), 0);

Deno.test("suffixCosts() adds up whole numbers from the end", () => {
  assert.deepEqual(suffixCosts([4, 2.4, 1]), [7, 3, 1, 0]);
});

Deno.test("cutIntoPasses() gives every assignment a pass of its own while activations fit", () => {
  const passes = cutIntoPasses(stopsAt(5, 2, 2, 9), limits);
  assert.deepEqual(passes, [
    { from: 0, stops: [{ lane: 1, step: 2 }], keeps: 2 },
    { from: 2, stops: [{ lane: 2, step: 2 }], keeps: undefined },
    { from: 2, stops: [{ lane: 0, step: 5 }], keeps: 5 },
    { from: 5, stops: [{ lane: 3, step: 9 }], keeps: undefined },
  ]);
});

Deno.test("cutIntoPasses() takes several assignments at a time where activations do not fit", () => {
  const stops = stopsAt(1, 2, 3, 4, 5, 6, 7, 8);
  const passes = cutIntoPasses(stops, { ...limits, room: 450 });
  assert.deepEqual(passes.map((pass) => [pass.from, pass.stops.length, pass.keeps]), [
    [0, 6, 6],
    [6, 1, 7],
    [7, 1, undefined],
  ]);
  const [single, ...others] = cutIntoPasses(stops, { ...limits, room: 0 });
  assert.deepEqual([single?.stops.length, others.length], [8, 0]);
});

Deno.test("cutIntoPasses() goes back to the inputs only where that is cheap", () => {
  const early = stopsAt(...Array.from({ length: 60 }, () => 1));
  assert.deepEqual(
    cutIntoPasses(early, { ...limits, room: 0 }).map(({ from, stops }) => [from, stops.length]).slice(0, 3),
    [[0, 6], [0, 6], [0, 6]],
  );
  assert.equal(cutIntoPasses(early, { ...limits, room: 0, inputCost: 1000 }).length, 1);
});

Deno.test("cutIntoPasses() loses no assignment, keeps within the room and repeats little work", () => {
  const cases = fc.record({
    costs: fc.array(fc.nat(1000), { minLength: 1, maxLength: 30 }),
    places: fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 }),
    bytes: fc.array(fc.nat(100), { minLength: 31, maxLength: 31 }),
    room: fc.nat(100),
    inputCost: fc.nat(2000),
  });
  fc.assert(
    fc.property(cases, ({ costs, places, bytes, room, inputCost }) => {
      const given: PassLimits = { costFrom: suffixCosts(costs), room, byteLengthAt: (step) => bytes[step]!, inputCost };
      const stops = stopsAt(...places.map((place) => place % (costs.length + 1)));
      const passes = cutIntoPasses(stops, given);
      const order = passes.flatMap((pass) => pass.stops);
      assert.deepEqual(order, [...stops].sort((a, b) => a.step - b.step || a.lane - b.lane));
      let kept = 0;
      for (const { from, stops: together, keeps } of passes) {
        assert.ok(from === kept || from === 0, "a pass begins where activations are kept, or at the inputs");
        assert.ok(together.every(({ step }) => step >= from));
        if (keeps === undefined) continue;
        assert.ok(bytes[keeps]! <= room && together.some(({ step }) => step === keeps));
        kept = keeps;
      }
      const least = totalCost(stops, { ...given, room: 0, inputCost: Infinity });
      const reloads = passes.slice(1).filter(({ from }) => from === 0).length * inputCost;
      assert.ok(totalCost(stops, given) + reloads <= 1.02 * least + 1e-6);
    }),
    { seed: 5, numRuns: 500 },
  );
});
