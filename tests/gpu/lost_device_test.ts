/** A GPU that goes away in the middle of a run: a clear line, a good journal, and the same command goes on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { evaluateModel, floatCosine, quantizeModel, Runtime } from "../../mod.ts";
import { withFolder } from "../data/fixtures.ts";
import { smallModel, smallOptions } from "../fixtures/small_problem.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };
const model = await smallModel();
const LOST = { name: "DeviceError", message: /^Cannot go on: the GPU device was lost \(destroyed\): / };

Deno.test(
  "quantizeModel() says that the device was lost, and goes on from the journal",
  needsGpu,
  () =>
    withFolder({}, async (folder) => {
      using healthy = await Runtime.open();
      const expected = await quantizeModel(healthy, model, smallOptions());
      const journal = { path: join(folder, "journal.jsonl") };
      const known: number[] = [];
      for (const fatal of [1, 2]) {
        using doomed = await Runtime.open();
        let steps = 0;
        const run = quantizeModel(doomed, model, {
          ...smallOptions(),
          journal,
          onEvent: (event) => event.kind === "step" && ++steps === fatal && doomed.gpu.device.destroy(),
        });
        await assert.rejects(run, LOST);
        known.push((await Deno.readTextFile(journal.path)).split("\n").length);
      }
      assert.deepEqual(known, [...known].sort((a, b) => a - b), "the journal only grows");
      const again = await quantizeModel(healthy, model, { ...smallOptions(), journal });
      assert.deepEqual(again.bytes, expected.bytes);
      assert.deepEqual(again.notes, expected.notes);
      const { cost } = again.accuracy;
      assert.ok(cost.evaluations < expected.accuracy.cost.evaluations, `${cost.evaluations} evaluations`);
    }),
);

Deno.test("evaluateModel() gives no values of a device that was lost", needsGpu, async () => {
  using runtime = await Runtime.open();
  const options = { metrics: [floatCosine()], reference: model, batchSize: 2 };
  const evaluation = evaluateModel(runtime, model, smallOptions().dataset, {
    ...options,
    onProgress: () => runtime.gpu.device.destroy(),
  });
  await assert.rejects(evaluation, LOST);
  await assert.rejects(evaluateModel(runtime, model, smallOptions().dataset, options), LOST);
});
