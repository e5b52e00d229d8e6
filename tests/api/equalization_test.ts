/** Equalized channels end to end: the same float network, other int8 ones, runs that do not mistake each other's journals. */
import assert from "node:assert/strict";
import {
  evaluateModel,
  type Evaluation,
  forecastQuantization,
  loadModel,
  meanMetric,
  type Model,
  quantizeModel,
  type QuantizeOptions,
  rankModel,
  reportQuantization,
  Runtime,
  sweepQuantization,
} from "../../mod.ts";
import { FLOAT } from "../../src/base/precision.ts";
import { fileOf } from "../fixtures/classifier.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { smallOptions } from "../fixtures/small_problem.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };

/** Reach of the channels between the first two convolutions. */
const REACH = [0.02, 5, 0.3, 40, 1, 0.1];

/** x → squeeze → expand → Relu → pool → norm → linear: a pair to align, then an activation to smooth. */
async function network(): Promise<Model> {
  const b = new GraphBuilder(17);
  const spread = (name: string, shape: readonly number[], factor: (index: number) => number) => {
    const drawn = new GraphBuilder(17, name.length + shape.length);
    drawn.constant("w", shape);
    const values = Float32Array.from(drawn.untyped().initializers.get("w")!.data);
    return b.constant(name, shape, values.map((value, index) => value * factor(index)));
  };
  const x = b.input("x", [1, 2, 6, 6]);
  spread("squeeze_w", [6, 2, 3, 3], (index) => REACH[Math.floor(index / 18)]!);
  spread("squeeze_b", [6], (index) => REACH[index]!);
  spread("expand_w", [8, 6, 1, 1], (index) => 1 / REACH[index % 6]!);
  b.constant("expand_b", [8]);
  const squeezed = b.node("Conv", [x, "squeeze_w", "squeeze_b"], { name: "squeeze", outputs: ["squeezed"] });
  const expanded = b.node("Conv", [squeezed, "expand_w", "expand_b"], { name: "expand" });
  const pooled = b.node("GlobalAveragePool", [b.node("Relu", [expanded])], { name: "pool" });
  const flat = b.node("Flatten", [pooled], { name: "flat" });
  b.constant("gamma", [8], [1, 20, 0.5, 1, 3, 1, 0.1, 1]);
  b.constant("beta", [8]);
  const normal = b.node("LayerNormalization", [flat, "gamma", "beta"], { name: "norm", outputs: ["normal"] });
  spread("linear_w", [8, 4], (index) => [1, 0.05, 2, 1, 0.3, 1, 10, 1][Math.floor(index / 4)]!);
  b.output(b.node("MatMul", [normal, "linear_w"], { name: "linear" }));
  const graph = b.build();
  return await loadModel(
    new Uint8Array(fileOf({
      ...graph,
      inputs: [{ name: "x", dtype: "float32", shape: ["N", 2, 6, 6] }],
      outputs: graph.outputs.map((output) => ({ ...output, shape: ["N", 4] })),
    })),
  );
}

const model = await network();
const OFF = { channelAlignment: false } as const;
const BOTH = { channelAlignment: true, smoothQuant: { alpha: 0.5 } } as const;

/** Outputs of a model for all samples, in order. */
async function outputsOf(runtime: Runtime, one: Model): Promise<number[][]> {
  const found: number[][] = [];
  const recorder = meanMetric("recorder", "higher_better", ({ outputs, index }) => {
    found[index] = [...outputs[0]!.data];
    return 0;
  });
  await evaluateModel(runtime, one, smallOptions().dataset, { metrics: [recorder] });
  return found;
}

/** Root of the mean squared difference as a share of the root mean square. */
function distance(found: readonly number[][], wanted: readonly number[][]): number {
  let [noise, signal] = [0, 0];
  wanted.forEach((row, sample) =>
    row.forEach((value, place) => {
      noise += (found[sample]![place]! - value) ** 2;
      signal += value ** 2;
    })
  );
  return Math.sqrt(noise / signal);
}

function plain(equalization: QuantizeOptions["equalization"]): QuantizeOptions {
  return { ...smallOptions(), algorithm: "DefaultQuantization", equalization };
}

Deno.test(
  "quantizeModel() gives int8 models that are nearer to the float one with equalized channels",
  needsGpu,
  async () => {
    using runtime = await Runtime.open();
    const wanted = await outputsOf(runtime, model);
    const lost = async (equalization: QuantizeOptions["equalization"]) => {
      const { bytes } = await quantizeModel(runtime, model, plain(equalization));
      return distance(await outputsOf(runtime, await loadModel(new Uint8Array(bytes))), wanted);
    };
    const [none, aligned, both] = [await lost(OFF), await lost(undefined), await lost(BOTH)];
    assert.ok(aligned < none / 2, `${none} → ${aligned}`);
    assert.ok(both < aligned, `${aligned} → ${both}`);
  },
);

