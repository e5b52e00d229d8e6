/** Every case of every operator with every tile that a tuner may choose, on this adapter's target and on that of real GPUs. */
import assert from "node:assert/strict";
import { PORTABLE_TARGET } from "../../src/base/kernel_target.ts";
import { OPERATORS } from "../../src/ops/registry.ts";
import { openTestGpu } from "../support/adapter.ts";
import { CaseRunner, producesFloat } from "../support/run_case.ts";

const gpu = await openTestGpu();
const runner = gpu && new CaseRunner(gpu);

/** Together with the conformance tests, which hold the default tile to the reference, this holds every tile to it. */
for (const [name, target] of [["this adapter", gpu?.kernelTarget], ["real GPUs", PORTABLE_TARGET]] as const) {
  Deno.test({
    name: `every tile for ${name} gives the bits of the default one in all cases`,
    ignore: !runner,
    async fn(t) {
      let choices = 0;
      for (const operator of OPERATORS) {
        for (const one of operator.cases.filter((one) => producesFloat(operator, one))) {
          await t.step(`${operator.type} ${one.name}`, async () => {
            choices += await runner!.checkTiles(operator, one, target!);
          });
        }
      }
      assert.ok(choices > 100, `only ${choices} choices of tiles were tried`);
    },
  });
}
