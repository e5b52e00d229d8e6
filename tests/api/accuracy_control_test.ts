/** The library's front door, as programs use it. */
import assert from "node:assert/strict";
import {
  accuracy,
  datasetFromArrays,
  type QuantizeEvent,
  quantizeModel,
  quantizeWithAccuracyControl,
  Runtime,
  VERSION,
} from "../../mod.ts";
import { drawnSamples, smallModel, smallOptions } from "../fixtures/small_problem.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };
const model = await smallModel();

Deno.test("quantizeWithAccuracyControl() needs no permission of the program", needsGpu, async () => {
  const script = new URL("../fixtures/library_use.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", script],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { version, granted, steps, reached, byteLength } = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(version, VERSION);
  assert.deepEqual([...new Set(granted)], ["prompt"], "the program has no permission");
  assert.deepEqual(steps.slice(0, 2), ["baseline", "quantize"]);
  assert.equal(reached, true);
  assert.ok(byteLength > 1000);
});

Deno.test("quantizeWithAccuracyControl() is quantizeModel() with the drop in front", needsGpu, async () => {
  const { dataset, annotationConfThreshold, accuracy: loop } = smallOptions();
  using runtime = await Runtime.open();
  const found = await quantizeWithAccuracyControl(model, {
    dataset,
    annotationConfThreshold,
    accuracy: { ...loop, maximalDrop: 1 },
    maximalDrop: 0,
    runtime,
  });
  const expected = await quantizeModel(runtime, model, smallOptions());
  assert.deepEqual(found.bytes, expected.bytes);
  assert.equal(found.accuracy.options.maximalDrop, 0);
});

Deno.test("quantizeWithAccuracyControl() tells of every phase, step and sample", needsGpu, async () => {
  const events: QuantizeEvent[] = [];
  const { accuracy: found } = await quantizeWithAccuracyControl(model, {
    ...smallOptions(),
    onEvent: (event) => events.push(event),
  });
  const phases = events.flatMap((event) => event.kind === "phase" ? [event.phase] : []);
  assert.deepEqual(phases, ["prepare", "calibrate", "accuracy", "export", "measure"]);
  const steps = events.flatMap((event) => event.kind === "step" ? [event.step] : []);
  assert.deepEqual(steps, found.trace);
  const progress = events.flatMap((event) => event.kind === "progress" ? [event] : []);
  assert.ok(progress.some(({ done, total }) => done === total && total === 60));
});

Deno.test("quantizeWithAccuracyControl() ends with the signal's reason at any step", needsGpu, async () => {
  for (const wanted of ["baseline", "rank"]) {
    const interruption = new AbortController();
    const reason = new Error("enough");
    await assert.rejects(
      quantizeWithAccuracyControl(model, {
        ...smallOptions(),
        signal: interruption.signal,
        onEvent: (event) => event.kind === "step" && event.step.action === wanted && interruption.abort(reason),
      }),
      reason,
    );
  }
});

Deno.test(
  "quantizeWithAccuracyControl() refuses inputs and values of an own evaluation that do not fit",
  needsGpu,
  async () => {
    const samples = drawnSamples(2);
    const metrics = [{ name: "own", direction: "higher_better" as const }];
    const common = { calibration: datasetFromArrays({ inputs: samples }) };
    await assert.rejects(
      quantizeWithAccuracyControl(model, {
        ...common,
        evaluate: {
          sampleCount: 2,
          metrics,
          evaluate: async (network) => {
            await network.run({ x: samples });
            return { values: {}, perSample: {} };
          },
        },
      }),
      {
        name: "UsageError",
        message: 'Cannot run network: input "x" is float32 [2, 2, 6, 6], expected float32 [1, 2, 6, 6]',
      },
    );
    await assert.rejects(
      quantizeWithAccuracyControl(model, {
        ...common,
        evaluate: {
          sampleCount: 2,
          metrics,
          evaluate: () => Promise.resolve({ values: { own: 1 }, perSample: { own: new Float64Array(1) } }),
        },
      }),
      { name: "UsageError", message: /^Cannot use evaluation: metric "own" has value 1 and 1 values per sample/ },
    );
  },
);

Deno.test(
  "quantizeWithAccuracyControl() takes classification accuracy where no metric is named",
  needsGpu,
  async () => {
    const { dataset } = smallOptions();
    await assert.rejects(quantizeWithAccuracyControl(model, { dataset }), {
      name: "DatasetError",
      message: new RegExp(`^Cannot compute ${accuracy().name} on dataset "drawn"`),
    });
  },
);