Deno.test("quantizeModel() says what was equalized, in notes and report", needsGpu, async () => {
  using runtime = await Runtime.open();
  for (
    const [equalization, notes, settings] of [
      [OFF, [], { channelAlignment: false, smoothQuant: null }],
      [undefined, ["Channels are aligned in front of 1 convolution"], { channelAlignment: true, smoothQuant: null }],
      [BOTH, [
        "Channels are aligned in front of 1 convolution",
        "1 activation of matrix products is smoothed, 0 by a product of their own",
      ], { channelAlignment: true, smoothQuant: { alpha: 0.5 } }],
    ] as const
  ) {
    const options = plain(equalization);
    const result = await quantizeModel(runtime, model, options);
    assert.deepEqual(result.notes.filter((text) => /aligned|smoothed/.test(text)), notes);
    const report = await reportQuantization({ runtime, model, options, result, outputName: "model.onnx" });
    const { channelAlignment, smoothQuant } = report.quantization as Record<string, unknown>;
    assert.deepEqual({ channelAlignment, smoothQuant }, settings);
  }
});

Deno.test("quantizeModel() exports layers that are held in float with their own weights", needsGpu, async () => {
  using runtime = await Runtime.open();
  const all = await quantizeModel(runtime, model, plain(BOTH));
  const holds = { keepFloat: all.groups.map(({ name }) => name), keepInt8: [] };
  const float = await quantizeModel(runtime, model, { ...plain(BOTH), algorithm: "AccuracyAwareQuantization", holds });
  assert.ok(float.assignment.every((state) => state === FLOAT));
  const exported = (await loadModel(new Uint8Array(float.bytes))).graph;
  assert.deepEqual(exported.nodes.map(({ name }) => name), model.graph.nodes.map(({ name }) => name));
  for (const [name, tensor] of model.graph.initializers) {
    assert.deepEqual(exported.initializers.get(name)?.data, tensor.data, name);
  }
});

Deno.test("runs with other equalizations take nothing from each other's journals", needsGpu, async () => {
  using runtime = await Runtime.open();
  const kept = new Map<string, Evaluation>();
  const journal = {
    get: (key: string) => kept.get(key),
    put: (key: string, evaluation: Evaluation) => Promise.resolve(void kept.set(key, evaluation)),
  };
  const run = async (equalization: QuantizeOptions["equalization"]) => {
    const { accuracy: account, bytes } = await quantizeModel(runtime, model, {
      ...smallOptions(),
      journal,
      equalization,
    });
    return { spent: account.cost.evaluations, bytes };
  };
  const runs = [];
  for (const equalization of [OFF, BOTH, { ...BOTH, smoothQuant: { alpha: 0.75 } }]) {
    const first = await run(equalization);
    assert.ok(first.spent > 0, "nothing of another run fits");
    runs.push(first);
  }
  const again = await run(BOTH);
  assert.equal(again.spent, 0, "everything is known");
  assert.deepEqual(again.bytes, runs[1]!.bytes);
});

Deno.test("sweepQuantization() and rankModel() equalize as quantizeModel() does", needsGpu, async () => {
  using runtime = await Runtime.open();
  const options = { ...smallOptions(), equalization: BOTH };
  const [entry] = await sweepQuantization(runtime, model, [0], options);
  const single = await quantizeModel(runtime, model, options);
  assert.deepEqual(entry!.result.bytes, single.bytes);
  const scores = async (equalization: QuantizeOptions["equalization"]) => {
    const ranking = { ...smallOptions({ ranking: "nmse" }), equalization };
    return (await rankModel(runtime, model, ranking)).groups.map(({ group, score }) => `${group} ${score}`).sort();
  };
  assert.notDeepEqual(await scores(OFF), await scores(BOTH));
});

Deno.test("forecastQuantization() counts the pass that equalizing takes, and does not make it", needsGpu, async () => {
  using runtime = await Runtime.open();
  const calibration = async (equalization: QuantizeOptions["equalization"]) => {
    const { cost, notes } = await forecastQuantization(runtime, model, plain(equalization));
    assert.deepEqual(notes.filter((text) => /aligned|smoothed/.test(text)), []);
    return cost.calibration;
  };
  assert.equal(await calibration(OFF), 60);
  assert.equal(await calibration(undefined), 120);
  assert.equal(await calibration({ ...OFF, smoothQuant: {} }), 120);
});
