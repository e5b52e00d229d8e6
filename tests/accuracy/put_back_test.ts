import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import { dropTable, groupsNamed, tableProblem, traceLines } from "./invented_evaluator.ts";

const OPTIONS: Partial<AccuracyAwareOptions> = { rankingSubsetSize: 2, mend: false };
const SUBSET = { A: 9, B: 8, C: 7, D: 6, E: 5 };

async function linesOf(
  drops: Readonly<Record<string, number>>,
  options: Partial<AccuracyAwareOptions> = {},
  macs?: number[],
) {
  const groups = groupsNamed("ABCDE").map((group, index) => ({ ...group, macs: macs?.[index] ?? group.macs }));
  const problem = tableProblem(groups, { accuracy: { full: dropTable("ABCDE", drops), subset: SUBSET } });
  const result = await runAccuracyAware(problem, { ...OPTIONS, ...options });
  return { result, lines: traceLines(groups, result.trace).slice(3) };
}

const WASTEFUL = { "-": 0.06, A: 0.055, B: 0.02, AB: 0.0525, ABC: 0.01, BC: 0.0125, AC: 0.0115, C: 0.013 };

Deno.test("putBack() tries cheapest regret first while the target holds (W4)", async () => {
  const { result, lines } = await linesOf(WASTEFUL, { maximalDrop: 0.012 });
  assert.deepEqual(lines, [
    "revert A 0.055 + better",
    "revert AB 0.0525 + better",
    "revert ABC 0.01 + target_met",
  ]);
  assert.deepEqual(result.reverted, ["A", "B", "C"], "no regret fits into the room left");
  const roomy = await linesOf(WASTEFUL, { maximalDrop: 0.0125 });
  assert.deepEqual(roomy.lines.slice(3), ["put_back AC 0.0115 + target_holds"]);
  assert.deepEqual(roomy.result.reverted, ["A", "C"]);
});

Deno.test("putBack() goes on to dearer groups while there is room, and undoes what loses the target", async () => {
  const all = await linesOf(WASTEFUL, { maximalDrop: 0.0165 });
  assert.deepEqual(all.lines.slice(3), ["put_back AC 0.0115 + target_holds", "put_back C 0.013 + target_holds"]);
  assert.deepEqual(all.result.reverted, ["C"]);
  const lost = await linesOf({ ...WASTEFUL, C: 0.02 }, { maximalDrop: 0.0165 });
  assert.deepEqual(lost.lines.slice(3), ["put_back AC 0.0115 + target_holds", "put_back C 0.02 - target_lost"]);
  assert.deepEqual([lost.result.reverted, lost.result.drops.accuracy], [["A", "C"], 0.0115]);
});

Deno.test("putBack() gives equal regrets to the dearer group first", async () => {
  const drops = { "-": 1, A: 0.875, AB: 0.75, ABC: 0.125, AC: 0.25 };
  const { lines } = await linesOf(drops, { maximalDrop: 0.25 }, [0.1, 0.6, 0.1, 0.1, 0.1]);
  assert.deepEqual(lines.slice(3), ["put_back AC 0.25 + target_holds"]);
});

Deno.test("putBack() doubles what it tries at once after a success and halves it after a failure", async () => {
  const drops = { "-": 8, A: 7.75, AB: 7.5, ABC: 7.25, ABCD: 7, ABCDE: 0, BCDE: 0.25, DE: 2, CDE: 0.5, ABCE: 3, CE: 3 };
  const groups = groupsNamed("ABCDEF");
  const problem = tableProblem(groups, { loss: { full: dropTable("ABCDEF", drops), subset: { ...SUBSET, F: 0 } } });
  const result = await runAccuracyAware(problem, { ...OPTIONS, maximalDrop: 1 });
  assert.deepEqual(traceLines(groups, result.trace).slice(8), [
    "put_back BCDE 0.25 + target_holds",
    "put_back DE 2 - target_lost",
    "put_back CDE 0.5 + target_holds",
    "put_back DE 2 - target_lost",
    "put_back CE 3 - target_lost",
  ]);
  assert.deepEqual(result.reverted, ["C", "D", "E"]);
  assert.deepEqual(result.trace.at(-4)?.groups, [1, 2]);
});

Deno.test("putBack() goes past a group that fails alone, and ends after the third", async () => {
  const drops = { "-": 8, A: 7.75, AB: 7.5, ABC: 7.25, ABCD: 7, ABCDE: 0 };
  const [groups, subset] = [groupsNamed("ABCDEF"), { ...SUBSET, F: 0 }];
  const linesFor = async (full: Readonly<Record<string, number>>) => {
    const problem = tableProblem(groups, { loss: { full: dropTable("ABCDEF", { ...drops, ...full }), subset } });
    const result = await runAccuracyAware(problem, { ...OPTIONS, maximalDrop: 1 });
    return { reverted: result.reverted, lines: traceLines(groups, result.trace).slice(8) };
  };
  const second = await linesFor({ BCDE: 2, ACDE: 0.5, ADE: 2, ACE: 2 });
  assert.deepEqual(second.lines, [
    "put_back BCDE 2 - target_lost",
    "put_back ACDE 0.5 + target_holds",
    "put_back ADE 2 - target_lost",
    "put_back ACE 2 - target_lost",
  ]);
  assert.deepEqual(second.reverted, ["A", "C", "D", "E"]);
  const none = await linesFor({ BCDE: 2, ACDE: 2, ABDE: 2, ABCE: 0 });
  assert.deepEqual(none.lines.slice(-1), ["put_back ABDE 2 - target_lost"]);
  assert.deepEqual(none.reverted, ["A", "B", "C", "D", "E"]);
});

Deno.test("putBack() is off when asked, and under POT's rule unless asked", async () => {
  const options = { maximalDrop: 0.0165 };
  assert.deepEqual((await linesOf(WASTEFUL, { ...options, putBack: false })).result.reverted, ["A", "B", "C"]);
  assert.deepEqual((await linesOf(WASTEFUL, { ...options, compatibility: "pot" })).result.reverted, ["A", "B", "C"]);
  const asked = await linesOf(WASTEFUL, { ...options, compatibility: "pot", putBack: true });
  assert.deepEqual(asked.result.reverted, ["C"]);
});

Deno.test("putBack() returns a group to the candidate it left", async () => {
  const groups = groupsNamed("ABCD", ["minmax", "quantile"]);
  const full = dropTable("ABCD", { "-": 0.06, A: 0.05, A1: 0.05, A1B: 0.045, AB: 0.044, ABC: 0.01, A1BC: 0.011 });
  const plain = { "-": 0, A: 0.5, A1: 0.375, B: 0.25, C: 0.0625, D: 0 };
  const subset = { ...plain, A1B: 0.6, A1B1: 0.375, AB: 0.7, ABC: 0.8, ABC1: 0.7 };
  const problem = tableProblem(groups, { accuracy: { full, subset } });
  const result = await runAccuracyAware(problem, { rankingSubsetSize: 2, maximalDrop: 0.012 });
  assert.deepEqual(traceLines(groups, result.trace).slice(3), [
    "mend A1 0.05 + better",
    "revert A1B 0.045 + better",
    "revert AB 0.044 + better",
    "revert ABC 0.01 + target_met",
    "put_back A1BC 0.011 + target_holds",
  ]);
  assert.deepEqual(result.assignment, [1, -1, -1, 0]);
});
