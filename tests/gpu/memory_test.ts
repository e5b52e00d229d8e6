/** Too little GPU memory: less at a time, with the same results, and a word on it. */
import assert from "node:assert/strict";
import {
  compareModels,
  datasetFromArrays,
  evaluateModel,
  floatCosine,
  loadModel,
  type Model,
  quantizeModel,
  type QuantizeOptions,
  rankModel,
  Runner,
  Runtime,
  sweepQuantization,
} from "../../mod.ts";
import type { Evaluation } from "../../src/base/precision.ts";
import { fileOf } from "../fixtures/classifier.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { drawnSamples, smallModel, smallOptions } from "../fixtures/small_problem.ts";
import { openTestGpu } from "../support/adapter.ts";
import { limitMemory, type SmallMemory } from "../support/small_memory.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };
const model = await smallModel();
const dataset = datasetFromArrays({ inputs: drawnSamples(60), name: "drawn" });

/** Runs something in batches of 32: with all the memory there is, and with too little for 32 but enough for 16. */
async function withBoth<T>(use: (runtime: Runtime, batchSize: number) => Promise<T>) {
  const measured = async (batchSize: number) => {
    using runtime = await Runtime.open();
    const memory = limitMemory(runtime.gpu, Infinity);
    return { result: await use(runtime, batchSize), peak: memory.peak };
  };
  const [large, small] = [await measured(32), await measured(16)];
  assert.ok(small.peak < large.peak);
  using little = await Runtime.open();
  const memory = limitMemory(little.gpu, (small.peak + large.peak) / 2);
  return { expected: large.result, found: await use(little, 32), memory };
}

function assertSpared(memory: SmallMemory, notes: readonly string[], pattern: RegExp): void {
  assert.ok(memory.failures > 0, "memory ran out");
  assert.equal(memory.used, 0, "everything was given back");
  assert.match(notes.join("\n"), pattern);
}

const HALVED = /^The GPU ran out of memory with batch size 32: going on with 16$/m;
const BUDGET = /^The GPU ran out of memory: going on with a memory budget of 512\.0 MiB$/m;

Deno.test("evaluateModel() halves the batch until it fits, with the same result", needsGpu, async () => {
  const { expected, found, memory } = await withBoth((runtime, batchSize) =>
    evaluateModel(runtime, model, dataset, { metrics: [floatCosine()], reference: model, batchSize })
  );
  assertSpared(memory, found.notes, HALVED);
  assert.deepEqual(found.values, expected.values);
  assert.deepEqual([expected.batchSize, expected.notes], [32, []]);
  assert.equal(found.batchSize, 16);
});

/** Options under which the session with its candidates is what takes the most memory. */
const mending = () => smallOptions({ mend: true });

/** Options with a journal in memory. */
function journalled(options: QuantizeOptions, known = new Map<string, Evaluation>()): QuantizeOptions {
  return {
    ...options,
    journal: {
      get: (key) => known.get(key),
      put: (key, evaluation) => Promise.resolve(void known.set(key, evaluation)),
    },
  };
}

Deno.test(
  "quantizeModel() halves the batch where the session does not fit, with the same model",
  needsGpu,
  async () => {
    const told: string[] = [];
    const { expected, found, memory } = await withBoth((runtime, batchSize) =>
      quantizeModel(runtime, model, {
        ...mending(),
        batchSize,
        onEvent: (event) => event.kind === "note" && told.push(event.text),
      })
    );
    assertSpared(memory, found.notes, HALVED);
    assert.match(told.join("\n"), HALVED);
    assert.deepEqual(found.bytes, expected.bytes);
    assert.deepEqual(found.values, expected.values);
    assert.equal(found.batchSize, 16);
  },
);

