/** Operators over generated cases, in float32 and with fake-quant: a failure comes with the smallest case that fast-check finds. */
import fc from "fast-check";
import { type OpCase, type OpDef } from "../../src/ops/op.ts";
import { findOperator } from "../../src/ops/registry.ts";
import { openTestGpu } from "../support/adapter.ts";
import { FAMILIES, type Family } from "../support/case_arbitraries.ts";
import { NEWEST_OPSET } from "../support/op_graph.ts";
import { CaseRunner, producesFloat } from "../support/run_case.ts";

const gpu = await openTestGpu();
const runner = gpu && new CaseRunner(gpu);

/** Cases of each operator: few, since each is run in both precisions; another seed draws others. */
const RUNS = 8;
const SEED = 20240607;

for (const family of Object.values(FAMILIES)) {
  for (const type of family.operators) {
    Deno.test({
      name: `${type} equals its reference over generated cases`,
      ignore: !runner,
      fn: () => checkFamily(findOperator(type, "", NEWEST_OPSET)!, family),
    });
  }
}

async function checkFamily(operator: OpDef, family: Family): Promise<void> {
  const [first] = operator.cases;
  const shared = {
    ...(first!.range ? { range: first!.range } : {}),
    ...toleranceOf(operator),
  };
  const property = fc.asyncProperty(family.draw(first!.inputs[0]!.dtype), async (drawn) => {
    const one: OpCase = { name: "generated", ...shared, ...drawn };
    await runner!.checkFloat(operator, one);
    if (producesFloat(operator, one)) await runner!.checkQuantized(operator, one);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED, verbose: 0 });
}

/** The tolerance that the operator's own cases state: of several the first, which is that of short sums. */
function toleranceOf({ cases }: OpDef): Pick<OpCase, "tolerance"> {
  const tolerance = cases.find((one) => one.tolerance)?.tolerance;
  return tolerance ? { tolerance } : {};
}
