/**
 * Operators over generated cases, in float32 and with fake-quant: a failure comes with the smallest case that fast-check finds.
 * HOLDFAST_GENERATED_RUNS and HOLDFAST_GENERATED_SEED draw more cases and others.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { OpCase, OpDef } from "../../src/ops/op.ts";
import { findOperator, OPERATORS } from "../../src/ops/registry.ts";
import { openTestGpu } from "../support/adapter.ts";
import type { Family } from "../support/cases/drawing.ts";
import { FAMILIES } from "../support/cases/families.ts";
import { NEWEST_OPSET } from "../support/op_graph.ts";
import { CaseRunner, producesFloat } from "../support/run_case.ts";

const gpu = await openTestGpu();
const runner = gpu && new CaseRunner(gpu);

/** Cases of each operator of a family: few, since each is run in both precisions. */
const RUNS = Number(Deno.env.get("HOLDFAST_GENERATED_RUNS") ?? 5);
const SEED = Number(Deno.env.get("HOLDFAST_GENERATED_SEED") ?? 20240607);

for (const [name, family] of Object.entries(FAMILIES)) {
  for (const type of family.operators) {
    Deno.test({
      name: `${type} equals its reference over generated cases of ${name}`,
      ignore: !runner,
      fn: () => checkFamily(type, family),
    });
  }
}

Deno.test("every operator has generated cases", () => {
  const drawn = new Set(
    Object.values(FAMILIES).flatMap(({ domain = "", operators }) => operators.map((type) => `${domain}:${type}`)),
  );
  const missing = OPERATORS.filter(({ domain = "", type }) => !drawn.has(`${domain}:${type}`));
  assert.deepEqual(missing.map(({ type }) => type), []);
});

async function checkFamily(type: string, family: Family): Promise<void> {
  const definitionFor = (opset: number) => findOperator(type, family.domain ?? "", opset)!;
  const dtype = definitionFor(NEWEST_OPSET).cases[0]?.inputs[0]?.dtype ?? "float32";
  const property = fc.asyncProperty(family.draw(dtype), async (drawn) => {
    const operator = definitionFor(drawn.opset ?? NEWEST_OPSET);
    const one: OpCase = { name: "generated", ...defaultsOf(operator), ...drawn };
    await runner!.checkFloat(operator, one);
    if (producesFloat(operator, one)) await runner!.checkQuantized(operator, one);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED, verbose: 0 });
}

/** The range that the operator's cases start with and the tolerance that they state: of several the first, which is that of short sums. */
function defaultsOf({ cases }: OpDef): Pick<OpCase, "range" | "tolerance"> {
  const range = cases[0]?.range;
  const tolerance = cases.find((one) => one.tolerance)?.tolerance;
  return { ...range ? { range } : {}, ...tolerance ? { tolerance } : {} };
}