Deno.test(
  "quantizeModel() keeps less where memory runs out in the loop, and evaluates nothing twice",
  needsGpu,
  async () => {
    using plenty = await Runtime.open();
    const expected = await quantizeModel(plenty, model, { ...smallOptions(), batchSize: 8 });
    using little = await Runtime.open();
    const memory = limitMemory(little.gpu, Infinity);
    const known = new Map<string, Evaluation>();
    let [before, steps] = [0, 0];
    const found = await quantizeModel(little, model, {
      ...journalled(smallOptions(), known),
      batchSize: 8,
      onEvent(event) {
        if (event.kind === "note") memory.limit = Infinity;
        if (event.kind !== "step" || ++steps !== 2) return;
        before = known.size;
        // From here on not even a result can be read, until the run says that memory ran out.
        memory.limit = memory.used;
      },
    });
    assertSpared(memory, found.notes, BUDGET);
    assert.deepEqual(found.bytes, expected.bytes);
    assert.equal(found.batchSize, 8);
    assert.ok(before > 0);
    assert.equal(found.accuracy.cost.evaluations + before, expected.accuracy.cost.evaluations);
  },
);

Deno.test("rankModel() and sweepQuantization() do with less memory too", needsGpu, async () => {
  const ranked = await withBoth((runtime, batchSize) => rankModel(runtime, model, { ...mending(), batchSize }));
  assert.ok(ranked.memory.failures > 0);
  assert.deepEqual(ranked.found, ranked.expected);
  const swept = await withBoth((runtime, batchSize) =>
    sweepQuantization(runtime, model, [0, 0.05], { ...mending(), batchSize })
  );
  assertSpared(swept.memory, swept.found[0]!.result.notes, HALVED);
  assert.deepEqual(swept.found.map(({ result }) => result.bytes), swept.expected.map(({ result }) => result.bytes));
});

Deno.test("compareModels() does with less memory too", needsGpu, async () => {
  const { expected, found, memory } = await withBoth((runtime, batchSize) =>
    compareModels(runtime, model, model, dataset, { batchSize })
  );
  assertSpared(memory, found.notes, HALVED);
  assert.deepEqual(found.layers, expected.layers);
});

Deno.test("evaluateModel() says so where not even one sample fits", needsGpu, async () => {
  using runtime = await Runtime.open();
  const memory = limitMemory(runtime.gpu, 3000);
  const evaluation = evaluateModel(runtime, model, dataset, {
    metrics: [floatCosine()],
    reference: model,
    batchSize: 4,
  });
  await assert.rejects(evaluation, {
    name: "DeviceError",
    message: /^Cannot (allocate|run) .*Not enough memory left$/,
  });
  assert.equal(memory.used, 0);
});

/** Bytes of a value of `branches`. */
const VALUE_BYTES = 4 * 4096 * 4096;

/** A network that gives `count` values at once. */
function branches(count: number): Promise<Model> {
  const builder = new GraphBuilder();
  const x = builder.input("x", [1, 1]);
  const shape = builder.constant("shape", [2], [4096, 4096], "int64");
  const values = Array.from({ length: count }, (_, index) => {
    const shifted = builder.node("Add", [x, builder.constant(`c${index}`, [1], [index])]);
    return builder.node("Expand", [shifted, shape]);
  });
  const graph = builder.untyped();
  const outputs = values.map((name) => ({ name, dtype: "float32", shape: [4096, 4096] } as const));
  return loadModel(new Uint8Array(fileOf({ ...graph, outputs })));
}

Deno.test("Runner.run() refuses a small file that asks for more memory than the machine has", {
  ignore: !probe || !Number.isFinite(probe.room),
}, async () => {
  using runtime = await Runtime.open();
  const model = await branches(Math.ceil(1.2 * runtime.gpu.room / VALUE_BYTES));
  assert.ok(model.byteLength < 1_000_000);
  using runner = new Runner(runtime, model);
  const input = { x: { dtype: "float32", shape: [1, 1], data: Float32Array.of(1) } } as const;
  await assert.rejects(runner.run(input), {
    name: "DeviceError",
    message: /^Cannot allocate buffers of \d+ bytes: the machine, whose memory the adapter uses, has \d+ left$/,
  });
});
